"""The classics by a click, against a server on this machine that breaks off, lies, and is not there."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from streamlit.testing.v1 import AppTest

from core import datasets
from core.common import DataError, UnknownName
from core.datasets import download, sources
from core.datasets.errand import Errand
from core.datasets.fetch import fetch, known_as
from tests.conftest import ROOT, wait_until
from tests.pages.seen import button, errors, healthy, texts, unescaped
from tests.test_cli import ask
from tests.test_own_data import idx

RANDOM = np.random.default_rng(2)
GREY = RANDOM.integers(0, 256, (10, 28, 28), np.uint8)
LABELS = np.array([3, 1, 0, 2, 1, 0, 3, 2, 0, 1])


class Server(ThreadingHTTPServer):
    """Files by name; what was asked for is in `asked`; `cut` connections break off after so many bytes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, int]] = []
        self.cut, self.after, self.ranges = 0, 0, True
        self.gate: threading.Event | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name, server = self.path.rpartition("/")[2], self.server
        content = server.files.get(name)
        if content is None:
            self.send_error(404)
            return
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1]) if server.ranges else 0
        server.asked.append((name, start))
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if server.cut:
            server.cut -= 1
            self.wfile.write(content[start : start + server.after])
            return
        if server.gate is not None:
            self.wfile.write(content[start : start + 100])
            server.gate.wait(30)
            start += 100
        self.wfile.write(content[start:])

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that is the mirror of all originals, and no data elsewhere."""
    running = Server()
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv(download.MIRROR, running.url)
    monkeypatch.delenv("AFFINITY_LAB_DATA", raising=False)
    yield running
    running.shutdown()
    running.server_close()


def png(image: np.ndarray, form: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, form)
    return stream.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def mat(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    savemat(stream, arrays)
    return stream.getvalue()


def idx_files() -> list[bytes]:
    return [gzip.compress(idx(part)) for part in (GREY[:6], LABELS[:6], GREY[6:], LABELS[6:])]


def libsvm() -> list[bytes]:
    def lines(part: slice) -> bytes:
        values = GREY[part, :16, :16].reshape(-1, 256) / 255 * 2 - 1
        rows = [f"{y + 1} " + " ".join(f"{k}:{v:.3f}" for k, v in enumerate(row, 1)) for y, row in zip(LABELS[part], values)]
        return bz2.compress("\n".join(rows).encode())

    return [lines(slice(6)), lines(slice(6, 10))]


BIG = RANDOM.integers(0, 256, (20, 128, 128), np.uint8)
COLOUR = RANDOM.integers(0, 256, (4, 128, 128, 3), np.uint8)
FACES = RANDOM.integers(0, 256, (4, 192, 168), np.uint8)
OLIVETTI = RANDOM.integers(0, 256, (400, 64, 64), np.uint8)
LUMA = np.array([0.299, 0.587, 0.114])


def turntable(images: np.ndarray, step: int) -> list[bytes]:
    """Pictures of objects in two poses each, in any order; the tenth object comes after the second."""
    members = {f"coil/obj{i // 2 + 1}__{step * (i % 2)}.png": png(images[i]) for i in RANDOM.permutation(len(images))}
    return [zipped({**members, "coil/readme.txt": b"no picture"})]


def yale() -> list[bytes]:
    names = ["yaleB02/yaleB02_P00A+000E+00.pgm", "yaleB01/yaleB01_P00A-005E-10.pgm", "yaleB01/yaleB01_P00A+000E+00.pgm.bad",
             "yaleB01/yaleB01_P00_Ambient.pgm"]  # fmt: skip
    return [zipped({f"CroppedYale/{name}": png(face, "PPM") for name, face in zip(names, FACES)})]


def umist() -> list[bytes]:
    cells = np.empty((1, 2), object)
    cells[0, 0], cells[0, 1] = (RANDOM.integers(0, 256, (112, 92, n), np.uint8) for n in (3, 2))
    return [mat(facedat=cells)]


ORIGINALS: dict[str, Callable[[], list[bytes]]] = {
    "mnist": idx_files, "fashion_mnist": idx_files, "usps": libsvm, "coil20": lambda: turntable(BIG, 1),
    "coil100": lambda: turntable(COLOUR, 5), "yaleb": yale, "umist": umist,
    "orl": lambda: [mat(faces=OLIVETTI.transpose(0, 2, 1).reshape(400, -1).T)],
}  # fmt: skip


@pytest.fixture
def served(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], sources.Source]:
    """Serve small originals of a set under its own addresses, with checksums of their own."""

    def serve(name: str) -> sources.Source:
        file = datasets.entry(name).file or ""
        known, contents = sources.SOURCES[file], ORIGINALS[name]()
        sums = [
            f"sha256:{hashlib.sha256(content).hexdigest()}" if remote.checksum else ""
            for remote, content in zip(known.remotes, contents)
        ]
        small = replace(known, remotes=tuple(replace(remote, checksum=s) for remote, s in zip(known.remotes, sums)))
        monkeypatch.setitem(sources.SOURCES, file, small)  # type: ignore[arg-type]
        server.files |= {remote.name: content for remote, content in zip(small.remotes, contents)}
        return small

    return serve


def silent(words: str, done: int, total: int) -> None:
    pass


def quarter(images: np.ndarray) -> np.ndarray:
    """Means of blocks of four by four, to the nearest grey level."""
    n = len(images)
    return np.rint(images.reshape(n, 32, 4, 32, 4).mean(axis=(2, 4))).astype(np.uint8)


def middle(images: np.ndarray) -> np.ndarray:
    """Grey of the mean of the four pixels in the middle of each four by four, within a level of rounding."""
    n = len(images)
    return images.reshape(n, 32, 4, 32, 4, 3)[:, :, 1:3, :, 1:3].mean(axis=(2, 4)) @ LUMA


EXPECTED: dict[str, tuple[Any, Any]] = {
    "mnist": (GREY, LABELS), "fashion_mnist": (GREY, LABELS), "usps": (GREY[:, :16, :16], LABELS),
    "coil20": (quarter(BIG), np.repeat(np.arange(10), 2)),
    "coil100": (middle(COLOUR), [0, 0, 1, 1]),
    "yaleb": (None, [0, 0, 1]), "umist": (None, [0, 0, 0, 1, 1]),
    "orl": (np.rint(OLIVETTI.reshape(400, 32, 2, 32, 2).mean(axis=(2, 4))), np.repeat(np.arange(40), 10)),
}  # fmt: skip


@pytest.mark.parametrize("name", ORIGINALS)
def test_what_is_fetched_is_what_the_catalogue_reads(
    name: str, served: Callable[[str], sources.Source], lab_home: Path
) -> None:
    small, said = served(name), []
    assert not datasets.available(name)
    path = fetch(name, lambda *told: said.append(told))
    assert path == lab_home / "data" / (datasets.entry(name).file or "") == datasets.find(name)
    with np.load(path) as stored:
        images, labels = EXPECTED[name]
        np.testing.assert_array_equal(stored["labels"], labels)
        assert stored["images"].dtype == np.uint8 and stored["images"].shape[1:] == datasets.entry(name).shape
        if images is not None:
            np.testing.assert_allclose(stored["images"], images, atol=1 if name == "coil100" else 0)
        if name == "yaleb":
            assert stored["names"].tolist()[0] == "yaleB01_P00A+000E+00" and stored["bad"].tolist() == [True, False, False]
    assert {words for words, *_ in said} >= {f"Loading {remote.name}" for remote in small.remotes}
    assert not [file for file in (lab_home / "data" / "downloads").iterdir() if file.suffix != ".lock"]
    assert fetch(name, silent) == path, "it is not loaded again"


@pytest.mark.slow
def test_real_originals_come_out_byte_for_byte_as_tested(benchmark_data: Path, tmp_path: Path) -> None:
    with np.load(benchmark_data / "mnist.npz") as stored:
        images, labels = stored["images"], stored["labels"]
    parts = {"train": slice(60_000), "t10k": slice(60_000, None)}
    files = []
    for part, rows in parts.items():
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            files.append(tmp_path / f"{part}-{kind}-ubyte.gz")
            files[-1].write_bytes(gzip.compress(idx(array[rows]), 1))
    np.savez_compressed(tmp_path / "mnist.npz", **sources.SOURCES["mnist.npz"].make(files))
    assert hashlib.sha256((tmp_path / "mnist.npz").read_bytes()).hexdigest() == datasets.entry("mnist").sha256


def test_a_broken_connection_is_taken_up_where_it_broke(served: Callable[[str], sources.Source], server: Server) -> None:
    size = len(served("coil20") and server.files["coil-20-proc.zip"])
    server.cut, server.after = 2, size // 3
    assert fetch("coil20", silent) is not None
    assert [start for _, start in server.asked] == [0, size // 3, 2 * (size // 3)]


def test_what_has_come_is_kept_for_the_next_try(
    served: Callable[[str], sources.Source], server: Server, lab_home: Path
) -> None:
    served("coil20")
    server.cut, server.after = 3, 1000
    with pytest.raises(DataError, match=r"broke off: .*are kept: the next try goes on from there\. Put coil20\.npz into"):
        fetch("coil20", silent)
    assert not datasets.available("coil20") and [p.name for p in (lab_home / "data").iterdir()] == ["downloads"]
    assert (lab_home / "data" / "downloads" / "coil-20-proc.zip.part").stat().st_size == 3000
    fetch("coil20", silent)
    assert server.asked[-1] == ("coil-20-proc.zip", 3000) and datasets.load("coil20").n_samples == 20


def test_what_came_whole_before_is_not_asked_for_again(
    served: Callable[[str], sources.Source], server: Server, lab_home: Path
) -> None:
    served("umist")
    folder = lab_home / "data" / "downloads"
    folder.mkdir(parents=True)
    (folder / "umist_cropped.mat.part").write_bytes(server.files["umist_cropped.mat"])
    assert fetch("umist", silent) is not None and len(server.asked) == 1


def test_a_server_that_sends_all_again_is_listened_to_from_the_start(
    served: Callable[[str], sources.Source], server: Server
) -> None:
    served("umist")
    server.ranges, server.cut, server.after = False, 1, 500
    assert fetch("umist", silent) is not None and [start for _, start in server.asked] == [0, 0]


def test_another_file_is_thrown_away_with_a_word(
    served: Callable[[str], sources.Source], server: Server, lab_home: Path
) -> None:
    small = served("usps")
    server.files[small.remotes[1].name] += b"more"
    with pytest.raises(DataError, match=r"usps\.t\.bz2 from 127\.0\.0\.1.* is another file than expected"):
        fetch("usps", silent)
    assert sorted(p.name for p in (lab_home / "data" / "downloads").iterdir()) == ["usps.bz2", "usps.npz.lock"]


def test_a_damaged_original_is_refused_and_not_kept(
    served: Callable[[str], sources.Source], server: Server, lab_home: Path
) -> None:
    served("coil20")
    server.files["coil-20-proc.zip"] = server.files["coil-20-proc.zip"][:-300]
    with pytest.raises(DataError, match=r"coil-20-proc\.zip' is not an archive: it has no zip directory, or was cut off"):
        fetch("coil20", silent)
    assert not datasets.available("coil20") and not list((lab_home / "data" / "downloads").glob("coil-20*"))


@pytest.mark.parametrize("there", [True, False])
def test_without_file_or_network_it_is_said_and_what_else_there_is(
    there: bool, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not there:
        monkeypatch.setenv(download.MIRROR, "http://127.0.0.1:1")
    words = "refused train-images-idx3-ubyte.gz: 404" if there else "could not be reached, or broke off: .*refused"
    with pytest.raises(DataError, match=f"{words}.*Are you online.*Put mnist.npz into the folder"):
        fetch("mnist_test", silent)


def test_two_at_once_do_not_write_into_one_file(served: Callable[[str], sources.Source], server: Server) -> None:
    served("umist")
    server.gate = threading.Event()
    found: list[Any] = []
    first = threading.Thread(target=lambda: found.append(fetch("umist", silent)))
    first.start()
    wait_until(lambda: server.asked)
    with pytest.raises(DataError, match="UMIST faces is being fetched already"):
        fetch("umist", silent)
    server.gate.set()
    first.join()
    assert datasets.available("umist") and found


NAMES = {
    "digits": "digits", "Olivetti": "orl", "ORL": "orl", "MNIST": "mnist", "Fashion-MNIST": "fashion_mnist", "USPS": "usps",
    "COIL-20": "coil20", "COIL-100": "coil100", "Extended Yale B": "yaleb", "UMIST": "umist", "RCV1": "rcv1_10k",
}  # fmt: skip


def test_the_classics_have_the_names_that_people_use() -> None:
    assert {name: known_as(name) for name in NAMES} == NAMES
    for name in set(NAMES.values()) - {"digits"}:
        assert (datasets.megabytes(datasets.entry(name)) or 0) > 1
    with pytest.raises(UnknownName):
        fetch("coil7", silent)


@pytest.mark.parametrize("name", datasets.RECIPES)
def test_what_cannot_be_fetched_has_a_recipe(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match="cannot be fetched"):
        fetch(name, silent)
    code, _, err = ask(capsys, "fetch", name)
    assert code == 2 and datasets.RECIPES[name].how in err


def test_the_command_line_says_terms_first_then_how_far_it_is(
    served: Callable[[str], sources.Source], capsys: pytest.CaptureFixture[str]
) -> None:
    served("usps")
    code, out, err = ask(capsys, "fetch", "USPS", "--terms")
    assert code == 0 and not out and "LeCun" in err and "MB" in err and not datasets.available("usps")
    code, out, err = ask(capsys, "fetch", "USPS", "--json")
    assert code == 0 and err.index("LeCun") < err.index("Loading usps.bz2") and "not the file this was tested with" in err
    assert json.loads(out)["as_tested"] is False and json.loads(out)["name"] == "usps"
    code, out, _ = ask(capsys, "fetch", "digits")
    assert code == 0 and "comes with scikit-learn" in out


def test_an_errand_tells_stops_and_goes_on(served: Callable[[str], sources.Source], server: Server, lab_home: Path) -> None:
    served("umist")
    server.gate = threading.Event()
    errand = Errand("umist")
    wait_until(lambda: errand.told.done == 100)
    assert errand.told.words == "Loading umist_cropped.mat" and errand.told.total > 1000
    errand.stop()
    wait_until(lambda: errand.told.over)
    assert "ended before it was done" in errand.told.error and not datasets.available("umist")
    server.gate.set()
    again = Errand("umist")
    wait_until(lambda: again.told.over)
    assert not again.told.error and datasets.available("umist") and server.asked[-1] == ("umist_cropped.mat", 100)


@pytest.mark.usefixtures("inline_queue")
def test_a_click_fetches_and_the_page_shows_the_data(served: Callable[[str], sources.Source]) -> None:
    served("umist")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.session_state["data_name"] = "umist"
    app.run().switch_page("pages/data.py").run()
    assert all(recipe.title in unescaped(app) for recipe in datasets.RECIPES.values())
    assert "University of Manchester" in texts(healthy(app)) and "is not on this machine" in texts(app)
    button(app, "Fetch it under these terms (about 5 MB)").click().run()
    wait_until(lambda: datasets.available("umist"))
    wait_until(lambda: "is not on this machine" not in texts(healthy(app.run())), every=0.1)
    assert {metric.label: metric.value for metric in app.metric}["Samples"] == "5" and not errors(app)

"""Files are read in a process of their own: whatever one does to it, the process that asked goes on, and does not grow."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from core import datasets
from core.common import DataError
from core.common.lifeline import GONE
from core.datasets import apart, read_file
from core.datasets.readers import read_here
from tests.hostile import HEAVY, QUICK

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def good(tmp_path: Path) -> Path:
    X, y = np.random.default_rng(0).normal(size=(40, 5)), np.arange(40) % 3
    np.savez(tmp_path / "good.npz", X=X, y=y, label_half=y % 2, classes=["a", "b", "c"])
    return tmp_path / "good.npz"


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, which must be empty afterwards."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_what_is_handed_over_is_what_was_read(good: Path, scratch: Path) -> None:
    here, there = read_here(good), read_file(good)
    np.testing.assert_array_equal(here.X, there.X)
    np.testing.assert_array_equal(here.y, there.y)
    assert (here.classes, here.notes, here.image_shape) == (there.classes, there.notes, there.image_shape)
    assert there.classes == ("a", "b", "c") and list(there.attributes) == ["half"]
    np.testing.assert_array_equal(here.attributes["half"].y, there.attributes["half"].y)
    assert not list(scratch.iterdir())


def test_a_refusal_keeps_its_words(tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "constant.csv"
    path.write_text("a,b\n" + "1,1\n" * 9)
    with pytest.raises(DataError, match=r"'constant.csv': every value is 1, so there is nothing to cluster"):
        read_file(path)
    assert not list(scratch.iterdir())


def test_a_file_that_takes_too_much_memory_is_told(tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "large.npz", X=np.random.default_rng(0).random((4000, 4000), np.float32))
    monkeypatch.setattr(apart, "MEMORY", 2**26)
    with pytest.raises(DataError, match=r"'large.npz' takes more memory than a file may"):
        read_file(tmp_path / "large.npz")
    assert not list(scratch.iterdir())


def test_a_file_that_takes_too_long_is_told(good: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "SECONDS", 0.02)
    with pytest.raises(DataError, match=r"'good.npz' cannot be read: it took more than 0.02 seconds"):
        read_file(good)
    assert not list(scratch.iterdir())


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os.kill(os.getpid(), 11)", "damaged or made to do harm, .* crashed .signal 11."),
        ("raise RuntimeError('<b>odd</b>')", "ended with 1 .RuntimeError: <b>odd</b>."),
        ("raise MemoryError", "takes more than the 1 GiB of memory"),
        ("", "ended with 0"),
    ],
)
def test_a_process_that_dies_is_told(
    code: str, words: str, good: Path, scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "fake" / "core" / "datasets"
    fake.mkdir(parents=True)
    (fake / "reader.py").write_text(code)
    monkeypatch.setattr(apart, "_ROOT", tmp_path / "fake")
    with pytest.raises(DataError, match=f"'good.npz' cannot be read: .*{words}"):
        read_file(good)
    assert not list(scratch.iterdir())


def test_of_an_import_that_was_killed_nothing_is_left(good: Path, lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = lab_home / "data" / "uploads"
    folder.mkdir(parents=True)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    drafts = [folder / f".half.{pid}.abc123.tmp" for pid in (ended.pid, os.getpid())]
    for draft in drafts:
        draft.write_bytes(b"half")
    here = Path(tempfile.gettempdir()) / f"affinity-lab-{ended.pid}-xyz"
    here.mkdir()
    os.utime(here, (0, 0))
    datasets.import_file(good)
    assert not drafts[0].exists() and drafts[1].exists(), "what somebody is writing stays"
    assert not here.exists()
    monkeypatch.setattr(sys.modules["core.datasets.uploads"], "store_file", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        datasets.import_file(good)
    assert sorted(path.name for path in folder.iterdir()) == sorted([drafts[1].name, datasets.uploads()[0].name])


def test_two_users_import_at_once_and_hear_how_far_it_is(tmp_path: Path) -> None:
    told: dict[str, list[int]] = {"one": [], "other": []}
    table = tmp_path / "table.csv"
    rows = "\n".join(
        f"{a:.5f},{b:.5f},{'ab'[k % 2]}" for k, (a, b) in enumerate(np.random.default_rng(0).normal(size=(200_000, 2)))
    )
    table.write_text(f"p,q,label\n{rows}\n")

    def bring(name: str) -> None:
        with datasets.heard_by(lambda done, total: told[name].append(done)):
            datasets.import_file(table, name=name)

    both = [threading.Thread(target=bring, args=(name,)) for name in told]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert [path.stem.rpartition("-")[0] for path in datasets.uploads()] == ["one", "other"]
    assert all(said and said == sorted(said) for said in told.values())


@pytest.mark.parametrize(("module", "work"), [("reader", "_bound"), ("fetcher", "fetch")])
def test_a_process_of_its_own_ends_with_the_one_that_asked(module: str, work: str, tmp_path: Path) -> None:
    """Whatever it is at: here it sleeps where it would read, or fetch."""
    (tmp_path / "request.json").write_text('{"memory": 0, "seconds": 0}')
    code = f"import time; from pathlib import Path; import core.datasets.{module} as m; "
    code += f"m.{work} = lambda *_: (print(1, flush=True), time.sleep(60)); m.main(Path({str(tmp_path)!r}))"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stdout is not None
        assert child.stdout.readline() == b"1\n"
        child.stdin.close()
        assert child.wait(20) == GONE


def test_an_upload_is_read_apart_and_the_server_does_not_grow(
    tmp_path: Path, lab_home: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "large.npy", np.random.default_rng(0).random((4000, 5000)))
    content = (tmp_path / "large.npy").read_bytes()
    before = psutil.Process().memory_info().rss
    path = datasets.store_upload("large.npy", content)
    assert psutil.Process().memory_info().rss - before < 30e6 and path.is_file()
    monkeypatch.setattr(apart, "MEMORY", 2**27)
    with pytest.raises(DataError, match="memory"):
        datasets.store_upload("again.npy", content)
    assert [found for found in lab_home.rglob("*") if found.is_file()] == [path] and not list(scratch.iterdir())


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", QUICK)
def test_each_kind_of_hostile_file_is_refused_in_words(name: str, tmp_path: Path) -> None:
    write, words = QUICK[name]
    write(tmp_path / name)
    began = time.perf_counter()
    with pytest.raises(DataError, match=words):
        read_here(tmp_path / name)
    assert time.perf_counter() - began < 5


def test_there_are_forty_kinds() -> None:
    assert len(QUICK) >= 40


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_each_kind_is_refused_within_five_seconds_and_a_gibibyte(
    tmp_path: Path, worker_env: Callable[..., dict[str, str]], lab_home: Path
) -> None:
    """By the command line, whose memory and that of the process that reads is measured; then as uploads of this process."""
    wrong, grown = [], psutil.Process().memory_info().rss
    for name in [*QUICK, *HEAVY]:
        path = tmp_path / name
        subprocess.run([sys.executable, "-c", _WRITE.format(name=name, path=str(path))], cwd=ROOT, check=True)
        seconds, peak, code, said = _imported(path, worker_env())
        print(f"{name:24s} {path.stat().st_size / 2**20:7.2f} MB  {seconds:5.2f} s  {peak / 2**20:6.0f} MB  {said[:120]}")
        if code != 2 or not said.startswith("error: ") or seconds > 5 or peak > 2**30:
            wrong.append((name, code, seconds, peak, said))
        with pytest.raises(DataError):
            datasets.store_upload(name, path.read_bytes())
        path.unlink()
    assert not wrong
    assert not datasets.uploads() and psutil.Process().memory_info().rss - grown < 200e6


_WRITE = """
from pathlib import Path
from tests.hostile import HEAVY, QUICK
({{**QUICK, **HEAVY}}[{name!r}])[0](Path({path!r}))
"""


def _imported(path: Path, env: dict[str, str]) -> tuple[float, int, int, str]:
    """Seconds, peak bytes of the largest of its processes, exit code and words of an import."""
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "core", "import", str(path)], cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stderr is not None
        said = child.stderr.read().strip()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - began, usage.ru_maxrss * 1024, child.returncode, said

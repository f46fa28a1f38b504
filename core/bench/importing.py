"""What large files of users take: seconds, memory of the process that reads them, and what is left of one that is killed."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from core import datasets

MOST = {"pictures": 30.0, "table": 20.0, "megabytes": 1024.0}
N_PICTURES, SIDE, N_CLASSES, TABLE_BYTES = 10_000, 64, 10, 100_000_000
_ROOT = Path(__file__).resolve().parents[2]


def write_pictures(path: Path, n: int = N_PICTURES) -> Path:
    """A zip of noisy PNGs in folders, one a class."""
    from PIL import Image

    random = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for place in range(n):
            stream = BytesIO()
            grey = random.integers(0, 256, (SIDE, SIDE), np.uint8)
            Image.fromarray(grey).save(stream, "PNG", compress_level=1)
            archive.writestr(f"class{place % N_CLASSES}/{place:06d}.png", stream.getvalue())
    return path


def write_table(path: Path, size: int = TABLE_BYTES) -> Path:
    """A CSV of so many bytes: a number for each sample, fifty features, a text label."""
    random = np.random.default_rng(0)
    with path.open("w") as out:
        out.write(",".join(["id", *(f"f{k}" for k in range(50)), "kind"]) + "\n")
        number = 0
        while out.tell() < size:
            values = random.normal(size=(1000, 50))
            rows = (",".join(f"{value:.6g}" for value in row) for row in values)
            out.write("".join(f"{number + k},{row},kind{k % 7}\n" for k, row in enumerate(rows)))
            number += 1000
    return path


def bench_import(*, quick: bool = False) -> Iterator[dict[str, Any]]:
    """Rows: ``what``, ``seconds``, ``peak_rss_mb`` (of the largest reading process so far), how often progress was ``told``,
    and ``failures`` against what must hold. `quick` takes a tenth of the sizes.
    """
    share = 10 if quick else 1
    with tempfile.TemporaryDirectory(prefix="affinity-lab-") as scratch:
        folder = Path(scratch)
        os.environ["AFFINITY_LAB_HOME"] = str(folder / "home")
        pictures = write_pictures(folder / "pictures.zip", N_PICTURES // share)
        table = write_table(folder / "table.csv", TABLE_BYTES // share)
        yield _timed(f"{N_PICTURES // share:,} PNG in a zip", lambda: datasets.import_file(pictures), MOST["pictures"])
        yield _timed(f"CSV of {TABLE_BYTES // share // 10**6} MB", lambda: datasets.import_file(table), MOST["table"])
        yield _two_at_once(pictures)
        yield _killed(table)


def _timed(what: str, work: Callable[[], Any], most: float) -> dict[str, Any]:
    told: list[int] = []
    began = time.perf_counter()
    with datasets.heard_by(lambda done, total: told.append(done)):
        work()
    return _row(what, time.perf_counter() - began, most, told=len(told))


def _row(what: str, seconds: float, most: float, *, told: int = 0, failures: tuple[str, ...] = ()) -> dict[str, Any]:
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    late = (f"took more than {most:g} s",) if seconds > most else ()
    large = (f"took more than {MOST['megabytes']:g} MB",) if peak > MOST["megabytes"] else ()
    return {"what": what, "seconds": seconds, "peak_rss_mb": peak, "told": told, "failures": [*failures, *late, *large]}


def _started(path: Path, name: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "core", "import", str(path), "--name", name]
    return subprocess.Popen(
        command, cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )  # fmt: skip


def _two_at_once(path: Path) -> dict[str, Any]:
    """Two users bring the same file: both get it, and each under the name of their choice."""
    began = time.perf_counter()
    both = [_started(path, name) for name in ("one", "other")]
    codes = [process.returncode for process in both if process.communicate()]
    names = [stored.stem.rpartition("-")[0] for stored in datasets.uploads()]
    missing = tuple(f"nothing is called {name}" for name in ("one", "other") if name not in names)
    failures = (*missing, *(f"an import ended with {code}" for code in codes if code))
    return _row("the same zip by two at once", time.perf_counter() - began, 2 * MOST["pictures"], failures=failures)


def _killed(path: Path) -> dict[str, Any]:
    """An import that is killed half-way: no data set, no process, and nothing but a draft that the next one clears."""
    before, began = datasets.uploads(), time.perf_counter()
    process = _started(path, "half")
    assert process.stderr is not None
    process.stderr.read(1)  # it says how far it is
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(1.0)
    failures = [] if datasets.uploads() == before else ["a data set was left"]
    datasets.import_file(write_pictures(path.with_name("few.zip"), 40))
    drafts = [file.name for file in (Path(os.environ["AFFINITY_LAB_HOME"]) / "data" / "uploads").glob(".*")]
    failures += [f"left {name}" for name in drafts]
    return _row("killed half-way", time.perf_counter() - began, 60.0, failures=tuple(failures))

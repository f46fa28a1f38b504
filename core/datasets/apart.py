"""Files that users bring are read in a process of their own, with bounds: the server neither grows nor falls by them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.common import DataError
from core.datasets.checks import quoted, tidy
from core.datasets.choices import Choices
from core.datasets.handover import ABOUT, PROGRESS, take_over
from core.datasets.raw import RawData
from core.datasets.readers import check_file
from core.datasets.scratch import scratch
from core.datasets.telling import tell

MEMORY = 2**30
"""Bytes that the reading process may hold."""
SECONDS = 120
"""Seconds that it may take."""
_EVERY = 0.2
_ROOT = Path(__file__).resolve().parents[2]
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_IO_THREADS"), "1")


def read_file(path: str | Path, choices: Choices | None = None) -> RawData:
    """Read and check one file, or a folder of pictures, as `read_here` does; its samples are mapped into memory.

    Raises
    ------
    DataError
        If it cannot be used, or reading it took too much memory or time.
    """
    with scratch() as folder:
        return take_over(folder, _asked(Path(path), choices, folder))


def store_file(path: Path, target: Path, choices: Choices | None = None) -> None:
    """Read a file, and write it as a clean ``.npz``; how far that is, is told (`telling`)."""
    with scratch() as folder:
        _asked(path, choices, folder, store=target)


def look_at(path: Path, choices: Choices | None = None) -> dict[str, Any]:
    """What a file holds and what each part is taken for, see `core.datasets.looking.look`."""
    with scratch() as folder:
        return _asked(path, choices, folder, look=True)


def _asked(
    path: Path, choices: Choices | None, folder: Path, *, store: Path | None = None, look: bool = False
) -> dict[str, Any]:
    check_file(path)
    request = {
        "path": str(path.absolute()), "choices": (choices or Choices()).to_dict(), "look": look,
        "store": None if store is None else str(store.absolute()), "memory": MEMORY, "seconds": SECONDS,
    }  # fmt: skip
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
    code, words = _run(folder)
    answer = folder / ABOUT
    if code == 0 and answer.is_file():
        said: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        if "error" in said:
            raise DataError(said["error"])
        return said
    raise DataError(f"{quoted(path)} cannot be read: {_why(code, words)}")


def _run(folder: Path) -> tuple[int | None, str]:
    """Exit code of the reading process, None if it was ended for the time it took; and its last words."""
    command = [sys.executable, "-m", "core.datasets.reader", str(folder)]
    environment = {**os.environ, **_ONE_THREAD, "ARROW_DEFAULT_MEMORY_POOL": "system"}
    with (folder / "errors").open("w+b") as errors, subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors, cwd=_ROOT, env=environment
    ) as process:  # fmt: skip
        try:
            code = _waited(process, folder / PROGRESS)
        finally:
            process.kill()
        errors.seek(0)
        lines = errors.read().decode("utf-8", errors="replace").strip().splitlines()
    return code, lines[-1] if lines else ""


def _waited(process: subprocess.Popen[bytes], progress: Path) -> int | None:
    """Wait for its end, and pass on how far it is; None if it takes too long."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with suppress(subprocess.TimeoutExpired):
            process.wait(min(_EVERY, max(until - time.monotonic(), 0)))
        if progress.is_file():  # even of a process that is over: it may have been quicker than a look
            tell(*json.loads(progress.read_text(encoding="utf-8")))
        if process.returncode is not None:
            return process.returncode
    return None


def _why(code: int | None, words: str) -> str:
    if code is None or (-code in (24, 9) and not words):
        return f"it took more than {SECONDS} seconds, or was ended from outside."
    if "MemoryError" in words or "bad_alloc" in words or "allocate" in words:
        return f"it takes more than the {MEMORY / 2**30:g} GiB of memory that a file may take while it is read."
    if code < 0:
        return f"it is damaged or made to do harm, for the process that read it crashed (signal {-code})."
    return f"the process that read it ended with {code} ({tidy(words) or 'no words'})."

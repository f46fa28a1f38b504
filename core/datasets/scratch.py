"""Folders for what is on its way: they go with their end, and those of the killed with the next one's beginning."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_NAME = re.compile(r"affinity-lab-(\d+)-\w+")
_LONG_AGO = 600.0
"""Seconds after which nobody is still at it; processes of another container have numbers that are not known here."""


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder of this process, for as long as it is needed."""
    for left in Path(tempfile.gettempdir()).glob("affinity-lab-*"):
        if _of_the_dead(left):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"affinity-lab-{os.getpid()}-") as folder:
        yield Path(folder)


def _of_the_dead(folder: Path) -> bool:
    writer = _NAME.fullmatch(folder.name)
    if writer is None or psutil.pid_exists(int(writer[1])):
        return False
    try:
        return time.time() - folder.stat().st_mtime > _LONG_AGO
    except OSError:  # somebody else has cleared it
        return False

"""Who works on a run: a process, told apart from every other that ever had its number.

The wall clock says nothing here: it is set anew by time servers and resumed laptops, and with it the start times that are
counted from it. What does not move is the start counted since boot, and the name that the kernel gives to each boot.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

import psutil

PROC = Path("/proc")
GONE = ("Z", "X")  # states of a process that only waits to be counted


class Owner(NamedTuple):
    """A process.

    Attributes
    ----------
    pid
        Its number, which another process may get later.
    started
        When it started: clock ticks since boot on Linux, elsewhere what the system noted down at the time.
    boot
        The boot that these are of; empty where the system does not name it.
    """

    pid: int
    started: float
    boot: str


@cache
def this_boot() -> str:
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def process(pid: int) -> Owner | None:
    """The living process of that number; None if it is gone or a zombie."""
    started = _started_since_boot(pid) if (PROC / "self/stat").exists() else _started_as_noted(pid)
    return None if started is None else Owner(pid, started, this_boot())


def this_process() -> Owner:
    """The process that calls."""
    own = process(os.getpid())
    assert own is not None
    return own


def _started_since_boot(pid: int) -> float | None:
    try:
        stat = (PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold anything; these are fields 3 and on
    return None if fields[0] in GONE else float(fields[19])


def _started_as_noted(pid: int) -> float | None:
    try:
        found = psutil.Process(pid)
        return None if found.status() == psutil.STATUS_ZOMBIE else float(found.create_time())
    except psutil.NoSuchProcess:
        return None

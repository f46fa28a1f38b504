"""Which process works on a run, and what becomes of the record when that process is gone."""

from __future__ import annotations

import os

import psutil

from core.common import RunConflict
from core.runs.spec import ACTIVE, STOPPING, Run, Status
from core.runs.store import RunStore


def process_started(pid: int) -> float | None:
    """Start time of a living process; None if it is gone or a zombie."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def has_worker(run: Run) -> bool:
    """Whether the process that a run names still lives; a reused process id has another start time."""
    started = process_started(run.pid) if run.pid is not None else None
    return started is not None and run.pid_started is not None and abs(started - run.pid_started) < 1.0


def this_process() -> tuple[int, float]:
    """Id and start time of the process that calls, as an owner of runs."""
    started = process_started(os.getpid())
    assert started is not None
    return os.getpid(), started


def claim_for_this_process(store: RunStore, run_id: str) -> None:
    """Take a queued run for the process that calls."""
    store.claim(run_id, *this_process())


def settle_lost(store: RunStore) -> list[str]:
    """Close the records of runs whose process is gone: stopped if that was asked for, else lost."""
    settled = []
    for run in store.runs(status=ACTIVE):
        if has_worker(run):
            continue
        try:
            if run.request in ("stop", STOPPING):
                store.finish(run.id, Status.STOPPED, run.result)
            else:
                store.mark_lost(run.id)
        except RunConflict:
            continue  # it ended by itself, or another process settled it, between the look and the word
        settled.append(run.id)
    return settled

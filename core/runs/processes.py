"""Whether somebody works on a run, and what becomes of the record when that process is gone."""

from __future__ import annotations

from core.common import RunConflict
from core.runs.owner import process, this_process
from core.runs.spec import ACTIVE, STOPPING, Run, Status
from core.runs.store import RunStore


def has_worker(run: Run) -> bool:
    """Whether the process that a run names still lives; one that has its number now is another."""
    return run.owner is not None and process(run.owner.pid) == run.owner


def claim_for_this_process(store: RunStore, run_id: str) -> None:
    """Take a queued run for the process that calls."""
    store.claim(run_id, this_process())


def settle_lost(store: RunStore) -> list[str]:
    """Close the records of runs whose process is gone: stopped if that was asked for, else lost."""
    settled = []
    for run in store.runs(status=ACTIVE):
        if has_worker(run):
            continue
        try:
            if run.request in ("stop", STOPPING):
                store.finish(run.id, Status.STOPPED, run.result, owner=run.owner)
            else:
                store.mark_lost(run.id, owner=run.owner)
        except RunConflict:
            continue  # it ended by itself, or another process settled it, between the look and the word
        settled.append(run.id)
    return settled

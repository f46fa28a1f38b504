"""What killed processes left lying about, swept when the next one starts."""

from __future__ import annotations

from core.common import written_by_the_dead
from core.runs.networks import NETWORKS, STARTS, PretrainedStore
from core.runs.spec import CHECKPOINT, OVER, RESUMABLE
from core.runs.store import RunStore

PLACES = ("", "runs/*/", "trash/*/", "arrays/", "cache/", "data/", "data/*/")  # where files are written under a home


def sweep(store: RunStore) -> list[str]:
    """Remove half-written files, checkpoints of runs that have ended, runs that were deleted long ago, and arrays of no run.

    Returns
    -------
    list of str
        What was removed, as paths from the home or ids of runs.
    """
    found = [path for place in PLACES for path in store.home.glob(f"{place}.*.tmp") if written_by_the_dead(path)]
    for path in found:
        path.unlink(missing_ok=True)
    swept = [str(path.relative_to(store.home)) for path in found]
    for run in store.runs(status=[status for status in OVER if status not in RESUMABLE]):
        if store.files.checkpoints(run.id):  # a kill fell between the last word and their removal
            store.files.forget_checkpoints(run.id)
            swept.append(f"runs/{run.id}/{CHECKPOINT}")
    for folder in (NETWORKS, STARTS):
        PretrainedStore(store.home, folder).sweep()
    return swept + store.trash.sweep() + store.files.shared.sweep()

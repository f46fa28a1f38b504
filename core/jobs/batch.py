"""Runs of a store trained to the end by a queue of one's own, as the command line does it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection

from core.common import ClusterLost, ParameterError, RunConflict
from core.jobs.away import connect_dask
from core.jobs.capacity import most_workers
from core.jobs.queue import TICK_SECONDS, JobQueue
from core.runs import Run, Status

ATTEMPTS = 3  # of a run whose worker dies
LOOKING = 0.05  # of a core, which else trains: hundreds of records take a while to read
Told = Callable[[Run], None]


def checked_workers(workers: int | None) -> int | None:
    """How many runs may train at once; None leaves it to the settings.

    Raises
    ------
    ParameterError
        If there are no cores for so many.
    """
    if workers is None or 1 <= workers <= most_workers():
        return workers
    raise ParameterError(f"The number of workers must be in [1, {most_workers()}] on these cores. Got {workers} instead.")


def checked_scheduler(address: str | None) -> str | None:
    """The address of a scheduler that answers, and whose workers can train runs of this app; None is this machine.

    Raises
    ------
    ClusterError
        If it does not, or they cannot.
    """
    if address is not None:
        connect_dask(address).close()
    return address


def see_through(queue: JobQueue, run_ids: Collection[str], told: Told) -> None:
    """Wait until all of these runs are over; one whose worker died is asked for again, but not for ever.

    `told` hears of each as it ends. What another process trains is waited for as well.

    Raises
    ------
    ClusterLost
        If they train by a scheduler that does not answer any more.
    """
    waiting, lost = set(run_ids), Counter[str]()
    while waiting:
        began = time.monotonic()
        found = queue.store.some(waiting)
        waiting &= set(found)  # nobody will train what was deleted
        for run in found.values():
            if run.status == Status.LOST and lost[run.id] + 1 < ATTEMPTS:
                lost[run.id] += 1
                _again(queue, run.id)
            elif run.over or run.resumable:
                waiting.discard(run.id)
                told(run)
        if waiting and queue.away.trouble:
            raise ClusterLost(queue.away.trouble)
        time.sleep(max(TICK_SECONDS, (1 / LOOKING - 1) * (time.monotonic() - began)))


def _again(queue: JobQueue, run_id: str) -> None:
    try:
        queue.resume(run_id)
    except RunConflict:
        pass  # another process has asked for it meanwhile

"""The worker processes of one queue: who trains, who is free, and who goes."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from core.common import UnknownName
from core.jobs.workers import WorkerProcess, stamp
from core.runs import RunStore, Status, gpu_seen, training_threads

IDLE_SECONDS = 180.0
SPARE_SECONDS = 60.0  # where another is free
GROWN_MB = 1200.0
CUDA_MB = 1000.0  # what its libraries add to a worker that has used a GPU: 1,250 to 1,600 MB in all after small runs
SETTLE_SECONDS = 1.0  # for what a run held to be given back after its record has been closed


@dataclass
class _Worker:
    """A process, the run it was sent, and since when it has nothing to do after its last one."""

    process: WorkerProcess
    run: str | None = None
    idle_since: float | None = None

    def grown(self, most_mb: float) -> bool:
        return self.idle_since is not None and self.process.rss_mb > most_mb

    def idle_for(self, seconds: float) -> bool:
        return self.idle_since is not None and time.monotonic() - self.idle_since > seconds


class Pool:
    """Workers that take one run after another.

    The truth is in the records: a worker is free again when the record of its run is closed, and one that ends in any
    other way leaves its record to `settle_lost`. So a run is only ever handed to a process that has no other, and that
    process either closes its record or is gone.

    A worker goes when it has had nothing to do for minutes after its last run, has grown, or would train by an earlier
    state of the code or in another home. One that has not trained yet is small, and stands by.
    """

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self._workers: list[_Worker] = []
        self._leaving: list[WorkerProcess] = []
        self._closed = False

    @property
    def busy(self) -> Mapping[str, WorkerProcess]:
        """The workers that train, by the run."""
        return {worker.run: worker.process for worker in self._workers if worker.run is not None}

    def refresh(self, active: Collection[str]) -> None:
        """Take note of who has died, whose run is no longer among the active ones, and who is to go."""
        self._leaving = [process for process in self._leaving if process.alive]
        self._workers = [worker for worker in self._workers if worker.process.alive]
        for worker in list(self._workers):
            if worker.run is not None and worker.run not in active:
                if self._lost(worker.run):  # it does not know yet, and ends itself when it does
                    self._put_aside(worker)
                worker.run, worker.idle_since = None, time.monotonic()
        most_mb = self._most_mb()
        for place, worker in enumerate(self._free()):
            idle = worker.idle_for(SPARE_SECONDS if place else IDLE_SECONDS)
            if idle or (worker.grown(most_mb) and worker.idle_for(SETTLE_SECONDS)):
                self._dismiss(worker)

    def ready(self) -> bool:
        """Whether a worker is free, or will be within a moment; one is started by `start` otherwise."""
        return bool(self._free())

    def start(self) -> None:
        self._workers.append(_Worker(WorkerProcess(self.store, "--standby", threads=training_threads())))
        if self._closed:  # meanwhile, by another thread: nobody else would end it
            self.close()

    def take(self) -> WorkerProcess | None:
        """A free worker that may train now."""
        now = stamp(self.store.home)
        for worker in self._free():
            if worker.process.stamp != now:
                self._dismiss(worker)
        most_mb = self._most_mb()
        free = [worker for worker in self._free() if not worker.grown(most_mb)]
        return free[0].process if free else None

    def assign(self, process: WorkerProcess, run_id: str) -> None:
        """Send a run, which has been claimed for this process, to it."""
        worker = next(worker for worker in self._workers if worker.process is process)
        worker.run, worker.idle_since = run_id, None
        try:
            process.send(run_id)
        except BrokenPipeError:
            pass  # it died just now; the next tick finds the run lost

    def dismiss_free(self) -> None:
        for worker in self._free():
            self._dismiss(worker)

    def close(self) -> None:
        """End every worker; none that is started later lives on."""
        self._closed = True
        for process in [*(worker.process for worker in self._workers), *self._leaving]:
            process.close()
        self._workers, self._leaving = [], []

    def _most_mb(self) -> float:
        """What a worker may hold at rest, and go on."""
        return GROWN_MB + (CUDA_MB if gpu_seen(self.store) else 0.0)

    def _free(self) -> list[_Worker]:
        """Those without a run, the one that trained last first: it is warm."""
        free = [worker for worker in self._workers if worker.run is None]
        return sorted(free, key=lambda worker: worker.idle_since or 0.0, reverse=True)

    def _lost(self, run: str) -> bool:
        """Whether a run was taken from its worker, instead of closed by it."""
        try:
            return self.store.get(run).status in (Status.LOST, Status.QUEUED)
        except UnknownName:
            return False  # closed, and deleted since

    def _dismiss(self, worker: _Worker) -> None:
        worker.process.dismiss()
        self._put_aside(worker)

    def _put_aside(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        self._leaving.append(worker.process)

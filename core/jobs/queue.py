"""Background work: a queue that starts worker processes and watches over them, and an analyst for quick questions.

Training runs in processes of its own (``python -m core worker``): a page that renders cannot slow it, it can be killed,
and what it did is in the store. The truth is in the store too: a queue object can be lost and made again, finds the
workers that run by process id and start since boot, and several queues on one home do not start a run twice.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from core import methods
from core.common import RunConflict, UnknownName, read_only
from core.jobs.analyst import Analyst
from core.jobs.away import Away
from core.jobs.capacity import Capacity
from core.jobs.place import Place
from core.jobs.pool import Pool
from core.runs import ACTIVE, Run, RunSpec, RunStore, branch, claim_for_this_process, execute, gpu_seen, settle_lost, sweep

TICK_SECONDS, GLANCE_SECONDS = 0.2, 0.05
STOP_GRACE_SECONDS = 60.0
KILL_GRACE_SECONDS = 10.0
SWEEP_SECONDS = 60.0


class JobQueue:
    """Queue of runs, first in, first out; one that was launched alone does not wait for the many of a sweep.

    Parameters
    ----------
    store : RunStore
    cpu_jobs : int, optional
        How many runs may train at once on the processor. Default: see `Capacity`.
    gpu_jobs : int
        How many on a GPU.
    scheduler : str, optional
        Address of a Dask scheduler that trains the runs of sweeps. Default: see `Place`.
    immediate : bool
        Run inline, in the calling thread; for tests.

    Raises
    ------
    ParameterError
        If the environment variable ``AFFINITY_LAB_WORKERS`` is set to what cannot be.
    """

    def __init__(
        self, store: RunStore, *, cpu_jobs: int | None = None, gpu_jobs: int = 1, scheduler: str | None = None,
        immediate: bool = False,
    ) -> None:  # fmt: skip
        self.store = store
        self.capacity = Capacity(store, cpu_jobs)
        self.place = Place(store, scheduler)
        self.away = Away(store, self.place, lambda: (run for run in store.waiting() if run.swept))
        self.gpu_jobs = gpu_jobs
        self.immediate = immediate
        self.analyst = Analyst(store, immediate=immediate)
        self._token = secrets.token_hex(8)
        self.pool = Pool(store)
        self._stop_seen: dict[str, float] = {}
        self._terminated: set[str] = set()
        self._next_sweep = 0.0
        self._at_work, self._started = 0, False  # at the last look, and whether it started a run
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="affinity-lab-queue", daemon=True)
        if read_only():
            return  # whoever works here is left alone
        self.store.notices.post("queue", {"pid": os.getpid(), "token": self._token})
        settle_lost(store)
        sweep(store)
        if not immediate:
            self._thread.start()
            self.away.start()

    # ---- what a page asks for ------------------------------------------------------------------------------------

    def submit(self, spec: RunSpec, *, tags: str = "", references: bool = True) -> Run:
        """Queue a run, and its references beside it; the many runs of a sweep go without."""
        return self._take(self.store.create(spec, tags=tags), references)

    def branch(self, run_id: str, seq: int, overrides: Mapping[str, Any]) -> Run:
        """Queue a run that goes on from a moment of another one with other values, see `core.runs.branch`."""
        return self._take(branch(self.store, run_id, seq, overrides), references=True)

    def _take(self, run: Run, references: bool) -> Run:
        if self.immediate:
            claim_for_this_process(self.store, run.id)
            run = execute(self.store, run.id)
        if references:
            self.analyst.ask("references", run=run.id)
        return run

    def resume(self, run_id: str) -> None:
        """Queue a lost run again; it goes on from its last checkpoint."""
        self.store.requeue(run_id)
        if self.immediate:
            claim_for_this_process(self.store, run_id)
            execute(self.store, run_id)

    def position(self, run_id: str) -> int:
        """How many runs start before this one."""
        waiting = [run.id for run in self.store.waiting()]
        return waiting.index(run_id) if run_id in waiting else 0

    def close(self, *, forget: bool = True) -> None:
        """End the supervision, and with it every child process; with `forget`, what was deleted is gone for good."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(5)
        self.away.close()
        self.pool.close()
        self.analyst.close()
        if forget and not read_only():
            self.store.trash.sweep(0.0)  # what was deleted can be had back only as long as the app is open

    # ---- supervision ---------------------------------------------------------------------------------------------

    def _supervise(self) -> None:
        while not self._closing.is_set():
            try:
                self._rest()
                if not self._closing.is_set():  # nothing is started on the way out
                    self._tick()
            except Exception:  # a full disk or a locked database must not end the supervision
                logging.getLogger(__name__).exception("The queue goes on after an error.")
                self._closing.wait(TICK_SECONDS)
            if self._superseded() and not self.pool.busy and not self.away.busy:
                self.away.close()
                self.pool.close()
                break

    def _rest(self) -> None:
        """Wait for the next look; less where a run was just started, or has ended, since another may take its place."""
        began = time.monotonic()
        while not self._started and time.monotonic() < began + TICK_SECONDS:
            if self._closing.wait(GLANCE_SECONDS) or (self._at_work and self.store.count(ACTIVE) < self._at_work):
                return

    def _tick(self) -> None:
        settle_lost(self.store)
        self._forget_deleted()
        self._enforce_stops()
        active = self.store.runs(status=ACTIVE)
        self._at_work, self._started = len(active), False
        self.pool.refresh({run.id for run in active})
        if self._superseded():
            self.pool.dismiss_free()
            self.away.sending = False
            return
        training = [run for run in active if not run.reference and not run.away]
        run = self._next(training)
        # Importing torch takes seconds of a core: not beside a training run, unless somebody waits for it.
        if (run or not training) and not self.pool.ready():
            self.pool.start()
        if run:
            self._start(run)  # one at a look, with a fresh one at who is active before the next

    def _next(self, training: Sequence[Run]) -> Run | None:
        """The first of the waiting runs whose kind of device is not all taken."""
        elsewhere = self.place.address is not None
        taken, limits = Counter(map(self._kind, training)), {"cpu": self.capacity.now, "cuda": self.gpu_jobs}
        here = takewhile(lambda run: not (run.swept and elsewhere), self.store.waiting())  # those of sweeps come last
        return next((run for run in here if taken[kind := self._kind(run)] < limits[kind]), None)

    def _start(self, run: Run) -> None:
        worker = self.pool.take()
        if worker is None:
            return
        try:
            self.store.claim(run.id, worker.owner)
        except (RunConflict, UnknownName):
            return  # another queue took it, or it was cancelled or deleted
        self.pool.assign(worker, run.id)
        self._started = True

    def _enforce_stops(self) -> None:
        """A stop that is not obeyed in time becomes SIGTERM, then SIGKILL."""
        now = time.monotonic()
        for run_id, worker in self.pool.busy.items():
            if self.store.requests.asked(run_id) != "stop":
                continue
            waited = now - self._stop_seen.setdefault(run_id, now)
            if waited > STOP_GRACE_SECONDS + KILL_GRACE_SECONDS:
                worker.kill()
            elif waited > STOP_GRACE_SECONDS and run_id not in self._terminated:
                self._terminated.add(run_id)  # once: a second signal would interrupt the worker's last words
                worker.terminate()

    def _forget_deleted(self) -> None:
        """From time to time, forget for good what nobody can want back any more."""
        if time.monotonic() > self._next_sweep:
            self._next_sweep = time.monotonic() + SWEEP_SECONDS
            self.store.trash.sweep()

    def _superseded(self) -> bool:
        """Whether this process has made a newer queue on the same store (its modules were reloaded, say)."""
        posted: Mapping[str, Any] = self.store.notices.read("queue") or {}
        return posted.get("pid") == os.getpid() and posted.get("token") != self._token

    def _kind(self, run: Run) -> str:
        if run.spec.device == "cpu" or not self.gpu_available():
            return "cpu"
        cls = methods.registered().get(run.spec.method)  # one that is not known here fails in its worker, in words
        return "cuda" if cls is not None and cls.uses_gpu else "cpu"

    def gpu_available(self) -> bool:
        """Whether workers see a CUDA GPU, as the last one to start has reported."""
        return gpu_seen(self.store)

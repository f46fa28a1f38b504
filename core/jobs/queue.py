"""Background work: a queue that starts worker processes and watches over them, and an analyst for quick questions.

Training runs in processes of its own (``python -m core worker``): a page that renders cannot slow it, it can be killed,
and what it did is in the store. The truth is in the store too: a queue object can be lost and made again, finds the
workers that run by process id and start time, and several queues on one home do not start a run twice.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any

from core import methods
from core.common import RunConflict, UnknownName
from core.jobs.analyst import Analyst
from core.jobs.workers import WorkerProcess
from core.runs import ACTIVE, Run, RunSpec, RunStore, Status, claim_for_this_process, execute, settle_lost, training_threads

TICK_SECONDS = 0.2
STOP_GRACE_SECONDS = 60.0
KILL_GRACE_SECONDS = 10.0


class JobQueue:
    """First-in first-out queue of runs.

    Parameters
    ----------
    store : RunStore
    cpu_jobs, gpu_jobs : int
        How many runs may train at once on each kind of device.
    immediate : bool
        Run inline, in the calling thread; for tests.
    """

    def __init__(self, store: RunStore, *, cpu_jobs: int = 1, gpu_jobs: int = 1, immediate: bool = False) -> None:
        self.store = store
        self.limits = {"cpu": cpu_jobs, "cuda": gpu_jobs}
        self.immediate = immediate
        self.analyst = Analyst(store, immediate=immediate)
        self._token = secrets.token_hex(8)
        self._workers: dict[str, WorkerProcess] = {}
        self._standby: WorkerProcess | None = None
        self._stop_seen: dict[str, float] = {}
        self._terminated: set[str] = set()
        self._closing = threading.Event()
        self.store.notices.post("queue", {"pid": os.getpid(), "token": self._token})
        settle_lost(store)
        if not immediate:
            self._thread = threading.Thread(target=self._supervise, name="affinity-lab-queue", daemon=True)
            self._thread.start()

    # ---- what a page asks for ------------------------------------------------------------------------------------

    def submit(self, spec: RunSpec, *, tags: str = "") -> Run:
        """Queue a run, and its references beside it."""
        run = self.store.create(spec, tags=tags)
        if self.immediate:
            claim_for_this_process(self.store, run.id)
            run = execute(self.store, run.id)
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
        waiting = [run.id for run in self._waiting()]
        return waiting.index(run_id) if run_id in waiting else 0

    def close(self) -> None:
        """End the supervision, and with it every child process."""
        self._closing.set()
        if not self.immediate:
            self._thread.join(5)
        for worker in [*self._workers.values(), *([self._standby] if self._standby else [])]:
            worker.close()
        self.analyst.close()

    # ---- supervision ---------------------------------------------------------------------------------------------

    def _supervise(self) -> None:
        while not self._closing.wait(TICK_SECONDS):
            try:
                self._tick()
            except Exception:  # a full disk or a locked database must not end the supervision
                logging.getLogger(__name__).exception("The queue goes on after an error.")
            if self._superseded() and not self._workers:
                break
        if not self._closing.is_set() and self._standby is not None:
            self._standby.close()

    def _tick(self) -> None:
        self._workers = {run_id: worker for run_id, worker in self._workers.items() if worker.alive}
        settle_lost(self.store)
        self._enforce_stops()
        if self._superseded():
            return
        waiting = self._waiting()
        active = self.store.runs(status=ACTIVE, references=False)
        # Importing torch takes seconds of a core: not beside a training run, unless somebody waits for it.
        if (waiting or not active) and (self._standby is None or not self._standby.alive):
            self._standby = WorkerProcess(self.store, "--standby", threads=training_threads())
        for run in waiting:
            kind = self._kind(run)
            if sum(self._kind(other) == kind for other in active) < self.limits[kind]:
                self._start(run)
                return  # the next one at the next tick, with a fresh look at who is active

    def _start(self, run: Run) -> None:
        worker, self._standby = self._standby, None
        assert worker is not None
        try:
            self.store.claim(run.id, worker.pid, worker.started)
        except (RunConflict, UnknownName):
            self._standby = worker  # another queue took it, or it was cancelled or deleted
            return
        self._workers[run.id] = worker
        try:
            worker.send(run.id)
        except BrokenPipeError:
            pass  # it died just now; the next tick finds the run lost

    def _enforce_stops(self) -> None:
        """A stop that is not obeyed in time becomes SIGTERM, then SIGKILL."""
        now = time.monotonic()
        for run_id, worker in self._workers.items():
            if self.store.requests.asked(run_id) != "stop":
                continue
            waited = now - self._stop_seen.setdefault(run_id, now)
            if waited > STOP_GRACE_SECONDS + KILL_GRACE_SECONDS:
                worker.kill()
            elif waited > STOP_GRACE_SECONDS and run_id not in self._terminated:
                self._terminated.add(run_id)  # once: a second signal would interrupt the worker's last words
                worker.terminate()

    def _waiting(self) -> list[Run]:
        return self.store.runs(status=[Status.QUEUED], references=False)[::-1]

    def _superseded(self) -> bool:
        """Whether this process has made a newer queue on the same store (its modules were reloaded, say)."""
        posted: Mapping[str, Any] = self.store.notices.read("queue") or {}
        return posted.get("pid") == os.getpid() and posted.get("token") != self._token

    def _kind(self, run: Run) -> str:
        cls = methods.registered().get(run.spec.method)  # one that is not known here fails in its worker, in words
        wants_gpu = run.spec.device != "cpu" and cls is not None and cls.uses_gpu
        return "cuda" if wants_gpu and self.gpu_available() else "cpu"

    def gpu_available(self) -> bool:
        """Whether workers see a CUDA GPU, as the last one to start has reported."""
        return bool((self.store.notices.read("machine") or {}).get("cuda"))

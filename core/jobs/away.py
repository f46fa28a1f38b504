"""The runs of sweeps that train elsewhere: who is sent, what is asked of them meanwhile, and what comes back.

The process that sends a run has claimed it, as a worker would have: should it die, its runs are lost, and are asked for again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

from core.common import AffinityLabError, ClusterError, RunConflict, UnknownName
from core.datasets import Dataset
from core.jobs.lastdata import LastData
from core.jobs.parcel import Order, Parcel, code_here, unpack
from core.jobs.place import Place
from core.runs import AWAY, Run, RunHandle, RunStore, Status, claim_for_this_process, training_threads

TICK_SECONDS = 0.2
AGAIN_SECONDS = 20.0  # between two tries to reach a scheduler
ATTEMPTS = 3  # of a run whose worker dies with all it had


class Cluster(Protocol):
    """Whatever trains runs elsewhere through an executor as those of `concurrent.futures`."""

    @property
    def alive(self) -> bool: ...

    @property
    def slots(self) -> int: ...

    def submit(self, order: Order, data: Dataset) -> Future[Parcel]: ...

    def ask(self, run_id: str, what: str | None) -> None: ...

    def close(self) -> None: ...


Connect = Callable[[str], Cluster]


def connect_dask(address: str) -> Cluster:
    """Reach a scheduler; Dask is imported here and not before."""
    from core.jobs.cluster import DaskCluster

    return DaskCluster(address)


@dataclass
class _Sent:
    """A run that is away, and what it was told last."""

    run: RunHandle
    future: Future[Parcel]
    told: str | None = None


@dataclass
class Away:
    """Sends what waits of sweeps to a cluster, as long as the setting says so.

    Attributes
    ----------
    store, place
        The records, and which scheduler trains sweeps.
    connect
        Reaches one.
    waiting
        The runs that could be sent, the first first.
    trouble
        Why nothing is sent at the moment, in words; empty if all is well.
    sending
        Whether anything new is sent; what is away is watched in any case.
    """

    store: RunStore
    place: Place
    waiting: Callable[[], Iterable[Run]]
    connect: Connect = connect_dask
    trouble: str = ""
    sending: bool = True
    _sent: dict[str, _Sent] = field(default_factory=dict)
    _cluster: Cluster | None = None
    _next_try: float = 0.0
    _tried: Counter[str] = field(default_factory=Counter)
    _data: LastData = field(default_factory=LastData)
    _closing: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether anything is away that has to come back here."""
        return bool(self._sent)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._supervise, name="affinity-lab-away", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let go of everything: what is away is told to stop, and is lost here unless that was asked for."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(10)
        for run_id, sent in list(self._sent.items()):
            self._leave(run_id, sent)
        self._disconnect()

    def _supervise(self) -> None:
        while not self._closing.wait(TICK_SECONDS):
            try:
                self.tick()
            except Exception:  # a full disk or a locked database must not end the supervision
                logging.getLogger(__name__).exception("What trains elsewhere is watched on after an error.")

    def tick(self) -> None:
        """Take in what has come back, pass on what is asked, and send what there is room for."""
        for run_id, sent in list(self._sent.items()):
            if sent.future.done():
                del self._sent[run_id]
                self._take_in(sent)
            else:
                self._pass_on(sent)
        address = self.place.address if self.sending else None
        if self._cluster is not None and not self._sent and (address is None or not self._cluster.alive):
            self._disconnect()
        if address is not None and (cluster := self._reached(address)) is not None:
            self._send(cluster, address)

    # ---- the scheduler -----------------------------------------------------------------------------------------------

    def _reached(self, address: str) -> Cluster | None:
        if self._cluster is None and time.monotonic() > self._next_try:
            try:
                self._cluster, self.trouble = self.connect(address), ""
            except ClusterError as error:
                self.trouble, self._next_try = str(error), time.monotonic() + AGAIN_SECONDS
        return self._cluster if self._cluster is not None and self._cluster.alive else None

    def _disconnect(self) -> None:
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            cluster.close()

    # ---- one run -----------------------------------------------------------------------------------------------------

    def _send(self, cluster: Cluster, address: str) -> None:
        free = cluster.slots - len(self._sent)
        for waiting in islice(self.waiting(), max(free, 0)):
            try:
                claim_for_this_process(self.store, waiting.id)
            except (RunConflict, UnknownName):
                continue  # another process took it, or it was cancelled or deleted
            run = RunHandle.open(self.store, waiting.id)
            run.report({"stage": AWAY, AWAY: address})
            try:
                order = Order(run.id, run.spec, training_threads(), code_here())
                self._sent[run.id] = _Sent(run, cluster.submit(order, self._data.load(run.spec.data)))
                run.set_status(Status.RUNNING)
            except (AffinityLabError, OSError) as error:
                run.finish(Status.FAILED, {}, _described(error))

    def _pass_on(self, sent: _Sent) -> None:
        try:
            asked = sent.run.asked()
            if asked != sent.told and self._cluster is not None and self._cluster.alive:
                self._cluster.ask(sent.run.id, asked)
                sent.told = asked
        except RunConflict:
            self._sent.pop(sent.run.id).future.cancel()  # it is of another process by now

    def _take_in(self, sent: _Sent) -> None:
        try:
            if sent.future.cancelled():  # its data, or the scheduler, went with the workers that had them
                self._again(sent.run)
            elif (error := sent.future.exception()) is not None:
                sent.run.finish(Status.FAILED, {}, _described(error))
            else:
                unpack(sent.run, sent.future.result())
        except RunConflict:
            pass  # it is of another process by now

    def _again(self, run: RunHandle) -> None:
        self._tried[run.id] += 1
        self.store.mark_lost(run.id, owner=run.owner)
        if self._tried[run.id] < ATTEMPTS:
            self.store.requeue(run.id)

    def _leave(self, run_id: str, sent: _Sent) -> None:
        try:
            if self._cluster is not None and self._cluster.alive:
                self._cluster.ask(run_id, "stop")  # else it would train on, for nobody
            if sent.run.asked() == "stop":
                sent.run.finish(Status.STOPPED, {})
            else:
                self.store.mark_lost(run_id, owner=sent.run.owner)
        except RunConflict:
            pass  # it is of another process by now
        sent.future.cancel()


def _described(error: BaseException) -> Mapping[str, Any]:
    """The error of a run that did not come to train, or not back."""
    words = str(error) if isinstance(error, AffinityLabError) else f"The cluster gave it up ({type(error).__name__}: {error})."
    return {"message": words, "bad_input": False, "traceback": ""}

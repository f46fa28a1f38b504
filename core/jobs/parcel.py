"""What travels when a run trains on another machine: an order on the way out, all that came of it on the way back.

No disk is shared. The run gets a home of its own over there, under its own id, so that it trains as it would here; what it
left in its record, its history and its folder comes back as bytes and is written here by the process that claimed it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from core.common import RunConflict, StorageError
from core.datasets import Dataset
from core.jobs.workers import ROOT
from core.runs import HistoryRow, RunHandle, RunSpec, RunStore, Status, claim_for_this_process, execute, named_by

RELAY_SECONDS = 0.5
KEPT = ("pretrained", "starts")  # what later runs of the same process may begin with
Asked = Callable[[], str | None]
"""What is asked of a run at the moment, as its record at home has it."""

_ALONE = threading.Lock()  # a run sets threads and generators of its whole process


@dataclass(frozen=True)
class Order:
    """A run to be trained elsewhere: its id and spec, with how many threads, and by which state of the code."""

    run: str
    spec: RunSpec
    threads: int
    code: str


@dataclass(frozen=True)
class Parcel:
    """What came of it: how it ended, the rest of its record, its history, and its files by name."""

    status: Status
    result: Mapping[str, Any]
    error: Mapping[str, Any] | None
    progress: Mapping[str, Any]
    alarms: list[dict[str, Any]]
    history: list[HistoryRow]
    files: Mapping[str, bytes]


@cache
def code_here() -> str:
    """16 hexadecimal digits that change with the code of `core`: equal runs come of equal code alone."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "core").rglob("*.py")):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


# ---- over there --------------------------------------------------------------------------------------------------------


def train_away(order: Order, data: Dataset, asked: Asked, room: Path) -> Parcel:
    """Train a run in this process, in a home of its own inside `room`, and pack what came of it.

    Raises
    ------
    StorageError
        If this process has another state of the code than whoever sent the order.
    """
    if order.code != code_here():
        raise StorageError(f"{os.uname().nodename} has another state of the code: {code_here()} instead of {order.code}.")
    with _ALONE, _home(room) as home:
        os.environ.setdefault("AFFINITY_LAB_THREADS", str(order.threads))  # sums of floats depend on them
        store = RunStore(home)
        store.create(order.spec, named=order.run)
        if asked() == "stop":  # before it began
            store.request(order.run, "stop")
        else:
            claim_for_this_process(store, order.run)
            with _relayed(store, order.run, asked):
                execute(store, order.run, load=lambda _: _own(data))
        return _packed(store, order.run)


@contextmanager
def _home(room: Path) -> Iterator[Path]:
    """A home for one run, which finds the networks that earlier runs here have kept."""
    with TemporaryDirectory(prefix="affinity-lab-", dir=room) as home:
        for name in KEPT:
            (room / name).mkdir(exist_ok=True)
            (Path(home) / name).symlink_to(room / name)
        yield Path(home)


def _own(data: Dataset) -> Dataset:
    """Arrays that this run may write to: those that were sent are there for the others, too."""
    test = None if data.test is None else _own(data.test)
    return dataclasses.replace(data, X=data.X.copy(), y=None if data.y is None else data.y.copy(), test=test)


@contextmanager
def _relayed(store: RunStore, run_id: str, asked: Asked) -> Iterator[None]:
    """Pass on what is asked at home while a run trains here."""
    over = threading.Event()

    def relay() -> None:
        told = None
        while not over.wait(RELAY_SECONDS):
            if (now := asked()) != told:
                try:
                    store.request(run_id, now)
                except RunConflict:
                    return  # it has just ended
                told = now

    thread = threading.Thread(target=relay, name="affinity-lab-relay", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _packed(store: RunStore, run_id: str) -> Parcel:
    store.files.forget_checkpoints(run_id)  # of one that failed: when it is asked for again it begins anew
    run, folder = store.get(run_id), store.files.folder(run_id)
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return Parcel(run.status, run.result, run.error, run.progress, run.alarms, store.history(run_id), files)


# ---- at home -----------------------------------------------------------------------------------------------------------


def unpack(run: RunHandle, parcel: Parcel) -> None:
    """Write what came back to the record and the folder of a run; its end comes last, when all else is there.

    Raises
    ------
    RunTaken
        If the run is of another process by now.
    StorageError
        If a file would lie outside the folder of the run.
    """
    for name, content in parcel.files.items():
        if not (run.folder / name).resolve().is_relative_to(run.folder.resolve()):
            raise StorageError(f"What came back for {run.id} has a file outside its folder: {name!r}.")
        (run.folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name == named_by(content):
            run.share(name, content)
            continue
        with run.writing(name) as file:
            file.write(content)
    run.report(parcel.progress, parcel.history, parcel.alarms)
    run.finish(parcel.status, parcel.result, parcel.error)

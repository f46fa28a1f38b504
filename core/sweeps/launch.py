"""From the cells of a sweep to runs: what the store has already is taken, the rest is asked for.

A sweep is kept before its first run is asked for, and whatever is asked for is found again by what it does. So one that
was killed at any moment goes on by being asked for once more, and nothing is done twice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterable
from functools import lru_cache
from typing import Protocol

from core import datasets
from core.common import InvalidInput, RunConflict
from core.explore import same_settings
from core.runs import ACTIVE, SWEPT, Run, RunSpec, RunStore, Status
from core.sweeps.cuts import can_be_cut, spec_of
from core.sweeps.designs import key_of
from core.sweeps.records import SweepRecord, SweepStore
from core.sweeps.spec import DATA_KEPT, Cell, Load, Sweep, plan

UNDER_WAY = (Status.QUEUED, *ACTIVE)
TAKEN = (Status.DONE, *UNDER_WAY, Status.LOST)  # the best first


class Engine(Protocol):
    """Whatever trains runs of a store: the queue of the app, or of a command."""

    def submit(self, spec: RunSpec, *, tags: str = "", references: bool = True) -> Run:
        """Ask for a run."""

    def resume(self, run_id: str) -> None:
        """Ask for a run again that is lost or has failed."""


def start(store: RunStore, sweep: Sweep, engine: Engine, load: Load = datasets.load) -> SweepRecord:
    """Check a sweep whole, keep it, and ask for what the store has not.

    Raises
    ------
    InvalidInput
        If any of its runs could not be started; then nothing is kept.
    """
    return go_on(store, keep(store, sweep, load), engine, load=load)


def keep(store: RunStore, sweep: Sweep, load: Load = datasets.load) -> SweepRecord:
    """Check a sweep whole and keep it; `go_on` asks for its runs.

    Raises
    ------
    InvalidInput
        If any of its runs could not be started; then nothing is kept.
    """
    return SweepStore(store.home).create(sweep, plan(sweep, load), cut=can_be_cut(sweep, load))


def go_on(
    store: RunStore, record: SweepRecord, engine: Engine, *, failed: bool = False, load: Load = datasets.load
) -> SweepRecord:
    """Ask for the cells without a result: lost and stopped ones, those whose run was deleted, with `failed` the failed too.

    What was paused goes on.
    """
    known, there = KnownRuns(store, record.sweep.base.method, load), store.some(record.runs)
    cells = []
    for cell in record.cells:
        run = there.get(cell.run) if cell.run else None
        if run is None or run.status == Status.STOPPED:
            spec = spec_of(record.sweep, cell, cut=record.cut)
            run = known.like(spec) or known.add(engine.submit(spec, tags=f"{SWEPT}{record.id}", references=False))
        if run.status == Status.LOST or (failed and run.status == Status.FAILED):
            _again(engine, run)
        if run.status in UNDER_WAY and run.request == "pause":
            _ask(store, run, None)
        cells.append(dataclasses.replace(cell, run=run.id))
    record = dataclasses.replace(record, cells=tuple(cells))
    SweepStore(store.home).save(record)
    return record


def _again(engine: Engine, run: Run) -> None:
    try:
        engine.resume(run.id)
    except RunConflict:
        pass  # another cell, or another process, has asked for it meanwhile


def stop(store: RunStore, record: SweepRecord) -> None:
    """Ask all of its runs to stop that wait or train."""
    _ask_all(store, record, "stop")


def pause(store: RunStore, record: SweepRecord) -> None:
    """Hold back all of its runs that wait, and let those pause that train; `go_on` lets them go."""
    _ask_all(store, record, "pause")


def _ask_all(store: RunStore, record: SweepRecord, what: str) -> None:
    runs = store.some(record.runs)
    for run_id in reversed(record.runs):  # the last first: none that waits is begun meanwhile
        if run_id in runs and runs[run_id].status in UNDER_WAY:
            _ask(store, runs[run_id], what)


def _ask(store: RunStore, run: Run, what: str | None) -> None:
    try:
        store.request(run.id, what)
    except RunConflict:
        pass  # it ended between the look and the word


def extended(store: RunStore, record: SweepRecord, seeds: Iterable[int], load: Load = datasets.load) -> SweepRecord:
    """The sweep with further seeds, kept under its id; `go_on` asks for what is new."""
    sweep = dataclasses.replace(record.sweep, seeds=tuple(dict.fromkeys((*record.sweep.seeds, *seeds))))
    runs_of = {_place(cell): cell.run for cell in record.cells}
    cells = [dataclasses.replace(cell, run=runs_of.get(_place(cell))) for cell in plan(sweep, load)]
    record = dataclasses.replace(record, sweep=sweep, cells=tuple(cells))
    SweepStore(store.home).save(record)
    return record


def _place(cell: Cell) -> tuple[str, int]:
    return key_of(cell.setting), cell.seed


def missing(store: RunStore, sweep: Sweep, cells: Iterable[Cell], load: Load = datasets.load) -> list[RunSpec]:
    """The runs of a sweep that the store does not have yet."""
    known, cut = KnownRuns(store, sweep.base.method, load), can_be_cut(sweep, load)
    specs = {same_settings(spec): spec for cell in cells for spec in [spec_of(sweep, cell, cut=cut)]}
    return [spec for spec in specs.values() if known.like(spec) is None]


class KnownRuns:
    """The runs of a method in a store, found by what they do.

    A finished one counts only if the data have not changed since, which `load` tells; without it nobody looks.
    """

    def __init__(self, store: RunStore, method: str, load: Load | None) -> None:
        self._load: Callable | None = None if load is None else lru_cache(maxsize=DATA_KEPT)(load)
        self._runs: dict[Hashable, Run] = {}
        for run in store.runs(status=TAKEN, method=method):
            self.add(run)

    def add(self, run: Run) -> Run:
        """Take note of a run, unless it has failed; a better one of the same settings stays."""
        key = same_settings(run.spec)
        held = self._runs.get(key)
        if run.status not in TAKEN:
            return run
        if held is None or TAKEN.index(run.status) < TAKEN.index(held.status):
            self._runs[key] = run
        return run

    def like(self, spec: RunSpec) -> Run | None:
        """A run of these settings, done or to be done."""
        run = self._runs.get(same_settings(spec))
        if run is None or run.status != Status.DONE or self._load is None:
            return run
        try:
            same = self._load(spec.data).fingerprint == run.result["fingerprint"]
        except InvalidInput:
            return None  # the data are gone: the new run will say so
        return run if same else None

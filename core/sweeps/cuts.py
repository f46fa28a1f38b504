"""Sweeps over affinity constants alone: one run for each seed, whose stored C is read again under every setting.

No run is made for a setting. What the cuts reached is kept in a file beside the sweep.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core import datasets, methods
from core.common import AffinityLabError, atomic_write, demand_writable, stored_file
from core.explore import recluster, settled_params
from core.runs import Run, RunSpec, RunStore, Status
from core.sweeps.axes import SEED, changed
from core.sweeps.designs import key_of
from core.sweeps.records import SweepRecord
from core.sweeps.spec import Cell, Load, Sweep

BEFORE = ("threshold", "symmetrize", "unit_diagonal", "dim")  # the costly link of the chain, kept while the others change
CONSTANTS = (*BEFORE, "affinity_by", "power", "exponent", "kept_neighbors", "unit_rows", "smoothing", "assign_labels")
READABLE = ("full", "subset")
ERROR, SECONDS = "error", "seconds"
Ask = Callable[..., Mapping[str, Any] | None]
"""Takes the arguments of `core.explore.recluster`; returns its facts, an error in words, or None where it must wait."""


def can_be_cut(sweep: Sweep, load: Load = datasets.load) -> bool:
    """Whether all settings of a sweep can be read off one stored C."""
    cls = methods.method_class(sweep.base.method)
    alone = bool(sweep.axes) and all(axis.name in CONSTANTS for axis in sweep.axes)
    if not alone or "affinity constants" not in cls.shows:
        return False
    return cls.scope_of(load(sweep.base.data).n_samples, sweep.base.params) in READABLE


def spec_of(sweep: Sweep, cell: Cell, *, cut: bool) -> RunSpec:
    """The run of a cell: its own, or where only the cut differs the base with its seed."""
    return changed(sweep.base, {SEED: cell.seed}) if cut else cell.spec(sweep.base)


class Cuts:
    """What the cuts of one sweep have reached, by setting and run."""

    def __init__(self, home: Path, sweep_id: str) -> None:
        self._path = home / "sweeps" / f"{sweep_id}.cuts"
        self._kept: dict[str, Mapping[str, Any]] = {}
        if self._path.exists():
            with stored_file(self._path):
                self._kept = json.loads(self._path.read_text())

    def get(self, cell: Cell) -> Mapping[str, Any] | None:
        """``scores`` and ``seconds``, or an ``error``; None if it has not been cut yet."""
        return self._kept.get(_key(cell))

    def keep(self, found: Mapping[str, Mapping[str, Any]]) -> None:
        """Add what is known now."""
        demand_writable("a cut")
        self._kept |= found
        with atomic_write(self._path) as file:
            file.write(json.dumps(self._kept).encode())


def _key(cell: Cell) -> str:
    return f"{cell.run} {key_of(cell.setting)}"


def recut(store: RunStore, record: SweepRecord, ask: Ask, *, most: int | None = None) -> int:
    """Cut what can be cut by now, at most so many; returns how many cells still wait for their cut."""
    kept, there = Cuts(store.home, record.id), store.some(record.runs)
    waiting = [cell for cell in record.cells if _ready(there.get(cell.run or "")) and kept.get(cell) is None]
    waiting.sort(key=lambda cell: str([cell.run, *(cell.setting.get(name) for name in BEFORE)]))  # share what is costly
    cut = 0
    for cell in waiting[:most]:
        facts = ask(**question(there[cell.run or ""], cell))
        if facts is not None:
            cut += 1
            kept.keep({_key(cell): facts})
    return len(waiting) - cut


def _ready(run: Run | None) -> bool:
    return run is not None and run.status == Status.DONE


def cut_here(store: RunStore, **question: Any) -> Mapping[str, Any]:
    """Read a stored C in this process: what `recut` asks of an engine."""
    began = time.perf_counter()
    try:
        _, facts = recluster(store, **question)
    except AffinityLabError as error:
        return {ERROR: str(error)}
    return {**facts, SECONDS: time.perf_counter() - began}


def question(run: Run, cell: Cell) -> dict[str, Any]:
    """How `core.explore.recluster` is asked for a cell."""
    known = settled_params(run)  # of a run of before there were all of them, what did the same
    constants = {name: cell.setting[name] if name in cell.setting else known[name] for name in CONSTANTS}
    return {
        "run": run.id,
        "n_clusters": run.result["n_clusters"],
        "random_state": cell.seed,
        "pixels": 16,
        "judged": True,
        **constants,
    }

"""A table of a paper with ours beside it: what the store has of each cell, what is missing, and how the two compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from core import datasets, methods
from core.common import UnknownName
from core.papers.recipes import part_of, shape_of, spec_for
from core.papers.tables import Column, Row, Table
from core.runs import Run, RunSpec, RunStore, Status, estimate, summarize
from core.sweeps import Engine, KnownRuns, Load

TAG = "reproduce"
STATES = {
    "reproduced": "within the spread of ours, or above",
    "short": "ours falls short by more than its spread",
    "part": "run on a part of the data: not to be compared",
    "under way": "waits or trains",
    "not run": "nothing in the way, but time",
    "cannot be": "data or method are not here",
}


@dataclass(frozen=True, kw_only=True)
class Ours:
    """What our runs of one row and column came to, over whole runs with different seeds."""

    scores: Mapping[str, tuple[float, float | None]]  # mean, and deviation of two runs or more
    seeds: tuple[int, ...]
    preset: str
    chosen: str
    device: str
    minutes: float  # of one run
    n_samples: int
    whole: bool = True
    shipped: bool = False  # taken from the results that come with the app, not from this store


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A row in a column: the runs that fill it, one a seed, and what has become of them."""

    table: Table
    row: Row
    column: Column
    specs: tuple[RunSpec, ...] = ()
    preset: str = "auto"  # what was asked for
    absent: str = ""
    ours: Ours | None = None
    under_way: int = 0
    missing: tuple[RunSpec, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """How the command line calls it."""
        data = self.column.data["name"] if self.column.data else self.column.label
        return f"{self.table.key}/{data}/{self.row.label}"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number of a table and ours; scores are fractions."""

    slot: Slot
    metric: str
    paper: float
    state: str
    mean: float | None = None
    std: float | None = None

    @property
    def why(self) -> str:
        """What is absent, by how much ours falls short, or what the state means."""
        if self.state == "short" and self.mean is not None:
            return f"short by {self.paper - self.mean:.3f}"
        return self.slot.absent or self.state


def absence(row: Row, column: Column) -> str:
    """Why a cell cannot be filled on this machine; empty if it can."""
    if column.absent or row.absent:
        return column.absent or row.absent
    name = part_of(column).name
    if not datasets.available(name):
        return f"{datasets.entry(name).title} is not here: {datasets.entry(name).how_to_get}"
    return ""


def desk(
    store: RunStore, table: Table, *, column: str = "", row: str = "", seeds: int = 3, preset: str = "auto",
    quick: bool = False, load: Load | None = None,
) -> list[Slot]:  # fmt: skip
    """The slots of a table, or those of one column or row of it, with what the store has of them.

    `load` reads the data again, to make sure that finished runs are of the data as they are now; without it they are trusted.
    """
    known: dict[str, KnownRuns] = {}

    def found(row: Row, column: Column) -> Slot:
        empty = Slot(table=table, row=row, column=column, preset=preset, absent=absence(row, column))
        if empty.absent:
            return empty
        try:
            specs = tuple(spec_for(row, column, seed=seed, preset=preset, quick=quick) for seed in range(seeds))
        except UnknownName:
            return replace(empty, absent=f"{row.ways[0].method} has no preset {preset} for {part_of(column).name}")
        method = specs[0].method
        if method not in known:
            known[method] = KnownRuns(store, method, load)
        return _filled(replace(empty, specs=specs), known[method], whole=not quick or part_of(column) == specs[0].data)

    places = [(r, c) for r in table.rows for c in table.columns if c.label in r.values]
    return [found(r, c) for r, c in places if (not row or r.label == row) and (not column or c.label == column)]


def _filled(slot: Slot, known: KnownRuns, *, whole: bool) -> Slot:
    runs = {spec.seed: known.like(spec) for spec in slot.specs}
    done = [run for run in runs.values() if run is not None and run.status == Status.DONE]
    lost = [seed for seed, run in runs.items() if run is None or run.status == Status.LOST]
    return replace(
        slot,
        missing=tuple(spec for spec in slot.specs if spec.seed in lost),
        ours=ours_of(done, whole=whole) if done else None,
        under_way=len(runs) - len(done) - len(lost),
    )


def ours_of(runs: Sequence[Run], *, whole: bool = True) -> Ours:
    """Finished runs that differ in their seed alone, together."""
    shared = set.intersection(*(set(run.result["metrics"]) for run in runs))
    several = len(runs) > 1
    scores = {}
    for name in sorted(shared):
        spread = summarize([run.result["metrics"][name] for run in runs])
        scores[name] = (spread["mean"], spread["std"] if several else None)
    first = runs[0]
    device = first.result.get("gpu") or first.result["device"] or "cpu"
    chosen = methods.preset_for(first.spec.method, first.spec.data.name, first.spec.preset)[1]
    return Ours(
        scores=scores, seeds=tuple(run.spec.seed for run in runs), whole=whole, device=device,
        preset=first.spec.preset + (", with changes" if first.spec.modified else ""),
        chosen=chosen.chosen if chosen else "untuned", n_samples=first.result["n_samples"],
        minutes=sum(run.result["seconds"]["total"] for run in runs) / len(runs) / 60,
    )  # fmt: skip


def cells(slots: Sequence[Slot]) -> Iterator[Cell]:
    """The numbers of these slots, each with ours."""
    for slot in slots:
        for metric, printed in slot.row.values[slot.column.label].items():
            paper = slot.table.fraction(printed)
            score = slot.table.score(metric, slot.column)
            mean, std = slot.ours.scores.get(score, (None, None)) if slot.ours else (None, None)
            yield Cell(slot=slot, metric=metric, paper=paper, mean=mean, std=std, state=state_of(slot, paper, mean, std))


def state_of(slot: Slot, paper: float, mean: float | None, std: float | None) -> str:
    """One of `STATES`."""
    if slot.ours is None or mean is None:
        return "cannot be" if slot.absent else "under way" if slot.under_way else "not run"
    if not slot.ours.whole:
        return "part"
    return "reproduced" if mean + (std or 0.0) >= paper else "short"


def ask(store: RunStore, slots: Sequence[Slot], engine: Engine, load: Load | None = datasets.load) -> list[Run]:
    """Ask for what is missing, and go on with what was lost; returns the runs."""
    asked: list[Run] = []
    known: dict[str, KnownRuns] = {}
    for spec in (spec for slot in slots for spec in slot.missing):
        known.setdefault(spec.method, KnownRuns(store, spec.method, load))
        run = known[spec.method].like(spec) or known[spec.method].add(engine.submit(spec, tags=TAG, references=False))
        if run.status == Status.LOST:
            engine.resume(run.id)
        asked.append(run)
    return asked


def seconds_for(store: RunStore, slots: Sequence[Slot]) -> tuple[float, int]:
    """How long what is missing takes, one run after another, by runs of before; and how many runs nobody has timed."""
    total, unknown = 0.0, 0
    for slot in slots:
        if slot.missing:
            told = estimate(store, slot.missing[0], shape_of(slot.missing[0].data))
            measured = told.seconds
            if slot.ours is not None and told.measured_on is None:
                measured = slot.ours.minutes * 60
            total += (measured or 0.0) * len(slot.missing)
            unknown += len(slot.missing) if measured is None else 0
    return total, unknown

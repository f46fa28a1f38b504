"""What came out of a sweep: one row a run, to look at, to draw, and to write to a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import fsum, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from core.common import InvalidInput, atomic_write
from core.runs import Run, RunStore, Status
from core.sweeps.axes import SEED
from core.sweeps.cuts import ERROR, SECONDS, Cuts
from core.sweeps.designs import Setting, key_of
from core.sweeps.records import SweepRecord

MISSING = "missing"
LOSS = "loss."  # begins the name of a term of the objective, as it was at the last step
UNCUT = "to be read off C"  # its run is done, but nobody has read C under this setting yet
SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One run of a sweep: where it stands, what it reached, or why not."""

    run: str | None
    setting: Setting
    seed: int
    status: str
    scores: Mapping[str, float] = field(default_factory=dict)
    error: str = ""

    @property
    def failed(self) -> bool:
        return self.status == Status.FAILED

    @cached_property
    def but_for_seed(self) -> str:
        """The same text for rows whose settings differ in the seed alone."""
        return key_of({name: value for name, value in self.setting.items() if name != SEED})

    def flat(self) -> dict[str, Any]:
        """As one line of a table."""
        told = {name: "-".join(map(str, value)) if isinstance(value, tuple) else value for name, value in self.setting.items()}
        about = {"run": self.run, **told, SEED: self.seed, "status": self.status}
        return {**about, **self.scores, "error": self.error}


def table(store: RunStore, record: SweepRecord) -> list[Row]:
    """A row for each cell, in order; scores are those of the final epoch, its losses, and the seconds of the whole run."""
    there, last = store.some(record.runs), store.last_scalars(record.runs)
    rows = [_row(cell.setting, cell.seed, there.get(cell.run or ""), last.get(cell.run or "", {})) for cell in record.cells]
    if not record.cut:
        return rows
    cuts = Cuts(store.home, record.id)
    return [_cut(row, cuts.get(cell)) for row, cell in zip(rows, record.cells, strict=True)]


def _cut(row: Row, found: Mapping[str, Any] | None) -> Row:
    """A row whose scores are those of a cut of its run."""
    if row.status != Status.DONE:
        return row
    if found is None:
        return replace(row, status=UNCUT, scores={})
    error = found.get(ERROR, "")
    scores = {} if error else {**found["scores"], SECONDS: found[SECONDS]}
    return replace(row, status=str(Status.FAILED if error else Status.DONE), scores=scores, error=error)


def _row(setting: Setting, seed: int, run: Run | None, last: Mapping[str, float]) -> Row:
    if run is None:
        return Row(run=None, setting=setting, seed=seed, status=MISSING)
    scores = dict(run.result.get("metrics", {})) if run.status == Status.DONE else {}
    seconds = run.result.get("seconds", {}).get("total")
    error = run.error["message"] if run.error else ""
    if scores:
        losses = {LOSS + name: value for name, value in last.items() if name not in scores}
        scores |= ({} if seconds is None else {SECONDS: seconds}) | losses
    paused = run.request == "pause" and (run.held or run.away)  # elsewhere, nobody hears when it has come to that
    status = Status.PAUSED if paused else run.status
    return Row(run=run.id, setting=setting, seed=seed, status=str(status), scores=scores, error=error)


def statuses(rows: Sequence[Row]) -> Counter[str]:
    """How many runs stand where."""
    return Counter(row.status for row in rows)


def scored(rows: Sequence[Row]) -> list[str]:
    """The scores that any of the runs has, in the order in which they first appear."""
    return list(dict.fromkeys(name for row in rows for name in row.scores))


@dataclass(frozen=True)
class Spread:
    """A score over several seeds."""

    mean: float
    std: float
    values: tuple[float, ...]


def over_seeds(rows: Sequence[Row]) -> dict[str, Spread]:
    """Mean, standard deviation and values of every score that all finished rows have."""
    done = [row.scores for row in rows if row.scores]
    shared = [name for name in scored(rows) if all(name in scores for scores in done)]
    values = {name: tuple(float(scores[name]) for scores in done) for name in shared}
    return {name: Spread(float(np.mean(found)), float(np.std(found)), found) for name, found in values.items()}


def by_setting(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that differ in their seed alone, together."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.but_for_seed, []).append(row)
    return list(groups.values())


def seed_spread(rows: Sequence[Row], score: str) -> float | None:
    """The standard deviation over seeds, pooled over settings; None where no setting has two results."""
    groups = [[row.scores[score] for row in group if score in row.scores] for group in by_setting(rows)]
    several = [values for values in groups if len(values) > 1]
    freedom = sum(len(values) - 1 for values in several)
    return sqrt(sum(map(_squares, several)) / freedom) if freedom else None


def mean_of(values: Sequence[float]) -> float:
    """The mean of a few numbers. A page has hundreds of such means, and NumPy takes long to begin."""
    return fsum(values) / len(values)


def _squares(values: Sequence[float]) -> float:
    """Sum of squared differences to the mean."""
    mean = mean_of(values)
    return fsum((value - mean) ** 2 for value in values)


def export_table(rows: Sequence[Row], file: Path) -> None:
    """Write the rows as .csv or .parquet.

    Raises
    ------
    InvalidInput
        If the name of the file ends in another way.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise InvalidInput(f"A table is written to a file that ends in {' or '.join(SUFFIXES)}. Got {file.name!r}.")
    with atomic_write(file) as target:
        target.write(table_bytes(rows, file.suffix.lower()))


def table_bytes(rows: Sequence[Row], suffix: str) -> bytes:
    """The rows as the content of a file."""
    import io

    import pandas as pd

    frame = pd.DataFrame([row.flat() for row in rows])
    if suffix == ".csv":
        return frame.to_csv(index=False).encode()
    mixed = {str(name): frame[name].astype(str) for name in frame if _mixed(frame[name].tolist())}
    target = io.BytesIO()
    frame.assign(**mixed).to_parquet(target, index=False)
    return target.getvalue()


def _mixed(values: list[Any]) -> bool:
    """Whether a column holds text beside numbers, which Parquet has no type for."""
    kinds = {isinstance(value, str) for value in values if value is not None}
    return len(kinds) > 1

"""Choosing a setting without labels: what each score chooses, and what that costs where the labels are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.sweeps.designs import Setting
from core.sweeps.levels import settled
from core.sweeps.records import SweepRecord
from core.sweeps.table import Row

SHARED = ("pooled_silhouette", "stability", "relative_eigengap")  # the same measure for all, see `core.explore.unlabelled`
LABEL_FREE = (*SHARED, "silhouette", "block_diagonality")


@dataclass(frozen=True)
class Choice:
    """The setting that one score chooses.

    Attributes
    ----------
    by
        The score that chooses.
    setting
        What it chooses, by its mean over seeds.
    reached
        The score with labels there; None where there are none.
    cost
        How much less that is than the best by the labels; None where there are none.
    run
        One of its runs.
    """

    by: str
    setting: Setting
    reached: float | None
    cost: float | None
    run: str


def can_judge(record: SweepRecord) -> bool:
    """Whether the runs of a sweep can judge each other: they are of the same samples, and not cuts of one C."""
    return not record.cut and not any(axis.name.startswith("data.") for axis in record.sweep.axes)


def judged(rows: Sequence[Row], scores: Mapping[str, Mapping[str, float]]) -> list[Row]:
    """The rows with further scores of their runs, by run."""
    return [replace(row, scores={**row.scores, **scores.get(row.run or "", {})}) if row.scores else row for row in rows]


def choices(rows: Sequence[Row], labelled: str = "acc", label_free: Sequence[str] = LABEL_FREE) -> list[Choice]:
    """What each score chooses among the settings that have it: the labels where there are any, then those without.

    Where there are labels, only settings that they judge are offered, so that each choice has its price.
    """
    by_labels = {id(group[0]): mean for group, mean in settled(rows, labelled)}
    found = []
    for by in (labelled, *label_free):
        offered = [(group, mean) for group, mean in settled(rows, by) if not by_labels or id(group[0]) in by_labels]
        if not offered:
            continue
        group, _ = max(offered, key=lambda offer: offer[1])
        reached = by_labels.get(id(group[0]))
        cost = None if reached is None else max(by_labels.values()) - reached
        run = next(row.run or "" for row in group if row.scores)
        found.append(Choice(by, dict(group[0].setting), reached, cost, run))
    return found

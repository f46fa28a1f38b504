"""What labels buy: the setting that a score without labels would choose, beside the best by the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.sweeps.designs import Setting
from core.sweeps.levels import settled
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
        The score with labels there.
    cost
        How much less that is than the best by the labels.
    run
        One of its runs.
    """

    by: str
    setting: Setting
    reached: float
    cost: float
    run: str


def judged(rows: Sequence[Row], scores: Mapping[str, Mapping[str, float]]) -> list[Row]:
    """The rows with further scores of their runs, by run."""
    return [replace(row, scores={**row.scores, **scores.get(row.run or "", {})}) if row.scores else row for row in rows]


def what_labels_buy(rows: Sequence[Row], labelled: str = "acc", label_free: Sequence[str] = LABEL_FREE) -> list[Choice]:
    """The best by the labels, then the choice of each score without labels that the runs have; empty without labels."""
    labelled_means = {id(group[0]): mean for group, mean in settled(rows, labelled)}
    if not labelled_means:
        return []
    best, choices = max(labelled_means.values()), []
    for by in (labelled, *label_free):
        offered = [(group, mean) for group, mean in settled(rows, by) if id(group[0]) in labelled_means]
        if offered:
            group, _ = max(offered, key=lambda offer: offer[1])
            reached = labelled_means[id(group[0])]
            run = next(row.run or "" for row in group if row.scores)
            choices.append(Choice(by, dict(group[0].setting), reached, best - reached, run))
    return choices

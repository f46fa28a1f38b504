"""A score against one axis or two: means over seeds, their spread, and how many runs failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.sweeps.designs import key_of
from core.sweeps.table import Row, by_setting, mean_of, seed_spread


@dataclass(frozen=True)
class Level:
    """All runs with one value of an axis, or of two.

    Attributes
    ----------
    at
        The value of each axis.
    mean, std
        Of the score: the mean over all runs, and the deviation over seeds, pooled over whatever else varies. None
        without a result, or without two seeds.
    points
        Score and run of each result.
    failed
        How many runs have failed.
    """

    at: tuple[Any, ...]
    mean: float | None
    std: float | None
    points: tuple[tuple[float, str], ...]
    failed: int


def levels(rows: Sequence[Row], axes: Sequence[str], score: str) -> list[Level]:
    """The levels of one axis or two, by rising value."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row.setting[name] for name in axes), []).append(row)
    found = [_level(group, axes, score) for group in groups.values()]
    return sorted(found, key=lambda level: [_order(value) for value in level.at])


def _level(group: Sequence[Row], axes: Sequence[str], score: str) -> Level:
    with_result = [row for row in group if score in row.scores]
    return Level(
        at=tuple(group[0].setting[name] for name in axes),
        mean=mean_of([row.scores[score] for row in with_result]) if with_result else None,
        std=seed_spread(with_result, score),
        points=tuple((row.scores[score], row.run or "") for row in with_result),
        failed=sum(row.failed for row in group),
    )


def _order(value: Any) -> tuple[int, float, str]:
    """Numbers by size, then words; what is left to the data comes last."""
    if value is None:
        return 2, 0.0, ""
    if isinstance(value, int | float):
        return 0, float(value), ""
    if isinstance(value, tuple):  # sizes, by the numbers that they are
        return 1, 0.0, "-".join(f"{size:09d}" for size in value)
    return 1, 0.0, str(value)


@dataclass(frozen=True)
class Reach:
    """Between which settings a score lies, by its means over seeds, and its deviation over seeds (None with one seed)."""

    low: float
    lowest: Mapping[str, Any]
    high: float
    highest: Mapping[str, Any]
    seed_spread: float | None


def reach(rows: Sequence[Row], score: str) -> Reach | None:
    """How far a score goes over the settings; None for fewer than two that have it."""
    found = settled(rows, score)
    if len(found) < 2:
        return None
    (lowest, low), (highest, high) = (end(found, key=lambda each: each[1]) for end in (min, max))
    return Reach(low, lowest[0].setting, high, highest[0].setting, seed_spread(rows, score))


def around(rows: Sequence[Row], axis: str, base: Mapping[str, Any]) -> list[Row]:
    """The rows that differ from the base in one axis at most."""
    rest = key_of({name: value for name, value in base.items() if name != axis})
    return [row for row in rows if key_of({name: row.setting[name] for name in base if name != axis}) == rest]


def settled(rows: Sequence[Row], score: str) -> list[tuple[list[Row], float]]:
    """Settings all of whose finished runs have a score, and its mean over their seeds."""
    finished = [(group, [row.scores for row in group if row.scores]) for group in by_setting(rows)]
    known = [(group, done) for group, done in finished if done and all(score in scores for scores in done)]
    return [(group, mean_of([scores[score] for scores in done])) for group, done in known]

"""How much each axis matters, in points of the score, against how much the seed does.

A forest is fitted to a bootstrap of the runs and asked about those left out. Values of one axis are dealt out among them
anew, and what the squared error grows by is twice the variance of the score that depends on that axis, alone or together
with others (the total effect of Sobol's functional ANOVA). Its root is the effect: a standard deviation in the unit of the
score. On runs that were left out it goes to zero for an axis that does nothing, so "nothing matters" can be seen; and it
is never shared out to sum to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import InvalidInput
from core.sweeps.axes import SEED, Axis
from core.sweeps.table import Row, seed_spread

EVALUATOR = "forests on bootstraps of the runs, permutation on the runs left out"
FEWEST_RUNS = 8
BAGS = 30
TREES = 30
DEALS = 5


@dataclass(frozen=True)
class Effect:
    """What an axis does to the score, and between which values 90 % of the bootstraps have it."""

    axis: str
    effect: float
    low: float
    high: float


@dataclass(frozen=True)
class Importance:
    """The effects of all axes on one score, the deviation over seeds beside them (None with one seed), and the evaluator."""

    score: str
    effects: tuple[Effect, ...]
    seed_spread: float | None
    n_runs: int
    evaluator: str = EVALUATOR


def importance(rows: Sequence[Row], axes: Sequence[Axis], score: str, *, bags: int = BAGS, random_state: int = 0) -> Importance:
    """The effect of each axis on a score.

    Raises
    ------
    InvalidInput
        If too few runs have that score, or nothing is varied but the seed.
    """
    done = [row for row in rows if score in row.scores]
    varied = [axis for axis in axes if axis.name != SEED]
    if len(done) < FEWEST_RUNS or not varied:
        raise InvalidInput(
            f"What matters is told from at least {FEWEST_RUNS} runs with a {score} and one axis besides the seed. "
            f"Got {len(done)} runs and {len(varied)} axes."
        )
    X = np.column_stack([_numbers([row.setting[axis.name] for row in done], axis.log) for axis in varied])
    y = np.array([row.scores[score] for row in done])
    found = _bootstrapped(X, y, bags, np.random.default_rng(random_state))
    effects = [
        Effect(axis.name, _deviation(gains.mean()), *(_deviation(gain) for gain in np.quantile(gains, (0.05, 0.95))))
        for axis, gains in zip(varied, found.T, strict=True)
    ]
    return Importance(score, tuple(effects), seed_spread(done, score), len(done))


def _deviation(gain: float) -> float:
    """From what the squared error grows by to a standard deviation."""
    return float(np.sqrt(max(gain, 0.0) / 2))


def _bootstrapped(X: NDArray, y: NDArray, bags: int, rng: np.random.Generator) -> NDArray:
    """What the squared error on the runs left out grows by: (bags, axes)."""
    from sklearn.ensemble import RandomForestRegressor

    gains: list[list[float]] = []
    while len(gains) < bags:
        bag = rng.integers(len(X), size=len(X))
        out = np.setdiff1d(np.arange(len(X)), bag)
        if len(out) < 2:
            continue  # rare, and of few runs only
        forest = RandomForestRegressor(TREES, random_state=int(rng.integers(2**31))).fit(X[bag], y[bag])
        gains.append(_grown(forest, X[out], y[out], rng))
    return np.array(gains)


def _grown(forest: Any, X: NDArray, y: NDArray, rng: np.random.Generator) -> list[float]:
    """What the squared error grows by when one column after the other is dealt out anew."""
    dealt = []
    for column in range(X.shape[1]):
        for _ in range(DEALS):
            moved = X.copy()
            moved[:, column] = rng.permutation(X[:, column])
            dealt.append(moved)
    told = forest.predict(np.concatenate([X, *dealt])).reshape(-1, len(X))
    errors = ((told - y) ** 2).mean(axis=1)
    return (errors[1:].reshape(X.shape[1], DEALS).mean(axis=1) - errors[0]).tolist()


def _numbers(values: Sequence[Any], log: bool) -> NDArray:
    """Values of an axis as numbers: powers of ten where it is one of these, places in the order of appearance for words."""
    if all(isinstance(value, int | float) for value in values):
        numbers = np.array(values, dtype=float)
        return np.log10(numbers) if log and (numbers > 0).all() else numbers
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    return np.array([places[value] for value in values], dtype=float)

"""A sweep: a base run, what is varied around it, how, and over which seeds; and the runs that it stands for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from core import datasets, methods, runs
from core.common import InvalidInput
from core.datasets import Dataset, DataSpec
from core.runs import RunSpec
from core.sweeps import designs
from core.sweeps.axes import SEED, Axis, changed, sweepable, value_of
from core.sweeps.designs import Setting

MAX_RUNS = 1000
MAX_AXES = 4
DESIGNS = ("one", "grid", "random", "sobol")
POINTS = 16
DATA_KEPT = 2  # data sets in memory while settings are checked
Load = Callable[[DataSpec], Dataset]


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What to sweep.

    Attributes
    ----------
    base
        The run around which things are varied.
    axes
        What is varied; without any, a sweep is one setting over several seeds.
    design
        ``one`` at a time around the base, ``grid``, ``random`` or ``sobol``.
    seeds
        Every setting is run with each of them.
    points
        How many settings a random or Sobol design tries; `drawn_from` is the seed of that draw.
    name
        For people.
    """

    base: RunSpec
    axes: tuple[Axis, ...] = ()
    design: str = "grid"
    seeds: tuple[int, ...] = (0,)
    points: int = POINTS
    drawn_from: int = 0
    name: str = ""

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain data."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Sweep:
        """The inverse of `to_dict`; hyperparameters that are newer than what is read have their defaults."""
        axes, base = tuple(Axis.from_dict(axis) for axis in plain["axes"]), RunSpec.from_dict(plain["base"])
        base = dataclasses.replace(base, params=methods.completed(base.method, base.params))
        return cls(**{**plain, "base": base, "axes": axes, "seeds": tuple(plain["seeds"])})


def settings(sweep: Sweep) -> list[Setting]:
    """The settings of the axes, each to be run with every seed.

    Raises
    ------
    InvalidInput
        If the sweep is too large, or contradicts itself.
    """
    _demand_sense(sweep)
    if sweep.design == "one":
        return designs.one_at_a_time(sweep.axes, {axis.name: value_of(sweep.base, axis.name) for axis in sweep.axes})
    if sweep.design == "grid" or not sweep.axes:
        return designs.grid(sweep.axes)
    return designs.DRAWN[sweep.design](sweep.axes, sweepable(sweep.base.method), sweep.points, sweep.drawn_from)


def _demand_sense(sweep: Sweep) -> None:
    names = [axis.name for axis in sweep.axes]
    if len(names) > MAX_AXES or len(set(names)) < len(names):
        raise InvalidInput(f"A sweep has at most {MAX_AXES} axes, each once. Got {', '.join(names)}.")
    if sweep.design not in DESIGNS:
        raise InvalidInput(f"The design of a sweep must be one of {', '.join(DESIGNS)}. Got {sweep.design!r} instead.")
    whole = [seed for seed in sweep.seeds if isinstance(seed, int) and 0 <= seed <= runs.MAX_SEED]
    if not sweep.seeds or len(set(whole)) < len(sweep.seeds):
        raise InvalidInput(f"The seeds must be different integers in [0, {runs.MAX_SEED}], at least one. Got {sweep.seeds}.")
    if SEED in names and len(sweep.seeds) > 1:
        raise InvalidInput(f"The seed is an axis already. Got {len(sweep.seeds)} seeds for each setting as well.")
    if not 1 <= sweep.points <= MAX_RUNS:
        raise InvalidInput(f"A random or Sobol design tries 1 to {MAX_RUNS} settings. Got {sweep.points}.")
    size = size_of(sweep)
    if size > MAX_RUNS:
        raise InvalidInput(f"A sweep has at most {MAX_RUNS} runs. Got {size:,}: take fewer values, axes or seeds.")


def size_of(sweep: Sweep) -> int:
    """How many runs a design makes at most, told without listing them."""
    counts = [len(axis.values) for axis in sweep.axes]
    if sweep.design == "one":
        return (1 + sum(counts)) * len(sweep.seeds)
    if sweep.design in designs.DRAWN and sweep.axes:
        return sweep.points * len(sweep.seeds)
    total = len(sweep.seeds)
    for count in counts:
        total *= count
    return total


@dataclass(frozen=True)
class Cell:
    """One run of a sweep: its setting and seed, and the run in the store that is it, once there is one."""

    setting: Setting
    seed: int
    run: str | None = None

    def spec(self, base: RunSpec) -> RunSpec:
        """The spec of its run."""
        return changed(base, {SEED: self.seed, **self.setting})


def plan(sweep: Sweep, load: Load = datasets.load) -> list[Cell]:
    """The runs of a sweep, each checked against its data, so that nothing is started that could not go on.

    Raises
    ------
    InvalidInput
        If a value, or a method on its data, cannot be used.
    """
    found, load = settings(sweep), lru_cache(maxsize=DATA_KEPT)(load)
    for setting in found:
        spec = changed(sweep.base, setting)
        try:
            runs.check(dataclasses.replace(spec, device="cpu"), load(spec.data))
        except InvalidInput as error:
            told = ", ".join(f"{name} = {value}" for name, value in setting.items())
            raise InvalidInput(f"{told}: {error}" if told else str(error)) from error
    seeds = (None,) if any(axis.name == SEED for axis in sweep.axes) else sweep.seeds
    return [Cell(setting, setting[SEED] if seed is None else seed) for setting in found for seed in seeds]

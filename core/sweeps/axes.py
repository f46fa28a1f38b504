"""What a sweep varies: a hyperparameter, the seed, or how many classes or samples or how much noise the data have.

An axis is written as on the command line: ``alpha=0.1,1,10`` lists values, ``alpha=0.1:10:5:log`` spaces five of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core import methods
from core.common import Param, ParameterError, UnknownName
from core.datasets import MAX_NOISE
from core.runs import MAX_SEED, RunSpec

SEED = "seed"
AROUND_K = (0.5, 0.75, 1, 1.5, 2)
SPACED = 5  # values of a range that does not say how many
MOST_VALUES = 1000
NUMERIC = ("real", "integer")
DATA = "data."


def _of_data(name: str, symbol: str, help: str, low: int, soft: tuple[int, int]) -> Param:
    return Param(
        name=DATA + name, kind="integer", default=None, optional=True, symbol=symbol, help=help, low=low, high=10**7, soft=soft,
        none_means="all",
    )  # fmt: skip


_SEED_AXIS = Param(name=SEED, kind="integer", default=0, symbol="s", help="Seed of the run.", low=0, high=MAX_SEED, soft=(0, 4))
DATA_AXES = (
    _of_data("n_classes", "K_y", "How many classes of the data, from the first.", 2, (2, 10)),
    _of_data("per_class", "n_k", "Samples of each class.", 1, (10, 100)),
    _of_data("n_samples", "n", "Samples in all.", 4, (200, 1000)),
    Param(
        name="data.noise", kind="real", default=0.0, symbol=r"\sigma", help="Deviation of the noise on every value.",
        low=0, high=MAX_NOISE, soft=(0, 0.4),
    ),
)  # fmt: skip


def sweepable(method: str) -> dict[str, Param]:
    """All that can be varied with a method, by name: its hyperparameters, those of the data, the seed."""
    declared = dict(methods.method_class(method).declared())
    del declared["random_state"]  # of a run it is the seed
    return {**declared, **{param.name: param for param in DATA_AXES}, SEED: _SEED_AXIS}


@dataclass(frozen=True)
class Axis:
    """One thing that is varied.

    Attributes
    ----------
    name
        As in `sweepable`.
    values
        What a grid, or one at a time, takes: checked, in order, each once.
    between
        Where a random design may draw from; it draws among `values` if there is none.
    log
        Whether that is drawn, and shown, by powers of ten.
    recommended
        The range that a paper recommends.
    """

    name: str
    values: tuple[Any, ...]
    between: tuple[float, float] | None = None
    log: bool = False
    recommended: tuple[float, float] | None = None

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Axis:
        values = tuple(tuple(value) if isinstance(value, list) else value for value in plain["values"])
        between, recommended = (
            None if ends is None else (ends[0], ends[1]) for ends in map(plain.get, ("between", "recommended"))
        )
        return cls(plain["name"], values, between, plain["log"], recommended)


def parse_axis(method: str, text: str) -> Axis:
    """Read ``name=v1,v2,...`` or ``name=low:high[:count][:log]``.

    Raises
    ------
    InvalidInput
        If there is no such thing to vary, or a value is out of bounds or of another type.
    """
    name, equals, written = (part.strip() for part in text.partition("="))
    if not equals or not written:
        raise ParameterError(f"An axis is written NAME=V1,V2,... or NAME=LOW:HIGH[:COUNT][:log]. Got {text!r} instead.")
    known = sweepable(method)
    if name not in known:
        raise UnknownName(f"axis for {method}", name, known)
    param = known[name]
    if ":" in written:
        return _range(param, written, method)
    values = [param.parse(part, method) for part in written.split(",")]
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    log = param.log and len(numbers) == len(values) and min(numbers) > 0
    return Axis(name, tuple(dict.fromkeys(values)), None, log)


def _range(param: Param, written: str, method: str) -> Axis:
    """Values at equal steps, of the number or of its power of ten."""
    if param.kind not in NUMERIC:
        raise ParameterError(f"{param.name!r} is {param.allowed}, so it has no range: list its values. Got {written!r}.")
    parts = written.lower().split(":")
    log = parts[-1] == "log" or (param.log and parts[-1] != "linear")
    ends = parts[:-1] if parts[-1] in ("log", "linear") else parts
    if len(ends) not in (2, 3) or (len(ends) == 3 and not ends[2].strip().isdecimal()):
        raise ParameterError(
            f"A range of {param.name!r} is written LOW:HIGH[:COUNT][:log or :linear]. Got {written!r} instead."
        )
    low, high = (param.parse(end, method) for end in ends[:2])
    count = int(ends[2]) if len(ends) == 3 else SPACED
    if low is None or high is None or not low < high or not 2 <= count <= MOST_VALUES:
        raise ParameterError(
            f"A range of {param.name!r} goes up from LOW to HIGH in 2 to {MOST_VALUES} values. Got {written!r} instead."
        )
    if log and low <= 0:
        raise ParameterError(f"A range by powers of ten begins above 0. Got {written!r} for {param.name!r}.")
    spaced = np.geomspace(low, high, count) if log else np.linspace(low, high, count)
    return Axis(param.name, tuple(dict.fromkeys(rounded(param, value) for value in spaced)), (low, high), log)


def rounded(param: Param, value: float) -> int | float:
    """A value of a range as its parameter takes it: whole, or to six digits, so that it can be read and typed."""
    return round(value) if param.kind == "integer" else float(f"{value:.6g}")


def proposed(param: Param, start: Any, n_classes: int | None = None) -> str:
    """Values to begin with, as text: around the range that its slider shows, or all that it can be; half to twice of K."""
    if param.name == "n_clusters" and (K := start or n_classes):
        return ",".join(map(str, sorted({max(2, round(share * K)) for share in AROUND_K})))
    if param.kind == "flag":
        return "true, false"
    if param.kind == "choice":
        return ", ".join(param.choices)
    if param.kind == "sizes" or param.soft is None:
        return "" if start is None else "-".join(map(str, start))
    low, high = param.soft
    whole = param.kind == "integer"
    count = int(min(SPACED, high - low + 1)) if whole else SPACED
    return f"{low:g}:{high:g}:{count}" + (":log" if param.log and low > 0 else "")


def value_of(spec: RunSpec, name: str) -> Any:
    """What a spec has where an axis would vary it."""
    if name == SEED:
        return spec.seed
    return getattr(spec.data, name.removeprefix(DATA)) if name.startswith(DATA) else spec.params.get(name)


def changed(spec: RunSpec, settings: Mapping[str, Any]) -> RunSpec:
    """A spec with other values on some axes, which have been checked; around a branch, whole runs of its values."""
    data = {name.removeprefix(DATA): value for name, value in settings.items() if name.startswith(DATA)}
    params = {name: value for name, value in settings.items() if not name.startswith(DATA) and name != SEED}
    return dataclasses.replace(
        spec, data=dataclasses.replace(spec.data, **data), params={**spec.params, **params},
        seed=settings.get(SEED, spec.seed), branch=None,
        modified=spec.modified or any(spec.params.get(name) != value for name, value in params.items() if name != "n_clusters"),
    )  # fmt: skip

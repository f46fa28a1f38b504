"""Which settings a sweep tries: one thing at a time around the base, all combinations, or points that fill the space."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import Param
from core.sweeps.axes import Axis, rounded

Setting = dict[str, Any]
"""A value for each axis, by name."""


def key_of(setting: Mapping[str, Any]) -> str:
    """The same text for equal settings, whether fresh or read from a file."""
    return json.dumps(setting, sort_keys=True)


def one_at_a_time(axes: Sequence[Axis], base: Setting) -> list[Setting]:
    """The base, then each axis through its values while all others stay."""
    return _once([base, *({**base, axis.name: value} for axis in axes for value in axis.values)])


def grid(axes: Sequence[Axis]) -> list[Setting]:
    """Every combination of values; the last axis changes first."""
    names = [axis.name for axis in axes]
    return _once(dict(zip(names, values, strict=True)) for values in itertools.product(*(axis.values for axis in axes)))


def random(axes: Sequence[Axis], declared: Mapping[str, Param], n: int, seed: int) -> list[Setting]:
    """Points drawn uniformly from what the axes allow."""
    return _drawn(axes, declared, np.random.default_rng(seed).random((n, len(axes))))


def sobol(axes: Sequence[Axis], declared: Mapping[str, Param], n: int, seed: int) -> list[Setting]:
    """The first points of a scrambled Sobol sequence, which leave smaller gaps than random ones."""
    from scipy.stats import qmc

    sequence = qmc.Sobol(len(axes), rng=np.random.default_rng(seed))
    return _drawn(axes, declared, sequence.random_base2(max(0, (n - 1).bit_length()))[:n])


DRAWN: Mapping[str, Callable[[Sequence[Axis], Mapping[str, Param], int, int], list[Setting]]] = {
    "random": random,
    "sobol": sobol,
}


def _drawn(axes: Sequence[Axis], declared: Mapping[str, Param], unit: NDArray) -> list[Setting]:
    """Points of the unit cube (n, axes) as settings."""
    return _once({axis.name: _at(axis, declared[axis.name], u) for axis, u in zip(axes, row)} for row in unit.tolist())


def _at(axis: Axis, param: Param, u: float) -> Any:
    """The value a share `u` of the way along an axis."""
    if axis.between is None:
        return axis.values[min(int(u * len(axis.values)), len(axis.values) - 1)]
    low, high = axis.between
    return rounded(param, low * (high / low) ** u if axis.log else low + u * (high - low))


def _once(settings: Iterable[Setting]) -> list[Setting]:
    """Each setting once, in the order in which they first appear."""
    return list({key_of(setting): setting for setting in settings}.values())

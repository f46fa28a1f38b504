"""The columns of a table as readers hand them over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.datasets.labels import Coded
from core.datasets.names import simple

_YES_NO = ({"yes", "no"}, {"true", "false"}, {"y", "n"}, {"t", "f"})


@dataclass(frozen=True, eq=False)
class Numbers:
    """A column of numbers, (n,), or (n, k) where each cell is a list; missing ones are NaN."""

    values: NDArray[Any]


@dataclass(frozen=True)
class Unusable:
    """A column that can be no feature: why, as ``Column 'b' <why>``; `broken` where a few cells of a numeric one are."""

    why: str
    broken: bool = False


@dataclass(frozen=True)
class Prose:
    """A column of texts that become features: one for each sample, empty where there is none."""

    texts: Sequence[str]


Cells = Numbers | Coded | Prose | Unusable


@dataclass(frozen=True, eq=False)
class Table:
    """Columns by name in their order, and what was said while they were read."""

    columns: Mapping[str, Cells]
    n: int
    notes: tuple[str, ...] = ()


def is_yes_no(cells: Cells) -> bool:
    """Whether a text column says nothing but yes and no."""
    return (
        isinstance(cells, Coded)
        and 0 < len(cells.names) <= 2
        and any({simple(n) for n in cells.names} <= said for said in _YES_NO)
    )


def as_numbers(cells: Coded) -> NDArray[Any] | Coded:
    """Labels that are all written as numbers, as numbers: they are sorted as such."""
    if not cells.names or not all(is_number(name) for name in cells.names):
        return cells
    values = np.array([*(float(name) for name in cells.names), np.nan])
    found: NDArray[Any] = values[cells.codes]
    return found


def is_number(text: str) -> bool:
    """Whether a cell is a finite number as people write it."""
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False

"""Which values are black and white: what is found in a file decides, unless the user does.

Eight-bit values span 0 to 255 and fractions 0 to 1, whatever part of it they use, as long as it is at least half: pictures
keep their exposure, and the same pictures come out the same from any container. Values that use less were never meant to
span all of it (digits in 0..16, masks in 0..1, a faint signal in 0..1e-7), and what they use is their range.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Range = tuple[float, float]
_LEAST = 0.5
_PIECE = 2**20


def found_range(X: NDArray[Any]) -> Range:
    """The smallest and the largest value."""
    return float(X.min()), float(X.max())


def used_range(X: NDArray[Any], *, images: bool, given: Range | None = None) -> Range:
    """The range that becomes 0..1."""
    if given is not None:
        return given
    low, high = found_range(X)
    nominal = _nominal(X, low, high, images)
    if nominal is not None and high - low >= _LEAST * (nominal[1] - nominal[0]):
        return nominal
    return (low, high) if low < high else (0.0, max(abs(high), 1.0))


def _nominal(X: NDArray[Any], low: float, high: float, images: bool) -> Range | None:
    if low < 0:
        return None
    if high <= 1:
        return 0.0, 1.0
    eight_bit = images and high <= 255 and (X.dtype == np.uint8 or _whole(X))
    return (0.0, 255.0) if eight_bit else None


def of_another_scale(X: NDArray[Any], model: Range) -> bool:
    """Whether new values are fractions where those of a model are counted in more than ones, or the reverse."""
    low, high = found_range(X)
    if low < 0 or low == high == 0 or model[0] < 0:
        return False
    fractions = high <= 1 and X.dtype != np.uint8
    if model[1] > 2:
        return fractions and (model[1] > 16 or not _whole(X))
    return high > 2 and model == (0.0, 1.0)


def range_words(X: NDArray[Any], used: Range, given: Range | None) -> str:
    """What was found and what is used."""
    low, high = found_range(X)
    if given == (0.0, 1.0):
        return f"Values from {low:g} to {high:g} are used as they are."
    why = "as chosen" if given is not None else "found" if used == (low, high) else "as such values span it"
    return f"Values from {low:g} to {high:g}; the range {used[0]:g} to {used[1]:g} ({why}) becomes 0 to 1."


def _whole(X: NDArray[Any]) -> bool:
    """Whether every value is a whole number, looked at in pieces."""
    rows = max(1, _PIECE // X.shape[1])
    pieces = (X[start : start + rows] for start in range(0, len(X), rows))
    return all(bool((piece == np.floor(piece)).all()) for piece in pieces)

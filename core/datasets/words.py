"""Labels that MATLAB stores as characters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.checks import MAX_CLASSES
from core.datasets.labels import Coded


def rows_of_text(codes: NDArray[Any]) -> Coded:
    """The rows of a matrix of characters as words."""
    found, places = np.unique(codes, axis=0, return_inverse=True)
    names = ["".join(chr(int(code)) for code in row).strip() for row in found[: MAX_CLASSES + 1]]
    return coded(names, places.reshape(-1))


def coded(names: list[str], places: NDArray[Any]) -> Coded:
    """Labels by place in a list of names, of which two may be equal."""
    if len(names) > MAX_CLASSES:
        raise DataError(f"The labels name more than {MAX_CLASSES} classes; at most {MAX_CLASSES} are allowed.")
    different = sorted(set(names))
    to = np.array([different.index(name) for name in names], np.int64)
    return Coded(to[places], different)


def coded_words(words: list[str]) -> Coded:
    """Labels that are given as words, each sample its own."""
    different = sorted(set(words))
    place = {word: number for number, word in enumerate(different)}
    return Coded(np.array([place[word] for word in words], np.int64), different)

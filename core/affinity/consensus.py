"""One affinity of several: what they agree on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from core.common import DataError

EXPONENT = 0.1
"""Nearly the geometric mean, which any single zero would erase. Chosen with the labels of ORL and MNIST-1000."""


def consensus_affinity(affinities: Iterable[Any], exponent: float = EXPONENT) -> Any:
    r"""The power mean of R affinities of the same samples.

    .. math:: M_{ij} = \Bigl( \tfrac{1}{R} \sum_r (a^{(r)}_{ij} / \max a^{(r)})^p \Bigr)^{1/p}

    With p = 1 a pair that one of them joins strongly stays joined; with a small p it takes most of them.

    Parameters
    ----------
    affinities
        Each (n, n), dense or sparse, not negative; one at a time is held.
    exponent
        p, above 0.

    Returns
    -------
    (n, n) array, sparse if all are
        Entries between 0 and 1.

    Raises
    ------
    DataError
        If there is none, one joins no pair at all, or their sizes differ.
    """
    total: Any = None
    count = 0
    for count, A in enumerate(affinities, start=1):
        largest = float(np.abs(A).max())
        if largest == 0:
            raise DataError(f"Affinity {count} is zero everywhere, so there is nothing to agree on.")
        if total is not None and total.shape != A.shape:
            raise DataError(f"Affinities must be of the same samples. Got {total.shape[0]:,} and {A.shape[0]:,}.")
        share = _power(np.abs(A) / largest, exponent)
        total = share if total is None else total + share
    if total is None:
        raise DataError("A consensus needs at least one affinity. Got none.")
    return _power(total / count, 1 / exponent)


def _power(A: Any, exponent: float) -> Any:
    return A**exponent if isinstance(A, np.ndarray) else A.power(exponent)

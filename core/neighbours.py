"""Nearest neighbours among given samples, in chunks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def nearest_of(Z: NDArray, fitted: NDArray) -> NDArray[np.int64]:
    """For each row of Z (n, d) the index of the Euclidean-nearest row of `fitted` (s, d), in float64 on ties of rounding.

    A row that is itself among `fitted` finds itself (or an equal one).
    """
    from sklearn.metrics import pairwise_distances_argmin

    nearest = pairwise_distances_argmin(np.ascontiguousarray(Z), np.ascontiguousarray(fitted))
    return np.asarray(nearest, dtype=np.int64)

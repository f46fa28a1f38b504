"""Nearest neighbours among given samples, in chunks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from core.common import ParameterError


def nearest_of(Z: NDArray, fitted: NDArray) -> NDArray[np.int64]:
    """For each row of Z (n, d) the index of the Euclidean-nearest row of `fitted` (s, d), in float64 on ties of rounding.

    A row that is itself among `fitted` finds itself (or an equal one).
    """
    from sklearn.metrics import pairwise_distances_argmin

    nearest = pairwise_distances_argmin(np.ascontiguousarray(Z), np.ascontiguousarray(fitted))
    return np.asarray(nearest, dtype=np.int64)


EXACT_LIMIT = 20_000  # samples up to which all pairs are compared: 400 million distances
_CELL = 512  # samples in a cell, on average
_PROBED = 16  # cells that a sample's neighbours are looked for in; finds 19 of the 20 nearest on MNIST (70,000)
_CHUNK_ENTRIES = 4_000_000


def nearest_neighbors(Z: NDArray, k: int, *, random_state: int = 0) -> NDArray[np.int64]:
    """The k Euclidean-nearest other samples of each row of Z, in no particular order; memory grows with n only.

    Up to `EXACT_LIMIT` samples all pairs are compared, in float32. Beyond, samples are put into the cells of a coarse
    k-means, and those of a cell are compared with the samples of the nearest cells alone: time grows like n^1.5 instead
    of n^2, and a few far neighbours out of twenty are missed.

    Returns
    -------
    (n, k) int64
    """
    Z = np.asarray(Z, dtype=np.float32).reshape(len(Z), -1)
    Z = Z - Z.mean(axis=0)
    n = len(Z)
    if not 1 <= k <= n - 1:
        raise ParameterError(f"The number of neighbours must be between 1 and n - 1 = {n - 1}. Got {k} instead.")
    squares = np.einsum("ij,ij->i", Z, Z)
    found = np.empty((n, k), dtype=np.int64)
    if n <= EXACT_LIMIT:
        chunk = max(1, _CHUNK_ENTRIES // n)
        for start in range(0, n, chunk):
            rows = np.arange(start, min(start + chunk, n))
            found[rows] = _nearest_among(Z, squares, rows, np.arange(n), k)
        return found
    for members, pool in _cells(Z, k, random_state):
        chunk = max(1, _CHUNK_ENTRIES // len(pool))
        for start in range(0, len(members), chunk):
            rows = members[start : start + chunk]
            found[rows] = _nearest_among(Z, squares, rows, pool, k)
    return found


def _nearest_among(Z: NDArray, squares: NDArray, rows: NDArray, pool: NDArray, k: int) -> NDArray:
    """The k nearest of `pool`, sorted indices that contain `rows`, to each of `rows`, itself left out."""
    whole = len(pool) == len(Z)
    distances = Z[rows] @ (Z if whole else Z[pool]).T
    distances *= -2
    distances += squares if whole else squares[pool]  # the row's own norm does not change its order
    distances[np.arange(len(rows)), np.searchsorted(pool, rows)] = np.inf
    return pool[np.argpartition(distances, k - 1, axis=1)[:, :k]]


def _cells(Z: NDArray, k: int, random_state: int) -> Iterator[tuple[NDArray, NDArray]]:
    """The samples of each cell, and those among which their neighbours are looked for."""
    from sklearn.cluster import KMeans

    count = len(Z) // _CELL
    cells = KMeans(count, init="random", n_init=1, max_iter=5, random_state=random_state).fit(Z)
    centres, home = cells.cluster_centers_, cells.labels_
    order = np.argsort(home, kind="stable")
    groups = np.split(order, np.searchsorted(home[order], np.arange(1, count)))
    squares = np.einsum("ij,ij->i", centres, centres)
    for cell, members in enumerate(groups):
        if not len(members):
            continue
        near, probed = np.argsort(squares - 2 * centres @ centres[cell], kind="stable"), _PROBED
        pool = np.sort(np.concatenate([groups[c] for c in {cell, *near[:probed].tolist()}]))
        while len(pool) <= k:
            probed *= 2
            pool = np.sort(np.concatenate([groups[c] for c in {cell, *near[:probed].tolist()}]))
        yield members, pool

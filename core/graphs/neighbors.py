"""Nearest neighbours by Euclidean distance: one search, in blocks, so that memory never grows with the square of anything."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from core.common import ParameterError

CHUNK_ENTRIES = 4_000_000  # distances held at a time: 32 MB in float64


def squared_distances(
    X: NDArray, pool: NDArray, *, centre: NDArray | None = None, relative: bool = False, chunk: int | None = None
) -> Iterator[tuple[slice, NDArray]]:
    """Blocks of rows of the squared distances of samples X (q, d) to those of a pool (p, d).

    They are computed from norms and products, in the precision of the samples, and rounding may leave less than nothing of
    a small one. Whoever takes a block may write into it.

    Parameters
    ----------
    centre : (d,), optional
        Where samples are counted from: amid them, distances lose fewer digits.
    relative
        Leave out the squared norm of the row's own sample, which does not change the order of its distances.
    chunk
        Rows of a block, if not as many as make `CHUNK_ENTRIES`.
    """
    pool = pool if centre is None else pool - centre
    squares = np.einsum("ij,ij->i", pool, pool)
    chunk = chunk or max(1, CHUNK_ENTRIES // len(pool))
    for start in range(0, len(X), chunk):
        rows = slice(start, min(start + chunk, len(X)))
        part = X[rows] if centre is None else X[rows] - centre
        distances = part @ pool.T
        distances *= -2
        if not relative:
            distances += np.einsum("ij,ij->i", part, part)[:, None]
        distances += squares
        yield rows, distances


def smallest(distances: NDArray, k: int, *, ordered: bool = False) -> tuple[NDArray[np.int64], NDArray]:
    """Columns and values of the k smallest entries of each row, the smallest first if `ordered`."""
    columns = np.argpartition(distances, k - 1, axis=1)[:, :k]
    values = np.take_along_axis(distances, columns, axis=1)
    if ordered:
        order = np.argsort(values, axis=1, kind="stable")
        columns, values = (np.take_along_axis(part, order, axis=1) for part in (columns, values))
    return columns, values


def nearest_of(Z: NDArray, fitted: NDArray) -> NDArray[np.int64]:
    """For each row of Z (n, d) the index of the nearest row of `fitted` (s, d).

    A row that is itself among `fitted` finds itself (or an equal one), however near others are: scikit-learn compares in
    float64 without a copy of all samples in float64, which `squared_distances` would need.
    """
    from sklearn.metrics import pairwise_distances_argmin

    nearest = pairwise_distances_argmin(np.ascontiguousarray(Z), np.ascontiguousarray(fitted))
    return np.asarray(nearest, dtype=np.int64)


def nearest_among(X: NDArray, pool: NDArray, k: int) -> NDArray[np.int64]:
    """The k nearest rows of `pool` (p, d) to each row of X (q, d), in no particular order; (q, k)."""
    return np.concatenate([smallest(distances, k)[0] for _, distances in squared_distances(X, pool, relative=True)])


EXACT_LIMIT = 20_000  # samples up to which all pairs are compared: 400 million distances
_CELL = 512  # samples in a cell, on average
_PROBED = 16  # cells that a sample's neighbours are looked for in; finds 19 of the 20 nearest on MNIST (70,000)


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
    found = np.empty((n, k), dtype=np.int64)
    everyone = np.arange(n)
    for members, pool in [(everyone, everyone)] if n <= EXACT_LIMIT else _cells(Z, k, random_state):
        for rows, distances in squared_distances(Z[members], Z[pool], relative=True):
            block = members[rows]
            distances[np.arange(len(block)), np.searchsorted(pool, block)] = np.inf
            found[block] = pool[smallest(distances, k)[0]]
    return found


def ordered_neighbors(Z: NDArray, k: int, *, random_state: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k nearest others of each row as `nearest_neighbors` finds them, the nearest first, and how far they are."""
    Z = np.asarray(Z, dtype=np.float32).reshape(len(Z), -1)
    found = nearest_neighbors(Z, k, random_state=random_state)
    distances = np.empty(found.shape, dtype=np.float32)
    chunk = max(1, CHUNK_ENTRIES // (k * Z.shape[1]))
    for start in range(0, len(Z), chunk):
        rows = slice(start, start + chunk)
        distances[rows] = np.linalg.norm(Z[found[rows]] - Z[rows, None], axis=2)
    order = np.argsort(distances, axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1), np.take_along_axis(distances, order, axis=1)


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

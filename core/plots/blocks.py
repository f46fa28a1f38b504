"""Ordering and shrinking of affinity matrices, so that their blocks can be seen and sent."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, issparse


def cluster_order(labels: ArrayLike) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Order that puts the samples of a cluster together.

    Returns
    -------
    order : (n,)
        Sample indices, cluster by cluster, in their own order within each.
    borders : (n_clusters - 1,)
        Positions in `order` where a new cluster begins.
    """
    labels = np.asarray(labels).ravel()
    order = np.argsort(labels, kind="stable")
    borders = np.flatnonzero(np.diff(labels[order])) + 1
    return order, borders


def block_mean(A: Any, order: NDArray[np.intp], pixels: int, columns: NDArray[np.intp] | None = None) -> NDArray[np.float32]:
    """Mean of A[order][:, columns] over a grid of at most `pixels` x `pixels` blocks.

    Parameters
    ----------
    A : (n, n)
        Dense or SciPy sparse.
    order : (r,)
    pixels : int
        Side of the result when there are more; a smaller matrix is returned as it is.
    columns : (c,)
        The same as the rows by default.
    """
    columns = order if columns is None else columns
    sparse: bool = issparse(A)
    if sparse:
        down, across = (_block_rows(picked, A.shape[0], pixels) for picked in (order, columns))
        return np.asarray((down @ A @ across.T).toarray(), dtype=np.float32)
    if max(len(order), len(columns)) <= pixels:
        return np.asarray(A[np.ix_(order, columns)], dtype=np.float32)
    first, second = (_edges(len(picked), pixels)[:-1] for picked in (order, columns))
    rows = np.add.reduceat(np.asarray(A[order], dtype=np.float32), first, axis=0)
    sums = np.add.reduceat(rows[:, columns], second, axis=1)
    counts = [np.diff(np.append(edges, len(picked))) for edges, picked in ((first, order), (second, columns))]
    return np.asarray(sums / np.outer(*counts).astype(np.float32), dtype=np.float32)


def factor_block_mean(
    B: Any, order: NDArray[np.intp], pixels: int, columns: NDArray[np.intp] | None = None
) -> NDArray[np.float32]:
    """`block_mean` of B B^T for a factor B (n, p), dense or sparse: the product is never formed."""
    picked = (order, order if columns is None else columns)
    down, across = (_block_rows(samples, B.shape[0], pixels) @ B for samples in picked)
    picture = down @ across.T
    sparse: bool = issparse(picture)
    return np.asarray(picture.toarray() if sparse else picture, dtype=np.float32)


def _edges(n: int, pixels: int) -> NDArray[np.intp]:
    return np.linspace(0, n, min(pixels, n) + 1).astype(np.intp)


def _block_rows(order: NDArray[np.intp], n: int, pixels: int) -> csr_array:
    """(blocks, n) weights that take the mean over each of at most `pixels` runs of the ordered samples."""
    edges = _edges(len(order), pixels)
    counts = np.diff(edges)
    return csr_array((np.repeat(1 / counts, counts), order, edges), shape=(len(counts), n))

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


def block_mean(A: Any, order: NDArray[np.intp], pixels: int) -> NDArray[np.float32]:
    """Mean of A[order][:, order] over a grid of at most `pixels` x `pixels` blocks.

    Parameters
    ----------
    A : (n, n)
        Dense or SciPy sparse.
    order : (n,)
    pixels : int
        Side of the result when n is larger; a smaller matrix is returned as it is.
    """
    n = len(order)
    sparse: bool = issparse(A)
    if sparse:
        means = _block_rows(order, A.shape[0], pixels)
        return np.asarray((means @ A @ means.T).toarray(), dtype=np.float32)
    if n <= pixels:
        return np.asarray(A[np.ix_(order, order)], dtype=np.float32)
    edges = np.linspace(0, n, pixels + 1).astype(np.intp)[:-1]
    rows = np.add.reduceat(np.asarray(A, dtype=np.float32)[order], edges, axis=0)
    sums = np.add.reduceat(rows[:, order], edges, axis=1)
    counts = np.diff(np.append(edges, n)).astype(np.float32)
    return np.asarray(sums / np.outer(counts, counts), dtype=np.float32)


def factor_block_mean(B: Any, order: NDArray[np.intp], pixels: int) -> NDArray[np.float32]:
    """`block_mean` of B B^T for a factor B (n, p), dense or sparse: the product is never formed."""
    means = _block_rows(order, B.shape[0], pixels) @ B
    picture = means @ means.T
    sparse: bool = issparse(picture)
    return np.asarray(picture.toarray() if sparse else picture, dtype=np.float32)


def _block_rows(order: NDArray[np.intp], n: int, pixels: int) -> csr_array:
    """(blocks, n) weights that take the mean over each of at most `pixels` runs of the ordered samples."""
    shown = len(order)
    edges = np.linspace(0, shown, min(pixels, shown) + 1).astype(np.intp)
    counts = np.diff(edges)
    return csr_array((np.repeat(1 / counts, counts), order, edges), shape=(len(counts), n))

"""Ordering and shrinking of affinity matrices, so that their blocks can be seen and sent."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


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


def block_mean(A: NDArray, order: NDArray[np.intp], pixels: int) -> NDArray[np.float32]:
    """Mean of A[order][:, order] over a grid of at most `pixels` x `pixels` blocks.

    Parameters
    ----------
    A : (n, n)
    order : (n,)
    pixels : int
        Side of the result when n is larger; a smaller matrix is returned as it is.
    """
    n = len(order)
    if n <= pixels:
        return np.asarray(A[np.ix_(order, order)], dtype=np.float32)
    edges = np.linspace(0, n, pixels + 1).astype(np.intp)[:-1]
    rows = np.add.reduceat(np.asarray(A, dtype=np.float32)[order], edges, axis=0)
    sums = np.add.reduceat(rows[:, order], edges, axis=1)
    counts = np.diff(np.append(edges, n)).astype(np.float32)
    return np.asarray(sums / np.outer(counts, counts), dtype=np.float32)

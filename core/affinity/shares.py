"""To which clusters a sample's affinity goes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array


def cluster_shares(A: Any, labels: ArrayLike, n_clusters: int) -> NDArray[np.float32]:
    """Share of each sample's affinity to others that goes to each cluster.

    s_ik = sum_{j in k, j != i} a_ij / sum_{j != i} a_ij.

    Parameters
    ----------
    A : (n, n)
        Affinity, dense or SciPy sparse; of entries with a sign the magnitudes count.
    labels : (n,)
        In 0 to n_clusters - 1.

    Returns
    -------
    (n, n_clusters)
        Rows sum to one; a sample that is joined to nobody has the same share in all.
    """
    A = abs(A)
    sums = np.asarray(A @ _members(labels, n_clusters).toarray())
    sums[np.arange(len(sums)), np.asarray(labels)] -= np.diagonal(A) if isinstance(A, np.ndarray) else A.diagonal()
    return _normalized(sums)


def factor_cluster_shares(B: Any, labels: ArrayLike, n_clusters: int) -> NDArray[np.float32]:
    """`cluster_shares` of B B^T for a non-negative factor B (n, p), dense or sparse: the product is never formed."""
    sums = B @ (B.T @ _members(labels, n_clusters).toarray())
    own = np.square(B).sum(axis=1) if isinstance(B, np.ndarray) else np.asarray(B.multiply(B).sum(axis=1)).ravel()
    sums = np.asarray(sums)
    sums[np.arange(len(sums)), np.asarray(labels)] -= own
    return _normalized(sums)


def _members(labels: ArrayLike, n_clusters: int) -> csr_array:
    """(n, n_clusters), one where a sample is in a cluster."""
    labels = np.asarray(labels)
    n = len(labels)
    return csr_array((np.ones(n, dtype=np.float32), (np.arange(n), labels)), shape=(n, n_clusters))


def _normalized(sums: NDArray) -> NDArray[np.float32]:
    sums = np.maximum(sums, 0)  # what rounding left of a diagonal that was the whole row
    totals = sums.sum(axis=1, keepdims=True)
    joined = totals > 0
    return np.where(joined, sums / np.where(joined, totals, 1), 1 / sums.shape[1]).astype(np.float32)

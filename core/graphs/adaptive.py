"""Neighbour graphs with adaptive weights (UDLL section 2), and their Laplacians."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from core.common import DataError, ParameterError
from core.graphs.neighbors import smallest, squared_distances

TINY = 2.2204e-16


def adaptive_neighbors(Z: ArrayLike, n_neighbors: int) -> csr_array:
    """Closed-form neighbour weights, UDLL Eq. 17.

    With squared distances m_1 <= m_2 <= ... from one sample to all others, its weights over the k nearest are

        a_i = (m_{k+1} - m_i) / (k m_{k+1} - sum_{p<=k} m_p),

    which solve min_{a >= 0, sum a = 1} sum_i m_i a_i + lambda a_i^2 for lambda = (k m_{k+1} - sum_{p<=k} m_p) / 2.
    When the k + 1 distances agree, lambda is 0 and the minimum is not unique; the weights are then 1/k.

    Parameters
    ----------
    Z : (n, d)
        Codes. Any further axes are flattened.
    n_neighbors : int
        k, from 1 to n - 2 (the (k+1)-th neighbour sets the scale).

    Returns
    -------
    (n, n) csr_array of float64
        Row i holds the weights of sample i; rows sum to 1, the diagonal is empty.

    Raises
    ------
    DataError
        If Z has no sample axis or is not finite.
    ParameterError
        If `n_neighbors` is out of range.
    """
    Z = _as_codes(Z)
    n = len(Z)
    if not 1 <= n_neighbors <= n - 2:
        raise ParameterError(f"'n_neighbors' must be between 1 and n - 2 = {n - 2}. Got {n_neighbors} instead.")
    nearest = np.empty((n, n_neighbors), dtype=np.int64)
    weights = np.empty((n, n_neighbors))
    zero = 1e-13 * np.einsum("ij,ij->i", Z, Z).max()
    for rows, distances in squared_distances(Z, Z):
        # Duplicates: what rounding leaves of a zero distance would otherwise pass for a (possibly negative) one.
        distances[distances < zero] = 0
        distances[np.arange(rows.stop - rows.start), np.arange(rows.start, rows.stop)] = np.inf  # each from itself
        columns, found = smallest(distances, n_neighbors + 1, ordered=True)
        nearest[rows], weights[rows] = columns[:, :-1], _row_weights(found)
    pointers = np.arange(0, n * n_neighbors + 1, n_neighbors)
    graph = csr_array((weights.ravel(), nearest.ravel(), pointers), shape=(n, n))
    graph.sort_indices()
    return graph


def _as_codes(Z: ArrayLike) -> NDArray[np.float64]:
    """Finite float64 matrix, one row per sample, centred: distances do not change and lose fewer digits."""
    array = np.asarray(Z, dtype=np.float64)
    if array.ndim < 2:
        raise DataError(f"The codes must have one row per sample. Got shape {array.shape}.")
    if not np.isfinite(array).all():
        raise DataError("The codes must be finite. Got NaN or infinity.")
    array = array.reshape(len(array), -1)
    centred: NDArray[np.float64] = array - array.mean(axis=0)
    return centred


def _row_weights(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Eq. 17 for rows of k + 1 increasing squared distances -> (rows, k) weights that sum to 1."""
    k = distances.shape[1] - 1
    gaps = distances[:, -1:] - distances[:, :-1]
    total = gaps.sum(axis=1, keepdims=True)
    tied = total <= k * TINY * distances[:, -1:]  # equal up to rounding, at any scale
    weights: NDArray[np.float64] = np.where(tied, 1 / k, gaps / (total + TINY * tied))
    return weights


def symmetrized_graph(A: csr_array) -> csr_array:
    """(A + A^T)/2."""
    return csr_array(0.5 * (A + A.T))

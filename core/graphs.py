"""Neighbour graphs: adaptive weights (UDLL section 2) with their Laplacians, and graphs over a few anchors."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, diags_array

from core.errors import DataError, ParameterError

TINY = 2.2204e-16
_CHUNK_ENTRIES = 4_000_000  # distances held at a time: 32 MB


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
    for rows, distances in _squared_distances(Z):
        candidates = np.argpartition(distances, n_neighbors, axis=1)[:, : n_neighbors + 1]
        found = np.take_along_axis(distances, candidates, axis=1)
        order = np.argsort(found, axis=1, kind="stable")
        nearest[rows] = np.take_along_axis(candidates, order, axis=1)[:, :-1]
        weights[rows] = _row_weights(np.take_along_axis(found, order, axis=1))
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


def _squared_distances(Z: NDArray[np.float64]) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Blocks of rows of the squared distance matrix; a sample is infinitely far from itself."""
    squared = np.einsum("ij,ij->i", Z, Z)
    chunk = max(1, _CHUNK_ENTRIES // len(Z))
    for start in range(0, len(Z), chunk):
        rows = slice(start, min(start + chunk, len(Z)))
        distances = Z[rows] @ Z.T
        distances *= -2
        distances += squared[rows, None]
        distances += squared
        # Duplicates: what rounding leaves of a zero distance would otherwise pass for a (possibly negative) one.
        distances[distances < 1e-13 * squared.max()] = 0
        distances[np.arange(rows.stop - start), np.arange(start, rows.stop)] = np.inf
        yield rows, distances


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


def laplacian(A: csr_array) -> csr_array:
    """D - A with the degrees D = diag(A 1) of a symmetric graph; sparse and positive semi-definite."""
    return csr_array(diags_array(A.sum(axis=1)) - A)


# ---- graphs over anchors ---------------------------------------------------------------------------------------------

AnchorKernel = Literal["gaussian", "half"]
AnchorChoice = Literal["kmeans", "random"]
_ANCHOR_ITERATIONS = 10  # Lloyd iterations: anchors have to cover the data, not to be a local optimum


@dataclass(frozen=True)
class AnchorGraph:
    """Samples joined to a few anchors each: a graph of n samples that never takes n x n numbers.

    Attributes
    ----------
    anchors : (p, m)
    weights : (n, p) csr_array
        Non-negative; each row holds the weights of one sample over its nearest anchors.
    scale : float
        The squared length that the kernel divides by; with `anchor_weights` it joins further samples to the same anchors.
    """

    anchors: NDArray[np.float64]
    weights: csr_array
    scale: float


def find_anchors(X: ArrayLike, n_anchors: int, *, random_state: int, how: AnchorChoice = "kmeans") -> NDArray[np.float64]:
    """Points that cover the data: k-means centres after a few Lloyd iterations from random samples, or random samples.

    Random starts, because k-means++ costs more than the iterations for hundreds of centres and brings nothing here.

    Returns
    -------
    (p, m) float64

    Raises
    ------
    DataError, ParameterError
        If X is no finite table, or `n_anchors` is not between 1 and n.
    """
    X = _table(X)
    n = len(X)
    if not 1 <= n_anchors <= n:
        raise ParameterError(f"'n_anchors' must be between 1 and the number of samples, {n}. Got {n_anchors} instead.")
    if how not in ("kmeans", "random"):
        raise ParameterError(f"'anchors' must be 'kmeans' or 'random'. Got {how!r} instead.")
    if how == "random":
        return np.asarray(X[np.sort(np.random.default_rng(random_state).choice(n, n_anchors, replace=False))], dtype=np.float64)
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    estimator = KMeans(n_anchors, init="random", n_init=1, max_iter=_ANCHOR_ITERATIONS, random_state=random_state)
    with warnings.catch_warnings():  # fewer distinct samples than anchors: equal anchors do no harm
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(estimator.fit(X).cluster_centers_, dtype=np.float64)


def anchor_weights(
    X: ArrayLike,
    anchors: ArrayLike,
    n_neighbors: int,
    *,
    kernel: AnchorKernel = "gaussian",
    bandwidth: float = 1.0,
    normalized: bool = True,
    scale: float | None = None,
) -> tuple[csr_array, float]:
    """Kernel weights of each sample over its nearest anchors, and the scale of the kernel.

    With squared distances d2 and the scale s,

    - ``gaussian``: exp(-d2 / (2 s)), s = bandwidth^2 times the mean of d2 over the pairs that are kept (LSC);
    - ``half``: exp(-d2 ln 2 / s), s = bandwidth^2 times the mean of d2 over ALL pairs, so that the mean distance has
      weight 1/2 (the rule GR-DNN states for its sigma, read with squared distances).

    Parameters
    ----------
    X, anchors : (n, m), (p, m)
    n_neighbors : int
        Anchors of each sample, from 1 to p.
    kernel, bandwidth
        As above.
    normalized : bool
        Scale every row to sum 1.
    scale : float, optional
        s of an earlier call, for samples that are to be weighed as those were.

    Returns
    -------
    ((n, p) csr_array of float64, float)
        `n_neighbors` positive entries in every row.
    """
    X, anchors = _table(X), _table(anchors)
    n, p = len(X), len(anchors)
    if not 1 <= n_neighbors <= p:
        raise ParameterError(f"'n_neighbors' must be between 1 and the number of anchors, {p}. Got {n_neighbors} instead.")
    if kernel not in ("gaussian", "half"):
        raise ParameterError(f"'kernel' must be 'gaussian' or 'half'. Got {kernel!r} instead.")
    nearest, squared, total = _nearest_anchors(X, anchors, n_neighbors)
    if scale is None:
        mean = float(squared.mean()) if kernel == "gaussian" else total / (n * p)
        scale = max(bandwidth**2 * mean, float(np.finfo(np.float64).tiny))
    factor = 0.5 if kernel == "gaussian" else math.log(2)
    exponents = -squared * (factor / scale)
    if normalized:
        exponents -= exponents.max(axis=1, keepdims=True)  # far from all anchors is not nowhere
    weights = np.exp(np.maximum(exponents, -700.0))  # exp(-700) is positive: a kept neighbour stays one
    if normalized:
        weights /= weights.sum(axis=1, keepdims=True)
    graph = csr_array((weights.ravel(), nearest.ravel(), np.arange(0, n * n_neighbors + 1, n_neighbors)), shape=(n, p))
    graph.sort_indices()
    return graph, scale


def anchor_graph(
    X: ArrayLike,
    n_anchors: int,
    n_neighbors: int,
    *,
    random_state: int,
    anchors: AnchorChoice = "kmeans",
    kernel: AnchorKernel = "gaussian",
    bandwidth: float = 1.0,
    normalized: bool = True,
) -> AnchorGraph:
    """Find anchors and join every sample to its nearest ones (`find_anchors`, `anchor_weights`).

    Memory is n x n_neighbors and chunks of n x n_anchors.
    """
    X = _table(X)
    found = find_anchors(X, n_anchors, random_state=random_state, how=anchors)
    weights, scale = anchor_weights(X, found, n_neighbors, kernel=kernel, bandwidth=bandwidth, normalized=normalized)
    return AnchorGraph(found, weights, scale)


def _table(X: ArrayLike) -> NDArray:
    """Finite floats, one row per sample, in their own precision."""
    array = np.asarray(X)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    if array.ndim < 2:
        raise DataError(f"The data must have one row per sample. Got shape {array.shape}.")
    if not np.isfinite(array).all():
        raise DataError("The data must be finite. Got NaN or infinity.")
    return array.reshape(len(array), -1)


def _nearest_anchors(X: NDArray, anchors: NDArray, k: int) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
    """The k nearest anchors of each sample, their squared distances, and the sum of all n p squared distances."""
    n, p = len(X), len(anchors)
    centre = anchors.mean(axis=0, dtype=np.float64)  # distances do not change, and lose fewer digits
    A = anchors - centre
    squares = np.einsum("ij,ij->i", A, A)
    nearest, squared, total = np.empty((n, k), dtype=np.int64), np.empty((n, k)), 0.0
    chunk = max(1, _CHUNK_ENTRIES // p)
    for start in range(0, n, chunk):
        rows = slice(start, min(start + chunk, n))
        part = X[rows] - centre
        distances = part @ A.T
        distances *= -2
        distances += np.einsum("ij,ij->i", part, part)[:, None]
        distances += squares
        np.maximum(distances, 0, out=distances)
        total += float(distances.sum())
        chosen = np.argpartition(distances, k - 1, axis=1)[:, :k]
        nearest[rows], squared[rows] = chosen, np.take_along_axis(distances, chosen, axis=1)
    return nearest, squared, total

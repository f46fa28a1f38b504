"""Graphs of kernel weights: samples joined to a few anchors each, or to their nearest other samples."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from core.common import DataError, ParameterError
from core.graphs.neighbors import smallest, squared_distances

Kernel = Literal["gaussian", "half", "half_unsquared", "features"]
Over = Literal["all", "kept"]
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
        What the kernel divides by; with `anchor_weights` it joins further samples to the same anchors.
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


def half_weights(X: NDArray, nearest: NDArray[np.int64], others: NDArray | None = None) -> NDArray[np.float64]:
    """exp(-d^2 ln 2 / s) of each sample and its nearest ones (q, k) among X (n, m), s the mean d^2 of all pairs of X.

    The samples are those of X, or `others` (q, m). Two samples as far apart as the mean weigh 1/2: GR-DNN's rule for Eq. 2.
    """
    from_ = X if others is None else others
    scale = max(2 * float(X.var(axis=0, dtype=np.float64).sum()), 1e-300)
    columns = [np.square(from_ - X[column], dtype=np.float64).sum(axis=1) for column in nearest.T]
    return np.exp(-np.log(2) / scale * np.stack(columns, axis=1))


def anchor_weights(
    X: ArrayLike,
    anchors: ArrayLike,
    n_neighbors: int,
    *,
    kernel: Kernel = "gaussian",
    bandwidth: float = 1.0,
    over: Over | None = None,
    normalized: bool = True,
    scale: float | None = None,
) -> tuple[csr_array, float]:
    """Kernel weights of each sample over its nearest anchors, and the scale of the kernel.

    With distances d and the scale s,

    - ``gaussian``: exp(-d^2 / (2 s)), s = bandwidth^2 times the mean of d^2 over the pairs that are kept (LSC);
    - ``half``: exp(-d^2 ln 2 / s), s = bandwidth^2 times the mean of d^2 over ALL pairs, so that the mean distance has
      weight 1/2 (the rule GR-DNN states for its sigma, read with squared distances);
    - ``half_unsquared``: exp(-d ln 2 / s), the same with d in place of d^2 (GR-DNN Eq. 2 as printed);
    - ``features``: exp(-d^2 / m), m the number of features (GR-DNN's program; `bandwidth` and `over` do not matter).

    Parameters
    ----------
    X, anchors : (n, m), (p, m)
    n_neighbors : int
        Anchors of each sample, from 1 to p.
    kernel, bandwidth
        As above.
    over : {"all", "kept"}, optional
        Pairs whose mean distance sets the scale, instead of those named above.
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
    p = len(anchors)
    if not 1 <= n_neighbors <= p:
        raise ParameterError(f"'n_neighbors' must be between 1 and the number of anchors, {p}. Got {n_neighbors} instead.")
    _check_kernel(kernel)
    nearest, distances, mean = _nearest(X, anchors, n_neighbors, root=kernel == "half_unsquared")
    if scale is None:
        scale = _scale(kernel, bandwidth, over, distances, mean, X.shape[1])
    exponents = -distances * (_FACTORS[kernel] / scale)
    if normalized:
        exponents -= exponents.max(axis=1, keepdims=True)  # far from all anchors is not nowhere
    weights = np.exp(np.maximum(exponents, -700.0))  # exp(-700) is positive: a kept neighbour stays one
    if normalized:
        weights /= weights.sum(axis=1, keepdims=True)
    return _rows(nearest, weights, p), scale


def neighbor_graph(
    X: ArrayLike, n_neighbors: int, *, kernel: Kernel = "half", bandwidth: float = 1.0, over: Over | None = None
) -> tuple[csr_array, float]:
    """Kernel weights of each sample over its nearest other samples, and the scale of the kernel (see `anchor_weights`).

    Two samples are joined if either is a neighbour of the other, S = max(S, S^T) (GR-DNN Eq. 2); the diagonal is empty,
    because a self-loop of weight 1 could be learnt without looking at any neighbour.

    Returns
    -------
    ((n, n) csr_array of float64, float)
        Symmetric, at least `n_neighbors` positive entries in every row. Time grows with n^2, memory with n.
    """
    X = _table(X)
    n = len(X)
    if not 1 <= n_neighbors <= n - 1:
        raise ParameterError(f"'n_neighbors' must be between 1 and n - 1 = {n - 1}. Got {n_neighbors} instead.")
    _check_kernel(kernel)
    nearest, distances, mean = _nearest(X, X, n_neighbors, root=kernel == "half_unsquared", others=True)
    scale = _scale(kernel, bandwidth, over, distances, mean, X.shape[1])
    S = _rows(nearest, np.exp(np.maximum(-distances * (_FACTORS[kernel] / scale), -700.0)), n)
    return csr_array(S.maximum(S.T)), scale


_FACTORS = {"gaussian": 0.5, "half": math.log(2), "half_unsquared": math.log(2), "features": 1.0}


def _check_kernel(kernel: str) -> None:
    if kernel not in _FACTORS:
        raise ParameterError(f"'kernel' must be one of {', '.join(map(repr, _FACTORS))}. Got {kernel!r} instead.")


def _scale(kernel: Kernel, bandwidth: float, over: Over | None, kept: NDArray, mean: float, n_features: int) -> float:
    if kernel == "features":
        return float(n_features)
    over = over or ("kept" if kernel == "gaussian" else "all")
    power = 1 if kernel == "half_unsquared" else 2
    return max(bandwidth**power * (float(kept.mean()) if over == "kept" else mean), float(np.finfo(np.float64).tiny))


def _rows(columns: NDArray[np.int64], weights: NDArray[np.float64], p: int) -> csr_array:
    n, k = columns.shape
    graph = csr_array((weights.ravel(), columns.ravel(), np.arange(0, n * k + 1, k)), shape=(n, p))
    graph.sort_indices()
    return graph


def anchor_graph(
    X: ArrayLike,
    n_anchors: int,
    n_neighbors: int,
    *,
    random_state: int,
    anchors: AnchorChoice = "kmeans",
    kernel: Kernel = "gaussian",
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


def _nearest(
    X: NDArray, anchors: NDArray, k: int, *, root: bool = False, others: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
    """The k nearest anchors of each sample, their squared distances (or with `root` plain ones), and the mean over all pairs.

    With `others` the anchors are the samples themselves, and a sample is no neighbour of its own.
    """
    n, p = len(X), len(anchors)
    nearest, found, total = np.empty((n, k), dtype=np.int64), np.empty((n, k)), 0.0
    for rows, distances in squared_distances(X, anchors, centre=anchors.mean(axis=0, dtype=np.float64)):
        np.maximum(distances, 0, out=distances)
        if root:
            np.sqrt(distances, out=distances)
        own = (np.arange(rows.stop - rows.start), np.arange(rows.start, rows.stop))
        if others:
            distances[own] = 0  # what rounding leaves of it
        total += float(distances.sum())
        if others:
            distances[own] = np.inf
        nearest[rows], found[rows] = smallest(distances, k)
    return nearest, found, total / (n * p - n * others)

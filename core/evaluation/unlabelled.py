"""Scores of partitions that need no labels, made so that they can be compared over runs with different codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.evaluation.layouts import Progress
from core.evaluation.metrics import silhouette

SHARE = 0.8
REPEATS = 5
ZERO = 1e-7  # an eigenvalue as small is rounding
PART = 1000  # samples of a cut that is judged with many others
SMALLEST = 0.1  # of n / K: a cluster below that is no cluster that an eigenvalue should count


def pooled_silhouettes(
    codes: Sequence[NDArray], partitions: Sequence[NDArray], progress: Progress | None = None
) -> NDArray[np.float64]:
    """The mean silhouette of every partition in the codes of every run (Wang and Ye 2024).

    In its own codes each run is judged by another measure: codes that collapse have clusters as tight as one likes. Pooled,
    all partitions stand before the same judges.

    Parameters
    ----------
    codes : sequence of (n, d)
        Of the same samples in the same order; d may differ.
    partitions : sequence of (n,)
        Cluster numbers.
    progress : callable, optional
        Told how many codes are done, of how many.

    Returns
    -------
    (p,)
        NaN for a partition with a single cluster.
    """
    memberships = [_membership(labels) for labels in partitions]
    total = np.zeros(len(partitions))
    for done, Z in enumerate(codes):
        total += _silhouettes(_distances(Z), memberships)
        if progress is not None:
            progress(done + 1, len(codes))
    return total / max(1, len(codes))


def _membership(labels: NDArray) -> NDArray[np.float32]:
    """(n, K), 1 where a sample is in a cluster that has samples."""
    found, at = np.unique(labels, return_inverse=True)
    return np.eye(len(found), dtype=np.float32)[at]


def _distances(Z: NDArray) -> NDArray[np.float32]:
    from sklearn.metrics import pairwise_distances

    return pairwise_distances(np.asarray(Z, dtype=np.float64).reshape(len(Z), -1)).astype(np.float32)


def _silhouettes(D: NDArray[np.float32], memberships: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Mean silhouettes by the distances (n, n) of one run's codes; what all partitions share is one product."""
    sums = np.split(D @ np.concatenate(memberships, axis=1), np.cumsum([m.shape[1] for m in memberships])[:-1], axis=1)
    return np.array([_silhouette(to, member) for to, member in zip(sums, memberships, strict=True)])


def _silhouette(sums: NDArray[np.float32], member: NDArray[np.float32]) -> float:
    """From the summed distances of each sample to each cluster (n, K); a sample alone in its cluster counts 0."""
    sizes = member.sum(axis=0)
    if len(sizes) < 2:
        return float("nan")
    own = member.argmax(axis=1)
    rows, alone = np.arange(len(own)), sizes[own] == 1
    inside = sums[rows, own] / np.maximum(sizes[own] - 1, 1)
    means = sums / sizes
    means[rows, own] = np.inf
    outside = means.min(axis=1)
    value = (outside - inside) / np.maximum(np.maximum(inside, outside), np.finfo(np.float32).tiny)
    return float(np.where(alone, 0.0, value).mean())


def stability(
    cluster: Callable[[NDArray[np.int64], int], NDArray], n: int, *,
    share: float = SHARE, repeats: int = REPEATS, random_state: int = 0,
) -> float:  # fmt: skip
    """How much clusterings of random parts of the samples agree where these overlap (Ben-Hur, Elisseeff and Guyon 2002).

    Parameters
    ----------
    cluster : callable
        Takes the numbers of some samples and a seed; returns their clusters.
    n : int
        How many samples there are.

    Returns
    -------
    float
        The mean adjusted Rand index over all pairs of parts: 1 if every part tells the same.
    """
    from sklearn.metrics import adjusted_rand_score

    rng, told = np.random.default_rng(random_state), []
    for seed in range(repeats):
        rows = np.sort(rng.choice(n, max(2, round(share * n)), replace=False))
        told.append(dict(zip(rows.tolist(), np.asarray(cluster(rows, seed)).tolist(), strict=True)))
    agreements = []
    for place, one in enumerate(told):
        for other in told[place + 1 :]:
            both = sorted(one.keys() & other.keys())
            agreements.append(adjusted_rand_score([one[row] for row in both], [other[row] for row in both]))
    return float(np.mean(agreements))


def has_tiny_clusters(labels: NDArray, n_clusters: int) -> bool:
    """Whether a cluster is empty, or has less than a tenth of n / K samples: codes that collapse look good without labels."""
    _, sizes = np.unique(labels, return_counts=True)
    return bool(len(sizes) < n_clusters or sizes.min() < SMALLEST * len(labels) / n_clusters)


def relative_eigengap(A: NDArray, labels: NDArray) -> float | None:
    """How far the graph is from one cluster more: 1 - (mean of the K smallest eigenvalues) / (the next), of its Laplacian.

    1 is a graph of exactly K pieces (Fan et al. 2022 choose affinities by the ratio). Each piece adds an eigenvalue 0, however
    small it is, so the gap says nothing where the graph has more pieces than clusters, or clusters are tiny.

    Parameters
    ----------
    A : (n, n)
        Symmetric, non-negative; its diagonal does not count.
    labels : (n,)
        The clusters, K of them.

    Returns
    -------
    float or None
        None where there are more than K pieces, or a cluster has less than a tenth of n / K samples.
    """
    from scipy.linalg import eigh
    from scipy.sparse.csgraph import laplacian

    K = len(np.unique(labels))
    if K < 2 or len(A) <= K or has_tiny_clusters(labels, K):
        return None
    L: Any = laplacian(np.asarray(A, dtype=np.float64), normed=True)
    values = eigh(L, eigvals_only=True, subset_by_index=[0, K])
    if values[K] < ZERO:  # more pieces than clusters
        return None
    return float(1 - np.maximum(values[:K], 0).mean() / values[K])


def scores_of_a_cut(A: Any, labels: NDArray, Z: NDArray, n_clusters: int) -> dict[str, float]:
    """``silhouette`` and ``relative_eigengap`` of one of many cuts of the same run, on at most a thousand of its samples.

    The codes are those of the run whatever the cut, so that the silhouettes of its cuts are one measure.

    Parameters
    ----------
    A : (n, n)
        Dense or sparse.
    labels : (n,)
        What it was cut into.
    Z : (n, ...)
        The codes.
    n_clusters : int
        How many it was cut into, of which some may be empty.

    Returns
    -------
    dict
        Without what says nothing: both where a cluster is tiny or empty, the gap where A has more pieces than clusters.
    """
    if has_tiny_clusters(labels, n_clusters):
        return {}
    drawn = np.sort(np.random.default_rng(0).choice(len(labels), min(len(labels), PART), replace=False))
    part: Any = A[drawn][:, drawn]
    found = {
        "silhouette": silhouette(Z[drawn], labels[drawn]),
        "relative_eigengap": relative_eigengap(np.abs(part.toarray() if hasattr(part, "toarray") else part), labels[drawn]),
    }
    return {name: value for name, value in found.items() if value is not None}

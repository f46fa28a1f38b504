"""How many clusters there may be, told without labels, by two signs: advice, and never more.

Both look at the graph of shared neighbours. The relative eigengap of its normalised Laplacian says after how many parts the
graph comes apart no further (von Luxburg 2007); stability says whether other samples would give the same parts (Ben-Hur,
Elisseeff and Guyon 2002). What they miss is what any such sign misses: classes that lie inside one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh
from scipy.sparse import csr_array

from core.common import DataError
from core.graphs import nearest_among, scaled, scales

MOST_SAMPLES, LEAST_SAMPLES = 1000, 20
MOST_GROUPS, LEAST_OF_A_GROUP = 30, 5
SHARED = 15
"""Neighbours of each sample, those that two have in common weigh their edge."""
DRAWS, SHARE = 5, 0.7
FLOOR = 0.02
"""What eigenvalues are compared with at least: below it a gap is one between nothings."""
KNOWN = (
    "On data whose classes are known the first suggestion was their number on 3 of 13 sets, one of the three on 5: look twice."
)
"""What is known of a suggestion, as in assets/results/clusters.json."""


@dataclass(frozen=True)
class Groups:
    """Signs of each number of clusters K = 2, ..., m.

    Attributes
    ----------
    eigenvalues : (m + 1,)
        The smallest of the normalised Laplacian, rising from 0: as many near 0 as the graph has parts.
    tried, gaps, stability : (m - 1,)
        K; the relative eigengap after it, (lambda_{K+1} - lambda_K) / lambda_{K+1}, in [0, 1]; the mean adjusted Rand index
        of the clusters of two draws of the samples, 1 at best.
    n_samples
        How many samples were looked at.
    """

    eigenvalues: NDArray[np.float64]
    tried: NDArray[np.int64]
    gaps: NDArray[np.float64]
    stability: NDArray[np.float64]
    n_samples: int

    @property
    def ranked(self) -> NDArray[np.int64]:
        """K by falling product of both signs; the first is the suggestion."""
        return self.tried[np.argsort(-self.gaps * np.maximum(self.stability, 0), kind="stable")]


def number_of_groups(X: ArrayLike, *, random_state: int = 0) -> Groups:
    """Look for signs of a number of clusters in samples (n, ...), on a random draw of at most 1,000 of them.

    Raises
    ------
    DataError
        If there are fewer than 20 samples.
    """
    flat = np.asarray(X, dtype=np.float32).reshape(len(np.asarray(X)), -1)
    if len(flat) < LEAST_SAMPLES:
        raise DataError(f"A number of clusters is suggested for at least {LEAST_SAMPLES} samples. Got {len(flat)}.")
    random = np.random.default_rng(random_state)
    drawn = flat[np.sort(random.choice(len(flat), min(len(flat), MOST_SAMPLES), replace=False))]
    most = min(MOST_GROUPS, len(drawn) // LEAST_OF_A_GROUP)
    values, _ = _spectrum(drawn, most + 1)
    gaps = np.diff(values)[1:] / np.maximum(values[2:], FLOOR)
    return Groups(values, np.arange(2, most + 1), gaps, _stability(drawn, most, random), len(drawn))


def shared_neighbors(X: NDArray, k: int = SHARED) -> csr_array:
    """Neighbours of each sample joined by the squared Jaccard index of their own neighbourhoods, (n, n) symmetric.

    Weights need no bandwidth, so dense and thin clusters count alike.
    """
    n, k = len(X), min(k, len(X) - 1)
    columns = nearest_among(X, X, k + 1)
    N = csr_array((np.ones(columns.size), (np.repeat(np.arange(n), k + 1), columns.ravel())), shape=(n, n))
    A = csr_array((N @ N.T).multiply((N + N.T) > 0))
    A.data = (A.data / (2 * (k + 1) - A.data)) ** 2
    return A


def _spectrum(X: NDArray, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The smallest eigenvalues of the normalised Laplacian, rising, and their vectors (n, count)."""
    A = shared_neighbors(X)
    _, r = scales(A.sum(axis=1), "normalized")  # each is joined to itself, so that no degree is 0
    n = len(X)
    values, vectors = eigh(scaled(r, A, r).toarray(), subset_by_index=[n - count, n - 1], check_finite=False)
    return np.maximum(1 - values[::-1], 0), vectors[:, ::-1]


def _stability(X: NDArray, most: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Of each K the agreement of the clusters of two draws, on the samples that are in both, mean over all pairs."""
    from sklearn.metrics import adjusted_rand_score

    drawn = [_labels_of(X, np.sort(random.choice(len(X), int(SHARE * len(X)), replace=False)), most) for _ in range(DRAWS)]
    found = np.zeros(most - 1)
    for one, other in combinations(drawn, 2):
        both = (one[0] >= 0) & (other[0] >= 0)
        found += [adjusted_rand_score(a[both], b[both]) for a, b in zip(one, other, strict=True)]
    return found / (DRAWS * (DRAWS - 1) / 2)


def _labels_of(X: NDArray, rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Clusters of some samples for K = 2, ..., (most - 1, n); -1 for the other samples."""
    from sklearn.cluster import KMeans

    _, vectors = _spectrum(X[rows], most)
    labels = np.full((most - 1, len(X)), -1)
    for K in range(2, most + 1):
        embedding = vectors[:, :K] / np.linalg.norm(vectors[:, :K], axis=1, keepdims=True).clip(1e-12)
        labels[K - 2, rows] = KMeans(K, n_init=1, random_state=0).fit_predict(embedding)
    return labels

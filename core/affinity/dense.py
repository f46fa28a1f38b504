"""The normalised cut of a dense graph, and into how many pieces such a graph has fallen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from core.affinity.reading import Cut

SHIFT = -1e-5  # just below the smallest eigenvalue, 0, so that the shifted Laplacian can be factorised
RESTARTS = 5  # of the Lanczos iteration; a graph that does not fall apart needs one or two
ABSENT = 1e-9  # rows as much shorter than the longest are rounding: these samples are joined to none, or to none that count
NEGLIGIBLE = 1e-10  # a weight as small, in units of the degrees, joins nothing


def dense_cut(A: NDArray, n_clusters: int) -> Cut:
    """First eigenvectors of L = I - D^(-1/2) A D^(-1/2), rows scaled by D^(-1/2), once for all seeds.

    Lanczos iterations on (L - SHIFT I)^-1 find the small eigenvalues in one or two restarts. Where many of them are
    equal, as in an affinity that has fallen into more pieces than there are clusters, the iteration does not end; then
    LAPACK works out the wanted eigenvectors directly, which costs about twice as much and always ends.

    Parameters
    ----------
    A : (n, n)
        Symmetric, non-negative; its diagonal does not count.

    Returns
    -------
    Cut
        Without the samples that none of the eigenvectors speaks of.
    """
    n = len(A)
    N, root = _normalized(A)
    vectors = _smallest(np.eye(n) - N, n_clusters)
    embedding = vectors / root[:, None]
    lengths = np.linalg.norm(vectors, axis=1)
    joined = np.flatnonzero(lengths > ABSENT * lengths.max())
    if len(joined) <= n_clusters:  # no way to group nothing is better than another
        return Cut(embedding, np.arange(n), n, by_kmeans=True)
    return Cut(embedding[joined], joined, n)


def _normalized(A: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """D^(-1/2) A D^(-1/2) without the diagonal, and D^(1/2), 1 for a sample that is joined to none."""
    W = np.array(A, dtype=np.float64)
    np.fill_diagonal(W, 0)
    degrees = W.sum(axis=1)
    root = np.sqrt(np.where(degrees > 0, degrees, 1))
    W /= root
    W /= root[:, None]
    return W, root


def _smallest(L: NDArray, count: int) -> NDArray[np.float64]:
    """Eigenvectors (n, count) of the smallest eigenvalues."""
    n = len(L)
    if count < n - 1:
        start = np.random.RandomState(0).uniform(-1, 1, n)
        try:
            values, vectors = eigsh(L, k=count, sigma=SHIFT, which="LM", v0=start, maxiter=RESTARTS)
            return np.asarray(vectors[:, np.argsort(values)])
        except ArpackNoConvergence:
            pass
    return np.asarray(eigh(L, subset_by_index=[0, count - 1])[1])


def pieces(A: NDArray) -> int:
    """Into how many parts a dense graph falls that no weight worth the name joins, single samples included."""
    N, _ = _normalized(A)
    linked = NEGLIGIBLE < N
    left = np.ones(len(A), dtype=bool)
    found = 0
    while left.any():
        found += 1
        front = np.zeros(len(A), dtype=bool)
        front[left.argmax()] = True
        while front.any():
            left &= ~front
            front = linked[front].any(axis=0) & left
    return found

"""The normalised cut of a sparse graph, by Lanczos iterations without a factorisation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse import csr_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import LinearOperator, eigsh

from core.affinity.reading import Cut
from core.graphs import scaled, scales

STRAGGLERS = 0.05  # a component smaller than this share of a mean cluster is none


def sparse_cut(A: Any, n_clusters: int) -> Cut:
    """Leading eigenvectors of D^(-1/2) A D^(-1/2) for a sparse graph, by Lanczos iterations without a factorisation.

    A graph in several components has the eigenvalue 1 once for each of them, which the iteration finds badly and which
    a handful of stray samples would use up. So the components are found first: those too small to be a cluster are left
    out, the eigenvectors of the others are known (at most K of them count), and the iteration runs for the rest.

    Parameters
    ----------
    A : (n, n) sparse
        Symmetric, non-negative.
    """
    A = csr_array(A, dtype=np.float64)
    n = A.shape[0]
    _, component = connected_components(A, directed=False)
    sizes = np.bincount(component)
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    large = (sizes >= max(STRAGGLERS * n / n_clusters, 2)) & (rank < n_clusters)
    joined = np.flatnonzero(large[component])
    if len(joined) <= n_clusters:  # nothing but dust: no way to group it is better than another
        joined = np.arange(n)
    group = rank[component[joined]] % n_clusters
    A = csr_array(A[joined][:, joined])
    degrees = A.sum(axis=1)
    A = A + diags_array(np.where(degrees > 0, 0.0, 1.0))  # a sample without affinity: its degree is not zero
    root = np.sqrt(A.sum(axis=1))
    known = (group[:, None] == np.unique(group)) * root[:, None]
    known /= np.linalg.norm(known, axis=0)
    vectors = known
    missing = n_clusters - known.shape[1]
    if missing > 0:
        _, r = scales(A.sum(axis=1), "normalized")
        N = scaled(r, A, r)
        operator = LinearOperator(N.shape, matvec=lambda v: N @ v - known @ (known.T @ v), dtype=np.float64)
        vectors = np.hstack([known, _leading(operator, N, known, missing)])
    return Cut(np.asarray(vectors / root[:, None]), joined, n)


def _leading(operator: LinearOperator, N: csr_array, known: NDArray, count: int) -> NDArray:
    """Eigenvectors of the `count` largest eigenvalues of N with the known ones taken out."""
    m = N.shape[0]
    if count >= m - 1 or m <= 64:
        _, vectors = eigh(N.toarray() - known @ known.T)
        return np.asarray(vectors[:, ::-1][:, :count])
    random = np.random.default_rng(0)
    start = random.standard_normal(m)
    start -= known @ (known.T @ start)
    size = min(m, max(3 * count, 40))
    _, vectors = eigsh(operator, k=count, which="LA", v0=start, ncv=size, tol=1e-6, rng=random)
    return np.asarray(vectors[:, ::-1])

"""Cutting a graph: the normalised cut of dense, sparse and anchor graphs, and labels from its embedding."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse import csr_array, diags_array, issparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import LinearOperator, eigsh

from core.affinity.anchors import EXTRA_COMPONENTS, anchor_affinities, anchor_embedding
from core.common import ParameterError
from core.graphs import scaled, scales

AssignLabels = Literal["discretize", "cluster_qr", "kmeans"]


def anchor_cut(C: Any, n_clusters: int) -> Cut:
    """The `anchor_embedding` of samples given by their weights over anchors, of any sign, (n, p)."""
    embedding = anchor_embedding(anchor_affinities(C), n_clusters + EXTRA_COMPONENTS)
    return Cut(embedding, np.arange(len(embedding)), len(embedding), by_kmeans=True)


def embedded_labels(
    embedding: NDArray, n_clusters: int, *, assign_labels: AssignLabels = "kmeans", random_state: int = 0, n_init: int = 10
) -> NDArray[np.int64]:
    """Read clusters off the rows of a spectral embedding, k-means as the best of `n_init`."""
    if assign_labels == "kmeans":
        from sklearn.cluster import KMeans

        return KMeans(n_clusters, n_init=n_init, random_state=random_state).fit_predict(embedding).astype(np.int64)
    from sklearn.cluster import _spectral

    if assign_labels == "cluster_qr":
        return np.asarray(_spectral.cluster_qr(embedding), dtype=np.int64)
    return np.asarray(_spectral.discretize(embedding, random_state=random_state), dtype=np.int64)


@dataclass(frozen=True)
class Cut:
    """A cut but for its seed: an embedding that is worked out once and read with as many seeds as wanted.

    Attributes
    ----------
    embedding : (m, d)
        Rows of the samples that are joined to enough others.
    joined : (m,)
        Which samples these are.
    n : int
        All samples.
    by_kmeans : bool
        The embedding has other than K columns, which only k-means can read.
    """

    embedding: NDArray[np.float64]
    joined: NDArray[np.int64]
    n: int
    by_kmeans: bool = False

    def labels(self, n_clusters: int, *, assign_labels: AssignLabels = "kmeans", random_state: int = 0) -> NDArray[np.int64]:
        """Clusters of all samples; those that are joined to too few others go to the largest one."""
        how: AssignLabels = "kmeans" if self.by_kmeans else assign_labels
        found = embedded_labels(self.embedding, n_clusters, assign_labels=how, random_state=random_state)
        labels = np.full(self.n, np.bincount(found, minlength=n_clusters).argmax(), dtype=np.int64)
        labels[self.joined] = found
        return labels


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

    Raises
    ------
    ParameterError
        If `n_clusters` is not between 1 and n.
    """
    A = csr_array(A, dtype=np.float64)
    n = A.shape[0]
    if not 1 <= n_clusters <= n:
        raise ParameterError(f"'n_clusters' must be between 1 and the number of samples, {n}. Got {n_clusters} instead.")
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


def graph_labeller(
    A: Any, n_clusters: int, *, assign_labels: AssignLabels = "discretize"
) -> Callable[[int], NDArray[np.int64]]:
    """Clusters of a graph's normalised cut for any seed; that of a sparse graph is worked out once, for all of them."""
    if issparse(A):
        cut = sparse_cut(A, n_clusters)
        return lambda seed: cut.labels(n_clusters, assign_labels=assign_labels, random_state=seed)
    return lambda seed: spectral_labels(A, n_clusters, assign_labels=assign_labels, random_state=seed)


def spectral_labels(
    A: Any, n_clusters: int, *, assign_labels: AssignLabels = "discretize", random_state: int = 0
) -> NDArray[np.int64]:
    """Normalised-cut spectral clustering of a precomputed affinity (scikit-learn, ARPACK).

    The Laplacian takes a sample with no affinity to anyone for one of degree 1. A sparse affinity is cut by `sparse_cut`.
    """
    if issparse(A):
        return sparse_cut(A, n_clusters).labels(n_clusters, assign_labels=assign_labels, random_state=random_state)
    from sklearn.cluster import spectral_clustering

    if not 1 <= n_clusters <= len(A):
        raise ParameterError(f"'n_clusters' must be between 1 and the number of samples, {len(A)}. Got {n_clusters} instead.")
    with warnings.catch_warnings():  # usual early in training; what matters of it, empty clusters, raises an alarm
        warnings.filterwarnings("ignore", message="Graph is not fully connected")
        labels = spectral_clustering(
            A, n_clusters=n_clusters, eigen_solver="arpack", assign_labels=assign_labels, random_state=random_state
        )
    return labels.astype(np.int64)

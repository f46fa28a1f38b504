"""Cutting a graph, dense, sparse or given by anchors, into clusters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from core.affinity.anchors import EXTRA_COMPONENTS, anchor_affinities, anchor_embedding
from core.affinity.dense import dense_cut
from core.affinity.reading import AssignLabels, Cut
from core.affinity.sparse import sparse_cut
from core.common import ParameterError


def anchor_cut(C: Any, n_clusters: int) -> Cut:
    """The `anchor_embedding` of samples given by their weights over anchors, of any sign, (n, p)."""
    embedding = anchor_embedding(anchor_affinities(C), n_clusters + EXTRA_COMPONENTS)
    return Cut(embedding, np.arange(len(embedding)), len(embedding), by_kmeans=True)


def graph_cut(A: Any, n_clusters: int) -> Cut:
    """The normalised cut of a symmetric, non-negative graph A (n, n), but for the seed that reads it.

    Raises
    ------
    ParameterError
        If `n_clusters` is not between 1 and n.
    """
    n = A.shape[0]
    if not 1 <= n_clusters <= n:
        raise ParameterError(f"'n_clusters' must be between 1 and the number of samples, {n}. Got {n_clusters} instead.")
    return sparse_cut(A, n_clusters) if issparse(A) else dense_cut(A, n_clusters)


def graph_labeller(
    A: Any, n_clusters: int, *, assign_labels: AssignLabels = "discretize"
) -> Callable[[int], NDArray[np.int64]]:
    """Clusters of a graph's normalised cut for any seed; the embedding is worked out once, for all of them."""
    cut = graph_cut(A, n_clusters)
    return lambda seed: cut.labels(n_clusters, assign_labels=assign_labels, random_state=seed)


def spectral_labels(
    A: Any, n_clusters: int, *, assign_labels: AssignLabels = "discretize", random_state: int = 0
) -> NDArray[np.int64]:
    """Normalised-cut spectral clustering of a precomputed affinity (n, n), dense or sparse.

    The Laplacian takes a sample with no affinity to anyone for one of degree 1; it goes to the largest cluster.
    """
    return graph_labeller(A, n_clusters, assign_labels=assign_labels)(random_state)

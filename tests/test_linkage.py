"""Graph degree linkage against the affinity as it is printed, every pair of clusters worked out anew at every step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from core import methods
from core.affinity import degree_linkage
from core.affinity.linkage import FAINTEST, joined, neighbor_digraph
from core.common import ParameterError
from core.evaluation import clustering_accuracy


def affinity(W: NDArray, a: NDArray, b: NDArray) -> float:
    """1/|a|^2 1^T W_ab W_ba 1 + 1/|b|^2 1^T W_ba W_ab 1."""
    ab, ba = W[np.ix_(a, b)], W[np.ix_(b, a)]
    return float((ab @ ba).sum() / len(a) ** 2 + (ba @ ab).sum() / len(b) ** 2)


def by_looking_at_all(W: NDArray, groups: NDArray, n_clusters: int) -> list[frozenset[int]]:
    clusters = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    while len(clusters) > n_clusters:
        pairs = [(affinity(W, a, b), i, j) for j, b in enumerate(clusters) for i, a in enumerate(clusters[:j])]
        best, i, j = max(pairs)
        if best == 0:
            break
        merged = np.concatenate([clusters[i], clusters[j]])
        clusters = [c for place, c in enumerate(clusters) if place not in (i, j)] + [merged]
    return [frozenset(c.tolist()) for c in clusters]


def parts(labels: NDArray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


def blobs(n: int, seed: int, apart: float = 4.0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 3)) + apart * rng.normal(size=(3, 3))[np.arange(n) % 3]).astype(np.float32)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("k", "n_clusters"), [(4, 3), (12, 5)])
def test_those_two_are_merged_whose_affinity_is_the_largest(seed: int, k: int, n_clusters: int) -> None:
    W, groups = neighbor_digraph(blobs(60, seed, apart=1.5), k, 1.0)
    assert len(np.unique(groups)) > n_clusters
    assert parts(degree_linkage(W, groups, n_clusters)) == set(by_looking_at_all(W.toarray(), groups, n_clusters))


def test_a_graph_of_any_weights_is_merged_alike() -> None:
    rng = np.random.default_rng(0)
    W = rng.random((30, 30)) * (rng.random((30, 30)) < 0.3) * (1 - np.eye(30))
    groups = np.repeat(np.arange(15), 2)
    for n_clusters in (14, 9, 2):
        assert parts(degree_linkage(csr_array(W), groups, n_clusters)) == set(by_looking_at_all(W, groups, n_clusters))


def test_clusters_without_an_affinity_are_left_alone() -> None:
    """One-way edges are none: the product of the degrees to and fro is 0."""
    W = np.zeros((6, 6))
    W[0, 1] = W[1, 0] = W[2, 3] = W[3, 2] = 1.0
    W[1, 2] = W[4, 5] = 1.0
    labels = degree_linkage(csr_array(W), np.arange(6), 1)
    np.testing.assert_array_equal(labels, [0, 0, 1, 1, 2, 3])


def test_weights_are_gaussians_of_the_distances_to_k_others() -> None:
    X = blobs(40, 1)
    W, groups = neighbor_digraph(X, 5, 2.0)
    D = np.square(np.linalg.norm(X[:, None].astype(np.float64) - X, axis=2))
    np.fill_diagonal(D, np.inf)
    nearest = np.argsort(D, axis=1)[:, :5]
    scale = 2.0 * np.take_along_axis(D, nearest, axis=1).mean()
    dense = W.toarray()
    assert (dense > 0).sum(axis=1).tolist() == [5] * 40
    rows = np.arange(40)[:, None]
    np.testing.assert_allclose(dense[rows, nearest], np.exp(-D[rows, nearest] / scale), rtol=1e-4)
    np.testing.assert_array_equal(groups, groups[nearest[:, 0]])


def test_one_far_sample_does_not_lose_its_edges() -> None:
    X = np.concatenate([blobs(40, 2), np.full((1, 3), 500.0, dtype=np.float32)])
    W, _ = neighbor_digraph(X, 5, 1e-3)
    assert W.toarray().max(axis=1).min() >= FAINTEST


def test_what_no_edge_joins_goes_to_the_nearest_mean() -> None:
    X = np.array([[0.0], [0.1], [1.0], [5.0], [5.1], [5.2]])
    np.testing.assert_array_equal(joined(X, np.array([0, 0, 1, 2, 2, 2]), 2), [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(joined(X, np.array([0, 0, 1, 2, 2, 2]), 3), [0, 0, 1, 2, 2, 2])


@pytest.mark.parametrize("K", [3, 30])
def test_the_method_finds_blobs_and_as_many_clusters_as_it_is_asked_for(K: int) -> None:
    """There are fewer parts to start from than 30, so that it starts from single samples."""
    X = blobs(60, 3, apart=12.0)
    labels = methods.build("ac_gdl", n_clusters=K, n_neighbors=8).fit_predict(X)
    assert len(np.unique(labels)) == K
    assert K != 3 or clustering_accuracy(np.arange(60) % 3, labels) == 1
    again = methods.build("ac_gdl", n_clusters=K, n_neighbors=8, random_state=7).fit_predict(X)
    np.testing.assert_array_equal(labels, again)


def test_more_neighbours_than_samples_are_refused() -> None:
    method: Any = methods.build("ac_gdl", n_clusters=2, n_neighbors=10)
    with pytest.raises(ParameterError, match=r"n_neighbors.*less than the number of samples, 10.*Got 10"):
        method.fit(blobs(10, 0))

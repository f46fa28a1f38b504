"""The cuts of sparse and dense graphs against the eigenvectors they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import block_diag, eigh
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

import core.affinity.dense as dense_module
from core.affinity import dense_cut, graph_labeller, pieces, sparse_cut, spectral_labels
from core.affinity.dense import RESTARTS
from core.evaluation import clustering_accuracy


def uneven(n: int, seed: int = 0) -> NDArray[np.float64]:
    """A connected graph whose degrees differ by orders of magnitude."""
    rng = np.random.default_rng(seed)
    A = rng.uniform(size=(n, n)) * (rng.uniform(size=(n, n)) < 0.2) * np.outer(*[np.exp(rng.normal(size=n))] * 2)
    A += np.diag(np.full(n - 1, 0.05), 1)  # a path through all samples
    return np.triu(A, 1) + np.triu(A, 1).T


@pytest.mark.parametrize("form", ["sparse", "dense"])
@pytest.mark.parametrize("n", [40, 200])
def test_the_embedding_is_that_of_the_normalised_cut(n: int, form: str) -> None:
    """Its columns e solve A e = lambda D e for the K largest lambda, whether all pairs are worked out or a few."""
    A, K = uneven(n), 4
    cut = sparse_cut(csr_array(A), K) if form == "sparse" else dense_cut(A, K)
    degrees = A.sum(axis=1)
    expected = eigh(A, np.diag(degrees), eigvals_only=True)[::-1][:K]
    np.testing.assert_array_equal(cut.joined, np.arange(n))
    E = cut.embedding / np.sqrt((degrees[:, None] * cut.embedding**2).sum(axis=0))
    found = np.sum(E * (A @ E), axis=0)
    np.testing.assert_allclose(np.sort(found)[::-1], expected, atol=1e-6)
    np.testing.assert_allclose(A @ E, degrees[:, None] * E * found, atol=1e-4 * degrees.max())
    np.testing.assert_allclose(E.T @ (degrees[:, None] * E), np.eye(K), atol=1e-5)


def test_of_a_graph_in_pieces_the_pieces_come_first() -> None:
    sizes = (30, 50, 60)
    cut = sparse_cut(csr_array(block_diag(*(uneven(n, seed) for seed, n in enumerate(sizes)))), 3)
    pieces = np.repeat(np.arange(3), sizes)
    for piece in range(3):
        inside = cut.embedding[pieces == piece]
        np.testing.assert_allclose(inside, np.broadcast_to(inside[0], inside.shape), atol=1e-12)
    assert len(np.unique(np.round(cut.embedding, 9), axis=0)) == 3


def test_stray_samples_are_no_cluster() -> None:
    """Pieces much smaller than a cluster are left out, even where the larger ones are fewer than clusters."""
    sizes = (150, 160, 3, 1)
    A = csr_array(block_diag(*(uneven(n, seed) if n > 1 else np.zeros((1, 1)) for seed, n in enumerate(sizes))))
    cut = sparse_cut(A, 4)
    np.testing.assert_array_equal(cut.joined, np.arange(310))
    labels = cut.labels(4)
    assert set(labels[:310]) == set(range(4))
    assert (labels[310:] == np.bincount(labels[:310]).argmax()).all()


# ---- affinities that fall apart --------------------------------------------------------------------------------------


def crumbs(parts: int = 60, size: int = 5) -> NDArray[np.float64]:
    """Far more pieces than clusters, so that the smallest eigenvalue of the Laplacian is there once for each."""
    return block_diag(*(uneven(size, seed) for seed in range(parts)))


def test_many_equal_eigenvalues_do_not_stall_the_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lanczos iterations do not end here; what comes instead are eigenvectors all the same, and they are bounded."""
    A, K = crumbs(), 10
    limits = []

    def counted(*args: object, **kwargs: object) -> object:
        limits.append(kwargs["maxiter"])
        return eigsh(*args, **kwargs)

    eigsh = dense_module.eigsh
    monkeypatch.setattr(dense_module, "eigsh", counted)
    cut = dense_cut(A, K)
    assert limits == [RESTARTS]
    degrees = A.sum(axis=1)[cut.joined]
    inside = A[np.ix_(cut.joined, cut.joined)]
    E = cut.embedding / np.sqrt((degrees[:, None] * cut.embedding**2).sum(axis=0))
    np.testing.assert_allclose(inside @ E, degrees[:, None] * E, atol=1e-8 * degrees.max())


@pytest.mark.parametrize("assign_labels", ["discretize", "cluster_qr", "kmeans"])
def test_a_dense_graph_may_fall_apart_and_leave_samples_alone(assign_labels: str) -> None:
    labels = spectral_labels(crumbs(), 10, assign_labels=assign_labels)  # type: ignore[arg-type]
    assert labels.shape == (300,) and set(labels) <= set(range(10))
    sizes = (60, 80, 70)
    A = block_diag(*(uneven(n, seed) for seed, n in enumerate(sizes)), np.zeros((4, 4)))
    labels = spectral_labels(A, 3, assign_labels=assign_labels)  # type: ignore[arg-type]
    assert clustering_accuracy(np.repeat(np.arange(3), sizes), labels[:210]) == 1
    assert (labels[210:] == labels[60]).all()  # samples that are joined to none go to the largest
    assert spectral_labels(np.zeros((20, 20)), 3, assign_labels=assign_labels).shape == (20,)  # type: ignore[arg-type]


def test_pieces_are_counted_as_components_are() -> None:
    rng = np.random.default_rng(0)
    for density in (0.0, 0.01, 0.02, 0.05, 0.5):
        A = rng.uniform(0.5, 1, size=(90, 90)) * (rng.uniform(size=(90, 90)) < density)
        A = np.maximum(A, A.T)
        assert pieces(A) == connected_components(csr_array(A))[0]
    strong = block_diag(uneven(30), uneven(40, 1))
    assert pieces(strong + 1e-14 * strong.max()) == 2 and pieces(strong + 1e-3 * strong.max()) == 1


def test_a_dense_graph_is_decomposed_once_for_all_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    A = block_diag(*(uneven(n, seed) for seed, n in enumerate((60, 80, 70)))) + 1e-4
    labeller = graph_labeller(A, 3)
    monkeypatch.setattr(dense_module, "eigsh", lambda *_, **__: pytest.fail("the known embedding serves every seed"))
    for seed in range(3):
        assert clustering_accuracy(np.repeat(np.arange(3), (60, 80, 70)), labeller(seed)) == 1

"""The cut of a sparse graph against the eigenvectors it stands for."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import block_diag, eigh
from scipy.sparse import csr_array

from core.affinity.cut import sparse_cut


def uneven(n: int, seed: int = 0) -> NDArray[np.float64]:
    """A connected graph whose degrees differ by orders of magnitude."""
    rng = np.random.default_rng(seed)
    A = rng.uniform(size=(n, n)) * (rng.uniform(size=(n, n)) < 0.2) * np.outer(*[np.exp(rng.normal(size=n))] * 2)
    A += np.diag(np.full(n - 1, 0.05), 1)  # a path through all samples
    return np.triu(A, 1) + np.triu(A, 1).T


@pytest.mark.parametrize("n", [40, 200])
def test_the_embedding_is_that_of_the_normalised_cut(n: int) -> None:
    """Its columns e solve A e = lambda D e for the K largest lambda, whether all pairs are worked out or a few."""
    A, K = uneven(n), 4
    cut = sparse_cut(csr_array(A), K)
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

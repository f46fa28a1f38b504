"""The doubly stochastic affinity: what it must be, and that it is the nearest such matrix."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.linalg import LinAlgError

from core import affinity
from core.common import DataError
from core.evaluation import clustering_accuracy
from tests.test_readouts import BLOCKS, K, blocks


def stochastic_affinity(C: np.ndarray, smoothing: float) -> np.ndarray:
    return affinity.stochastic_affinity(C, smoothing).toarray()


def some(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, n))


def lonely(n: int = 30) -> np.ndarray:
    C = np.abs(some(n))
    C[3] = C[:, 3] = 0
    return C


HOSTILE = {
    "random": some(30),
    "zero": np.zeros((30, 30)),
    "identity": np.eye(30),
    "one pair": np.eye(30)[[1]].T @ np.eye(30)[[0]],
    "a hub": np.ones((30, 1)) @ np.eye(30)[[0]] * 50,
    "a lonely sample": lonely(),
    "pairs": np.kron(np.eye(15), [[0.0, 1.0], [1.0, 0.0]]),
    "huge and tiny": np.exp(12 * some(30)),
    "blocks": np.kron(np.eye(3), np.ones((10, 10))),
    "two samples": np.array([[0.0, 2.0], [1.0, 0.0]]),
    "one sample": np.ones((1, 1)),
}


@pytest.mark.parametrize("eta", [0.001, 0.1, 1.0, 100.0])
@pytest.mark.parametrize("name", HOSTILE)
def test_rows_and_columns_sum_to_one_whatever_c_is(name: str, eta: float) -> None:
    A = stochastic_affinity(HOSTILE[name], eta)
    assert (A >= 0).all() and np.isfinite(A).all()
    np.testing.assert_array_equal(A, A.T)
    np.testing.assert_allclose(A.sum(axis=0), 1, atol=1e-6)
    np.testing.assert_allclose(A.sum(axis=1), 1, atol=1e-6)


def nearest_by_turns(C: np.ndarray, eta: float, turns: int = 20_000) -> np.ndarray:
    """The same projection by Dykstra's algorithm: onto rows of sum 1, onto columns of sum 1, onto A >= 0, and so on."""
    n, W = len(C), (np.abs(C) + np.abs(C).T) / 2
    A, kept = W * n / W.sum() / eta, np.zeros_like(W)
    for _ in range(turns):
        A = A + (1 - A.sum(axis=1, keepdims=True)) / n
        A = A + (1 - A.sum(axis=0, keepdims=True)) / n
        positive = np.maximum(A + kept, 0)
        A, kept = positive, A + kept - positive
    return A


@pytest.mark.parametrize("eta", [0.05, 0.3, 1.0, 5.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_the_nearest_one(seed: int, eta: float) -> None:
    C = some(6, seed) * np.random.default_rng(seed).exponential(size=(6, 1))
    np.testing.assert_allclose(stochastic_affinity(C, eta), nearest_by_turns(C, eta), atol=1e-6)


def test_a_matrix_that_is_doubly_stochastic_stays_as_it_is() -> None:
    A = stochastic_affinity(some(25), 0.2)
    np.testing.assert_allclose(stochastic_affinity(-3 * A, 1.0), A, atol=1e-7)


def test_scale_sign_and_order_of_c_do_not_matter() -> None:
    C, order = some(40), np.random.default_rng(1).permutation(40)
    A = stochastic_affinity(C, 0.2)
    np.testing.assert_allclose(stochastic_affinity(-1e-6 * C, 0.2), A, atol=1e-7)
    np.testing.assert_allclose(stochastic_affinity(C[np.ix_(order, order)], 0.2), A[np.ix_(order, order)], atol=1e-7)
    np.testing.assert_allclose(stochastic_affinity(C.astype(np.float32), 0.2), A, atol=1e-5)


def test_smoothing_goes_from_few_neighbours_to_all() -> None:
    counts = [int((stochastic_affinity(some(40), eta) > 0).sum()) for eta in (0.01, 0.1, 1.0, 10.0)]
    assert counts == sorted(counts) and counts[0] < 40 * 6 and counts[-1] == 1600
    np.testing.assert_allclose(stochastic_affinity(some(40), 1e3), 1 / 40, atol=2e-3)


def test_its_cut_finds_blocks() -> None:
    for smoothing, at_least in ((0.1, 0.95), (1.0, 0.99)):
        A = affinity.stochastic_affinity(blocks(0.02), smoothing)
        assert clustering_accuracy(BLOCKS, affinity.spectral_labels(A, K)) >= at_least


def test_what_cannot_be_projected_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="square"):
        stochastic_affinity(np.ones((3, 4)), 0.1)
    with pytest.raises(DataError, match="finite"):
        stochastic_affinity(np.full((3, 3), np.nan), 0.1)
    monkeypatch.setattr("core.affinity.stochastic.STEPS", 1)
    with pytest.raises(LinAlgError, match="in 1 steps"):
        stochastic_affinity(some(40), 0.01)

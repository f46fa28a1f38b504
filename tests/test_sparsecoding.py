"""Sparse coding over a dictionary and a graph, and K-SVD, against scikit-learn and the conditions of a minimum."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.linear_model import Lasso, orthogonal_mp_gram
from sklearn.neighbors import kneighbors_graph

from core import datasets, methods
from core.common import Diverged, ParameterError
from core.graphs import laplacian
from core.solvers import KSVD, GraphCoding, MiniBatchDictionary, greedy, pursuit_codes, soft_threshold, step_bound


def problem(n: int = 40, m: int = 12, p: int = 20) -> tuple[NDArray, NDArray, NDArray]:
    """Samples and atoms of unit norm, and the Laplacian of a graph of neighbours."""
    rng = np.random.default_rng(0)
    X, D = rng.standard_normal((n, m)), rng.standard_normal((p, m))
    X, D = (A / np.linalg.norm(A, axis=1, keepdims=True) for A in (X, D))
    W = kneighbors_graph(X, 4)
    return X, D, laplacian(csr_array(0.5 * (W + W.T)), "normalized")


def test_shrinkage() -> None:
    np.testing.assert_allclose(soft_threshold(np.array([-3.0, -0.5, 0, 0.5, 3]), 1.0), [-2, 0, 0, 0, 2])


def literal_step(A: NDArray, X: NDArray, D: NDArray, L: Any, *, lam: float, alpha: float, N: float) -> NDArray:
    """A <- h_(lam/N)[A - (1/N) ((A D - X) D^T + alpha L A)], as printed."""
    U = A - ((A @ D - X) @ D.T + alpha * (L @ A)) / N
    return np.sign(U) * np.maximum(np.abs(U) - lam / N, 0)


def literal_objective(A: NDArray, X: NDArray, D: NDArray, L: Any, *, lam: float, alpha: float) -> float:
    """1/2 ||X - A D||_F^2 + lam sum |a_ij| + alpha/2 Tr(A^T L A), as printed."""
    return 0.5 * np.square(X - A @ D).sum() + lam * np.abs(A).sum() + alpha / 2 * np.trace(A.T @ (L @ A))


@pytest.mark.parametrize("alpha", [0.0, 5.0, 100.0])
def test_with_products_made_once_the_iteration_is_the_printed_one(alpha: float) -> None:
    X, D, L = problem()
    weights: dict[str, Any] = {"lam": 0.1, "alpha": alpha}
    coding, N = GraphCoding(X, D, L, **weights), step_bound(D, L, alpha)
    A = literal = coding.start()
    for _ in range(200):
        A, literal = coding.step(A, coding.gradient(A), N), literal_step(literal, X, D, L, N=N, **weights)
        np.testing.assert_allclose(A, literal, rtol=0, atol=1e-14)
        assert coding.objective(A, coding.gradient(A)) == pytest.approx(literal_objective(A, X, D, L, **weights), rel=1e-13)
    assert np.abs(A).max() > 1e-2


@pytest.mark.parametrize("alpha", [0.0, 5.0, 100.0])
def test_the_objective_never_rises_and_ends_at_a_minimum(alpha: float) -> None:
    X, D, L = problem()
    coding, N = GraphCoding(X, D, L, lam=0.1, alpha=alpha), step_bound(D, L, alpha)
    A, values = coding.start(), []
    G = coding.gradient(A)
    for _ in range(20_000):
        A = coding.step(A, G, N)
        G = coding.gradient(A)
        values.append(coding.objective(A, G))
        if coding.optimality(A, G) < 1e-9:
            break
    assert np.diff(values).max() <= 1e-12
    assert coding.optimality(A, G) < 1e-6
    np.testing.assert_allclose(coding.step(A, G, N), A, atol=1e-8)
    rng = np.random.default_rng(1)
    for _ in range(20):
        nearby = A + 1e-3 * rng.standard_normal(A.shape)
        assert literal_objective(nearby, X, D, L, lam=0.1, alpha=alpha) > values[-1]


def test_without_a_graph_it_is_the_lasso() -> None:
    X, D, _ = problem()
    coding = GraphCoding(X, D, None, lam=0.1, alpha=0.0)
    A = coding.start()
    for _ in range(20_000):
        A = coding.step(A, coding.gradient(A), step_bound(D))
    lasso = Lasso(0.1 / X.shape[1], fit_intercept=False, tol=1e-14, max_iter=1_000_000)  # it divides the squares by m
    np.testing.assert_allclose(A, lasso.fit(D.T, X.T).coef_, atol=1e-6)


@pytest.mark.parametrize(("lam", "least", "most"), [(0.1, 0.1, 1.0), (100.0, 0.0, 0.0)])
def test_the_optimum_is_not_reached_elsewhere(lam: float, least: float, most: float) -> None:
    X, D, L = problem()
    coding = GraphCoding(X, D, L, lam=lam, alpha=1.0)
    A = coding.start()
    assert least <= coding.optimality(A, coding.gradient(A)) <= most


def test_the_printed_step_bound_diverges_with_a_strong_graph() -> None:
    X, D, L = problem()
    coding, N = GraphCoding(X, D, L, lam=0.1, alpha=100.0), step_bound(D, L, 100.0, "paper")
    assert step_bound(D, L, 100.0) > N
    A, values = coding.start(), []
    for _ in range(30):
        A = coding.step(A, coding.gradient(A), N)
        values.append(coding.objective(A, coding.gradient(A)))
    assert values[-1] > 1e6 * values[0]


def test_a_run_with_the_printed_bound_says_that_it_diverged() -> None:
    X = datasets.load("digits", per_class=12).samples
    settings = {"alpha": 100.0, "n_atoms": 24, "sweeps": 1, "max_iter": 30, "n_clusters": 10}
    with pytest.raises(Diverged, match=r"'objective'.*safe step bound"):
        methods.build("gsc", bound="paper", **settings).fit(X)
    methods.build("gsc", **settings).fit(X)


def test_the_safe_bound_is_the_lipschitz_constant() -> None:
    _, D, L = problem()
    whole = np.linalg.eigvalsh(D @ D.T)[-1] + 7.0 * np.linalg.eigvalsh(L.toarray())[-1]
    assert step_bound(D, L, 7.0) == pytest.approx(whole)


def by_scikit_learn(X: NDArray, D: NDArray, n_nonzero: int) -> NDArray:
    with warnings.catch_warnings():  # a sample that fewer atoms explain needs no more of them
        warnings.filterwarnings("ignore", message=".*Orthogonal matching pursuit ended prematurely")
        return np.asarray(orthogonal_mp_gram(D @ D.T, D @ X.T, n_nonzero_coefs=n_nonzero)).reshape(len(D), len(X)).T


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("m", "p", "k"), [(30, 50, 1), (30, 50, 8), (64, 20, 20), (12, 40, 12), (12, 40, 30)])
def test_pursuit_over_atoms_is_that_of_scikit_learn(m: int, p: int, k: int, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With as many atoms as dimensions a sample is explained wholly, and nobody goes on."""
    monkeypatch.setattr(greedy, "CHUNK", 32)
    rng = np.random.default_rng(seed)
    X, D = rng.standard_normal((70, m)), rng.standard_normal((p, m))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    A, expected = pursuit_codes(X, D, k), by_scikit_learn(X, D, k)
    np.testing.assert_array_equal(A != 0, expected != 0)
    np.testing.assert_allclose(A, expected, rtol=0, atol=1e-8)
    assert (np.count_nonzero(A, axis=1) == min(k, m)).all()


def test_pursuit_ends_where_a_sample_is_explained() -> None:
    X, D = planted()
    X = np.concatenate([X[:50], np.zeros((2, X.shape[1]))])
    A = pursuit_codes(X, D, 8)
    np.testing.assert_allclose(A, by_scikit_learn(X, D, 8), rtol=0, atol=1e-8)
    np.testing.assert_allclose(A @ D, X, atol=1e-9)
    assert not A[50:].any() and (np.count_nonzero(A[:50], axis=1) <= 8).all()
    one = pursuit_codes(3 * D, D, 5)
    np.testing.assert_allclose(one, 3 * np.eye(len(D)), atol=1e-9)
    assert np.count_nonzero(one) == len(D), "an atom is explained by itself, and by nothing else"


@pytest.mark.parametrize("apart", [0.0, 1e-12, 1e-9])
def test_pursuit_never_takes_an_atom_twice(apart: float) -> None:
    X, D, _ = problem()
    twice = np.concatenate([D, D + apart * np.random.default_rng(1).standard_normal(D.shape)])
    A, alone = pursuit_codes(X, twice, 6), pursuit_codes(X, D, 6)
    assert np.isfinite(A).all() and np.abs(A).max() < 10 * np.abs(alone).max()
    np.testing.assert_allclose(A[:, :20] + A[:, 20:], alone, atol=1e-5)
    assert not (A[:, :20] * A[:, 20:]).any()


def test_pursuit_takes_no_atom_that_rounding_tells_from_another() -> None:
    d, e = np.eye(4)[:2]
    X, D = (d + e)[None], np.stack([d, d + 1e-9 * e])  # with the second one too, coefficients would be of the order of 1e9
    for atoms in (D, D[::-1]):
        A = pursuit_codes(X, atoms, 2)
        np.testing.assert_allclose(A, by_scikit_learn(X, atoms, 2), rtol=0, atol=1e-8)
        assert np.count_nonzero(A) == 1 and A.sum() == pytest.approx(1)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_pursuit_does_not_depend_on_the_scale_of_samples_or_atoms(scale: float) -> None:
    X, D, _ = problem()
    A = pursuit_codes(X, D, 6)
    np.testing.assert_allclose(pursuit_codes(scale * X, D, 6), scale * A, rtol=1e-9)
    np.testing.assert_allclose(pursuit_codes(X, scale * D, 6), A / scale, rtol=1e-9)


def planted(p: int = 12, m: int = 20, n: int = 800) -> tuple[NDArray, NDArray]:
    rng = np.random.default_rng(3)
    D = rng.standard_normal((p, m))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    A = np.zeros((n, p))
    for row in A:
        row[rng.choice(p, 2, replace=False)] = rng.choice([-1, 1], 2) * rng.uniform(1, 2, 2)
    return A @ D, D


def test_ksvd_finds_the_dictionary_that_made_the_samples() -> None:
    X, D = planted()
    learner = KSVD(X, len(D), n_nonzero=2)
    errors = [learner.sweep() for _ in range(60)]
    np.testing.assert_allclose(np.linalg.norm(learner.D, axis=1), 1)
    assert errors[-1] < 0.5 * errors[0]
    cosines = np.abs(learner.D @ D.T).max(axis=0)
    assert np.mean(cosines > 0.99) >= 0.75


def test_ksvd_goes_on_where_it_was_and_revives_unused_atoms() -> None:
    X, D = planted()
    learner = KSVD(X, len(D), n_nonzero=2)
    learner.sweep()
    other = KSVD(X, len(D), n_nonzero=2)
    other.set_state(learner.get_state())
    assert learner.sweep() == other.sweep()
    np.testing.assert_array_equal(learner.D, other.D)
    line = np.outer(np.linspace(1, 2, 30), np.eye(5)[0])  # one atom explains everything: the others have no users
    lonely = KSVD(line, 4, n_nonzero=1)
    lonely.sweep()
    assert np.isfinite(lonely.D).all()
    np.testing.assert_allclose(np.linalg.norm(lonely.D, axis=1), 1)


def test_the_mini_batch_dictionary_has_the_same_face() -> None:
    X, _ = planted()
    learner = MiniBatchDictionary(X[:100], 12, lam=0.05)
    before = learner.D.copy()
    errors = [learner.sweep() for _ in range(3)]
    np.testing.assert_allclose(np.linalg.norm(learner.D, axis=1), 1)
    assert errors[-1] < errors[0] and not np.allclose(before, learner.D)
    other = MiniBatchDictionary(X[:100], 12, lam=0.05)
    other.set_state(learner.get_state())
    np.testing.assert_array_equal(other.D, learner.D)


def test_fewer_samples_than_atoms_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"'n_atoms'.*10.*Got 11"):
        KSVD(np.eye(10), 11)

"""Non-negative factorisations: theorems of their papers, and scikit-learn's updates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.decomposition import NMF as Solver

from core import methods
from core.common import DataError
from core.graphs import half_weights
from core.methods.graph_regularised.gnmf import binary_neighbors, objective, update, weighted
from tests.test_contract import digits, small, steps_of


def start(seed: int, d: int = 6) -> tuple[NDArray, NDArray, NDArray]:
    X = digits().reshape(120, -1).astype(np.float64)
    rng = np.random.default_rng(seed)
    return X, rng.random((len(X), d)), rng.random((d, X.shape[1]))


def test_the_graph_joins_nearest_neighbours_both_ways() -> None:
    X, _, _ = start(0)
    W = binary_neighbors(X, 4, 0).toarray()
    d = cdist(X, X) + np.diag(np.full(len(X), np.inf))
    chosen = np.argsort(np.argsort(d, axis=1), axis=1) < 4
    np.testing.assert_array_equal(W, (chosen | chosen.T).astype(float))


@pytest.mark.parametrize("gamma", [0.0, 0.1, 10.0, 1000.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_objective_never_increases(gamma: float, seed: int) -> None:
    X, Z, H = start(seed)
    W = binary_neighbors(X, 5, 0)
    L = np.diag(W.toarray().sum(axis=1)) - W.toarray()
    before = np.inf
    for _ in range(150):
        Z, H = update(X, Z, H, W, gamma)
        terms = objective(X, Z, H, W, gamma, np.square(X).sum())
        assert terms[0] == pytest.approx(np.square(X - Z @ H).sum(), rel=1e-6)
        assert terms[1] == pytest.approx(gamma * np.trace(Z.T @ L @ Z), rel=1e-6, abs=1e-9)
        assert sum(terms) <= before * (1 + 1e-10)
        before = sum(terms)
    assert (Z >= 0).all() and (H >= 0).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_without_the_graph_the_updates_are_those_of_nmf() -> None:
    X, Z, H = start(3)
    solver = Solver(6, init="custom", solver="mu", max_iter=20, tol=0)
    theirs = solver.fit_transform(X, W=Z.copy(), H=H.copy())
    W = binary_neighbors(X, 5, 0)
    for _ in range(20):
        Z, H = update(X, Z, H, W, 0.0)
    np.testing.assert_allclose(Z, theirs, rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(H, solver.components_, rtol=1e-6, atol=1e-10)


def test_the_graph_pulls_neighbours_together() -> None:
    X = digits()
    W = binary_neighbors(X, 5, 0)
    rough = []
    for gamma in (0.0, 100.0):
        Z = steps_of(small("gnmf", gamma=gamma, max_iter=200), X)[-1].arrays["Z"]
        Z = Z / np.linalg.norm(Z)
        rough.append(objective(X.reshape(120, -1), Z, np.zeros((Z.shape[1], 64)), W, 1.0, 0.0)[1])
    assert rough[1] < 0.5 * rough[0]


@pytest.mark.parametrize(
    ("name", "params"),
    [("nmf", {}), ("gnmf", {"gamma": 0.0}), ("gnmf", {"gamma": 2.0}), ("gnmf", {"gamma": 2.0, "weights": "gaussian"})],
)
def test_parts_have_unit_norm_and_new_codes_are_the_best_non_negative_ones(name: str, params: dict[str, Any]) -> None:
    X = digits()
    method: Any = small(name, **params).fit(X)
    np.testing.assert_allclose(np.linalg.norm(method.parts_, axis=1), 1, rtol=1e-5)
    new = X[:5].reshape(5, -1) + 0.1
    Z = method.embed(new)
    gradient = (Z @ method.parts_ - new) @ method.parts_.T  # of half the objective: zero or pushing below zero
    if name == "gnmf":
        nearest = np.argsort(cdist(new, X.reshape(120, -1)), axis=1)[:, :5]
        w = half_weights(X.reshape(120, -1), nearest, new) if params.get("weights") else np.ones(nearest.shape)
        gradient = gradient + method.gamma * (w[:, :, None] * (Z[:, None] - method.codes_[nearest])).sum(axis=1)
    assert (gradient > -1e-5).all() and np.abs(gradient * Z).max() < 1e-5


@pytest.mark.parametrize("name", ["nmf", "gnmf"])
def test_negative_data_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="without negative values"):
        methods.build(name, n_clusters=3).fit(digits() - 0.5)


def test_gaussian_weights_are_half_at_the_mean_distance() -> None:
    X = digits().reshape(120, -1).astype(np.float64)
    W = binary_neighbors(X, 5, 0)
    found, apart = weighted(W, X).toarray(), cdist(X, X, "sqeuclidean")
    expected = np.exp(-np.log(2) * apart / apart.mean()) * (W.toarray() > 0)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert (found == found.T).all() and 0.5 < found[found > 0].mean() < 1
    near = half_weights(X, np.array([[3]]), X[:1] * 0 + X[3])
    assert near[0, 0] == 1

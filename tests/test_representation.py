"""The solvers behind the shallow self-expressive methods, against independent ones and against what they must satisfy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import ElasticNet, Lasso, OrthogonalMatchingPursuit

from core import methods
from core.common import DataError, ParameterError, params_of, redeclared
from core.methods.shallow_subspace.ssc import SSC
from core.solvers import (
    Progress,
    gram_matrix,
    low_rank_projection,
    low_rank_representation,
    penalty_weights,
    pursuit_representation,
    ridge_representation,
    sparse_representation,
)
from core.training import Stages

FAMILY = ("ssc", "ensc", "kssc", "ssc_omp", "lrr", "lrsc", "edsc")
SPARSE = FAMILY[:4]


def samples(n: int = 60, m: int = 25, seed: int = 0) -> NDArray[np.float64]:
    """Correlated rows of unequal norm, in general position."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0.5, 2, (n, 1)) * (rng.normal(size=(n, 8)) @ rng.normal(size=(8, m)) + 0.5 * rng.normal(size=(n, m)))


def planes(K: int = 4, each: int = 15, m: int = 30, dim: int = 3, seed: int = 1) -> tuple[NDArray[np.float64], NDArray]:
    """Unit samples of independent subspaces, and their classes."""
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(size=(each, dim)) @ rng.normal(size=(dim, m)) for _ in range(K)])
    return X / np.linalg.norm(X, axis=1, keepdims=True), np.repeat(np.arange(K), each)


def last(steps: Iterator[Progress]) -> Progress:
    *_, reached = steps
    return reached


def matrix(reached: Progress) -> NDArray[np.float64]:
    C = reached.C() if callable(reached.C) else reached.C
    return np.asarray(C, dtype=np.float64)


def solved(G: NDArray, alpha: float, **settings: Any) -> NDArray[np.float64]:
    return matrix(last(sparse_representation(G, alpha, tolerance=1e-5, max_iter=3000, **settings)))


def leakage(C: NDArray, classes: NDArray) -> float:
    """Share of |C| between different classes."""
    return float(np.abs(C[classes[:, None] != classes]).sum() / np.abs(C).sum())


# ---- lasso and elastic net -------------------------------------------------------------------------------------------


def objective(X: NDArray, c: NDArray, x: NDArray, w: float, r: float) -> float:
    return float(0.5 * np.square(x - c @ X).sum() + w * (r * np.abs(c).sum() + 0.5 * (1 - r) * np.square(c).sum()))


@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize(("alpha", "l1_ratio"), [(1.5, 1.0), (20, 1.0), (5, 0.9), (50, 0.5), (50, 0.05)])
def test_lasso_and_elastic_net_are_those_of_scikit_learn(alpha: float, l1_ratio: float, per_sample: bool) -> None:
    X = samples()
    G, (n, m) = X @ X.T, X.shape
    C = solved(G, alpha, l1_ratio=l1_ratio, per_sample=per_sample)
    weights = penalty_weights(G, alpha, l1_ratio=l1_ratio, per_sample=per_sample)
    for i in range(0, n, 7):
        others = np.delete(np.arange(n), i)
        penalty = {"alpha": weights[i] / m, "fit_intercept": False, "tol": 1e-10, "max_iter": 200_000}  # their fit is over 2 m
        oracle = Lasso(**penalty) if l1_ratio == 1 else ElasticNet(l1_ratio=l1_ratio, **penalty)
        oracle.fit(X[others].T, X[i])
        least = objective(X[others], oracle.coef_, X[i], weights[i], l1_ratio)
        assert objective(X[others], C[i, others], X[i], weights[i], l1_ratio) <= least * (1 + 1e-6)
        np.testing.assert_allclose(C[i, others], oracle.coef_, atol=3e-3)
        assert C[i, i] == 0


def test_float32_products_reach_the_optimum_at_the_default_tolerance(benchmark_data: Any) -> None:
    """Sub-gradients of the convex objective bound how far it is from its least: the duality gap, in float64."""
    from core import datasets

    X = datasets.load("orl").samples.reshape(400, -1).astype(np.float64)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    G, alpha = X @ X.T, 20.0
    w = float(penalty_weights(G, alpha)[0])
    reached = last(sparse_representation(G, alpha))
    C = matrix(reached)
    R = X - C @ X
    primal = 0.5 * np.square(R).sum() + w * np.abs(C).sum()
    inner = R @ X.T
    np.fill_diagonal(inner, 0)
    scale = np.minimum(1, w / np.abs(inner).max(axis=1, keepdims=True))
    dual = (scale * R * X).sum() - 0.5 * np.square(scale * R).sum()
    assert 0 <= primal - dual < 0.02 * primal
    assert reached.scalars["fit"] + reached.scalars["penalty"] == pytest.approx(primal, rel=1e-3)
    assert reached.step == reached.total < 200, "it stops by itself"


def test_a_code_is_zero_exactly_up_to_alpha_one() -> None:
    X = samples(30)
    G = X @ X.T
    assert not solved(G, 0.999, per_sample=True).any()
    assert (np.abs(solved(G, 1.05, per_sample=True)).sum(axis=1) > 0).all()
    shared = solved(G, 1.05)
    assert (np.abs(shared).sum(axis=1) > 0).all(), "the least coherence leaves no sample without a code"


def test_a_larger_alpha_gives_denser_codes_and_a_smaller_l1_share_too() -> None:
    X = samples(40)
    G = X @ X.T
    count = [np.count_nonzero(solved(G, alpha)) for alpha in (2, 10, 100)]
    assert count[0] < count[1] < count[2]
    count = [np.count_nonzero(solved(G, 10, l1_ratio=r)) for r in (1.0, 0.5, 0.1)]
    assert count[0] < count[1] < count[2]


def test_progress_is_reported_and_a_full_run_ends_at_its_total() -> None:
    G = gram_matrix(samples(40))
    seen = [(step.step, step.total, dict(step.scalars)) for step in sparse_representation(G, 50, tolerance=1e-7, max_iter=23)]
    assert [step for step, _, _ in seen] == [5, 10, 15, 20, 23] and {total for _, total, _ in seen} == {23}
    assert all(set(scalars) == set(SSC.symbols) for _, _, scalars in seen)
    residuals = [max(scalars["primal"], scalars["dual"]) for _, _, scalars in seen]
    assert residuals[-1] < residuals[0]


def test_more_rows_than_a_block_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    G = gram_matrix(samples(50))
    whole = solved(G, 20, l1_ratio=0.7)
    monkeypatch.setattr("core.solvers.sparse.BLOCK", 16)
    np.testing.assert_allclose(solved(G, 20, l1_ratio=0.7), whole, atol=1e-5)


@pytest.mark.parametrize(("alpha", "ratio"), [(0.0, 1.0), (-1.0, 1.0), (10.0, 0.0), (10.0, 1.1)])
def test_impossible_penalties_are_refused(alpha: float, ratio: float) -> None:
    with pytest.raises(ParameterError, match="alpha"):
        next(sparse_representation(np.eye(3) + 0.5, alpha, l1_ratio=ratio))


@pytest.mark.parametrize(
    ("G", "words"),
    [(np.ones((3, 4)), "square"), (np.full((3, 3), np.nan), "finite"), (np.eye(4), "orthogonal"), (np.zeros((4, 4)), "zero")],
)
def test_unusable_gram_matrices_are_refused(G: NDArray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        next(sparse_representation(G, 10))


def test_a_sample_of_zeros_gets_no_code_and_serves_no_one() -> None:
    X = samples(30)
    X[4] = 0
    for C in (solved(X @ X.T, 20, per_sample=True), matrix(last(pursuit_representation(X, 5)))):
        assert not C[4].any() and not C[:, 4].any() and np.isfinite(C).all()


# ---- kernels ---------------------------------------------------------------------------------------------------------


def test_kernels_are_those_of_scikit_learn() -> None:
    from sklearn.metrics.pairwise import euclidean_distances, polynomial_kernel, rbf_kernel

    X = samples(20)
    np.testing.assert_allclose(gram_matrix(X, "polynomial", degree=3, offset=0.5), polynomial_kernel(X, X, 3, 1, 0.5))
    width = 0.7 * np.sqrt(np.square(euclidean_distances(X)).mean())
    np.testing.assert_allclose(gram_matrix(X, "gaussian", bandwidth=0.7), rbf_kernel(X, gamma=0.5 / width**2), atol=1e-12)


def test_a_kernel_equals_the_lasso_on_its_feature_map() -> None:
    X = samples(25, 6)
    mapped = np.einsum("ni,nj->nij", X, X).reshape(25, -1)  # <x, y>^2 = <x x^T, y y^T>
    np.testing.assert_allclose(solved(gram_matrix(X, "polynomial"), 20), solved(mapped @ mapped.T, 20), atol=1e-5)


def test_the_linear_kernel_is_ssc() -> None:
    X, _ = planes()
    ssc = methods.build("ssc", n_clusters=4).fit(X)
    kernel = methods.build("kssc", n_clusters=4, kernel="linear").fit(X)
    np.testing.assert_array_equal(ssc.representation_matrix_, kernel.representation_matrix_)


def test_the_elastic_net_without_ridge_is_ssc() -> None:
    X, _ = planes()
    ssc = methods.build("ssc", n_clusters=4, alpha=30).fit(X)
    net = methods.build("ensc", n_clusters=4, alpha=30, l1_ratio=1, per_sample=False).fit(X)
    np.testing.assert_array_equal(ssc.representation_matrix_, net.representation_matrix_)


# ---- matching pursuit ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3, 8])
def test_pursuit_is_that_of_scikit_learn(k: int) -> None:
    X = samples()
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    C = matrix(last(pursuit_representation(X, k, tolerance=0)))
    for i in range(len(X)):
        others = np.delete(np.arange(len(X)), i)
        oracle = OrthogonalMatchingPursuit(n_nonzero_coefs=k, fit_intercept=False).fit(X[others].T, X[i])
        np.testing.assert_allclose(C[i, others], oracle.coef_, atol=1e-5)
        assert C[i, i] == 0


def test_pursuit_stops_where_nothing_is_left_to_explain() -> None:
    X, classes = planes(dim=3)
    steps = [(step.step, step.total, step.scalars["residual"]) for step in pursuit_representation(X, 20, tolerance=1e-9)]
    assert steps[-1][0] == steps[-1][1] == 3, "three samples span a subspace of dimension 3"
    assert all(after < before for (*_, before), (*_, after) in itertools.pairwise(steps))
    C = matrix(last(pursuit_representation(X, 20, tolerance=1e-9)))
    assert leakage(C, classes) < 1e-6
    np.testing.assert_allclose(C @ X, X, atol=1e-5)


def test_pursuit_takes_equal_samples_in_its_stride() -> None:
    X = np.repeat(samples(12, 4), 2, axis=0)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    C = matrix(last(pursuit_representation(X, 10)))
    np.testing.assert_allclose(C @ X, X, atol=1e-5)
    assert not np.diagonal(C).any() and np.count_nonzero(C) == len(X), "each one is its own copy"


# ---- closed forms ----------------------------------------------------------------------------------------------------


def gradient_descent(X: NDArray, penalty: Any, steps: int = 2000) -> NDArray:
    """The least of 0.5 ||X - C X||^2 + penalty, by L-BFGS from zero through automatic differentiation."""
    import torch

    data = torch.from_numpy(X)
    C = torch.zeros(len(X), len(X), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [C], max_iter=steps, tolerance_grad=1e-10, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def objective() -> Any:
        return 0.5 * (data - C @ data).square().sum() + penalty(C)

    def closure() -> Any:
        optimizer.zero_grad()
        value = objective()
        value.backward()
        return value

    optimizer.step(closure)
    return C.detach().numpy()


def test_the_ridge_of_edsc_minimises_its_objective() -> None:
    X = samples(12, 6)
    mean = float(np.square(X).sum(axis=1).mean())
    found = gradient_descent(X, lambda C: 0.5 * 0.3 * mean * C.square().sum())
    np.testing.assert_allclose(ridge_representation(X, 0.3, zero_diagonal=False), found, atol=1e-6)


def test_the_low_rank_projection_satisfies_the_optimality_conditions() -> None:
    """0 is a sub-gradient: tau (X - C X) X^T = U_1 U_1^T + W with W orthogonal to C and of norm at most 1."""
    X = samples(20, 10)
    for tau in (0.5, 3.0, 30.0):
        C = low_rank_projection(X, tau)
        pull = tau / np.square(X).sum(axis=1).mean() * (X - C @ X) @ X.T
        values, U = np.linalg.eigh(C)
        kept = U[:, values > 1e-9]
        assert 0 < kept.shape[1] <= 20 and values.max() < 1
        np.testing.assert_allclose(kept.T @ pull @ kept, np.eye(kept.shape[1]), atol=1e-8)
        rest = pull - kept @ kept.T
        np.testing.assert_allclose(kept.T @ rest, 0, atol=1e-8)
        assert np.linalg.norm(rest, 2) <= 1 + 1e-8


def test_a_weak_fit_leaves_the_low_rank_projection_empty() -> None:
    assert not low_rank_projection(samples(20, 10), 1e-4).any()


# ---- low rank with corrupted samples ---------------------------------------------------------------------------------


def test_without_noise_low_rank_representation_is_the_shape_interaction_matrix() -> None:
    X, classes = planes()
    reached = last(low_rank_representation(X, 1e3, tolerance=1e-7))
    U = np.linalg.svd(X, full_matrices=False)[0][:, :12]
    np.testing.assert_allclose(matrix(reached), U @ U.T, atol=1e-5)
    assert reached.scalars["rank"] == 12 and leakage(matrix(reached), classes) < 1e-4


def test_the_constraint_is_met_ever_better() -> None:
    X = samples(40, 20)
    steps = list(low_rank_representation(X, 0.5, tolerance=1e-7))
    residuals = [step.scalars["residual"] for step in steps]
    assert residuals[-1] < 1e-7 < residuals[len(residuals) // 2] < residuals[0]
    assert all(after < 2 * before for before, after in zip(residuals[-20:], residuals[-19:], strict=False))
    assert steps[-1].step == steps[-1].total


@pytest.mark.parametrize("strength", [0.2, 0.5])
def test_low_rank_representation_is_no_worse_than_a_general_solver(strength: float) -> None:
    """The objective with E = X - C X, smoothed, minimised by descent from several sides: never clearly lower."""
    X = samples(16, 8, seed=4)
    X /= np.linalg.norm(X, axis=1).mean()
    C = matrix(last(low_rank_representation(X, strength, tolerance=1e-8)))

    def value(C: NDArray) -> float:
        return float(np.linalg.norm(C, "nuc") + strength * np.linalg.norm(X - C @ X, axis=1).sum())

    import torch

    data = torch.from_numpy(X)
    for start in (C, np.zeros_like(C), low_rank_projection(X, 10)):
        other = torch.tensor(start, requires_grad=True)
        optimizer = torch.optim.Adam([other], lr=5e-3)
        for _ in range(300):
            optimizer.zero_grad()
            loss = torch.linalg.matrix_norm(other + 1e-9 * torch.eye(len(C)), "nuc")
            (loss + strength * torch.sqrt((data - other @ data).square().sum(dim=1) + 1e-12).sum()).backward()
            optimizer.step()
        assert value(C) <= value(other.detach().numpy()) * 1.001


def test_corrupted_samples_are_set_aside() -> None:
    X, classes = planes(K=3, each=20)
    rng = np.random.default_rng(0)
    bad = np.array([3, 25, 47])
    X[bad] = 3 * rng.normal(size=(3, X.shape[1])) / np.sqrt(X.shape[1])
    C = matrix(last(low_rank_representation(X, 0.3)))
    left = np.linalg.norm(X - C @ X, axis=1)
    assert set(np.argsort(left)[-3:]) == set(bad)
    good = np.setdiff1d(np.arange(len(X)), bad)
    assert leakage(C[np.ix_(good, good)], classes[good]) < 0.15


@pytest.mark.parametrize("X", [np.zeros((5, 3)), np.full((5, 3), np.nan)])
def test_data_without_content_have_no_low_rank_representation(X: NDArray) -> None:
    with pytest.raises(DataError, match="finite"):
        next(low_rank_representation(X, 1.0))


# ---- the methods -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILY)
def test_independent_subspaces_are_found(name: str) -> None:
    X, classes = planes()
    params = {"edsc": {"strength": 1e-3}, "lrsc": {"tau": 1e3}, "lrr": {"strength": 100.0}, "ssc_omp": {"n_nonzero": 3}}
    method = methods.build(name, n_clusters=4, **params.get(name, {})).fit(X)
    C = method.representation_matrix_
    tolerated = {"kssc": 0.2, "ssc": 0.1, "ensc": 0.1}  # a finite weight of the fit leaves a little between the subspaces
    assert leakage(C, classes) < tolerated.get(name, 0.02)
    if name in SPARSE:
        assert not np.diagonal(C).any()
    from core.evaluation import evaluate

    assert evaluate(classes, method.labels_)["acc"] == 1


@pytest.mark.parametrize("name", FAMILY)
def test_every_step_has_the_declared_scalars_and_a_stop_ends_the_solver(name: str) -> None:
    X, stages = samples(60), Stages()
    method = methods.build(
        name,
        n_clusters=3,
        **({"max_iter": 40} if name != "ssc_omp" and "max_iter" in methods.method_class(name).declared() else {}),
    )
    seen = []
    for step in method.iter_fit(X, stages):
        seen.append(step.stage)
        if step.stage == "solve":
            assert set(step.scalars) == set(method.symbols) or not method.symbols
            stages.stop()
    assert seen == ["solve", "spectral"] and method.labels_.shape == (60,)


@pytest.mark.parametrize("name", FAMILY)
def test_presets_say_how_they_were_chosen(name: str) -> None:
    assert all("label" in preset.note for preset in methods.method_class(name).presets.values())


def test_the_sparse_methods_cut_their_coefficients_and_the_others_cosines() -> None:
    for name in FAMILY:
        param = methods.method_class(name).declared()["affinity_by"]
        assert param.default == ("magnitudes" if name in SPARSE else "cosines")
        assert param.choices == methods.method_class("ridge").declared()["affinity_by"].choices


def test_a_redeclared_parameter_keeps_everything_but_its_default() -> None:
    before, after = params_of(SSC)["tolerance"], redeclared(SSC, "tolerance", 1e-5).metadata["param"]
    assert (
        after["default"] == 1e-5
        and {**after, "default": before.default, "name": "tolerance"}.items() <= before.describe().items()
    )


def test_memory_grows_with_the_square_of_what_is_expressed() -> None:
    for name in FAMILY:
        cls = methods.method_class(name)
        params = {key: param.default for key, param in cls.declared().items()}
        few, many = cls.cost((1000, 8, 8), params), cls.cost((4000, 8, 8), params)
        assert many.bytes > 4 * few.bytes * 0.9
        part = {**params, "scope": "subset"}
        assert cls.cost((60_000, 8, 8), part).bytes == cls.cost((70_000, 8, 8), part).bytes, "a subset is what it is"

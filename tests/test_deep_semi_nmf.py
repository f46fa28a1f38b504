"""Deep semi-NMF: its updates entry by entry, what they lower, and a factorisation that was planted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import nnls

from core import methods
from core.evaluation import evaluate
from core.methods.graph_regularised.deep_semi_nmf import error, product, start, update, update_codes
from core.training import Stages
from tests.test_contract import digits, small, steps_of


def random_factors(seed: int, n: int = 40, widths: tuple[int, ...] = (15, 8, 5)) -> tuple[NDArray, NDArray, list[NDArray]]:
    """X (n, 15) of any sign, H_L and the layers between the widths."""
    rng = np.random.default_rng(seed)
    X = rng.normal(0, 1, (n, widths[0]))
    pairs = zip(widths[1:], widths[:-1], strict=True)
    return X, rng.random((n, widths[-1])) + 0.1, [rng.normal(0, 1, pair) for pair in pairs]


def planted(seed: int = 0) -> tuple[NDArray, NDArray]:
    """X = H_2 Z_2 Z_1 without noise, mostly one code for each sample, and which one."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(4), 30)
    H = np.where(rng.random((120, 4)) < 0.3, rng.uniform(0, 0.3, (120, 4)), 0) + np.eye(4)[y] * rng.uniform(1, 1.5, (120, 1))
    return H @ rng.normal(0, 1, (4, 10)) @ rng.normal(0, 1, (10, 30)), y


# ---- the updates -----------------------------------------------------------------------------------------------------


def test_codes_are_updated_as_the_formula_says() -> None:
    X, H, layers = random_factors(0)
    Psi = product(layers)
    found = update_codes(H, X @ Psi.T, Psi @ Psi.T)
    for i, j in np.ndindex(H.shape):
        a = sum(X[i, m] * Psi[j, m] for m in range(X.shape[1]))
        up, down = max(a, 0.0), max(-a, 0.0)
        for k in range(H.shape[1]):
            b = sum(Psi[k, m] * Psi[j, m] for m in range(X.shape[1]))
            up, down = up + H[i, k] * max(-b, 0.0), down + H[i, k] * max(b, 0.0)
        assert found[i, j] == pytest.approx(H[i, j] * np.sqrt(up / down), rel=1e-10)


@pytest.mark.parametrize("widths", [(15, 5), (15, 8, 5), (15, 9, 7, 5), (15, 5, 5)])
def test_mixing_matrices_are_those_of_pseudo_inverses(widths: tuple[int, ...]) -> None:
    X, H, layers = random_factors(1, widths=widths)
    _, found = update(X, H, layers)
    below = np.eye(15)
    for at, Z in enumerate(found):
        T = H
        for above in reversed(layers[at + 1 :]):
            T = T @ above
        theirs = np.linalg.pinv(T, rcond=1e-10) @ X @ np.linalg.pinv(below, rcond=1e-10)
        np.testing.assert_allclose(Z, theirs, rtol=1e-7, atol=1e-9)
        below = Z @ below


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("widths", [(15, 5), (15, 8, 5), (15, 9, 7, 5)])
def test_no_update_of_any_factor_raises_the_error(seed: int, widths: tuple[int, ...]) -> None:
    X, H, layers = random_factors(seed, widths=widths)
    before = np.square(X - H @ product(layers)).sum()
    for _ in range(100):
        renewed, best = update(X, H, layers)
        for at in range(len(layers)):  # one layer after the other
            now = np.square(X - H @ product([*best[: at + 1], *layers[at + 1 :]])).sum()
            assert now <= before * (1 + 1e-10)
            before = now
        H, layers = renewed, best
        now = np.square(X - H @ product(layers)).sum()
        assert now <= before * (1 + 1e-10) and (H >= 0).all()
        assert error(X, H, product(layers), np.square(X).sum()) == pytest.approx(now, rel=1e-9)
        before = now


def test_codes_with_fixed_parts_only_get_better_and_reach_the_best() -> None:
    X, H, layers = random_factors(2)
    Psi = product(layers)
    before = np.inf
    for _ in range(3000):
        H = update_codes(H, X @ Psi.T, Psi @ Psi.T)
        now = np.square(X - H @ Psi).sum()
        assert now <= before * (1 + 1e-12)
        before = now
    best = np.array([nnls(Psi.T, x)[0] for x in X])
    assert before == pytest.approx(np.square(X - best @ Psi).sum(), rel=1e-4)


def test_of_shrinking_layers_a_pass_does_to_the_codes_what_one_layer_does() -> None:
    X, H, layers = random_factors(3)
    alone, one = H, [product(layers)]
    for _ in range(30):
        H, layers = update(X, H, layers)
        alone, one = update(X, alone, one)
        np.testing.assert_allclose(H, alone, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(product(layers), one[0], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_units_do_not_matter(scale: float) -> None:
    X, H, layers = random_factors(4)
    ours, theirs = update(X, H, layers)[0], update(scale * X, H, layers)[0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-8)


def test_codes_and_parts_that_are_nothing_stay_finite() -> None:
    X, H, layers = random_factors(5)
    X[3], H[:, 2] = 0, 0
    H[:, 1] = H[:, 0]
    for _ in range(50):
        H, layers = update(X, H, layers)
    assert np.isfinite(H).all() and all(np.isfinite(Z).all() for Z in layers)


def test_semi_nmf_starts_from_clusters() -> None:
    X, y = planted()
    H = start(X, 4, 0)
    assert set(np.unique(H)) == {0.2, 1.2} and (H.sum(axis=1) == pytest.approx(1.8))
    assert evaluate(y, H.argmax(axis=1))["acc"] == 1


# ---- the method ------------------------------------------------------------------------------------------------------


def test_a_planted_factorisation_is_found() -> None:
    X, y = planted()
    method: Any = methods.build("deep_semi_nmf", n_clusters=4, widths=(10,), max_iter=2000)
    steps = steps_of(method, X.astype(np.float32))
    assert X.min() < 0 and evaluate(y, method.labels_)["acc"] == 1
    found = [step.scalars["reconstruction"] for step in steps if step.stage == "finetune"]
    assert found[-1] < 1e-3 * np.square(X).sum()
    np.testing.assert_allclose(steps[-1].arrays["X_hat"], X, atol=0.1 * np.abs(X).max())


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_errors_fall_and_the_last_one_is_that_of_what_is_shown(shift: float) -> None:
    X = digits() - np.float32(shift)
    method: Any = small("deep_semi_nmf", widths=(20, 15))
    steps = steps_of(method, X)
    layers = [step.scalars["layer"] for step in steps if step.stage == "pretrain"]
    for layer in np.split(np.array(layers), 3):
        assert (np.diff(layer) <= 1e-9 * layer[:-1]).all()
    errors = np.array([step.scalars["reconstruction"] for step in steps if step.stage == "finetune"])
    assert len(errors) == method.max_iter and (np.diff(errors) <= 1e-9 * errors[:-1]).all()
    last = steps[-1].arrays
    assert np.square(X.astype(float) - last["X_hat"]).sum() == pytest.approx(errors[-1], rel=1e-4)
    np.testing.assert_allclose(last["Z"] @ last["H"], last["X_hat"].reshape(120, -1), atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(last["H"], axis=1), 1, rtol=1e-5)
    assert last["Z"].shape == (120, 10) and all((step.arrays["Z"] >= 0).all() for step in steps)


def test_new_codes_are_the_best_non_negative_ones_whatever_their_company() -> None:
    X = digits()
    method: Any = small("deep_semi_nmf").fit(X)
    new = X[:40].reshape(40, -1) + np.random.default_rng(0).normal(0, 0.1, (40, 64))
    Z = method.embed(new)
    best = np.array([nnls(method.parts_.T.astype(float), x)[0] for x in new])
    assert (Z >= 0).all() and np.abs(Z - best).max() < 0.02 * best.max()
    np.testing.assert_allclose(method.embed(new[7:8]), Z[7:8], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(method.embed(new[::-3]), Z[::-3], rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(method.embedding_, method.embed(X))
    assert np.isfinite(method.embed(np.zeros((2, 8, 8)))).all()


def test_what_is_stored_is_enough_to_code_new_samples() -> None:
    X = digits()
    method = small("deep_semi_nmf")
    last = steps_of(method, X)[-1]
    stored = {"labels": method.labels_, "Z": last.arrays["Z"].astype(np.float32), "H": last.arrays["H"]}
    again = small("deep_semi_nmf").restore(X, stored, {})
    np.testing.assert_array_equal(again.embedding_, method.embedding_)
    np.testing.assert_array_equal(again.predict(X + 0.05), method.predict(X + 0.05))


@pytest.mark.parametrize(("stage", "at", "wide"), [("pretrain", 1, 12), ("pretrain", 13, 6), ("finetune", 4, 6)])
def test_a_stop_ends_with_what_there_is(stage: str, at: int, wide: int) -> None:
    X, stages = digits(), Stages()
    method = small("deep_semi_nmf", pretrain_iter=10)
    seen = []
    for step in method.iter_fit(X, stages):
        seen.append((step.stage, step.step))
        if seen[-1] == (stage, at):
            stages.stop()
    assert seen[-2:] == [(stage, at), ("spectral", 1)]
    assert method.labels_.shape == (120,) and method.embedding_.shape == (120, wide)
    assert step.arrays["X_hat"].shape == X.shape


def test_layers_are_no_wider_than_the_data() -> None:
    X = planted()[0][:, :5].astype(np.float32)
    method: Any = methods.build("deep_semi_nmf", n_clusters=4, widths=(100,), n_components=50, pretrain_iter=5, max_iter=5).fit(
        X
    )
    assert method.embedding_.shape == (120, 5) and np.isfinite(method.embedding_).all()

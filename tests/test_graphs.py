"""Adaptive neighbours against an independent solver of the problem they solve in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.special import softmax

from core.common import DataError, ParameterError
from core.graphs import adaptive_neighbors, anchor_weights, laplacian, neighbor_graph, neighbors, symmetrized_graph


def project_onto_simplex(v: NDArray) -> NDArray:
    """Nearest point of {a >= 0, sum a = 1} by bisection on the shift."""
    low, high = v.min() - 1, v.max()
    for _ in range(200):
        shift = 0.5 * (low + high)
        low, high = (shift, high) if np.maximum(v - shift, 0).sum() > 1 else (low, shift)
    return np.maximum(v - shift, 0)


@pytest.mark.parametrize("k", [1, 3, 7])
@pytest.mark.parametrize("seed", range(5))
def test_rows_solve_the_regularised_problem(k: int, seed: int) -> None:
    """min sum_i m_i a_i + lambda a_i^2 on the simplex is the projection of -m / (2 lambda)."""
    Z = np.random.default_rng(seed).normal(size=(25, 4))
    A = adaptive_neighbors(Z, k).toarray()
    m = cdist(Z, Z, "sqeuclidean")
    for i, row in enumerate(A):
        others = np.delete(np.arange(len(Z)), i)
        nearest = np.sort(m[i, others])
        penalty = 0.5 * (k * nearest[k] - nearest[:k].sum())
        expected = project_onto_simplex(-m[i, others] / (2 * penalty))
        np.testing.assert_allclose(row[others], expected, atol=1e-9)


@pytest.mark.parametrize("k", [1, 4])
def test_rows_are_distributions_over_k_others(k: int) -> None:
    A = adaptive_neighbors(np.random.default_rng(0).random((40, 3)), k)
    np.testing.assert_allclose(A.sum(axis=1), 1, atol=1e-12)
    assert A.nnz == 40 * k
    assert A.data.min() >= 0
    assert not A.diagonal().any()


def test_duplicates_do_not_point_at_themselves() -> None:
    """The sample itself is left out by its index; with duplicates it need not sort first."""
    Z = np.repeat(np.random.default_rng(0).normal(size=(6, 3)) * 50 + 1000, 4, axis=0)
    A = adaptive_neighbors(Z, 5)
    assert not A.diagonal().any()
    np.testing.assert_allclose(A.sum(axis=1), 1, atol=1e-12)
    twins = np.kron(np.eye(6), np.ones((4, 4))) - np.eye(24)
    heaviest = np.where(twins > 0, A.toarray(), 0).sum(axis=1)
    assert (heaviest > 3 / 5).all()  # three duplicates at distance 0 outweigh the rest


def test_copies_of_a_sample_share_its_weight_equally() -> None:
    """What rounding leaves of the distance between copies, below zero too, must not decide between them."""
    Z = np.repeat(np.random.default_rng(0).normal(size=(40, 20)) * 50 + 1000, 6, axis=0)
    np.testing.assert_array_equal(adaptive_neighbors(Z, 3).data, 1 / 3)


@pytest.mark.parametrize("Z", [np.zeros((6, 2)), np.full((6, 2), 0.1), np.eye(6) * 0.3])
def test_equal_distances_give_equal_weights(Z: NDArray) -> None:
    A = adaptive_neighbors(Z, 3)
    np.testing.assert_allclose(A.data, 1 / 3, atol=1e-9)
    np.testing.assert_allclose(A.sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1e6])
def test_weights_do_not_depend_on_scale_or_origin(scale: float) -> None:
    Z = np.random.default_rng(0).random((30, 5))
    A, B = adaptive_neighbors(Z, 4), adaptive_neighbors((Z + 3) * scale, 4)
    np.testing.assert_allclose(A.toarray(), B.toarray(), atol=1e-8)


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("relative", [False, True])
def test_distances_in_blocks_are_those_of_all_pairs(centred: bool, relative: bool) -> None:
    X, pool = np.random.default_rng(0).normal(size=(23, 4)) + 3, np.random.default_rng(1).normal(size=(11, 4)) + 3
    centre = pool.mean(axis=0) if centred else None
    blocks = list(neighbors.squared_distances(X, pool, centre=centre, relative=relative, chunk=5))
    found = np.concatenate([block for _, block in blocks])
    own = np.square(X - (pool.mean(axis=0) if centred else 0)).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found + relative * own, cdist(X, pool, "sqeuclidean"), atol=1e-12)
    assert [rows.stop - rows.start for rows, _ in blocks] == [5, 5, 5, 5, 3]


def test_the_nearest_are_those_of_brute_force() -> None:
    X, pool = np.random.default_rng(0).normal(size=(23, 4)), np.random.default_rng(1).normal(size=(11, 4))
    expected = np.argsort(cdist(X, pool), axis=1)
    np.testing.assert_array_equal(np.sort(neighbors.nearest_among(X, pool, 3)), np.sort(expected[:, :3]))
    np.testing.assert_array_equal(neighbors.nearest_of(X, pool), expected[:, 0])
    columns, values = neighbors.smallest(cdist(X, pool), 4, ordered=True)
    np.testing.assert_array_equal(columns, expected[:, :4])
    assert (np.diff(values) >= 0).all()


def test_chunks_do_not_change_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    Z = np.random.default_rng(0).random((50, 3)).astype(np.float32)
    whole = adaptive_neighbors(Z, 3)
    monkeypatch.setattr(neighbors, "CHUNK_ENTRIES", 50 * 7)
    np.testing.assert_allclose(adaptive_neighbors(Z, 3).toarray(), whole.toarray(), atol=1e-12)


def test_maps_are_flattened() -> None:
    Z = np.random.default_rng(0).random((12, 2, 3))
    np.testing.assert_array_equal(adaptive_neighbors(Z, 2).toarray(), adaptive_neighbors(Z.reshape(12, 6), 2).toarray())


@pytest.mark.parametrize("k", [0, -1, 9, 10])
def test_neighbour_count_out_of_range(k: int) -> None:
    with pytest.raises(ParameterError, match=rf"'n_neighbors' must be between 1 and n - 2 = 8\. Got {k} instead"):
        adaptive_neighbors(np.random.default_rng(0).random((10, 2)), k)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_codes_must_be_finite(bad: float) -> None:
    Z = np.zeros((10, 2))
    Z[3, 1] = bad
    with pytest.raises(DataError, match="finite"):
        adaptive_neighbors(Z, 2)


def test_codes_need_a_sample_axis() -> None:
    with pytest.raises(DataError, match="shape"):
        adaptive_neighbors(np.zeros(10), 2)


def test_laplacian_is_the_quadratic_form_of_the_graph() -> None:
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(20, 3))
    A = adaptive_neighbors(rng.normal(size=(20, 3)), 4)
    S = symmetrized_graph(A)
    L = laplacian(S)
    np.testing.assert_allclose(S.toarray(), 0.5 * (A.toarray() + A.toarray().T))
    np.testing.assert_allclose(L.sum(axis=1), 0, atol=1e-12)
    assert np.linalg.eigvalsh(L.toarray()).min() > -1e-12
    double_sum = (A.toarray() * cdist(Z, Z, "sqeuclidean")).sum()
    np.testing.assert_allclose(2 * np.trace(Z.T @ (L @ Z)), double_sum)


# ---- kernel graphs ---------------------------------------------------------------------------------------------------

KERNELS = {
    "half": (lambda d, mean, m: np.exp(-(d**2) * np.log(2) / mean(d**2))),
    "half_unsquared": (lambda d, mean, m: np.exp(-d * np.log(2) / mean(d))),
    "features": (lambda d, mean, m: np.exp(-(d**2) / m)),
}


@pytest.mark.parametrize("kernel", list(KERNELS))
@pytest.mark.parametrize("over", ["all", "kept"])
def test_weights_over_anchors_are_the_kernel_of_the_nearest(kernel: Any, over: Any) -> None:
    rng = np.random.default_rng(3)
    X, anchors = rng.random((40, 5)), rng.random((12, 5))
    S, scale = anchor_weights(X, anchors, 4, kernel=kernel, over=over, normalized=False)
    d = cdist(X, anchors)
    nearest = np.argsort(d, axis=1)[:, :4]
    kept = np.take_along_axis(d, nearest, axis=1)

    def mean(values: NDArray) -> float:
        return float((values if over == "all" else np.take_along_axis(values, nearest, axis=1)).mean())

    expected = np.zeros_like(d)
    np.put_along_axis(expected, nearest, np.take_along_axis(KERNELS[kernel](d, mean, 5), nearest, axis=1), axis=1)
    np.testing.assert_allclose(S.toarray(), expected, rtol=1e-9)
    assert (np.diff(S.indptr) == 4).all() and (S.data > 0).all() and kept.size == S.nnz
    again, _ = anchor_weights(X[:3], anchors, 4, kernel=kernel, normalized=False, scale=scale)
    np.testing.assert_allclose(again.toarray(), expected[:3], rtol=1e-9)


@pytest.mark.parametrize(("kernel", "power"), [("half", 2), ("half_unsquared", 1)])
def test_the_mean_distance_weighs_one_half(kernel: Any, power: int) -> None:
    rng = np.random.default_rng(4)
    X, anchors = rng.random((30, 6)), rng.random((9, 6))
    _, scale = anchor_weights(X, anchors, 3, kernel=kernel, normalized=False)
    mean = (cdist(X, anchors) ** power).mean()
    assert np.exp(-mean * np.log(2) / scale) == pytest.approx(0.5)


def test_far_from_all_anchors_is_not_nowhere_and_near_to_one_leaves_none_out() -> None:
    anchors = np.random.default_rng(7).random((6, 3))
    near, _ = anchor_weights(anchors, anchors, 4, bandwidth=0.01)
    assert (np.diff(near.indptr) == 4).all() and (near.data > 0).all()
    squared = cdist([[40.0, 40, 40]], anchors, "sqeuclidean")[0]
    far, scale = anchor_weights([[40.0, 40, 40]], anchors, 6, scale=2.0)
    assert squared.min() / (2 * scale) > 1000, "the kernel itself is zero there"
    np.testing.assert_allclose(far.toarray()[0], softmax(-squared / (2 * scale)), rtol=1e-6)


@pytest.mark.parametrize(("kernel", "power"), [("gaussian", 2), ("half", 2), ("half_unsquared", 1)])
def test_a_bandwidth_is_a_factor_of_distances(kernel: Any, power: int) -> None:
    X = np.random.default_rng(4).random((30, 6))
    (_, scale), (_, wider) = (neighbor_graph(X, 3, kernel=kernel, bandwidth=width) for width in (1, 3))
    assert wider == pytest.approx(3**power * scale)


@pytest.mark.parametrize("kernel", list(KERNELS))
def test_neighbours_are_joined_if_either_chose_the_other_and_nobody_to_himself(kernel: Any) -> None:
    X = np.random.default_rng(5).random((35, 4))
    S, _ = neighbor_graph(X, 3, kernel=kernel)
    d = cdist(X, X)
    others = ~np.eye(35, dtype=bool)
    weights = KERNELS[kernel](d, lambda values: values[others].mean(), 4)
    ranks = np.argsort(np.argsort(d + np.diag(np.full(35, np.inf)), axis=1), axis=1)
    joined = (ranks < 3) | (ranks < 3).T
    np.testing.assert_allclose(S.toarray(), np.where(joined & others, weights, 0), rtol=1e-9)


def test_duplicates_are_neighbours_of_each_other_and_not_of_themselves() -> None:
    X = np.repeat(np.random.default_rng(6).random((6, 3)), 4, axis=0)
    S, _ = neighbor_graph(X, 3)
    assert not S.diagonal().any()
    np.testing.assert_allclose(S.toarray(), np.kron(np.eye(6), np.ones((4, 4)) - np.eye(4)), atol=1e-9)


@pytest.mark.parametrize("k", [0, 10])
def test_an_impossible_number_of_neighbours_is_refused(k: int) -> None:
    with pytest.raises(ParameterError, match="'n_neighbors' must be between 1 and n - 1 = 9"):
        neighbor_graph(np.eye(10), k)
    with pytest.raises(ParameterError, match="'kernel' must be one of 'gaussian', 'half'"):
        neighbor_graph(np.eye(10), 2, kernel="cosine")  # type: ignore[arg-type]

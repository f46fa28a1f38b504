"""The affinity post-processing against literal, slow versions of its definition, and the cut on planted blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse.linalg import svds

from core import affinity
from core.affinity import (
    affinity_from_decomposition,
    affinity_from_representation,
    decompose,
    kept_rank,
    spectral_labels,
    symmetrized,
    threshold_columns,
)
from core.common import DataError, ParameterError
from core.datasets import load
from core.evaluation import clustering_accuracy

ASSIGNERS = ("discretize", "cluster_qr", "kmeans")


def literal_threshold(C: NDArray, share: float) -> NDArray:
    """Column by column: take the largest entries until their sum exceeds the share."""
    kept = np.zeros_like(C)
    for j in range(C.shape[1]):
        column = np.abs(C[:, j])
        whole = column.sum()
        taken = 0.0
        for i in sorted(range(len(column)), key=lambda i: -column[i]):
            if whole == 0:
                break
            kept[i, j] = C[i, j]
            taken += column[i]
            if taken > share * whole:
                break
    return kept


def literal_affinity(C: NDArray, K: int, dim: int, power: float, share: float, unit: bool, how: str = "signed") -> NDArray:
    """The six published steps with a truncated SVD, in float64."""
    kept = literal_threshold(C, share) if share < 1 else C
    kept = np.abs(kept) if how == "absolute" else kept
    S = 0.5 * (kept + kept.T)
    if unit:
        S = S - np.diag(np.diag(S)) + np.eye(len(S))
    U, sigma, _ = svds(S, k=min(dim * K + 1, len(C) - 1), v0=np.ones(len(C)))
    M = U @ np.diag(np.sqrt(sigma))
    M = M / np.linalg.norm(M, axis=1)[:, None]
    A = M @ M.T
    A[A < 0] = 0
    A = A**power
    A = A / A.max()
    return 0.5 * (A + A.T)


def planted(sizes: tuple[int, ...], noise: float = 0.01, seed: int = 0) -> tuple[NDArray, NDArray]:
    """A symmetric affinity with one block per cluster, its samples shuffled, and the clusters."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    A = np.where(y[:, None] == y[None, :], 0.5 + 0.5 * rng.random((len(y), len(y))), noise * rng.random((len(y), len(y))))
    return 0.5 * (A + A.T), y


def subspace_representation(K: int, each: int, seed: int = 0) -> tuple[NDArray, NDArray]:
    """Ridge self-expression of samples on K random planes, and the planes."""
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(size=(each, 2)) @ rng.normal(size=(2, 30)) for _ in range(K)])
    return ridge(X, 0.1), np.repeat(np.arange(K), each)


def ridge(X: NDArray, strength: float) -> NDArray:
    G = X @ X.T
    return np.linalg.solve(G + strength * np.mean(np.diag(G)) * np.eye(len(G)), G).T


def face_like(n: int = 120) -> NDArray:
    """Ridge self-expression of strongly correlated non-negative images, as faces are; noise makes every entry count."""
    rng = np.random.default_rng(8)
    people = rng.random((n // 10, 1, 200))
    X = 0.6 + 0.3 * people + 0.1 * rng.random((n // 10, 10, 200))
    return ridge(X.reshape(n, 200), 0.001) + 0.03 * rng.normal(size=(n, n))


# ---- thresholding ----------------------------------------------------------------------------------------------------


def with_ties() -> NDArray:
    C = np.random.default_rng(3).integers(-3, 4, size=(9, 9)).astype(float)
    C[:, 2] = 0
    C[:, 4] = 1
    C[:, 5] = [2, -2, 2, -2, 0, 0, 0, 0, 0]
    C[:, 6] = 0
    C[7, 6] = -0.5
    return C


@pytest.mark.parametrize("share", [0.001, 0.04, 0.12, 0.3, 0.5, 0.77, 0.999, 1.0, 2.0])
@pytest.mark.parametrize(
    "C",
    [np.random.default_rng(1).normal(size=(17, 17)), with_ties(), np.zeros((4, 4)), face_like(40)],
    ids=["random", "ties", "zero", "faces"],
)
def test_thresholding_equals_the_literal_loop(C: NDArray, share: float) -> None:
    before = C.copy()
    found = threshold_columns(C, share)
    np.testing.assert_array_equal(found, C if share >= 1 else literal_threshold(C, share))
    np.testing.assert_array_equal(C, before)


@pytest.mark.parametrize("share", [0.04, 0.2, 0.6])
def test_thresholding_keeps_enough_of_each_column_and_no_entry_too_many(share: float) -> None:
    C = np.random.default_rng(2).normal(size=(60, 60)).astype(np.float32)
    kept = threshold_columns(C, share)
    assert set(kept[kept != 0]) <= set(C.ravel())
    mass, whole = np.abs(kept).sum(axis=0), np.abs(C).sum(axis=0)
    smallest = np.where(kept != 0, np.abs(kept), np.inf).min(axis=0)
    assert (mass > share * whole).all()
    assert (mass - smallest <= share * whole * (1 + 1e-5)).all()


# ---- decomposition ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [24, 150])
@pytest.mark.parametrize("rank", [1, 4, 12])
def test_a_decomposition_with_a_rank_is_the_start_of_the_whole_one(n: int, rank: int) -> None:
    S = np.random.default_rng(n).normal(size=(n, n))
    S = S + S.T
    whole, part = decompose(S), decompose(S, rank)
    assert part.values.shape == (rank,) and part.vectors.shape == (n, rank)
    np.testing.assert_allclose(part.values, whole.values[:rank], rtol=1e-4)
    np.testing.assert_allclose(np.abs(np.sum(part.vectors * whole.vectors[:, :rank], axis=0)), 1, atol=1e-3)


def test_a_decomposition_is_a_singular_value_decomposition() -> None:
    S = np.random.default_rng(0).normal(size=(30, 30))
    S = S + S.T
    parts = decompose(S)
    np.testing.assert_allclose(parts.values, np.linalg.svd(S, compute_uv=False), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(S @ parts.vectors, axis=0), parts.values, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(parts.vectors.T @ parts.vectors, np.eye(30), atol=1e-4)
    assert (np.diff(parts.values) <= 0).all()


@pytest.mark.parametrize("rank", [3, 5])
def test_equal_blocks_are_no_trap_for_the_start_vector(rank: int) -> None:
    """The vector of ones, from which Lanczos starts, is an eigenvector of equal blocks."""
    y = np.repeat(np.arange(4), 30)
    S = (y[:, None] == y[None, :]).astype(float)
    parts = [decompose(S, rank) for _ in range(3)]
    for part in parts:
        np.testing.assert_allclose(part.values[:4], [30, 30, 30, 30][:rank], rtol=1e-4)
        np.testing.assert_array_equal(part.vectors, parts[0].vectors)


def test_the_rank_follows_the_published_rule() -> None:
    assert [kept_rank(400, 40, 3), kept_rank(1440, 20, 12), kept_rank(100, 10, 16)] == [121, 241, 99]


# ---- affinity --------------------------------------------------------------------------------------------------------

CONSTANTS: list[dict[str, Any]] = [
    {"n_clusters": 5, "dim": 4, "power": 2, "threshold": 0.2, "unit_diagonal": False},
    {"n_clusters": 3, "dim": 2, "power": 3.5, "threshold": 0.12, "unit_diagonal": False},
    {"n_clusters": 6, "dim": 3, "power": 8, "threshold": 0.04, "unit_diagonal": True},
    {"n_clusters": 4, "dim": 1, "power": 1.2, "threshold": 1.0, "unit_diagonal": False},
    {"n_clusters": 12, "dim": 16, "power": 1, "threshold": 0.5, "unit_diagonal": True},
]
REPRESENTATIONS = {
    "random": np.random.default_rng(4).normal(size=(120, 120)),
    "faces": face_like(),
    "planes": subspace_representation(4, 30)[0] + 0.005 * np.random.default_rng(6).normal(size=(120, 120)),
}


# With few entries of the faces kept, equal singular values meet at the cut: then the published steps have no one answer.
CHAINS = [(name, c) for name in REPRESENTATIONS for c in CONSTANTS if name != "faces" or c["power"] in (2, 1.2, 1)]


@pytest.mark.parametrize("how", ["signed", "absolute"])
@pytest.mark.parametrize(("name", "constants"), CHAINS, ids=lambda v: v if isinstance(v, str) else f"p{v['power']}")
def test_affinity_equals_the_published_steps(name: str, constants: dict[str, Any], how: Any) -> None:
    C = REPRESENTATIONS[name]
    K, dim, power, share, unit = constants.values()
    before = C.copy()
    A = affinity_from_representation(C, **constants, symmetrize=how)
    np.testing.assert_array_equal(C, before)
    np.testing.assert_allclose(A, literal_affinity(C, K, dim, power, share, unit, how), atol=2e-4)
    np.testing.assert_array_equal(A, A.T)
    assert A.shape == C.shape and A.min() >= 0 and A.max() == pytest.approx(1, abs=1e-6)
    assert np.isfinite(A).all() and np.unique(A).size > len(C)


@pytest.mark.parametrize("constants", CONSTANTS, ids=lambda c: f"p{c['power']}")
def test_affinity_from_the_whole_decomposition_is_the_same(constants: dict[str, Any]) -> None:
    C = REPRESENTATIONS["planes"]
    parts = decompose(symmetrized(threshold_columns(C, constants["threshold"]), "signed", constants["unit_diagonal"]))
    rest = {key: constants[key] for key in ("n_clusters", "dim", "power")}
    for _ in range(2):  # it can be used again: nothing in it was changed
        found = affinity_from_decomposition(parts, **rest)
        np.testing.assert_allclose(found, affinity_from_representation(C, **constants), atol=2e-4)


def test_affinity_is_that_of_the_transpose_and_of_any_scale_without_a_threshold() -> None:
    C = REPRESENTATIONS["random"]
    constants = {"n_clusters": 4, "dim": 4, "power": 2, "threshold": 1.0}
    A = affinity_from_representation(C, **constants)
    np.testing.assert_allclose(affinity_from_representation(C.T, **constants), A, atol=1e-4)
    np.testing.assert_allclose(affinity_from_representation(1000 * C, **constants), A, atol=1e-4)


def test_a_larger_power_is_sparser() -> None:
    weights = [
        affinity_from_representation(REPRESENTATIONS["faces"], n_clusters=12, dim=3, power=p, threshold=0.2).mean()
        for p in (1, 2, 8)
    ]
    assert weights[0] > weights[1] > weights[2] > 0


def test_options_of_the_symmetrisation_do_what_they_say() -> None:
    C = np.array([[0.0, 2.0], [-4.0, 6.0]])
    np.testing.assert_array_equal(symmetrized(C), [[0, -1], [-1, 6]])
    np.testing.assert_array_equal(symmetrized(C, "absolute"), [[0, 3], [3, 6]])
    np.testing.assert_array_equal(symmetrized(C, "signed", True), [[1, -1], [-1, 1]])
    np.testing.assert_array_equal(C, [[0, 2], [-4, 6]])
    with pytest.raises(ParameterError, match=r"symmetrize.*'signed'.*'both'"):
        symmetrized(C, "both")  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [np.zeros((3, 4)), np.zeros(9), np.full((3, 3), np.nan), np.diag([1.0, np.inf, 0.0])])
def test_what_is_no_representation_is_refused(bad: NDArray) -> None:
    with pytest.raises(DataError):
        affinity_from_representation(bad, n_clusters=2, dim=1, power=1, threshold=1)


def test_samples_that_nobody_explains_get_no_affinity_and_no_nan() -> None:
    C, _ = subspace_representation(3, 20)
    C[7] = C[:, 7] = 0
    A = affinity_from_representation(C, n_clusters=3, dim=2, power=4, threshold=0.3)
    assert np.isfinite(A).all() and A.max() == pytest.approx(1, abs=1e-6)
    assert not A[7].any() and A[8].any()
    assert not affinity_from_representation(np.zeros((12, 12)), n_clusters=2, dim=1, power=2, threshold=0.1).any()


@pytest.mark.parametrize("assign_labels", ASSIGNERS)
def test_planes_are_found_through_the_whole_chain(assign_labels: affinity.AssignLabels) -> None:
    C, y = subspace_representation(5, 24)
    A = affinity_from_representation(C, n_clusters=5, dim=2, power=4, threshold=0.5)
    assert clustering_accuracy(y, spectral_labels(A, 5, assign_labels=assign_labels)) == 1


def test_faces_are_found_about_as_well_as_with_the_literal_version(benchmark_data: Any) -> None:
    data = load("orl", scaling="unit", per_class=10)
    C = ridge(data.X.astype(np.float64), 100 / np.mean(np.sum(np.square(data.X, dtype=np.float64), axis=1)))
    A = affinity_from_representation(C, n_clusters=40, dim=3, power=1, threshold=0.2)
    np.testing.assert_allclose(A, literal_affinity(C, 40, 3, 1, 0.2, False), atol=1e-3)
    assert data.y is not None
    assert clustering_accuracy(data.y, spectral_labels(A, 40)) == pytest.approx(0.78, abs=0.04)  # measured for common.md


# ---- the cut ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("assign_labels", ASSIGNERS)
@pytest.mark.parametrize("sizes", [(20, 20), (30, 10, 20), (5, 9, 14, 7, 25)])
def test_planted_blocks_are_found(sizes: tuple[int, ...], assign_labels: affinity.AssignLabels) -> None:
    A, y = planted(sizes)
    labels = spectral_labels(A, len(sizes), assign_labels=assign_labels, random_state=3)
    assert labels.shape == y.shape and labels.dtype == np.int64
    assert set(labels) == set(range(len(sizes)))
    assert clustering_accuracy(y, labels) == 1


@pytest.mark.parametrize("assign_labels", ASSIGNERS)
@pytest.mark.filterwarnings("ignore:Graph is not fully connected")
def test_the_cut_repeats_itself_and_leaves_the_affinity_alone(assign_labels: affinity.AssignLabels) -> None:
    A, _ = planted((15, 15, 15), noise=0.6)
    A[4] = A[:, 4] = 0
    before = A.copy()
    first = spectral_labels(A, 3, assign_labels=assign_labels, random_state=5)
    np.testing.assert_array_equal(spectral_labels(A, 3, assign_labels=assign_labels, random_state=5), first)
    np.testing.assert_array_equal(A, before)


@pytest.mark.parametrize("assign_labels", ASSIGNERS)
@pytest.mark.filterwarnings("ignore:Graph is not fully connected")
def test_isolated_samples_do_not_spoil_the_others(assign_labels: affinity.AssignLabels) -> None:
    A, y = planted((25, 25, 25), noise=0.02)
    lonely = np.isin(np.arange(75), [11, 40])
    A[lonely] = A[:, lonely] = 0
    labels = spectral_labels(A, 3, assign_labels=assign_labels)
    assert labels.shape == (75,) and set(labels) <= {0, 1, 2}
    assert clustering_accuracy(y[~lonely], labels[~lonely]) == 1


@pytest.mark.parametrize("n_clusters", [0, -1, 61])
def test_an_impossible_number_of_clusters_is_refused(n_clusters: int) -> None:
    with pytest.raises(ParameterError, match="n_clusters"):
        spectral_labels(planted((30, 30))[0], n_clusters)


def test_unknown_ways_to_read_the_clusters_are_refused() -> None:
    with pytest.raises(ValueError, match="assign_labels"):
        spectral_labels(planted((10, 10))[0], 2, assign_labels="guess")  # type: ignore[arg-type]


def test_without_unit_rows_products_take_the_place_of_cosines() -> None:
    """Step 4 of the programs is not in RGRL's Algorithm 1."""
    C = np.random.default_rng(3).normal(size=(30, 30))
    constants: dict[str, Any] = {"n_clusters": 3, "dim": 2, "power": 1.0, "threshold": 1.0}
    S = (C + C.T) / 2
    values, vectors = np.linalg.eigh(S)
    kept = np.argsort(-np.abs(values))[:7]
    M = vectors[:, kept] * np.sqrt(np.abs(values[kept]))
    products = np.maximum(M @ M.T, 0)
    found = affinity_from_representation(C, **constants, unit_rows=False)
    np.testing.assert_allclose(found, products / products.max(), atol=1e-5)
    assert np.abs(found - affinity_from_representation(C, **constants)).max() > 0.1

"""Many samples without n x n numbers: anchors, neighbours, subsets, from the arithmetic to a stored run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import block_diag, csr_array, issparse
from scipy.spatial.distance import cdist

from core import affinity, datasets, evaluation, explore, methods, runs
from core.affinity import cut
from core.common import DataError, ParameterError, unpacked
from core.datasets import DataSpec
from core.evaluation import clustering_accuracy
from core.explore import matrices
from core.graphs import anchor_graph, anchor_weights, find_anchors, nearest_neighbors, ordered_neighbors
from core.jobs import JobQueue
from core.methods.parts.scope import FULL_LIMIT
from core.plots.blocks import block_mean, factor_block_mean
from core.runs import RunSpec, RunStore, Status, label_new, looks
from core.solvers import (
    anchored_ridge,
    expression_residual,
    largest_product,
    neighbors_representation,
    neighbors_ridge,
    ridge_representation,
)
from core.training import to_host

SCOPED = [
    (name, scope) for name, cls in methods.registered().items() if cls.reads == "C" for scope in cls.declared()["scope"].choices
]
TINY = {
    "n_candidates": 9, "n_anchors": 40, "subset_size": 60, "pretrain_epochs": 2, "epochs": 2, "channels": (4,),
    "kernel_sizes": (3,),
}  # fmt: skip


def blobs(sizes: tuple[int, ...] = (60, 60, 60, 60), seed: int = 0, spread: float = 0.3) -> tuple[NDArray, NDArray]:
    """Gaussian blobs far apart, shuffled."""
    rng = np.random.default_rng(seed)
    centres = 10 * np.eye(len(sizes), 12)
    y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return centres[y] + spread * rng.normal(size=(len(y), 12)), y


def planes(per_class: int = 40, K: int = 3, seed: int = 0) -> tuple[NDArray, NDArray]:
    """Unit samples of random 3-dimensional subspaces of R^20."""
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(size=(per_class, 3)) @ rng.normal(size=(3, 20)) for _ in range(K)])
    return X / np.linalg.norm(X, axis=1, keepdims=True), np.repeat(np.arange(K), per_class)


def everybody_else(n: int) -> NDArray[np.int64]:
    return np.array([[j for j in range(n) if j != i] for i in range(n)])


# ---- anchors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("anchors", ["kmeans", "random"])
@pytest.mark.parametrize(("p", "r"), [(12, 3), (12, 12), (1, 1)])
def test_rows_of_an_anchor_graph_are_weights_over_the_nearest_anchors(anchors: Any, p: int, r: int) -> None:
    X, _ = blobs()
    graph = anchor_graph(X, p, r, random_state=3, anchors=anchors)
    W = graph.weights
    assert issparse(W) and W.shape == (len(X), p) and graph.anchors.shape == (p, X.shape[1])
    np.testing.assert_array_equal(np.diff(W.indptr), r)
    assert (W.data > 0).all()
    np.testing.assert_allclose(W.sum(axis=1), 1)
    squared = np.square(X[:, None] - graph.anchors[None]).sum(axis=2)
    kept = np.sort(squared, axis=1)[:, :r]
    dense = W.toarray()
    for i in range(0, len(X), 17):
        expected = np.exp(-squared[i] / (2 * kept.mean())) * (squared[i] <= kept[i, -1])
        np.testing.assert_allclose(dense[i], expected / expected.sum(), atol=1e-9)
    again = anchor_graph(X, p, r, random_state=3, anchors=anchors)
    np.testing.assert_array_equal(again.weights.toarray(), dense)
    if anchors == "random":
        assert all((anchor == X).all(axis=1).any() for anchor in graph.anchors)


def test_the_half_kernel_gives_the_mean_distance_half_and_serves_new_samples() -> None:
    X, _ = blobs()
    graph = anchor_graph(X, 10, 10, random_state=0, kernel="half", normalized=False)
    squared = np.square(X[:, None] - graph.anchors[None]).sum(axis=2)
    np.testing.assert_allclose(graph.weights.toarray(), np.exp(-math.log(2) * squared / squared.mean()), rtol=1e-6)
    more, scale = anchor_weights(X[:5], graph.anchors, 4, kernel="half", normalized=False, scale=graph.scale)
    assert scale == graph.scale
    kept = np.sort(graph.weights.toarray()[:5], axis=1)[:, -4:]
    np.testing.assert_allclose(np.sort(more.toarray(), axis=1)[:, -4:], kept)


def test_anchor_graphs_take_equal_far_and_few_samples_and_refuse_what_makes_no_sense() -> None:
    same = anchor_graph(np.ones((20, 3)), 5, 2, random_state=0).weights
    np.testing.assert_allclose(same.sum(axis=1), 1)
    far = np.vstack([blobs()[0], np.full((1, 12), 1e6)])
    W, _ = anchor_weights(far, find_anchors(far[:-1], 8, random_state=0), 3, bandwidth=0.01)
    np.testing.assert_allclose(W.sum(axis=1), 1)
    assert (W.data > 0).all()
    for p, r, match in ((0, 1, "n_anchors"), (21, 1, "n_anchors"), (5, 0, "n_neighbors"), (5, 6, "n_neighbors")):
        with pytest.raises(ParameterError, match=match):
            anchor_graph(np.ones((20, 3)), p, r, random_state=0)
    with pytest.raises(DataError, match="finite"):
        anchor_graph(np.full((20, 3), np.nan), 5, 2, random_state=0)


def test_the_embedding_through_anchors_is_that_of_the_graph_it_stands_for() -> None:
    W = anchor_graph(blobs(spread=4.0)[0], 30, 4, random_state=1).weights
    B = affinity.anchor_factor(W)
    A = (B @ B.T).toarray()
    np.testing.assert_allclose(A.sum(axis=1), 1)
    values, vectors = np.linalg.eigh(A - 1 / len(A))
    E = affinity.anchor_embedding(W, 3)
    np.testing.assert_allclose(np.linalg.norm(E, axis=1), 1)
    leading = vectors[:, ::-1][:, :3] * np.square(values[::-1][:3])
    expected = leading / np.linalg.norm(leading, axis=1, keepdims=True)
    np.testing.assert_allclose(np.abs(E), np.abs(expected), atol=1e-6)


@pytest.mark.parametrize("anchors", ["kmeans", "random"])
@pytest.mark.parametrize("sizes", [(60, 60, 60, 60), (150, 30, 60)])
def test_lsc_finds_separated_blobs(sizes: tuple[int, ...], anchors: str) -> None:
    X, y = blobs(sizes)
    for seed in range(3):
        method = methods.build("lsc", n_clusters=len(sizes), n_anchors=40, anchors=anchors, random_state=seed)
        assert clustering_accuracy(y, method.fit_predict(X)) == 1


@pytest.mark.journey
def test_lsc_reaches_its_mark_on_ten_thousand_digits(benchmark_data: Any) -> None:
    data = datasets.load("mnist_test")
    assert data.y is not None
    labels = methods.build("lsc", n_clusters=10).fit_predict(data.samples)
    assert clustering_accuracy(data.y, labels) >= 0.75


# ---- neighbours ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 5, 119])
def test_neighbours_are_the_nearest_others(k: int) -> None:
    X, _ = planes()
    squared = np.square(X[:, None] - X[None]).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    found = np.sort(np.take_along_axis(squared, nearest_neighbors(X, k), axis=1), axis=1)
    np.testing.assert_allclose(found, np.sort(squared, axis=1)[:, :k], atol=1e-5)


def test_beyond_the_exact_limit_nearly_all_neighbours_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).normal(size=(6000, 6))
    exact = nearest_neighbors(X, 10)
    monkeypatch.setattr("core.graphs.neighbors.EXACT_LIMIT", 1000)
    monkeypatch.setattr("core.graphs.neighbors._CELL", 200)
    found = nearest_neighbors(X, 10)
    assert (found != np.arange(6000)[:, None]).all()
    assert all(len(set(row)) == 10 for row in found.tolist())
    shared = [len(set(a) & set(b)) for a, b in zip(exact.tolist(), found.tolist(), strict=True)]
    assert np.mean(shared) > 9


def test_ordered_neighbours_come_with_their_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    X = 50 + np.random.default_rng(2).normal(size=(600, 6))
    whole = ordered_neighbors(X, 40)
    monkeypatch.setattr("core.graphs.neighbors.CHUNK_ENTRIES", 500)
    for found, again in zip(ordered_neighbors(X, 40), whole, strict=True):
        np.testing.assert_array_equal(found, again)
    expected = cdist(X, X)
    np.testing.assert_array_equal(whole[0], np.argsort(expected, axis=1)[:, 1:41])
    np.testing.assert_allclose(whole[1], np.sort(expected, axis=1)[:, 1:41], rtol=1e-4)


@pytest.mark.parametrize("strength", [1e-3, 0.1, 10.0])
def test_ridge_over_all_others_is_the_dense_ridge(strength: float) -> None:
    X, _ = planes()
    C = neighbors_ridge(X, everybody_else(len(X)), strength)
    np.testing.assert_allclose(C.toarray(), ridge_representation(X, strength), atol=1e-8)
    assert expression_residual(X, C) == pytest.approx(float(np.square(X - C @ X).sum()))


def test_the_elastic_net_over_candidates_meets_its_optimality_conditions() -> None:
    X, _ = planes()
    candidates = nearest_neighbors(X, 15)
    l1, l2 = 0.05, 0.02
    C = neighbors_representation(X, candidates, l1=l1, l2=l2, tol=1e-10).toarray()
    for i in range(len(X)):
        c = C[i, candidates[i]]
        gradient = X[candidates[i]] @ (X[i] - c @ X[candidates[i]]) - l2 * c
        np.testing.assert_allclose(gradient[c != 0], l1 * np.sign(c[c != 0]), atol=1e-7)
        assert (np.abs(gradient[c == 0]) <= l1 + 1e-7).all()
    assert 0 < np.count_nonzero(C) < candidates.size
    from sklearn.linear_model import ElasticNet

    rows = X[candidates[7]]
    net = ElasticNet(alpha=(l1 + l2) / 20, l1_ratio=l1 / (l1 + l2), fit_intercept=False, tol=1e-12, max_iter=100_000)
    np.testing.assert_allclose(C[7, candidates[7]], net.fit(rows.T, X[7]).coef_, atol=1e-6)
    largest = largest_product(X, candidates)
    assert not neighbors_representation(X, candidates, l1=largest.max()).nnz
    each = neighbors_representation(X, candidates, l1=0.9 * largest, l2=np.full(len(X), l2), tol=1e-10)
    assert (np.diff(each.indptr) > 0).all(), "weights of their own leave no sample without a code"
    own = neighbors_representation(X, candidates, l1=0.9 * largest[7], l2=l2, tol=1e-10)
    np.testing.assert_allclose(each.toarray()[7], own.toarray()[7], atol=1e-9)


def test_least_squares_without_any_penalty_is_that_of_least_norm() -> None:
    X, _ = planes()
    candidates = nearest_neighbors(X, 30)  # more than the 20 features
    C = neighbors_representation(X, candidates)
    expected = np.linalg.pinv(X[candidates[3]].T) @ X[3]
    np.testing.assert_allclose(C.toarray()[3, candidates[3]], expected, atol=1e-6)


def test_anchored_ridge_solves_the_normal_equations() -> None:
    X, _ = planes()
    A = find_anchors(X, 25, random_state=0)
    C = anchored_ridge(X, A, 0.3).astype(np.float64)
    penalty = 0.3 * np.mean(np.sum(np.square(A), axis=1))
    np.testing.assert_allclose(C @ (A @ A.T + penalty * np.eye(25)), X @ A.T, atol=1e-4)
    with pytest.raises(ParameterError, match="anchors"):
        anchored_ridge(X[:25], A, 0.3)


# ---- the cut ---------------------------------------------------------------------------------------------------------


def test_sparse_and_dense_magnitudes_agree() -> None:
    X, y = planes()
    C = neighbors_ridge(X, nearest_neighbors(X, 12), 0.01)
    C.setdiag(np.linspace(0, 1, len(X)))
    sparse = affinity.affinity_from_magnitudes(C)
    dense = affinity.affinity_from_magnitudes(C.toarray())
    assert issparse(sparse)
    np.testing.assert_allclose(sparse.toarray(), dense, atol=1e-6)
    assert evaluation.block_diagonality(sparse, y) == pytest.approx(evaluation.block_diagonality(dense, y), abs=1e-6)
    assert evaluation.diagonal_mass(C) == pytest.approx(evaluation.diagonal_mass(C.toarray()))


@pytest.mark.parametrize("assign_labels", ["discretize", "cluster_qr", "kmeans"])
def test_sparse_and_dense_cuts_agree(assign_labels: Any) -> None:
    X, y = planes(60)
    A = affinity.affinity_from_magnitudes(neighbors_ridge(X, nearest_neighbors(X, 12), 0.01))
    sparse = affinity.spectral_labels(A, 3, assign_labels=assign_labels)
    dense = affinity.spectral_labels(A.toarray(), 3, assign_labels=assign_labels)
    assert sparse.dtype == np.int64 and clustering_accuracy(sparse, dense) > 0.99
    assert clustering_accuracy(y, sparse) > 0.95
    np.testing.assert_array_equal(sparse, affinity.spectral_labels(A, 3, assign_labels=assign_labels))


@pytest.mark.parametrize("assign_labels", ["discretize", "cluster_qr", "kmeans"])
@pytest.mark.parametrize("K", [2, 4, 5, 9])
def test_a_sparse_graph_may_fall_into_components(assign_labels: Any, K: int) -> None:
    rng = np.random.default_rng(0)
    parts = []
    for size in (80, 50, 70, 40, 2, 1, 1):  # four clusters and some dust
        block = (rng.uniform(size=(size, size)) < 0.3) * rng.uniform(0.5, 1, (size, size))
        np.fill_diagonal(block, 0)
        parts.append(np.maximum(block, block.T) if size > 1 else np.zeros((1, 1)))
    A = csr_array(block_diag(parts))
    y = np.repeat(np.arange(7), (80, 50, 70, 40, 2, 1, 1))
    labels = affinity.spectral_labels(A, K, assign_labels=assign_labels)
    assert labels.shape == y.shape and labels.min() >= 0 and labels.max() < K
    if K == 4:
        assert clustering_accuracy(y[:240], labels[:240]) == 1
    for part in range(4):
        assert K > 4 or len(set(labels[y == part])) == 1


@pytest.mark.parametrize("A", [csr_array((30, 30)), csr_array(np.kron(np.eye(15), 1 - np.eye(2)))])
def test_dust_is_cut_without_a_crash(A: csr_array) -> None:
    for assign_labels in ("discretize", "cluster_qr", "kmeans"):
        labels = affinity.spectral_labels(A, 3, assign_labels=assign_labels)  # type: ignore[arg-type]
        assert labels.shape == (30,) and set(labels) <= {0, 1, 2}
    with pytest.raises(ParameterError, match="n_clusters"):
        affinity.spectral_labels(A, 31)


def test_anchored_weights_are_cut_like_the_graph_they_stand_for() -> None:
    X, y = blobs()
    C = anchored_ridge(X, find_anchors(X, 24, random_state=0), 0.01)
    assert clustering_accuracy(y, affinity.anchor_cut(C, 4).labels(4)) > 0.98
    W = affinity.anchor_affinities(C)
    assert W.shape == C.shape and np.diff(W.indptr).max() == affinity.ANCHORS_KEPT
    np.testing.assert_allclose(W.sum(axis=1), 1)
    C[3] = 0
    np.testing.assert_allclose(affinity.anchor_affinities(C).sum(axis=1), 1)
    np.testing.assert_array_equal(
        affinity.anchor_cut(csr_array(C), 4).labels(4), affinity.anchor_cut(csr_array(C), 4).labels(4)
    )


def test_pictures_of_sparse_matrices_and_products_are_those_of_dense_ones() -> None:
    rng = np.random.default_rng(0)
    A = np.abs(rng.normal(size=(57, 57))) * (rng.uniform(size=(57, 57)) < 0.2)
    B = np.abs(rng.normal(size=(57, 6))) * (rng.uniform(size=(57, 6)) < 0.5)
    for order in (rng.permutation(57), rng.permutation(57)[:33]):
        for pixels in (10, 33, 100):
            for columns in (None, rng.permutation(57)[:21]):
                shown = block_mean(csr_array(A), order, pixels, columns)
                np.testing.assert_allclose(shown, block_mean(A, order, pixels, columns), atol=1e-6)
                for factor in (B, csr_array(B)):
                    shown = factor_block_mean(factor, order, pixels, columns)
                    np.testing.assert_allclose(shown, block_mean(B @ B.T, order, pixels, columns), atol=1e-5)
    y = rng.integers(0, 3, 57)
    assert evaluation.factor_block_diagonality(csr_array(B), y) == pytest.approx(evaluation.block_diagonality(B @ B.T, y))


# ---- scopes ----------------------------------------------------------------------------------------------------------


def test_the_scope_is_chosen_by_the_number_of_samples_and_said_in_words() -> None:
    ridge, deep = methods.method_class("ridge"), methods.method_class("udll")
    for cls in (ridge, deep):
        assert cls.scope_of(FULL_LIMIT, {}) == "full" and cls.scope_words(FULL_LIMIT, {}) is None
        assert cls.scope_of(400, {"scope": "subset", "subset_size": 500}) == "full"
        assert cls.extent.of({"scope": "subset", "subset_size": 100}).size(400) == 100  # type: ignore[attr-defined]
    assert ridge.scope_of(FULL_LIMIT + 1, {}) == "neighbors" and deep.scope_of(FULL_LIMIT + 1, {}) == "subset"
    assert ridge.extent.of({}).size(10_000) == 10_000  # type: ignore[attr-defined]
    assert deep.extent.of({"subset_size": 700}).size(10_000) == 700  # type: ignore[attr-defined]
    words = [ridge.scope_words(10_000, {"scope": s}) or "" for s in ("auto", "neighbors", "anchors", "subset")]
    assert "8,000" in words[0] and "20 nearest neighbours" in words[0]
    assert "8,000" not in words[1] and words[1][0].isupper()
    assert "500 anchors" in words[2] and "5,000 of the 10,000" in words[3]


def test_the_cost_is_that_of_the_scope() -> None:
    cls = methods.method_class("ridge")
    defaults = {name: param.default for name, param in cls.declared().items()}
    bytes_of = {s: cls.cost((20_000, 28, 28), {**defaults, "scope": s}).bytes for s in cls.declared()["scope"].choices}
    assert bytes_of["full"] > 4 * 20_000**2
    assert all(bytes_of[s] < 20_000**2 / 4 for s in ("auto", "neighbors", "anchors"))
    assert bytes_of["subset"] == bytes_of["full"] / 16


@pytest.mark.parametrize(("name", "scope"), SCOPED)
def test_every_scope_of_every_method_keeps_the_contract(name: str, scope: str) -> None:
    X = datasets.load("digits", per_class=12).samples
    declared = methods.method_class(name).declared()
    params = {key: value for key, value in TINY.items() if key in declared}
    method = methods.build(name, n_clusters=10, scope=scope, **params)
    last = list(method.iter_fit(X))[-1]
    arrays = to_host(last.arrays)
    form, C = affinity.form(arrays["C"]), arrays["C"]
    assert method.labels_.shape == (120,) and method.labels_.dtype == np.int64
    assert {"auto": "dense", "full": "dense", "subset": "dense", "neighbors": "sparse", "anchors": "anchors"}[scope] == form
    A = getattr(method, "affinity_matrix_", None)
    if scope == "anchors":
        assert A is None and C.shape == (120, 40)
        return
    size = 60 if scope == "subset" else 120
    assert C.shape == A.shape == (size, size)
    values = A.toarray() if issparse(A) else A
    assert issparse(A) == (scope == "neighbors") and (values >= 0).all() and values.max() > 0
    np.testing.assert_array_equal(values, values.T)
    if scope == "neighbors":
        assert C.nnz <= 120 * 9 and not C.diagonal().any()
    if scope == "subset":
        rows, nearest = arrays["rows"], arrays["nearest"]
        assert rows.shape == (60,) and nearest.shape == (120,) and (np.diff(rows) > 0).all()
        np.testing.assert_array_equal(nearest[rows], np.arange(60))
        assigner: Any = method.assign_labels
        cut = affinity.spectral_labels(A, 10, assign_labels=assigner, random_state=method.random_state)
        np.testing.assert_array_equal(method.labels_[rows], cut)
        np.testing.assert_array_equal(method.labels_, method.labels_[rows][nearest])


# ---- runs ------------------------------------------------------------------------------------------------------------


def last_frame(store: RunStore, run: str) -> dict[str, NDArray]:
    """The arrays of the end of its film."""
    return next(unpacked(runs.frame_files(store.files.folder(run))[-1].read_bytes()))[1]


def run_of(store: RunStore, method: str, **overrides: Any) -> Any:
    declared = methods.method_class(method).declared()
    quick = {name: value for name, value in TINY.items() if name in declared}
    spec: RunSpec = runs.make_spec(method, DataSpec("digits", per_class=12), overrides=quick | overrides, device="cpu")
    run = store.get(JobQueue(store, immediate=True).submit(spec).id)
    assert run.status == Status.DONE, run.error
    return run


@pytest.mark.journey
@pytest.mark.parametrize("method", ["ridge", "udll"])
def test_a_run_on_a_subset_scores_the_rest_apart(store: RunStore, method: str) -> None:
    run = run_of(store, method, scope="subset")
    final = store.files.arrays(run.id, "final")
    assert final["rows"].dtype == np.int64 and final["nearest"].dtype == np.int64 and final["C"].dtype == np.float32
    rest = np.setdiff1d(np.arange(120), final["rows"])
    assert len(rest) == 60
    scores = run.result["metrics"]
    assert scores["rest_acc"] == clustering_accuracy(final["y"][rest], final["labels"][rest])
    assert scores["acc"] == clustering_accuracy(final["y"], final["labels"])
    assert {"rest_acc", "rest_nmi_geometric", "acc"} <= set(run.result["spread"])
    frame = last_frame(store, run.id)
    assert frame["blocks"].shape == (60, 60) and len(frame["labels"]) == 120 and len(frame["circle"]) == 120
    arrays, _ = explore.matrix(store, run=run.id, which="affinity", order="class", pixels=50)
    np.testing.assert_array_equal(arrays["groups"], np.sort(final["y"][final["rows"]]))
    constants = {name: run.spec.params[name] for name in ("threshold", "dim", "power", "unit_diagonal", "symmetrize")}
    again, facts = explore.recluster(
        store, run=run.id, n_clusters=10, assign_labels=run.spec.params["assign_labels"], random_state=0, pixels=50, **constants
    )
    assert again["labels"].shape == (120,) and facts["scores"]["acc"] == pytest.approx(scores["acc"], abs=0.05)


@pytest.mark.journey
def test_a_full_run_has_no_rest(store: RunStore) -> None:
    assert not any(name.startswith("rest_") for name in run_of(store, "ridge").result["metrics"])


@pytest.mark.journey
def test_a_sparse_run_is_stored_as_triplets_and_read_back(store: RunStore) -> None:
    run = run_of(store, "ridge", scope="neighbors", n_candidates=9)
    final = store.files.arrays(run.id, "final")
    assert "C" not in final and len(final["C.val"]) == 120 * 9 and final["C.row"].dtype == np.int32
    C = matrices.representation(str(store.home), run.id)
    X = datasets.load("digits", per_class=12).X.astype(np.float64)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    np.testing.assert_allclose(C.toarray(), neighbors_ridge(X, nearest_neighbors(X, 9), run.spec.params["strength"]).toarray())
    scores = run.result["metrics"]
    A = affinity.affinity_from_magnitudes(C)
    assert scores["block_diagonality"] == pytest.approx(evaluation.block_diagonality(A, final["labels"]))
    assert scores["diagonal_mass"] == 0
    for which, expected in (("C", abs(C)), ("affinity", A)):
        arrays, _ = explore.matrix(store, run=run.id, which=which, order="cluster", pixels=50)
        np.testing.assert_allclose(arrays["blocks"], block_mean(expected.toarray(), arrays["order"], 50), atol=1e-6)
    with pytest.raises(DataError, match="sparse"):
        explore.recluster(
            store, run=run.id, n_clusters=10, assign_labels="kmeans", random_state=0, pixels=50, threshold=0.1, dim=2,
            power=2, symmetrize="signed", unit_diagonal=False,
        )  # fmt: skip


@pytest.mark.journey
@pytest.mark.parametrize(("method", "params"), [("ridge", {"scope": "anchors"}), ("lsc", {})])
def test_a_run_over_anchors_shows_the_graph_through_them(store: RunStore, method: str, params: dict[str, Any]) -> None:
    run = run_of(store, method, **params)
    final = store.files.arrays(run.id, "final")
    W = matrices.stored_matrix(store, run.id, "W")
    if W is None:
        W = affinity.anchor_affinities(final["C"])
    assert W.shape == (120, 40)
    B = affinity.anchor_factor(W)
    arrays, _ = explore.matrix(store, run=run.id, which="graph", order="cluster", pixels=50)
    np.testing.assert_allclose(arrays["blocks"], block_mean((B @ B.T).toarray(), arrays["order"], 50), atol=1e-6)
    score = run.result["metrics"]["block_diagonality"]
    assert score == pytest.approx(evaluation.block_diagonality((B @ B.T).toarray(), final["labels"]), abs=1e-6)
    assert "diagonal_mass" not in run.result["metrics"] and {"blocks", "circle"} <= set(last_frame(store, run.id))
    for which in ("C", "affinity"):
        with pytest.raises(DataError):
            explore.matrix(store, run=run.id, which=which, order="cluster", pixels=50)


@pytest.mark.journey
def test_magnitudes_are_shown_where_they_were_cut(store: RunStore) -> None:
    run = run_of(store, "ridge", affinity_by="magnitudes", threshold=0.9)
    C = store.files.arrays(run.id, "final")["C"]
    arrays, _ = explore.matrix(store, run=run.id, which="affinity", order="cluster", pixels=200)
    expected = affinity.affinity_from_magnitudes(C, threshold=0.9)
    np.testing.assert_allclose(arrays["blocks"], expected[np.ix_(arrays["order"], arrays["order"])], atol=1e-6)


def test_the_embedding_behind_a_cut_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = planes(60)
    method = methods.build("ridge", n_clusters=3, scope="neighbors", strength=0.01).fit(X)
    monkeypatch.setattr(cut, "sparse_cut", lambda *_: pytest.fail("the known embedding serves every seed"))
    for seed in range(3):
        assert clustering_accuracy(y, method.labeller_(seed)) > 0.95


def test_a_sparse_matrix_of_zeros_is_nothing_to_look_at() -> None:
    data = datasets.load("digits", per_class=12)
    method = methods.build("ridge", n_clusters=10)
    view = looks.look(method, data, {"C": csr_array((120, 120))})
    assert view.labels is None and view.failure is None


@pytest.mark.journey
def test_features_too_many_to_store_are_taken_from_the_data_again(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = run_of(store, "ridge")
    monkeypatch.setattr("core.runs.outcome.MAX_VALUES", 100)
    run = run_of(store, "ridge")
    assert "Z" in store.files.array_names(stored.id, "final") and "Z" not in store.files.array_names(run.id, "final")
    labels = store.files.arrays(run.id, "final", ["labels"])["labels"]
    np.testing.assert_array_equal(label_new(store, run.id, run.spec.data).labels, labels)


def test_spectral_clustering_of_neighbours_is_sparse_and_finds_what_a_dense_cut_finds() -> None:
    X = datasets.load("digits", per_class=40).X
    method = methods.build("spectral", n_clusters=10).fit(X)
    A = method.affinity_matrix_
    assert issparse(A) and (A != A.T).nnz == 0
    dense = affinity.spectral_labels(A.toarray(), 10, assign_labels="kmeans")
    assert evaluation.clustering_accuracy(dense, method.labels_) > 0.95
    knn, rbf = (methods.method_class("spectral").cost((1000, 64), {**method.get_params(), "graph": g}) for g in ("knn", "rbf"))
    assert knn.bytes < rbf.bytes


def test_gaussian_weights_of_too_many_samples_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.methods.baselines.spectral.FULL_LIMIT", 100)
    with pytest.raises(ParameterError, match="'graph' parameter of spectral must be 'knn' above 100 samples"):
        methods.build("spectral", n_clusters=10, graph="rbf").check_data(datasets.load("digits", per_class=40).X)


@pytest.mark.parametrize(("name", "params"), [("ssc", {}), ("ssc", {"per_sample": True}), ("ensc", {"l1_ratio": 0.6})])
def test_sparse_coding_over_all_neighbours_is_sparse_coding(name: str, params: dict[str, Any]) -> None:
    """The weights of the penalty mean the same in both solvers."""
    X = datasets.load("digits", per_class=6).X
    tight = {"n_clusters": 10, "alpha": 8.0, "tolerance": 1e-6, "max_iter": 5000, **params}
    full = methods.build(name, **tight).fit(X)
    near = methods.build(name, **tight, scope="neighbors", n_candidates=len(X) - 1).fit(X)
    assert issparse(near.representation_matrix_)
    np.testing.assert_allclose(near.representation_matrix_.toarray(), full.representation_matrix_, atol=2e-3)


def small_digits() -> NDArray[np.float32]:
    return datasets.load("digits", per_class=10).samples


def test_a_sample_of_zeros_does_not_switch_the_penalty_off() -> None:
    X = small_digits()
    X = X.reshape(len(X), -1).copy()
    whole = methods.build("ssc", n_clusters=10, scope="neighbors").fit(X).representation_matrix_.nnz
    X[5] = 0
    method = methods.build("ssc", n_clusters=10, scope="neighbors").fit(X)
    assert 0.8 * whole < method.representation_matrix_.nnz < 1.2 * whole


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("ridge", {"n_clusters": 10}, "must be more than the number of clusters, 10. Got 10"),
        ("dsc", {"n_clusters": 10}, "must be more than the number of clusters, 10. Got 10"),
        ("ridge", {"n_clusters": 3, "subset_by": "classes"}, "must be 'random' for data without labels"),
        ("udll", {"n_clusters": 3, "n_neighbors": 9}, "at most .* less 2, 8. Got 9"),
    ],
)
def test_a_subset_that_cannot_do_is_refused_before_anything_starts(name: str, params: dict[str, Any], message: str) -> None:
    method = methods.build(name, scope="subset", subset_size=10, **params)
    with pytest.raises(ParameterError, match=message):
        next(iter(method.iter_fit(small_digits())))


def test_a_class_balanced_subset_may_hold_everything_and_is_not_called_random() -> None:
    y = np.repeat(np.arange(4), 10)
    arrays = {"rows": np.arange(40)}
    assert looks.against_classes(y, arrays, y) == evaluation.evaluate(y, y)
    words = methods.method_class("ridge").scope_words(100, {"scope": "subset", "subset_size": 20, "subset_by": "classes"})
    assert "random" not in words and "first of each class" in words


def test_a_subset_that_is_drawn_again_says_so_and_is_the_rule_where_an_n_by_n_matrix_is_too_large() -> None:
    for name in ("rgrl", "udll", "dsc"):
        cls = methods.method_class(name)
        for n, by in ((8000, None), (8001, "even")):
            facts = methods.Facts(n=n, shape=(8, 8), n_clusters=10, variance=0.05)
            assert cls.by_rule(facts).values.get("subset_by") == by
        words = cls.scope_words(9000, {"subset_by": "even"})
        assert (
            words and "a random 5,000 of the 9,000 samples, drawn again, up to 5 times in all, while a cluster is tiny" in words
        )

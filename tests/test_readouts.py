"""From C to labels by the neighbours of its cosines, and by the cut that agrees best with others."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import kneighbors_graph
from threadpoolctl import threadpool_limits

from core import affinity, cli, datasets, explore, methods
from core.bench import load_results, results_files
from core.bench.transfer import bench_regret, regrets
from core.common import ParameterError
from core.datasets import DataSpec
from core.evaluation import clustering_accuracy
from core.methods.parts.readout import CODES, SAMPLES, AffinityReadout
from core.runs import Run, RunStore, execute, make_spec, this_process
from tests.conftest import last_json

K, EACH = 4, 25
BLOCKS = np.repeat(np.arange(K), EACH)
DIGITS = DataSpec("digits", per_class=15)


def blocks(noise: float = 0.0) -> np.ndarray:
    """A C whose blocks are of rank three, so that neighbours within one differ."""
    random = np.random.default_rng(0)
    bases = [np.linalg.qr(random.standard_normal((EACH, 3)))[0] for _ in range(K)]
    C = np.zeros((K * EACH,) * 2)
    for k, basis in enumerate(bases):
        C[k * EACH : (k + 1) * EACH, k * EACH : (k + 1) * EACH] = basis @ basis.T
    return C + noise * random.standard_normal(C.shape)


def graph(C: np.ndarray, **changed: Any) -> Any:
    constants = {"dim": 3, "exponent": 0.5, "power": 4.0, "kept": 5, **changed}
    parts = affinity.leading_pairs(C, affinity.kept_rank(len(C), K, constants["dim"]))
    return affinity.neighbors_of_cosines(parts, n_clusters=K, **constants)


def test_only_pairs_that_are_positive_lead() -> None:
    C = blocks(0.05)
    parts = affinity.leading_pairs(C, 90)
    values = np.linalg.eigvalsh((C + C.T) / 2)[::-1]
    np.testing.assert_allclose(parts.values, values[values > 1e-6 * values[0]][:90], rtol=1e-3, atol=1e-4)
    few = affinity.leading_pairs(C, 5)  # by Lanczos
    np.testing.assert_allclose(few.values, parts.values[:5], rtol=1e-4)
    assert len(affinity.leading_pairs(np.zeros((30, 30)), 5).values) == 0


@pytest.mark.parametrize("changed", [{}, {"exponent": 0.0}, {"kept": 3}, {"unit_rows": False}])
def test_the_graph_of_neighbours_finds_blocks(changed: dict[str, Any]) -> None:
    A = graph(blocks(0.01), **changed)
    assert abs(A - A.T).max() == 0 and A.diagonal().max() == 0 and A.min() >= 0 and 0 < A.max() <= 1
    degrees = np.diff(A.indptr)
    assert degrees.max() < K * EACH - 1 and degrees.mean() <= 2 * changed.get("kept", 5)
    labels = affinity.spectral_labels(A, K, assign_labels="kmeans")
    assert clustering_accuracy(BLOCKS, labels) > 0.9


def test_each_sample_keeps_its_nearest_by_cosine_and_no_more() -> None:
    C = blocks(0.02)
    parts = affinity.leading_pairs(C, 13)
    M = parts.vectors * np.sqrt(parts.values)
    M /= np.linalg.norm(M, axis=1, keepdims=True)
    cosines = M @ M.T
    np.fill_diagonal(cosines, -1)
    A = graph(C).toarray()
    for i in (0, 40, 99):
        nearest = np.argsort(-cosines[i])[:5]
        others = np.setdiff1d(np.flatnonzero(A[i]), nearest)
        assert (A[i, nearest] > 0).all(), "its own five are there"
        assert all(i in np.argsort(-cosines[j])[:5] for j in others), "others only where it is one of their five"


def test_scale_and_order_of_c_do_not_matter() -> None:
    C, order = blocks(0.02), np.random.default_rng(1).permutation(K * EACH)
    np.testing.assert_allclose(graph(100 * C).toarray(), graph(C).toarray(), atol=1e-4)
    np.testing.assert_allclose(graph(C[np.ix_(order, order)]).toarray(), graph(C).toarray()[np.ix_(order, order)], atol=1e-4)


@pytest.mark.parametrize("unit_rows", [True, False])
def test_the_graph_of_rows_joins_who_is_explained_by_the_same(unit_rows: bool) -> None:
    C = blocks(0.02) * np.random.default_rng(1).choice([-1, 1], (K * EACH, 1))  # a sample and its negative: one subspace
    rows = np.abs(C) / (np.linalg.norm(C, axis=1, keepdims=True) if unit_rows else 1)
    products = rows @ rows.T
    np.fill_diagonal(products, -1)
    A = affinity.neighbors_of_rows(C, power=2.0, kept=5, unit_rows=unit_rows)
    assert abs(A - A.T).max() == 0 and A.diagonal().max() == 0 and A.min() >= 0 and A.max() <= 1
    for i in (0, 40, 99):
        nearest = np.argsort(-products[i])[:5]
        ratio = A[[i]].toarray().ravel()[nearest] * np.where((np.argsort(-products[nearest])[:, :5] == i).any(axis=1), 1, 2)
        np.testing.assert_allclose(ratio, (products[i, nearest] / products.max()) ** 2, rtol=1e-4)
    assert clustering_accuracy(BLOCKS, affinity.spectral_labels(A, K, assign_labels="kmeans")) == 1


def test_two_samples_that_do_not_explain_each_other_share_a_row() -> None:
    C = np.zeros((6, 6))
    C[0, 2] = C[1, 2] = C[3, 5] = C[4, 5] = 1.0
    A = affinity.neighbors_of_rows(C, power=1.0, kept=1).toarray()
    assert A[0, 1] == A[3, 4] == 1 and A[0, 3:].sum() == 0 and affinity.nearest_by_magnitude(C, 1).toarray()[0, 1] == 0


def test_the_nearest_by_magnitude_are_the_largest_of_c() -> None:
    C = blocks(0.05)
    W = np.abs(C) + np.abs(C).T
    np.fill_diagonal(W, 0)
    A = affinity.nearest_by_magnitude(C, 4).toarray()
    np.testing.assert_array_equal(A, A.T)
    kept = -np.sort(-W, axis=1)[:, [3]] <= W
    np.testing.assert_array_equal(A > 0, kept | kept.T)
    np.testing.assert_allclose(A, W / W.max() * (0.5 * kept + 0.5 * kept.T), rtol=1e-6)
    assert C.diagonal().any() and not affinity.nearest_by_magnitude(np.zeros((9, 9)), 4).nnz


def test_the_graph_of_samples_is_that_of_spectral_clustering() -> None:
    X = np.random.default_rng(0).standard_normal((80, 6))
    A = kneighbors_graph(X, 10, include_self=True)
    expected = 0.5 * (A + A.T).toarray()
    np.fill_diagonal(expected, 0)
    np.testing.assert_array_equal(affinity.sample_graph(X).toarray(), expected)
    assert affinity.sample_graph(X[:5]).shape == (5, 5), "fewer samples than neighbours"


def test_the_medoid_is_the_one_that_agrees_most() -> None:
    random = np.random.default_rng(0)
    close = BLOCKS.copy()
    close[:10] = random.integers(0, K, 10)
    assert affinity.medoid([random.integers(0, K, K * EACH), BLOCKS, close]) in (1, 2)
    assert affinity.medoid([close, close, random.integers(0, K, K * EACH)]) == 0


def test_a_bad_c_is_outvoted_and_a_dead_one_has_no_say() -> None:
    random = np.random.default_rng(0)
    X = 6 * np.eye(K)[BLOCKS] + random.standard_normal((K * EACH, K))
    others = [affinity.sample_graph(X), affinity.sample_graph(X + 0.1 * random.standard_normal(X.shape))]
    noise = random.standard_normal((K * EACH,) * 2)
    for C in (noise, np.zeros_like(noise), np.ones_like(noise)):
        chosen, place = affinity.medoid_graph(C, others, K)
        assert place >= len(affinity.CANDIDATES)
        assert clustering_accuracy(BLOCKS, affinity.spectral_labels(chosen, K, assign_labels="kmeans")) > 0.95
    misled = [affinity.sample_graph(noise[:, :K])]
    assert affinity.medoid_graph(blocks(0.01), misled, K)[1] < len(affinity.CANDIDATES), "and a good one has the say"


def test_the_read_out_lets_samples_and_codes_vote() -> None:
    random = np.random.default_rng(0)
    X = 6 * np.eye(K)[BLOCKS] + random.standard_normal((K * EACH, K))
    noise, readout = random.standard_normal((K * EACH,) * 2), AffinityReadout(affinity_by="medoid")
    beside = readout.beside(X, X + 0.1)
    assert set(beside) == {SAMPLES, CODES} and set(readout.beside(X)) == {SAMPLES}
    blind = AffinityReadout()
    assert blind.beside(X, X) == {}, "what reads C alone has nothing beside it"
    dead = np.zeros_like(noise)
    for name, of in beside.items():
        assert (readout.affinity(dead, K, {name: of}) != of).nnz == 0, "of one graph alone that graph is left"
    assert (readout.affinity(noise, K, beside) != beside[SAMPLES]).nnz == 0


def test_rows_of_zeros_do_not_stop_discretize() -> None:
    embedding = np.concatenate([np.eye(3)[np.arange(30) % 3], np.zeros((4, 3))])
    labels = affinity.embedded_labels(embedding, 3, assign_labels="discretize")
    assert clustering_accuracy(np.arange(30) % 3, labels[:30]) == 1 and len(set(labels[30:])) == 1
    assert not affinity.embedded_labels(np.zeros((9, 3)), 3, assign_labels="discretize").any()


# ---- in methods, and in stored runs ----------------------------------------------------------------------------------


def trained(store: RunStore, method: str, **params: Any) -> Run:
    short = {"epochs": 2, "pretrain_epochs": 2} if method == "udll" else {}
    spec = make_spec(method, DIGITS, preset="defaults", overrides={**short, **params}, device="cpu", snapshots=2)
    run = execute(store, store.create(spec, owner=this_process()).id)
    assert run.error is None
    return run


@pytest.mark.parametrize(
    ("method", "by"),
    [
        *((method, by) for method in ("ridge", "udll") for by in ("neighbors", "medoid", "samples")),
        *(("ridge", by) for by in ("nearest", "stochastic", "rows")),
    ],
)
def test_the_workbench_reads_a_stored_c_as_its_run_did(store: RunStore, method: str, by: str) -> None:
    run = trained(store, method, affinity_by=by, assign_labels="kmeans", kept_neighbors=7)
    plain = trained(store, method)
    assert run.result["metrics"]["acc"] > 0.1
    constants = {name: run.spec.params[name] for name in explore.READOUT_CONSTANTS}
    asked = {"n_clusters": 10, "assign_labels": "kmeans", "random_state": 0, "pixels": 8, **constants}
    labels = store.files.arrays(run.id, "final", ["labels"])["labels"]
    for of in (run, plain):  # one kept the graphs beside C, the other reads them off its data
        arrays, facts = explore.recluster(store, run=of.id, **asked)
        assert clustering_accuracy(labels, arrays["labels"]) == 1
        assert facts["scores"]["acc"] == pytest.approx(run.result["metrics"]["acc"])
    assert explore.matrix(store, run=run.id, which="affinity", order="cluster", pixels=8)[0]["blocks"].max() > 0


@pytest.mark.parametrize("dim", [1, 9], ids=["by iteration", "whole spectrum"])
def test_an_affinity_in_pieces_is_cut_by_the_workbench_as_by_its_run(store: RunStore, dim: int) -> None:
    """Which of its pieces are joined is decided by rounding errors, so these have to be the same, whatever else runs here."""
    knobs = {"n_subspaces": 12, "dim": 3, "ambient": 40, "angle": 35.0, "n_points": 30, "noise": 0.03}
    own, other = (ridge_of(store, DataSpec("subspaces", make=knobs), dim=each) for each in (dim, 4))
    labels = store.files.arrays(own.id, "final", ["labels"])["labels"]
    with threadpool_limits(2):
        explore.matrix(store, run=own.id, which="affinity", order="cluster", pixels=8)  # which keeps what it worked out
        for run in (own, other):
            constants = {name: run.spec.params[name] for name in explore.READOUT_CONSTANTS} | {"dim": dim}
            arrays, facts = explore.recluster(
                store, run=run.id, n_clusters=12, assign_labels="discretize", random_state=0, pixels=8, **constants
            )
            np.testing.assert_array_equal(arrays["labels"], labels)
            assert facts["scores"]["acc"] == own.result["metrics"]["acc"]
    assert dim > 1 or own.result["metrics"]["acc"] < 0.7, "one direction is too few for twelve subspaces of three"


def ridge_of(store: RunStore, data: DataSpec, **overrides: Any) -> Run:
    spec = make_spec("ridge", data, preset="defaults", overrides={"strength": 0.1} | overrides, device="cpu")
    return execute(store, store.create(spec, owner=this_process()).id)


def test_the_graph_of_codes_votes_where_there_are_codes(store: RunStore) -> None:
    names = store.files.array_names(trained(store, "udll", affinity_by="medoid").id, "final")
    assert {"knn.row", "knn_codes.row"} <= set(names)
    names = store.files.array_names(trained(store, "ridge", affinity_by="medoid").id, "final")
    assert "knn.row" in names and "knn_codes.row" not in names


def test_a_subset_is_read_with_the_neighbours_within_it() -> None:
    data = datasets.load(DIGITS)
    method = methods.build(
        "ridge", n_clusters=10, scope="subset", subset_size=80, affinity_by="medoid", assign_labels="kmeans"
    )  # fmt: skip
    arrays = list(method.iter_fit(data.samples))[-1].arrays
    assert arrays["knn"].shape == (80, 80) and method.labels_.shape == (150,)
    assert clustering_accuracy(data.y, method.labels_) > 0.5


# ---- suggestions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", affinity.TRIED)
def test_what_is_suggested_agrees_most_and_has_seen_no_label(store: RunStore, name: str) -> None:
    run = trained(store, "ridge")
    asked = {"dim": 4, "exponent": 0.5, "power": 4.0, "kept_neighbors": 5}
    _, facts = explore.suggest(store, run=run.id, name=name, n_clusters=10, **asked)
    assert [one["value"] for one in facts["tried"]] == list(affinity.TRIED[name]) and facts["regret"] == affinity.REGRET[name]
    best = max(facts["tried"], key=lambda one: one["agreement"])
    assert facts["chosen"] == best["value"] and all(0 <= one["agreement"] <= 1 for one in facts["tried"])
    for one in facts["tried"]:  # each is what the workbench reads under that value
        by = "stochastic" if name == "smoothing" else "neighbors"
        constants = {**asked, name: one["value"], "affinity_by": by}
        more = {"assign_labels": "kmeans", "random_state": 0, "pixels": 8, "n_clusters": 10}
        scores = explore.recluster(store, run=run.id, **constants, **more)[1]["scores"]
        assert scores["acc"] == pytest.approx(one["acc"])


@pytest.mark.parametrize(
    ("method", "by", "left"),
    [
        ("ridge", "neighbors", ("dim", "exponent")),
        ("ridge", "cosines", ("dim",)),
        ("udll", "cosines", ("exponent",)),
    ],
)
def test_what_is_left_to_the_data_is_what_would_be_suggested(
    store: RunStore, method: str, by: str, left: tuple[str, ...]
) -> None:
    run = trained(store, method, affinity_by=by, assign_labels="kmeans", **dict.fromkeys(left))
    taken = run.result["taken"]
    assert tuple(taken) == left and all(run.spec.params[name] is None for name in left)
    constants = {name: getattr(AffinityReadout(), name) for name in ("dim", "exponent")}
    constants |= {name: run.spec.params[name] for name in ("power", "kept_neighbors")}
    constants |= {name: value for name in constants if (value := run.spec.params[name]) is not None}
    for name in left:
        _, facts = explore.suggest(store, run=run.id, name=name, n_clusters=10, **constants)
        assert facts["chosen"] == taken[name] in affinity.TRIED[name]
        constants |= {name: taken[name]}
    labels = store.files.arrays(run.id, "final", ["labels"])["labels"]
    now = explore.settled_params(run)
    assert {name: now[name] for name in left} == taken
    asked = {"n_clusters": 10, "assign_labels": "kmeans", "random_state": 0, "pixels": 8}
    for params in (now, run.spec.params):  # named, and left to be chosen again
        arrays, _ = explore.recluster(
            store, run=run.id, **asked, **{name: params[name] for name in explore.READOUT_CONSTANTS}
        )  # fmt: skip
        assert clustering_accuracy(labels, arrays["labels"]) == 1
    assert explore.matrix(store, run=run.id, which="affinity", order="cluster", pixels=8)[0]["blocks"].max() > 0


def test_nothing_is_chosen_that_is_not_used(store: RunStore) -> None:
    assert "taken" not in trained(store, "ridge", affinity_by="magnitudes", dim=None, exponent=None).result
    assert "taken" not in trained(store, "ridge", affinity_by="stochastic", dim=None).result
    assert "taken" not in trained(store, "ridge", affinity_by="cosines", dim=None, scope="neighbors", n_candidates=9).result


def test_what_was_chosen_is_told(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--dataset", "digits", "--per-class", "10"]
    assert cli.main(["run", "ridge", *data, "--set", "affinity_by=neighbors", "--set", "dim=auto"]) == 0
    out, told = capsys.readouterr()
    (run,) = store.runs()
    assert f"dim {run.result['taken']['dim']}, chosen without labels" in out and "dim of the affinity" in told
    assert cli.main(["show", run.id, "--json"]) == 0 and last_json(capsys.readouterr().out)["taken"] == run.result["taken"]
    assert cli.main(["suggest", run.id, "--of", "exponent"]) == 0
    assert cli.main(["run", "ridge", *data, "--set", "kept_neighbors=auto"]) == 2, "no better than a fixed one"


def test_the_regret_that_is_told_is_the_one_that_was_measured() -> None:
    means = {row.of["constant"]: row for row in load_results(results_files()["regret"]).rows if "mean" in str(row.of["data"])}
    assert set(means) == set(affinity.REGRET) == set(affinity.TRIED)
    for constant, row in means.items():
        told = [
            float(number)
            for number in re.findall(r"(?<![\d.])\.\d+", affinity.REGRET[constant].replace("of .5 for", "of it for"))
        ]
        suggested, fixed, chance = (row.scores[name].mean for name in ("suggested", "fixed", "chance"))
        assert told == [pytest.approx(value, abs=6e-4) for value in (suggested, row.facts["worst"], fixed, chance)]


def test_regret_is_what_a_choice_is_below_the_best() -> None:
    rows = list(bench_regret(["iris", "subspaces"]))
    assert [row["constant"] for row in rows] == 2 * list(affinity.TRIED)
    for row in rows:
        assert min(row["suggested"], row["fixed"]) >= 0 and row["chance"] >= 0
    (dim, *_), of_dim = regrets(rows), [row["suggested"] for row in rows if row["constant"] == "dim"]
    assert dim["suggested"] == pytest.approx(sum(of_dim) / 2) and dim["sets"] == len(of_dim) == 2
    assert any(row["chance"] > 0 for row in rows), "some value is worse than another"


def test_the_command_line_suggests_too(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    run, flat = trained(store, "ridge"), trained(store, "kmeans")
    assert cli.main(["suggest", run.id, "--of", "exponent", "--json"]) == 0
    facts = last_json(capsys.readouterr().out)
    assert facts["of"] == "exponent" and facts["chosen"] in affinity.TRIED["exponent"]
    assert cli.main(["suggest", run.id]) == 0 and "suggested: " in capsys.readouterr().out
    assert cli.main(["suggest", flat.id]) == 2 and "no self-expression" in capsys.readouterr().err
    with pytest.raises(ParameterError, match="dim, exponent"):
        explore.suggest(store, run=run.id, name="power", n_clusters=10, dim=4, exponent=0.5, power=4.0, kept_neighbors=5)


CHANGED: dict[str, Any] = {
    "threshold": 0.5, "symmetrize": "absolute", "unit_diagonal": True, "dim": 2, "exponent": 0.0, "power": 2.0,
    "unit_rows": False, "kept_neighbors": 9, "smoothing": 1.0,
}  # fmt: skip


@pytest.mark.parametrize("by", methods.method_class("ridge").declared()["affinity_by"].choices)
def test_a_constant_is_idle_where_it_makes_no_difference_and_nowhere_else(by: str) -> None:
    C = blocks(0.05)
    readout = AffinityReadout(affinity_by=by)
    beside = readout.beside(C)

    def read(**changed: Any) -> np.ndarray:
        A = replace(readout, **changed).affinity(C, K, beside)
        return np.asarray(A.toarray() if hasattr(A, "toarray") else A)

    same = {name for name, value in CHANGED.items() if np.array_equal(read(), read(**{name: value}))}
    assert same == readout.idle == methods.method_class("ridge").idle({"affinity_by": by})

"""Training network and C together: what holds at every step, how it starts, when it stops, and what a subset sees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from core import datasets, methods, runs
from core.common import ParameterError
from core.datasets import DataSpec
from core.evaluation import clustering_accuracy
from core.methods.deep_subspace.family import DeepSubspace
from core.runs import RunStore, Status, this_process
from core.solvers import ridge_representation
from core.training import Stages, Step, to_host
from tests.test_contract import digits, small, steps_of

DEEP = [name for name, cls in methods.registered().items() if issubclass(cls, DeepSubspace)]
FORBIDS: dict[str, dict[str, Any]] = {
    "rgrl": {"diagonal": "zero"},
    "dsc": {"zero_diagonal": True, "norm": "l1"},
    "udll": {"zero_diagonal": True},
}


def finetuned(name: str, **params: Any) -> list[Step]:
    return [step for step in steps_of(small(name, **params), digits()) if step.stage == "finetune"]


def of(step: Step, array: str) -> np.ndarray:
    value: np.ndarray = to_host({array: step.arrays[array]})[array]
    return value.copy()


@pytest.mark.parametrize("start", ["constant", "ridge"])
@pytest.mark.parametrize("name", DEEP)
def test_a_forbidden_diagonal_stays_zero_at_every_step(name: str, start: str) -> None:
    for step in small(name, start=start, **FORBIDS[name]).iter_fit(digits()):
        if step.stage == "finetune":
            C = of(step, "C")
            assert not np.diagonal(C).any() and np.any(C)


@pytest.mark.parametrize("params", [{"diagonal": "soft"}, {"diagonal": "soft", "norm": "l1"}])
def test_a_soft_diagonal_is_used_and_penalised_twice(params: dict[str, Any]) -> None:
    free, dear = (finetuned("rgrl", alpha=alpha, epochs=30, **params)[-1] for alpha in (1e-4, 1e3))
    assert np.diagonal(of(free, "C")).any()
    assert np.abs(np.diagonal(of(dear, "C"))).sum() < np.abs(np.diagonal(of(free, "C"))).sum()


@pytest.mark.parametrize("name", DEEP)
def test_without_learning_c_stays_where_it_starts(name: str) -> None:
    X = digits()
    still = {"learning_rate": 1e-6, "network_learning_rate": 0.0, "epochs": 1, "ridge_strength": 0.3, **FORBIDS[name]}
    if name == "udll":
        still["penalty"] = "free"
    pretrained = steps_of(small(name, **still, start="ridge"), X)
    Z = next(step.arrays["Z_pretrained"] for step in pretrained if step.stage == "graph")
    unit = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    samples = X.reshape(len(X), -1)
    expected = {
        "ridge": Z,
        "ridge_unit": unit,
        "ridge_samples": samples / np.linalg.norm(samples, axis=1, keepdims=True),
    }
    for start, features in expected.items():
        (step,) = finetuned(name, **still, start=start)
        np.testing.assert_allclose(of(step, "C"), ridge_representation(features, 0.3), atol=3e-6, err_msg=start)


def test_training_stops_when_c_is_at_rest_twice_in_a_row() -> None:
    assert len(finetuned("rgrl", tolerance=1.0, start="ridge", epochs=20)) == 2
    assert len(finetuned("rgrl", tolerance=0.0, epochs=20)) == 20
    changes = []
    before = None
    for step in small("rgrl", tolerance=0.0, epochs=20).iter_fit(digits()):
        if step.stage == "finetune":
            C = of(step, "C")
            if before is not None:
                changes.append(np.linalg.norm(C - before) / np.linalg.norm(before))
            before = C
    bound = sorted(changes)[len(changes) // 2]
    first = next(i for i in range(1, len(changes)) if max(changes[i - 1], changes[i]) < bound * 1.0001)
    assert len(finetuned("rgrl", tolerance=bound * 1.0001, epochs=20)) == first + 2  # changes[0] is that of the second step


def test_the_gradient_through_the_graph_is_a_switch() -> None:
    same, through = (of(finetuned("rgrl", through_graph=flag)[-1], "C") for flag in (False, True))
    assert np.abs(same - through).max() > 0
    alone = [of(finetuned("rgrl", relation="none", through_graph=flag)[-1], "C") for flag in (False, True)]
    np.testing.assert_array_equal(*alone)


def test_without_relations_rgrl_is_dsc() -> None:
    """RGRLsc without its raw term is DSC-Net: w, alpha = lambda_1, beta = lambda_2."""
    shared = {"epochs": 4, "learning_rate": 1e-3, "network_learning_rate": 1e-3, "initial_c": 1e-5}
    ours = finetuned("rgrl", relation="none", gamma=0.0, weight=0.7, alpha=0.3, beta=5.0, tolerance=0.0, **shared)
    theirs = finetuned("dsc", zero_diagonal=True, weight=0.7, lambda_1=0.3, lambda_2=5.0, **shared)
    np.testing.assert_allclose(of(ours[-1], "C"), of(theirs[-1], "C"), atol=1e-7)
    for name in ("reconstruction", "penalty", "self-expression"):
        assert float(ours[-1].scalars[name]) == pytest.approx(float(theirs[-1].scalars[name]), rel=1e-5)


@pytest.mark.parametrize("name", DEEP)
def test_half_precision_changes_little(name: str) -> None:
    full, half = (finetuned(name, precision=precision, epochs=10)[-1] for precision in ("float32", "bfloat16"))
    a, b = of(full, "C"), of(half, "C")
    assert 0 < np.linalg.norm(a - b) < 0.1 * np.linalg.norm(a)


@pytest.mark.parametrize("name", DEEP)
def test_a_subset_gives_its_clusters_to_the_nearest_codes(name: str) -> None:
    X = digits()
    method = small(name, scope="subset", subset_size=60)
    last = steps_of(method, X)[-1].arrays
    rows = last["rows"]
    assert len(rows) == 60 and (np.diff(rows) > 0).all() and last["C"].shape == (60, 60)
    oracle = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(last["Z"][rows]).kneighbors(last["Z"])[1][:, 0]
    np.testing.assert_array_equal(method.labels_, method.labels_[rows][oracle])


UNEVEN = [1, 0, 2, 0, 1]


@pytest.fixture
def shown(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The subsets that were tried; the clusters of each have one of so many samples."""
    smallest, tried = getattr(request, "param", UNEVEN), []

    def cut_of(method: DeepSubspace, X: np.ndarray, Z: np.ndarray, rows: np.ndarray) -> np.ndarray:
        small = smallest[len(tried)]
        tried.append(rows)
        return np.concatenate([np.zeros(small, int), 1 + np.arange(len(X) - small) % (method.K - 1)])

    monkeypatch.setattr(DeepSubspace, "_cut_of", cut_of)
    return tried


def many() -> np.ndarray:
    """Samples enough for a cluster of few to be a tiny one."""
    return np.tile(digits(), (4, 1, 1))[:400]


@pytest.mark.parametrize("name", DEEP)
@pytest.mark.parametrize(("shown", "draws", "taken"), [([9], 1, 0), ([0, 9], 2, 1), (UNEVEN, 5, 2)], indirect=["shown"])
def test_a_subset_is_drawn_again_until_no_cluster_is_tiny(name: str, draws: int, taken: int, shown: list[np.ndarray]) -> None:
    first = steps_of(small(name, scope="subset", subset_size=60), many())[-1].arrays["rows"]
    assert shown == [], "one draw needs no choice"
    steps = steps_of(small(name, scope="subset", subset_size=60, subset_by="even"), many())
    assert [step.step for step in steps if step.stage == "subset"] == list(range(1, draws + 1))
    np.testing.assert_array_equal(shown[0], first)
    assert len({rows.tobytes() for rows in shown}) == draws and all((np.diff(rows) > 0).all() for rows in shown)
    np.testing.assert_array_equal(steps[-1].arrays["rows"], shown[taken])


def test_a_run_that_goes_on_does_not_try_its_subsets_again(shown: list[np.ndarray]) -> None:
    stages = Stages()
    for step in small("dsc", scope="subset", subset_size=60, subset_by="even").iter_fit(many(), stages):
        if (step.stage, step.step) == ("subset", 4):
            break
    rest = steps_of(small("dsc", scope="subset", subset_size=60, subset_by="even"), many(), Stages(stages.state_dict()))
    assert len(shown) == 5 and [step.step for step in rest if step.stage == "subset"] == [5]
    np.testing.assert_array_equal(rest[-1].arrays["rows"], shown[2])


def test_no_subset_is_tried_after_a_stop(shown: list[np.ndarray]) -> None:
    stages = Stages()
    for step in small("dsc", scope="subset", subset_size=60, subset_by="even").iter_fit(many(), stages):
        if step.stage == "subset":
            stages.stop()
    assert len(shown) == 1 and step.stage == "graph"


def test_a_subset_is_judged_by_clusters_of_all_samples() -> None:
    random = np.random.default_rng(0)
    y = np.arange(150) % 3
    planes = random.normal(size=(3, 2, 12))
    Z = np.einsum("nk,nkm->nm", random.normal(size=(150, 2)), planes[y])
    rows = np.sort(random.choice(150, 75, replace=False))
    labels = small("dsc", n_clusters=3)._cut_of(Z, Z, rows)
    assert len(labels) == 150 and clustering_accuracy(y, labels) > 0.9


def test_where_all_samples_are_expressed_there_is_no_subset_to_choose() -> None:
    method = small("udll", subset_by="even")
    assert [step for step in steps_of(method, digits()) if step.stage == "subset"] == []


@pytest.mark.journey
def test_a_subset_by_classes_is_balanced_and_says_that_it_used_the_labels(store: RunStore) -> None:
    spec = DataSpec("digits", n_samples=300, seed=2)
    short = {"pretrain_epochs": 2, "epochs": 2, "channels": (4,), "kernel_sizes": (3,), "scope": "subset", "subset_size": 50}
    used = {}
    for how in ("random", "classes"):
        made = runs.make_spec("rgrl", spec, preset="defaults", overrides={**short, "subset_by": how})
        run = runs.execute(store, store.create(made, owner=this_process()).id)
        assert run.status == Status.DONE, run.error
        used[how] = run.result["used_labels"]
        rows = store.files.arrays(run.id, "final", ["rows"])["rows"]
        counts = np.bincount(datasets.load(spec).y[rows], minlength=10)
        assert (counts == 5).all() == (how == "classes")
    assert used == {"random": False, "classes": True}


def test_labels_reach_a_method_only_if_it_asks_for_them() -> None:
    for overrides in ({}, {"subset_by": "classes"}, {"scope": "subset", "subset_size": 100}):
        prepared = runs.prepare(runs.make_spec("rgrl", DataSpec("digits"), overrides=overrides))
        assert prepared.method.true_labels is None
    asking = {"subset_by": "classes", "scope": "subset", "subset_size": 100}
    prepared = runs.prepare(runs.make_spec("rgrl", DataSpec("digits"), overrides=asking))
    assert prepared.method.true_labels is not None
    with pytest.raises(
        ParameterError, match="'subset_by' parameter of rgrl must be 'random' or 'even' for data without labels"
    ):
        small("rgrl", **asking).fit(digits())


def test_a_dense_network_takes_images_and_a_convolutional_one_no_vectors() -> None:
    X = digits()
    method = small("rgrl", network="dense", widths=(12, 6)).fit(X)
    assert method.embedding_.shape == (len(X), 6)
    steps = steps_of(small("dsc", network="dense", widths=(12, 6)), X, Stages())
    assert to_host(steps[-1].arrays)["X_hat"].shape == X.shape
    with pytest.raises(ParameterError, match="'network' parameter of dsc must be 'auto' or 'dense'"):
        small("dsc", network="convolutional").fit(X.reshape(len(X), -1))


@pytest.mark.parametrize("params", [{}, {"network": "dense"}, {"channels": (4, 3, 5), "kernel_sizes": (3, 3, 5)}])
def test_the_code_size_is_known_before_the_network(params: dict[str, Any]) -> None:
    method = small("dsc", **params).fit(digits())
    assert method.coder.code_size((8, 8)) == method.embedding_.shape[1]


@pytest.mark.parametrize("penalty", ["symmetric", "free"])
def test_udll_clusters_the_matrix_that_it_penalises(penalty: str) -> None:
    C = small("udll", penalty=penalty).fit(digits()).representation_matrix_
    assert C.any() and np.array_equal(C, C.T) == (penalty == "symmetric")
    assert np.diagonal(C).any() == (penalty == "free")

"""Held-out samples: encoded by what was learnt from the others, clustered and scored on their own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.neighbors import KNeighborsClassifier

from core import evaluation, methods, runs
from core.common import DataError
from core.datasets import DataSpec, load
from core.runs import RunStore, Status, heldout, this_process
from tests.test_contract import METHODS, small


def split() -> Any:
    return load("digits", per_class=12, n_test=90)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_encodes_and_labels_samples_it_has_not_seen(name: str) -> None:
    data = split()
    method = small(name).fit(data.samples)
    arrays, scores, repeats = heldout.assess(method, data.test)
    assert arrays["test_Z"].shape == (90, method.embedding_.shape[1] if method.embedding_.ndim == 2 else 64)
    assert arrays["test_labels"].shape == (90,) and 0 <= arrays["test_labels"].min() <= arrays["test_labels"].max() < 10
    assert np.unique(arrays["test_labels"]).size > 1 and arrays["test_Z"].std(axis=0).max() > 0
    np.testing.assert_array_equal(arrays["test_y"], data.test.y)
    expected = evaluation.evaluate(data.test.y, arrays["test_labels"])
    assert {key: scores[f"test_{key}"] for key in expected} == expected
    assert scores["test_map_20"] == pytest.approx(evaluation.mean_average_precision(arrays["test_Z"], data.test.y, 20))
    assert all(len(values) == heldout.TEST_SEEDS for values in repeats.values())
    assert all(values[0] == scores[key] for key, values in repeats.items())


def test_codes_are_grouped_by_themselves_and_other_labels_come_from_the_nearest_training_sample() -> None:
    data = split()
    grouping, cutting = small("kmeans").fit(data.samples), small("ridge").fit(data.samples)
    arrays, _, repeats = heldout.assess(grouping, data.test)
    np.testing.assert_array_equal(arrays["test_labels"], KMeans(10, n_init=3, random_state=0).fit_predict(data.test.X))
    assert repeats
    arrays, _, repeats = heldout.assess(cutting, data.test)
    oracle = KNeighborsClassifier(1, algorithm="brute").fit(cutting.embedding_, cutting.labels_)
    np.testing.assert_array_equal(arrays["test_labels"], oracle.predict(arrays["test_Z"]))
    assert not repeats, "no seed has a say in them"
    assert not methods.method_class("lsc").groups_test, "it cuts a graph, it groups no samples"


def test_a_run_keeps_and_scores_the_held_out_part(store: RunStore) -> None:
    data = DataSpec("digits", per_class=12, n_test=60)
    own = {"widths": (12, 6), "epochs": 3}
    spec = runs.make_spec("ddae", data, preset="defaults", overrides=own)
    run = runs.execute(store, store.create(spec, owner=this_process()).id)
    assert run.status == Status.DONE, run.error
    arrays = store.files.arrays(run.id, "final", ("test_Z", "test_labels", "test_y", "Z"))
    assert arrays["test_Z"].shape == (60, 6) and arrays["Z"].shape == (120, 6)
    assert run.result["n_test"] == 60 and run.result["n_samples"] == 120
    assert run.result["metrics"]["test_acc"] == evaluation.evaluate(arrays["test_y"], arrays["test_labels"])["acc"]
    spread = run.result["spread"]["test_acc"]
    assert spread["n"] == 20 and spread["min"] <= run.result["metrics"]["test_acc"] <= spread["max"]
    assert "test_map_20" in run.result["metrics"] and "map_20" not in run.result["metrics"]


def test_fewer_held_out_samples_than_clusters_are_refused_before_training() -> None:
    """k-means could not group them: better to say so than to lose what was trained."""
    spec = runs.make_spec("kmeans", DataSpec("digits", per_class=12, n_test=8))
    with pytest.raises(DataError, match=r"n_test must be at least the number of clusters, 10, for kmeans.* Got 8"):
        runs.prepare(spec)
    assert runs.prepare(runs.make_spec("ridge", DataSpec("digits", per_class=12, n_test=8))).data.test is not None


@pytest.mark.journey
def test_the_command_line_holds_samples_out(command: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = command("run", "nmf", "--dataset", "digits", "--per-class", 12, "--n-test", 50, "--set", "max_iter=20", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["data"]["n_test"] == 50 and 0 < result["metrics"]["test_acc"] <= 1
    refused = command("run", "nmf", "--dataset", "digits", "--n-test", 5000)
    assert refused.returncode == 2 and "n_test must be at most 1793" in refused.stderr


def test_held_out_samples_are_scaled_as_those_that_are_learnt_from() -> None:
    plain, scaled = (load("digits", per_class=20, n_test=90, scaling=how) for how in ("none", "standard"))
    assert plain.test is not None and scaled.test is not None
    learnt = plain.X.astype(np.float64)
    varied = learnt.std(axis=0) > 0
    expected = (plain.test.X - learnt.mean(axis=0))[:, varied] / learnt.std(axis=0)[varied]
    np.testing.assert_allclose(scaled.test.X[:, varied], expected, atol=1e-5)

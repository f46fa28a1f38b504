"""Labels for new samples: from a fitted method, from a stored run, and scaled as the run's own data."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from core import datasets, methods, runs
from core.common import DataError, NotFitted
from core.datasets import DataSpec, load_like
from core.methods import Clusterer
from core.runs import Run, RunSpec, RunStore, Status, this_process
from tests.test_contract import METHODS, SMALL, digits, small

pytestmark = pytest.mark.usefixtures("read_in_this_process")


def run_of(store: RunStore, spec: RunSpec) -> Run:
    return runs.execute(store, store.create(spec, owner=this_process()).id)


@pytest.mark.parametrize("name", ["ridge", "dsc", "ae_edsc"])
def test_a_new_sample_takes_the_label_of_its_nearest_code(name: str) -> None:
    X = digits()
    new = np.clip(X[::3] + np.random.default_rng(0).normal(0, 0.1, X[::3].shape), 0, 1).astype(np.float32)
    method = small(name).fit(X)
    oracle = KNeighborsClassifier(1, algorithm="brute").fit(method.embedding_, method.labels_)
    np.testing.assert_array_equal(method.predict(new), oracle.predict(method.embed(new)))


def test_only_a_fitted_method_predicts() -> None:
    with pytest.raises(NotFitted, match="ridge has not been fitted"):
        small("ridge").predict(digits())


SPECIAL: list[tuple[str, dict[str, Any]]] = [
    ("rgrl", {"network": "dense", "widths": (12, 6)}),
    ("dsc", {"scope": "subset", "subset_size": 60}),
    ("be", {"start": "cut"}),
]


@pytest.mark.journey
@pytest.mark.parametrize(("name", "params"), [(name, {}) for name in METHODS] + SPECIAL)
def test_a_stored_run_labels_as_the_method_did(store: RunStore, name: str, params: dict[str, Any]) -> None:
    spec = DataSpec("digits", per_class=10)
    declared = methods.method_class(name).declared()
    own = {key: value for key, value in SMALL.items() if key in declared} | params
    run = run_of(store, runs.make_spec(name, spec, preset="defaults", overrides=own))
    assert run.status == Status.DONE, run.error
    same = runs.label_new(store, run.id, spec)
    np.testing.assert_array_equal(same.labels, store.files.arrays(run.id, "final", ["labels"])["labels"])
    np.testing.assert_array_equal(same.labels[same.nearest], same.labels)
    assert same.distances.max() < 1e-2 * np.linalg.norm(store.files.arrays(run.id, "final", ["Z"])["Z"], axis=1).max()
    assert same.scores()["acc"] == pytest.approx(run.result["metrics"]["acc"])

    new = runs.label_new(store, run.id, DataSpec("digits", n_samples=50, seed=4))
    by_itself = (
        methods.method_class(name).label_codes is not Clusterer.label_codes
    )  # then it may name a cluster without samples
    assert new.labels.shape == (50,) and set(new.labels) <= set(range(10) if by_itself else same.labels)
    lines = list(csv.DictReader(io.StringIO(runs.to_csv(new.labels, new.nearest, new.distances))))
    assert [int(line["cluster"]) for line in lines] == new.labels.tolist()


def test_new_samples_of_another_shape_are_refused(store: RunStore, tmp_path: Path) -> None:
    np.savez(tmp_path / "wide.npz", X=np.random.default_rng(0).random((20, 30)))
    run = run_of(store, runs.make_spec("kmeans", DataSpec("digits", n_samples=50)))
    with pytest.raises(DataError, match=r"must be images of 8 x 8, like those of 'digits'. Got vectors of 30"):
        runs.label_new(store, run.id, DataSpec(str(tmp_path / "wide.npz")))


def test_a_run_without_clusters_labels_nothing(store: RunStore) -> None:
    run = store.create(runs.make_spec("kmeans", DataSpec("digits", n_samples=50)))
    with pytest.raises(DataError, match="has no clusters"):
        runs.fitted(store, run.id)


@pytest.mark.parametrize("scaling", ["unit", "standard", "l2", "none"])
def test_new_samples_are_scaled_as_the_old_ones(tmp_path: Path, scaling: Any) -> None:
    """One sample alone has neither a range nor a deviation of its own: it must come out as it did among the others."""
    X = np.random.default_rng(1).normal(5, 3, (40, 6))
    np.savez(tmp_path / "old.npz", X=X)
    np.savez(tmp_path / "new.npz", X=X[[3, 8, 8, 30]] + [[0.0], [0.0], [1e-3], [0.0]])
    model = DataSpec(str(tmp_path / "old.npz"), scaling=scaling)
    new = load_like(DataSpec(str(tmp_path / "new.npz")), model)
    np.testing.assert_allclose(new.X[[0, 1, 3]], datasets.load(model).X[[3, 8, 30]], rtol=1e-6, atol=1e-7)
    assert new.scaling == scaling


def test_a_centred_method_takes_the_mean_of_its_training_samples_from_new_ones(store: RunStore) -> None:
    X = digits()
    method = small("ssc_omp", center=True).fit(X)
    alone = [int(method.predict(X[i : i + 1])[0]) for i in range(0, len(X), 7)]
    np.testing.assert_array_equal(alone, method.labels_[::7])

    run = run_of(store, runs.make_spec("ssc_omp", DataSpec("digits", per_class=10), overrides={"center": True}))
    restored = runs.fitted(store, run.id)
    samples = datasets.load(run.spec.data).samples
    np.testing.assert_array_equal([restored.predict(samples[i : i + 1])[0] for i in (3, 50, 99)], restored.labels_[[3, 50, 99]])

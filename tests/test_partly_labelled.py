"""Data of which some samples have a label: all are clustered, those alone are scored, and every view says so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from streamlit.testing.v1 import AppTest

from core import datasets, evaluation, methods, runs
from core.common import InvalidInput
from core.datasets import DataSpec, load
from core.explore import matrix, preview, retrieval, scene
from core.runs import RunSpec, RunStore, this_process
from tests.conftest import ROOT
from tests.pages.seen import healthy, texts

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("inline_queue", "read_in_this_process")]
RANDOM = np.random.default_rng(3)
N, KNOWN = 90, 36


def visit(name: str, **state: Any) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for key, value in state.items():
        app.session_state[key] = value
    app.query_params |= {"run": state["run"]} if "run" in state else {}
    app.run()
    return healthy(app.switch_page(f"pages/{name}.py").run())


@pytest.fixture
def partly(tmp_path: Path) -> DataSpec:
    """Digits 0 to 2, two in five with their class; a further column of labels has holes, too."""
    images, y = load_digits(n_class=3, return_X_y=True)
    images, y = images[:N].reshape(-1, 8, 8), y[:N].astype(float)
    y[RANDOM.permutation(N)[KNOWN:]] = np.nan
    side = np.where(np.arange(N) < 20, "left", np.where(np.arange(N) < 50, "right", ""))
    np.savez(tmp_path / "few.npz", images=images, labels=y, label_side=side)
    return DataSpec(datasets.import_file(tmp_path / "few.npz").stem)


def trained(store: RunStore, spec: RunSpec) -> str:
    return runs.execute(store, store.create(spec, owner=this_process()).id).id


def test_scores_are_those_of_the_labelled_samples_alone() -> None:
    y, labels = RANDOM.integers(0, 4, 200), RANDOM.integers(0, 5, 200)
    Z = RANDOM.normal(size=(200, 3))
    there = RANDOM.random(200) < 0.3
    holes = np.where(there, y, -1)
    for given, whole in zip(evaluation.known(holes, labels, Z), (y[there], labels[there], Z[there]), strict=True):
        np.testing.assert_array_equal(given, whole)
    far = np.where(labels == 4, 9, labels)
    holes[far == 9] = -1
    numbers = evaluation.cluster_numbers(holes, far)
    assert len(numbers) == 10 and (numbers >= 0).all() and len(set(numbers.tolist())) == 10
    matched = evaluation.cluster_numbers(*evaluation.known(holes, far))
    np.testing.assert_array_equal(numbers[:4], matched[:4])
    near = evaluation.projection_quality(Z, Z[:, :2], np.where(np.arange(200) == 7, 0, -1))
    assert "class_neighbors" not in near, "no neighbour of the only labelled sample has a label"


def test_what_is_kept_is_what_was_read(partly: DataSpec) -> None:
    data = load(partly)
    assert data.n_labelled == KNOWN and data.partly_labelled and data.n_classes == 3
    assert sum(data.class_counts().values()) == KNOWN
    assert (data.attributes["side"].y < 0).sum() == 40
    assert f"{KNOWN} of {N} samples have a label: scores count these alone." in data.notes
    drawn = load(partly.name, per_class=5)
    assert drawn.n_samples == 15 and not drawn.partly_labelled, "samples of each class have a label"
    assert load(partly.name, n_classes=2).n_labelled == load(partly.name, n_classes=2).n_samples
    assert load(partly.name, n_samples=60, n_test=20).test is not None


def test_a_part_without_any_label_has_no_classes(tmp_path: Path) -> None:
    y = np.full(30, np.nan)
    y[:6] = [0, 1] * 3
    np.savez(tmp_path / "few.npz", X=RANDOM.normal(size=(30, 2)), y=y, label_odd=y)
    data = next(d for d in (load(tmp_path / "few.npz", n_samples=4, seed=s) for s in range(99)) if d.n_labelled == 0)
    assert data.y is None and data.n_classes is None and not data.attributes


def test_a_method_that_draws_by_classes_needs_all_of_them(partly: DataSpec) -> None:
    spec = runs.make_spec("ridge", partly, overrides={"scope": "subset", "subset_size": 30, "subset_by": "classes"})
    with pytest.raises(InvalidInput, match=f"each needs a label. {KNOWN} of {N} have one"):
        runs.prepare(spec)


def test_questions_about_a_run_count_the_labelled_samples(store: RunStore, partly: DataSpec) -> None:
    run = trained(store, runs.make_spec("ridge", partly))
    data, result = load(partly), store.get(run).result
    final = store.files.arrays(run, "final", ["labels", "y"])
    known = final["y"] >= 0
    assert result["n_labelled"] == KNOWN == known.sum()
    assert result["metrics"]["acc"] == evaluation.evaluate(data.y[known], final["labels"][known])["acc"]  # type: ignore[index]
    arrays, _ = retrieval(store, run=run, source="raw")
    assert arrays["nearest"].shape == (N, 12) and len(arrays["curve"]) == KNOWN
    groups = matrix(store, run=run, which="affinity", order="class", pixels=30)[0]["groups"]
    assert (groups[KNOWN:] > 3).all() and (groups[:KNOWN] < 3).all(), "samples without a label come last"
    _, facts = preview(store, spec=store.get(run).spec.to_dict())
    C = store.files.arrays(run, "final", ["C"])["C"][np.ix_(known, known)]
    assert facts["in_classes"] == pytest.approx(evaluation.block_diagonality(abs(C), final["y"][known]))
    assert b"65535" not in scene("x", data, 3, None, affinity=True)[:200]


@pytest.mark.parametrize(
    "method, views", [("ridge", ["Scores", "Embedding", "Affinity", "Confusion", "Retrieval"]), ("grdnn", ["Anchors"])]
)
def test_every_view_shows_partly_labelled_data(
    store: RunStore,
    partly: DataSpec,
    method: str,
    views: Sequence[str],
) -> None:
    declared = methods.method_class(method).declared()
    quick = {name: 2 for name in ("pretrain_epochs", "epochs") if name in declared}
    run = trained(store, runs.make_spec(method, partly, overrides=quick))
    app = visit("explore", run=run, data=partly.to_dict())
    assert f"of the {KNOWN} labelled samples" in texts(app)
    for view in views:
        app.session_state["view"] = view
        assert not healthy(app.run()).error, view
    for view, key, choice in (
        ("Affinity", "a_order", "class"),
        ("Embedding", "e_colour", "correct"),
        ("Embedding", "e_colour", "label:side"),
    ):
        if view not in views:
            return
        app.session_state["view"], app.session_state[key] = view, choice
        healthy(app.run())
    page = visit("data", data=partly.to_dict())
    assert {metric.label: metric.value for metric in page.metric}["Labelled"] == str(KNOWN)
    assert re.search(f"3 classes for {KNOWN} of them", texts(visit("train", data=partly.to_dict())))

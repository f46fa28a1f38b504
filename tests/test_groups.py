"""How many clusters: signs that need no labels, and where they are asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from streamlit.testing.v1 import AppTest

from core import affinity
from core.affinity.groups import MOST_SAMPLES
from core.bench import load_results, results_files
from core.bench.transfer import bench_clusters, hits
from core.common import DataError
from core.datasets import DataSpec
from core.runs import RunStore
from tests.conftest import ROOT
from tests.pages.seen import healthy, texts
from tests.test_cli import ask


def blobs(K: int, n: int = 150) -> np.ndarray:
    centres = 9 * np.eye(K, 10)
    return np.asarray(make_blobs(n, centers=centres, random_state=1)[0], np.float32)


@pytest.mark.parametrize("K", [2, 3, 7])
def test_groups_that_lie_apart_are_counted(K: int) -> None:
    found = affinity.number_of_groups(blobs(K))
    assert found.ranked[0] == K
    assert found.stability[K - 2] == pytest.approx(1) and found.gaps[K - 2] == found.gaps.max()
    np.testing.assert_allclose(found.eigenvalues[:K], 0, atol=1e-6)
    assert (np.diff(found.eigenvalues) >= -1e-9).all() and found.eigenvalues[K] > 0.02
    assert (found.gaps >= 0).all() and (found.gaps <= 1).all() and (found.stability <= 1 + 1e-9).all()


def test_neither_sign_decides_alone() -> None:
    gaps, stability = np.array([0.9, 0.5, 0.1]), np.array([0.1, 0.9, 1.0])
    assert affinity.Groups(np.zeros(5), np.array([2, 3, 4]), gaps, stability, 50).ranked.tolist() == [3, 4, 2]


def test_a_suggestion_does_not_hang_on_scale_order_or_copies() -> None:
    X = blobs(3)
    order = np.random.default_rng(0).permutation(len(X))
    for changed in (1e-6 * X, X[order], np.concatenate([X, X[:40]])):
        assert affinity.number_of_groups(changed).ranked[0] == 3


def test_many_samples_are_drawn_from_and_few_are_refused() -> None:
    assert affinity.number_of_groups(blobs(2, 1200)).n_samples == MOST_SAMPLES
    with pytest.raises(DataError, match=r"at least 20 samples\. Got 19"):
        affinity.number_of_groups(blobs(2, 19))


def test_what_is_said_of_a_suggestion_was_measured() -> None:
    rows = [
        {"classes": row.of["classes"], "suggested": [score.mean for _, score in sorted(row.scores.items())]}
        for row in load_results(results_files()["clusters"]).rows
    ]
    found = hits(rows)
    assert f"on {found['first']} of {found['sets']} sets, one of the three on {found['among']}" in affinity.KNOWN
    (row,) = bench_clusters(["wine"])
    assert row["suggested"][0] == row["classes"] == 3 and len(row["suggested"]) == 3


def test_the_command_line_suggests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "three.npy", blobs(3, 60))
    _, out, _ = ask(capsys, "clusters", "--dataset", tmp_path / "three.npy")
    assert "suggested: 3, else" in out and affinity.KNOWN in out
    assert json.loads(ask(capsys, "clusters", "--json", "--dataset", tmp_path / "three.npy")[1])["suggested"][0] == 3


@pytest.mark.usefixtures("inline_queue", "read_in_this_process")
def test_k_is_asked_for_where_data_have_no_labels(store: RunStore, tmp_path: Path) -> None:
    np.save(tmp_path / "three.npy", blobs(3, 60))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.session_state["data"] = DataSpec(str(tmp_path / "three.npy")).to_dict()
    app.session_state["method"] = "kmeans"
    app.run().switch_page("pages/train.py").run()
    assert "K is yours to choose" in texts(healthy(app)) and affinity.KNOWN in texts(app)
    assert "The pictures come once" in texts(app) and not app.error
    next(button for button in app.button if button.label == "Take K = 3").click().run()
    assert "The pictures come once" not in texts(app)
    (field,) = [field for field in app.number_input if field.key and field.key.endswith(":n_clusters")]
    assert field.value == 3
    assert any(box.label == "How many clusters? K = 3" for box in healthy(app).expander)
    next(button for button in app.button if button.label == "Launch").click().run()
    assert healthy(app) and store.runs()[0].spec.params["n_clusters"] == 3
    app.session_state["data"] = DataSpec("digits", per_class=5).to_dict()
    assert "K is yours to choose" not in texts(app.run())

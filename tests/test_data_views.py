"""The Data page shows the data: what each look works out, and that every kind of data can be looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.uploaded_file_manager import DeletedFile, UploadedFile, UploadedFileRec
from streamlit.testing.v1 import AppTest

from core import datasets, explore
from core.datasets import DataSpec, load
from core.runs import RunStore, Status
from pages.ui import importing, uploading
from pages.ui.dataview import VIEWS
from tests.conftest import ROOT
from tests.pages.seen import button, errors, healthy, texts

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("inline_queue", "read_in_this_process")]
RANDOM = np.random.default_rng(4)


def opened(name: str, **state: Any) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.session_state["data_name"] = name
    for key, value in state.items():
        app.session_state[key] = value
    return healthy(app.run().switch_page("pages/data.py").run())


def brought(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "own.npz", **arrays)
    return datasets.import_file(folder / "own.npz").stem


def test_means_neighbours_copies_and_counts_are_what_they_say(tmp_path: Path) -> None:
    images = RANDOM.integers(0, 256, (30, 4, 5)).astype(np.uint8)
    images[7], images[21] = images[3], images[3]
    images[0, 0, 0], images[1, 0, 0] = 0, 255
    y = np.where(np.arange(30) < 10, np.nan, np.arange(30) % 2)
    data = load(brought(tmp_path, images=images, labels=y))
    means = explore.class_means(data)
    assert data.y is not None and means.shape == (2, 4, 5)
    np.testing.assert_allclose(means[1], images[data.y == 1].mean(axis=0), atol=0.5001)
    (group,) = explore.copies(data)
    assert group.tolist() == [3, 7, 21]
    near = explore.neighbors_of(data, 3)
    flat = images.reshape(30, -1).astype(float) / 255
    expected = np.linalg.norm(flat - flat[3], axis=1)
    expected[3] = np.inf
    assert set(near.samples[:2].tolist()) == {7, 21} and 3 not in near.samples
    np.testing.assert_allclose(near.distances, np.sort(expected)[:12], atol=1e-6)
    counts, borders = explore.value_counts(data)
    assert counts.sum() == data.X.size and len(borders) == len(counts) + 1 == 61
    points, shown = explore.plane(data)
    assert points.shape == (30, 2) and shown.tolist() == list(range(30))


@pytest.mark.parametrize("kind", ["pictures", "table", "unlabelled"])
def test_every_look_at_every_kind_of_data_draws(kind: str, tmp_path: Path) -> None:
    X, y = RANDOM.normal(size=(40, 3)), np.where(np.arange(40) % 5 == 0, np.nan, np.arange(40) % 3)
    X[5] = X[6]
    arrays: dict[str, Any] = {"pictures": {"images": RANDOM.integers(0, 256, (40, 6, 6, 3), np.uint8), "y": y},
                              "table": {"X": X, "y": y, "label_side": y}, "unlabelled": {"X": X}}  # fmt: skip
    app = opened(brought(tmp_path, **arrays[kind]))
    for view in VIEWS:
        app.session_state["data_view"] = view
        assert not errors(healthy(app.run())).strip() or view == "Copies", view
    app.session_state["data_view"] = "Copies"
    said = texts(app.run())
    assert ("different classes" in said) == (kind == "table")


def test_simple_scores_by_a_click(store: RunStore) -> None:
    app = opened("digits", data=DataSpec("digits", per_class=12).to_dict(), data_view="Baselines")
    button(app, "Run k-means and Spectral clustering").click().run()
    runs = {run.spec.method: run for run in store.runs(status=[Status.DONE])}
    assert {"kmeans", "spectral"} <= set(runs)
    shown = healthy(app.run()).dataframe[0].value
    assert shown["ACC"].tolist() == [round(runs[name].result["metrics"]["acc"], 3) for name in ("kmeans", "spectral")]
    assert not any(box.label.startswith("Run ") for box in app.button), "what is there is not run again"


def test_without_labels_k_is_asked_for_first(tmp_path: Path, store: RunStore) -> None:
    app = opened(brought(tmp_path, X=RANDOM.normal(size=(40, 3))), data_view="Baselines")
    run = next(box for box in app.button if box.label.startswith("Run "))
    assert run.disabled
    asked = next(field for field in app.number_input if field.label == "K clusters")
    assert asked.placeholder == "your choice"
    asked.set_value(3).run()
    next(box for box in app.button if box.label.startswith("Run ")).click().run()
    assert {run.result["n_clusters"] for run in store.runs()} == {3} and "ACC" not in healthy(app).dataframe[0].value


def test_a_stored_set_is_changed_on_the_page(tmp_path: Path) -> None:
    name = brought(tmp_path, images=RANDOM.integers(0, 17, (40, 3, 3)), labels=np.arange(40) % 3, label_side=np.arange(40) % 2)
    app = opened(name, data_view="Save")
    assert load(name).fingerprint in texts(app)
    app.text_input(key=f"change_range:{name}").set_value("0")
    button(app, "Keep it like this").click().run()
    assert "A range is written lo,hi" in errors(healthy(app))
    app.text_input(key=f"change_range:{name}").set_value("")
    button(app, "Keep it like this").click().run()
    assert "Nothing would be changed" in errors(healthy(app)), "a copy that differs in nothing would only fill the list"
    app.text_input(key=f"change_range:{name}").set_value("0,255")
    app.selectbox(key=f"change_label:{name}").set_value("side")
    button(app, "Keep it like this").click().run()
    now = healthy(app).session_state["data"]["name"]
    assert now != name and load(now).X.max() < 0.1 and load(now).n_classes == 2 and load(name).n_classes == 3


def test_a_set_that_opens_in_part_says_so_and_is_taken_whole() -> None:
    app = opened("digits", data=DataSpec("digits", per_class=12).to_dict())
    assert "A part of its 1,797 samples" in texts(app)
    button(app, "Take it whole").click().run()
    assert {metric.label: metric.value for metric in healthy(app).metric}["Samples"] == "1,797"
    assert "A part of its" not in texts(app)


@pytest.mark.parametrize("several", [True, False])
def test_files_that_went_with_the_server_are_no_files(several: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, record = DeletedFile("1"), UploadedFileRec("2", "a.csv", "text/csv", b"a")
    there = UploadedFile(record, FileURLs(file_id="2", upload_url="", delete_url=""))
    for held, expected in ((gone, []), (there, [("a.csv", b"a")]), (None, [])):
        state = {"file": [item for item in (held, gone) if item] if several else held}
        monkeypatch.setattr(uploading.st, "session_state", state)
        assert uploading.given_files("file") == expected


def _lost(*_: object, key: str, **__: object) -> None:
    importing.st.session_state[key] = [DeletedFile("1")]


def test_the_data_page_opens_though_its_file_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing.st, "file_uploader", _lost)
    app = opened("digits")
    button(app, "Read the file").click().run()
    assert uploading.MISSING in texts(healthy(app))


@pytest.mark.parametrize("written", [-1, 3])
def test_a_class_called_minus_one_is_asked_about_in_sight(written: int, tmp_path: Path) -> None:
    y = np.where(np.arange(40) % 3 == 0, written, np.arange(40) % 3)
    app = opened(brought(tmp_path, X=RANDOM.normal(size=(40, 3)), y=y))
    asked = [box.value for box in app.info if "One class is called '-1'" in box.value]
    assert len(asked) == (written == -1)

"""The Runs page, the side bar and links."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core import explore
from core.evaluation import cluster_numbers
from core.jobs import Capacity
from core.runs import RunStore
from tests.conftest import ROOT
from tests.pages.seen import errors, finished_with, healthy, numbers_of, plots, texts

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("inline_queue")]


def test_runs_are_filtered_and_references_hidden(visit: Callable[..., AppTest], finished: Callable[..., str]) -> None:
    finished("kmeans")
    finished("ae_kmeans")
    app = visit("runs")
    assert sorted(app.dataframe[0].value["Method"]) == ["ae_kmeans", "kmeans"]
    app.text_input(key="filter").set_value("AE_").run()
    assert list(app.dataframe[0].value["Method"]) == ["ae_kmeans"]
    app.text_input(key="filter").set_value("nothing like it").run()
    assert "No run matches" in texts(app)


def test_runs_can_be_grouped_and_named_by_what_differs(visit: Callable[..., AppTest], store: RunStore) -> None:
    accuracies = [store.get(finished_with(store, "ridge", seed)).result["metrics"]["acc"] for seed in (0, 1, 2)]
    finished_with(store, "lsc", 0)
    app = visit("runs")
    names = list(app.dataframe[0].value["Run"])
    assert len(set(names)) == 4 and sum("seed 1" in name for name in names) == 1
    grouped = healthy(app.toggle(key="runs_grouped").set_value(True).run()).dataframe[0].value
    ridge = grouped[grouped["training seeds"] == 3].iloc[0]
    assert ridge["ACC"] == pytest.approx(np.mean(accuracies)) and ridge["± ACC"] == pytest.approx(np.std(accuracies))
    assert len(grouped) == 2


def test_clusters_have_the_numbers_of_their_classes_in_every_view(
    visit: Callable[..., AppTest], finished: Callable[..., str]
) -> None:
    """Whatever number a cluster has in the store: the one that holds most of class 2 is "2" in points, blocks and confusion."""
    run = finished("spectral")
    final = RunStore().files.arrays(run, "final", ("labels", "y"))
    numbers = cluster_numbers(final["y"], final["labels"])
    assert not np.array_equal(numbers, np.arange(len(numbers))), "else there is nothing to see"
    app = visit("explore", run=run, view="Embedding")
    for trace in plots(app)[-1]["data"]:
        samples = numbers_of(trace["customdata"])
        assert {f"cluster {numbers[label]}" for label in final["labels"][samples]} == {trace["name"]}
    app.session_state["view"] = "Affinity"
    healthy(app.run())
    zoom = next(box for box in app.multiselect if box.label == "Zoom to")
    healthy(zoom.set_value([2]).run())
    question = max((RunStore().home / "cache").glob("matrix-*.npz"), key=lambda file: file.stat().st_mtime)
    with np.load(question) as found:
        assert sorted(found["order"]) == np.flatnonzero(numbers[final["labels"]] == 2).tolist()
    app.session_state["view"] = "Confusion"
    ticks = plots(healthy(app.run()))[-1]["layout"]["xaxis"]["ticktext"]
    assert ticks == ["0", "1", "2", "3"]


def test_a_sample_has_a_card_with_its_largest_affinities(
    visit: Callable[..., AppTest], finished: Callable[..., str], store: RunStore
) -> None:
    for method in ("udll", "spectral", "kmeans"):
        run = finished(method)
        found, facts = explore.joined(store, run=run, sample=5) if method != "kmeans" else ({"nearest": []}, {})
        app = AppTest.from_string(CARD.format(run=run), default_timeout=60).run()
        assert "**Sample 5**: class 0" in texts(healthy(app))
        assert (f"Row {facts['place'] + 1} of 48" in texts(app)) if facts else "Row" not in texts(app)
        if facts:
            A = explore.matrices.square(store, run, "affinity")
            row = np.abs(np.asarray(A.toarray() if hasattr(A, "toarray") else A)[5])
            row[5] = 0
            np.testing.assert_allclose(np.sort(row)[::-1][: len(found["weights"])], found["weights"], rtol=1e-5)
            assert 0 < len(found["nearest"]) <= 12


CARD = """
import streamlit as st
from pages.ui.selection import selection
from pages.ui.lab import Seen
from pages.ui.state import load_data, store
run = store().get("{run}")
selection(run, load_data(run.spec.data), Seen([1, 5, 7], 5))
"""


def test_the_sidebar_says_how_many_runs_train_at_once(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def script() -> None:
        from pages.ui.sidebar import sidebar

        sidebar()

    def sidebar(cores: int, setting: str = "") -> AppTest:
        st.cache_resource.clear()
        monkeypatch.setattr("core.jobs.capacity.available_cores", lambda: cores)
        monkeypatch.setenv("AFFINITY_LAB_WORKERS", setting)
        return healthy(AppTest.from_function(script, default_timeout=60).run())

    def field(app: AppTest) -> Any:
        return next(field for field in app.sidebar.number_input if field.label == "Runs at once")

    app = sidebar(4)
    assert field(app).value == 4 and not field(app).disabled
    healthy(field(app).set_value(3).run())
    assert Capacity(store).now == 3 == field(sidebar(4)).value
    fixed = field(sidebar(4, "2"))
    assert fixed.value == 2 and fixed.disabled
    assert "AFFINITY_LAB_WORKERS must be an integer in [1, 4]" in errors(sidebar(4, "many"))
    assert not sidebar(1).sidebar.number_input, "no choice, no field"


def test_a_duplicate_starts_from_the_values_of_the_run(visit: Callable[..., AppTest]) -> None:
    draft = {"run": "x", "preset": "defaults", "params": {"strength": 3.0, "dim": 7}, "seed": 5, "snapshots": 4}
    app = visit("train", method="ridge", draft=draft)
    values = {
        e.key.rsplit(":", 1)[1]: e.value for e in [*app.slider, *app.select_slider] if e.key and e.key.startswith("ridge:")
    }
    assert values["strength"] == 3.0 and values["dim"] == 7


def test_a_deep_link_as_the_first_visit_of_a_server_shows_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    from pages.ui import navigation

    AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).run()  # another visitor, who came a moment earlier
    declared = []
    monkeypatch.setattr(navigation, "navigation", lambda: declared.append(True) or navigation.app_runs())
    AppTest.from_file(str(ROOT / "pages/runs.py"), default_timeout=30).run()
    assert declared == [True], "the navigation is declared, and the page starts over"


@pytest.mark.parametrize("name", ["dsc", "rgrl", "udll"])
def test_the_form_opens_on_the_weights_of_the_objective(visit: Callable[..., AppTest], name: str) -> None:
    page = healthy(visit("train", method=name))
    groups = [box.label for box in page.expander if box.label in ("Objective", "Training", "Clusters", "Affinity")]
    assert groups == ["Objective", "Training", "Clusters", "Affinity"]

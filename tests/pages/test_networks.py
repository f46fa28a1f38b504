"""The Auto-encoders page and training from a kept network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.datasets import DataSpec
from core.runs import STARTS, PretrainedStore, RunStore
from tests.pages.seen import SMALL, button, healthy, own_runs, texts

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("inline_queue")]


@pytest.fixture
def ticked(visit: Callable[..., AppTest], lab_home: Path) -> Callable[[], AppTest]:
    """The page of the networks with the newest one ticked."""

    def open_page() -> AppTest:
        app = visit("autoencoders")
        name = f"networks:{hash(tuple(kept.key for kept in PretrainedStore(lab_home).all()))}"
        app.session_state[name] = {"selection": {"rows": [0], "columns": [], "cells": []}}
        return healthy(app.run())

    return open_page


def test_without_networks_the_page_says_where_they_come_from(visit: Callable[..., AppTest]) -> None:
    app = visit("autoencoders")
    assert "None is kept yet" in texts(app) and not app.dataframe


def test_a_kept_network_shows_where_it_comes_from_and_who_used_it(
    ticked: Callable[[], AppTest], finished: Callable[..., str], store: RunStore
) -> None:
    runs = {finished("ae_kmeans"), finished("ae_kmeans")}
    app = ticked()
    table = app.dataframe[0].value
    assert list(table["Data"]) == ["digits"] and list(table["n"]) == [48] and list(table["Runs"]) == [2]
    assert list(table["Layers"]) == ["4 of 3×3"] and table["Error"][0] > 0
    first = next(run for run in own_runs(store) if not run.result["pretrained"]["reused"])
    assert first.id in texts(app) and app.get("image")
    assert {b.key.removeprefix("open:") for b in app.button if str(b.key).startswith("open:")} == runs


def test_training_from_a_network_takes_it_and_says_so(
    visit: Callable[..., AppTest], ticked: Callable[[], AppTest], finished: Callable[..., str], store: RunStore
) -> None:
    origin = finished("ae_kmeans")
    app = ticked()
    app.selectbox(key="start_method").set_value("ae_edsc").run()
    app.session_state["data"] = DataSpec("digits").to_dict()  # something else was looked at meanwhile
    button(app, "Train from this network").click().run()
    assert app.session_state["method"] == "ae_edsc" and app.session_state["data"] == SMALL.to_dict()
    app.switch_page("pages/train.py").run()  # AppTest itself stays on the page that it was sent away from
    button(healthy(app), "Launch").click().run()
    run = own_runs(store)[0]
    assert run.spec.method == "ae_edsc" and run.result["pretrained"]["reused"], run.result["pretrained"]
    for shown in (texts(healthy(app)), texts(visit("explore", run=run.id, view="Record"))):
        assert f"of the run `{origin}`, reused" in shown
    assert "trained here" in texts(visit("explore", run=origin, view="Record"))


def test_a_deleted_network_is_gone_and_its_runs_stay(
    ticked: Callable[[], AppTest], finished: Callable[..., str], store: RunStore
) -> None:
    run = finished("ae_kmeans")
    app = ticked()
    button(app, "Delete for good").click().run()
    assert "None is kept yet" in texts(healthy(app)) and PretrainedStore(store.home).all() == []
    assert store.get(run).result["metrics"] and "Z" in store.files.arrays(run, "final")


def test_the_start_of_sparse_coding_is_kept_said_and_deleted(
    visit: Callable[..., AppTest], finished: Callable[..., str], store: RunStore, lab_home: Path
) -> None:
    first, second = (finished("tagnet", n_atoms=20, sweeps=2, epochs=2) for _ in range(2))
    assert "made here in" in texts(visit("explore", run=first, view="Record"))
    shown = texts(visit("explore", run=second, view="Record"))
    assert all(f"{part} of the run `{first}`, reused" in shown for part in ("Dictionary", "Graph", "First clusters"))
    app = healthy(visit("autoencoders"))
    assert "None is kept yet" in texts(app), "no network is"
    assert sorted(app.dataframe[0].value["What"]) == ["Dictionary", "First clusters", "Graph"]
    assert set(app.dataframe[0].value["Run"]) == {first}
    button(app, "Delete all for good").click().run()
    assert not healthy(app).dataframe and PretrainedStore(lab_home, STARTS).all() == []
    assert store.get(second).result["metrics"]


def test_a_network_that_was_trained_layer_by_layer_is_shown_and_taken(
    visit: Callable[..., AppTest], ticked: Callable[[], AppTest], held_out: Callable[..., str], store: RunStore
) -> None:
    layers = {"recipe": "layer-wise", "activation": "sigmoid", "layer_epochs": 2, "path_epochs": 2}
    held_out("ddae", **layers)
    app = ticked()
    assert list(app.dataframe[0].value["Layers"]) == ["16-8, 20% masked"]
    assert "layer by layer (2 epochs each)" in texts(app) and app.get("image")
    box = next(box for box in app.selectbox if box.label == "Method")
    assert box.options == ["D-DAE", "GR-DNN"]
    box.set_value("grdnn").run()
    button(app, "Train from this network").click().run()
    app.session_state["draft"]["params"] |= {"epochs": 2, "n_neighbors": 5, "graph_widths": (8,)}
    app.switch_page("pages/train.py").run()
    button(healthy(app), "Launch").click().run()
    run = own_runs(store)[0]
    assert run.spec.method == "grdnn" and run.result["pretrained"]["reused"], run.result

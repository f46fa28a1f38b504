"""Views of held-out samples, of retrieval and of the graph."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import datasets
from core.common import unpacked
from core.runs import RunStore, frame_files, framed
from tests.pages.seen import HELD, VIEWS, button, healthy, numbers_of, plots, texts, unlabelled

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("inline_queue")]


def test_samples_are_held_out_on_the_data_page(visit: Callable[..., AppTest]) -> None:
    app = visit("data")
    assert "Held out" not in {metric.label for metric in app.metric}
    app.number_input(key="digits:n_test").set_value(30).run()
    shown = {metric.label: metric.value for metric in healthy(app).metric}
    assert shown["Samples"] == "48" and shown["Held out"] == "30"
    assert app.session_state["data"]["n_test"] == 30
    app.switch_page("pages/train.py").run()
    assert "30 more are held out for testing" in texts(healthy(app))


@pytest.mark.parametrize("method", ["grdnn", "kmeans", "ridge"])
def test_every_view_of_a_run_with_held_out_samples_draws(
    visit: Callable[..., AppTest], held_out: Callable[..., str], store: RunStore, method: str
) -> None:
    run = held_out(method)
    app = visit("explore", run=run)
    for view in reversed(VIEWS):
        app.session_state["view"] = view
        assert not healthy(app.run()).error, view
    how = "each labelled by its nearest training sample" if method == "ridge" else "encoded and clustered by themselves"
    assert "Held out: 30 samples" in texts(app) and how in texts(app)
    assert ("20 seeds of k-means" in texts(app)) == (method != "ridge")
    scores = store.get(run).result["metrics"]
    shown = [(metric.label, metric.value) for metric in app.metric]
    for label, name in (("ACC", "test_acc"), ("NMI (max)", "test_nmi_max"), ("mAP@10", "test_map_10")):
        assert (label, f"{scores[name]:.3f}") in shown


def test_the_score_card_says_how_well_codes_retrieve(
    visit: Callable[..., AppTest], finished: Callable[..., str], store: RunStore
) -> None:
    run = finished("kmeans")
    assert (
        f"mAP, the query in its list, over the relevant ones retrieved: {store.get(run).result['metrics']['map_10']:.3f} at 10"
        in texts(visit("explore", run=run))
    )


@pytest.mark.parametrize("held", [True, False])
def test_retrieval_shows_rows_of_neighbours_and_a_curve_for_each_space(
    visit: Callable[..., AppTest], held_out: Callable[..., str], held: bool
) -> None:
    held_out("ddae")
    app = visit("explore", run=held_out("grdnn"), view="Retrieval", t_among=held)
    for title in ("Pixels", "GR-DNN * (this run)", "D-DAE *"):
        assert f"**{title}** · precision at 12" in re.sub(r"\\([*()])", r"\1", texts(app))
    assert f"among the {30 if held else 48} {'held-out' if held else 'training'} samples" in texts(app)
    curves = plots(app)[-1]["data"]
    assert [line["name"] for line in curves] == ["Pixels", "GR-DNN * (this run)", "D-DAE *"]
    assert len({(line["line"]["color"], line["line"]["dash"]) for line in curves}) == 3
    button(app, "Another").click().run()
    assert not healthy(app).error
    app.multiselect[0].set_value([]).run()
    assert len(plots(healthy(app))[-1]["data"]) == 1, "the pixels alone"


@pytest.mark.parametrize("method", ["nmf", "kmeans"])
def test_retrieval_without_classes_and_images_lists_neighbours_and_draws_no_curve(
    visit: Callable[..., AppTest], held_out: Callable[..., str], method: str
) -> None:
    app = visit("explore", run=held_out(method, unlabelled(), n_clusters=3), view="Retrieval")
    assert "precision" not in texts(app) and "mAP" not in texts(app) and not app.error
    tables = [frame.value for frame in app.dataframe if "sample" in frame.value]
    assert len(tables) == (2 if method == "nmf" else 1) and all(len(table) == 12 for table in tables)


@pytest.mark.parametrize("graph", ["anchors", "neighbors"])
def test_a_sample_is_shown_with_what_the_graph_joins_it_to(
    visit: Callable[..., AppTest], held_out: Callable[..., str], graph: str
) -> None:
    run = held_out("grdnn", graph=graph, n_anchors=12)
    app = visit("explore", run=run, view="Anchors")
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Anchors"] == "12" if graph == "anchors" else shown["Samples"] == "43"
    assert "Sample 0 of class" in texts(app)
    app.number_input(key=f"n_sample:{run}").set_value(7).run()
    assert "Sample 7 of class" in texts(healthy(app)) and not app.error
    assert ("All 12, in the order" in texts(app)) == (graph == "anchors")


def test_anchors_of_samples_that_are_no_images_are_a_table(visit: Callable[..., AppTest], held_out: Callable[..., str]) -> None:
    app = visit("explore", run=held_out("grdnn", unlabelled(), n_clusters=3, graph="anchors", n_anchors=9), view="Anchors")
    table = next(frame.value for frame in app.dataframe if "weight" in frame.value)
    assert len(table) == 5 and table["weight"].is_monotonic_decreasing and not app.error


def test_only_a_run_with_a_graph_offers_its_anchors(visit: Callable[..., AppTest], held_out: Callable[..., str]) -> None:
    for method, offered in (("grdnn", ["Anchors"]), ("ddae", []), ("ridge", ["Workbench"])):
        app = visit("explore", run=held_out(method), view="Workbench" if method == "grdnn" else "Anchors")
        row = next(element for element in app.segmented_control if element.key == "view")
        assert [name for name in row.options if name in ("Anchors", "Workbench")] == offered
        assert row.value == "Scores"


def test_reconstructions_of_another_run_stand_below(
    visit: Callable[..., AppTest], held_out: Callable[..., str], store: RunStore
) -> None:
    other = held_out("ddae")
    run = held_out("grdnn")
    app = visit("explore", run=run, view="Reconstructions")
    X = datasets.load(HELD).samples
    for one in (run, other):
        error = float(np.square(X - store.files.arrays(one, "final", ["X_hat"])["X_hat"]).mean())
        assert f"{error:.5f}" in texts(app)
    app.selectbox(key=f"r_beside:{run}").select_index(0).run()
    assert "D-DAE" not in app.caption[-1].value and not healthy(app).error


@pytest.mark.parametrize("size", [2, 3])
def test_small_codes_are_drawn_as_they_are(
    visit: Callable[..., AppTest], held_out: Callable[..., str], store: RunStore, size: int
) -> None:
    run = held_out("ddae", widths=(16, size))
    app = visit("explore", run=run, view="Embedding")
    figure = plots(app)[-1]
    assert figure["data"][0]["type"] == ("scattergl" if size == 2 else "scatter3d")
    axes = figure["layout"] if size == 2 else figure["layout"]["scene"]
    assert axes["xaxis"]["title"]["text"] == "code 1"
    Z = store.files.arrays(run, "final", ["Z"])["Z"]
    (_, frame), *_ = unpacked(frame_files(store.files.folder(run))[-1].read_bytes())
    if size == 2:
        np.testing.assert_allclose(frame["points"] / 32767, framed(Z), atol=1e-3)


@pytest.mark.parametrize("colouring", ["cluster", "class", "correct"])
def test_held_out_codes_can_be_looked_at(visit: Callable[..., AppTest], held_out: Callable[..., str], colouring: str) -> None:
    app = visit("explore", run=held_out("ddae"), view="Embedding", e_source="test_Z", e_colour=colouring)
    traces = plots(app)[-1]["data"]
    numbers = np.concatenate([numbers_of(trace["customdata"]) for trace in traces])
    assert sorted(numbers.tolist()) == list(range(30)) and not app.error


def test_a_choice_that_the_next_run_does_not_offer_gives_way_to_the_first(
    visit: Callable[..., AppTest], finished: Callable[..., str]
) -> None:
    app = visit("explore", run=finished("kmeans"), view="Embedding", e_source="test_Z")
    assert app.session_state["e_source"] == "raw" and len(app.get("plotly_chart")) == 1 and not app.error

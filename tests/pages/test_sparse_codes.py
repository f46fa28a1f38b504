"""Views of sparse codes and their atoms."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.evaluation import cluster_numbers
from core.runs import RunStore
from tests.pages.seen import healthy, numbers_of, plots, texts, unlabelled

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("inline_queue")]
SPARSE = {"n_atoms": 20, "sweeps": 1, "epochs": 2, "max_iter": 3, "n_nonzero": 3}


@pytest.mark.parametrize(
    ("method", "n_stages", "layers"),
    [("gsc", 0, "Z"), ("sc_clustering", 0, "Z"), ("tagnet", 1, "Z1 Z"), ("dtagnet", 2, "Z1 Z2 Z")],
)
def test_the_codes_of_a_sample_are_drawn_layer_by_layer(
    visit: Callable[..., AppTest], held_out: Callable[..., str], store: RunStore, method: str, n_stages: int, layers: str
) -> None:
    run = held_out(method, **SPARSE, n_stages=n_stages)
    app = visit("explore", run=run, view="Codes")
    assert "All 20 atoms by number" in texts(app) and "Sample 0 of class" in texts(app)
    app.number_input(key=f"c_sample:{run}").set_value(7).run()
    assert "Sample 7 of class" in texts(healthy(app)) and not app.error
    final = store.files.arrays(run, "final")
    bars = next(figure for figure in plots(app) if "zeros" in json.dumps(figure["layout"]))["data"]
    for trace, name in zip(bars, layers.split(), strict=True):
        np.testing.assert_array_equal(numbers_of(trace["y"]), final[name][7])
    if method == "dtagnet":  # whose layers have clusters of their own
        assert list(app.dataframe[-1].value["Clusters of"]) == ["Z1, first layer", "Z2, second layer", "the result"]
    assert ("**Memberships**" in texts(app)) == (method != "gsc")
    if method != "gsc":
        number = cluster_numbers(final["y"], final["labels"])[final["labels"][7]]
        assert f"goes to cluster {number}, coloured, with membership {final['P'][7].max():.3f}" in texts(app)


def test_atoms_of_samples_that_are_no_images_are_a_heatmap_and_a_table(
    visit: Callable[..., AppTest], held_out: Callable[..., str], store: RunStore
) -> None:
    run = held_out("tagnet", unlabelled(), n_clusters=3, **SPARSE)
    app = visit("explore", run=run, view="Codes")
    assert "heatmap" in {trace["type"] for figure in plots(app) for trace in figure["data"]} and not app.error
    table = next(frame.value for frame in app.dataframe if "weight" in frame.value)
    assert table["weight"].abs().is_monotonic_decreasing
    np.testing.assert_array_equal(table["weight"], store.files.arrays(run, "final", ["Z"])["Z"][0][table["atom"]])


def test_only_a_run_with_sparse_codes_offers_them(visit: Callable[..., AppTest], held_out: Callable[..., str]) -> None:
    for method, offered in (
        ("gsc", ["Codes"]),
        ("be", ["Codes"]),
        ("nmf", []),
        ("ridge", ["Workbench"]),
        ("grdnn", ["Anchors"]),
    ):
        app = visit("explore", run=held_out(method, **SPARSE), view="Codes")
        row = next(element for element in app.segmented_control if element.key == "view")
        assert [name for name in row.options if name in ("Anchors", "Workbench", "Codes")] == offered
        assert row.value == ("Codes" if offered == ["Codes"] else "Scores")
        assert ("Dictionary" in texts(app)) == (method == "gsc")

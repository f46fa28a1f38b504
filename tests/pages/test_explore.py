"""The Explore page: every view of every kind of method."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import explore, methods
from core.datasets import DataSpec
from core.explore import Answer
from core.jobs import Analyst
from core.runs import HistoryRow, RunStore
from core.runs.rows import JSON_COLUMNS
from pages.ui import live
from pages.ui.awaiting import about
from tests.pages.seen import VIEWS, button, errors, healthy, numbers_of, plots, texts

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("inline_queue")]


def one_of_each_kind() -> list[str]:
    """A method of each family class, which decides what a run stores, and of what it says that can be shown of it."""
    kinds: dict[object, str] = {}
    for name, cls in sorted(methods.registered().items(), reverse=True):
        kinds[cls.__mro__[1], cls.reads, cls.shows] = name
    return sorted(kinds.values())


@pytest.mark.parametrize("method", [*one_of_each_kind(), "dtagnet", "udll"])
def test_every_view_of_every_kind_of_method_draws(
    visit: Callable[..., AppTest], finished: Callable[..., str], method: str
) -> None:
    app = visit("explore", run=finished(method))
    assert "Scores of the final epoch" in texts(app)
    for view in VIEWS:
        app.session_state["view"] = view
        healthy(app.run())


def test_a_run_whose_results_go_while_it_is_shown_says_so(
    visit: Callable[..., AppTest], finished: Callable[..., str], store: RunStore
) -> None:
    """As when somebody else deletes it just then; what stands beside it is drawn all the same."""
    run = finished("kmeans")
    app = visit("explore", run=run)
    (store.files.folder(run) / "final.npz").unlink()
    app.session_state["view"] = "Confusion"
    app.run()
    assert not app.exception and "deleted just now" in errors(app)


def test_a_projection_stands_side_by_side_over_its_neighbourhood(
    visit: Callable[..., AppTest], finished: Callable[..., str]
) -> None:
    app = visit("explore", run=finished("kmeans"), view="Embedding", e_kind="tsne")
    before = len(plots(app))
    healthy(app.toggle(key="e_multiples").set_value(True).run())
    drawn = plots(app)
    assert len(drawn) == before - 1 + 5 and "perplexity 16" in texts(app)
    pictures = [tuple(float(x) for trace in plot["data"] for x in numbers_of(trace["x"]).tolist()) for plot in drawn[-5:]]
    assert len(set(pictures)) == 5, "the neighbourhood changes the picture"


def test_a_run_of_a_gpu_says_which_and_what_it_held(
    visit: Callable[..., AppTest], finished: Callable[..., str], store: RunStore
) -> None:
    run = finished("kmeans")
    record = {name: json.loads(v) if name in ("spec", *JSON_COLUMNS) and v else v for name, v in store.raw(run).items()}
    record["result"] |= {"device": "cuda", "gpu": "NVIDIA H200, torch 2.11", "peak_gpu_mb": 269.4, "products": "TF32"}
    store.adopt(record | {"id": f"{run}-gpu"})
    shutil.copytree(store.files.folder(run), store.files.folder(f"{run}-gpu"), dirs_exist_ok=True)
    app = visit("explore", run=f"{run}-gpu", view="Record")
    healthy(app)
    (told,) = [caption.value for caption in app.caption if caption.value.startswith("Device")]
    assert "NVIDIA H200, torch 2.11" in told and "269 MB of its own" in told and "TF32" in told
    (without,) = [c.value for c in visit("explore", run=run, view="Record").caption if c.value.startswith("Device")]
    assert without.startswith("Device cpu") and "of its own" not in without


def test_a_branch_is_queued_from_its_view(visit: Callable[..., AppTest], finished: Callable[..., str]) -> None:
    run_id = finished("udll")
    app = visit("explore", run=run_id, view="Branch")
    assert button(app, "Branch off").disabled
    slider = next(each for each in app.select_slider if "alpha" in each.label)
    healthy(slider.set_value(slider.options[-1] if isinstance(slider.options[-1], float) else float(slider.options[-1])).run())
    button(app, "Branch off").click().run()
    (child,) = [run for run in RunStore().runs(references=False) if run.id != run_id]
    assert child.spec.branch is not None and child.spec.branch["run"] == run_id and child.spec.branch["changed"]["alpha"] > 1


def test_all_points_are_shown_where_the_user_asks_for_them(
    visit: Callable[..., AppTest], finished: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.ui.points.MAX_POINTS", 20)
    app = visit("explore", run=finished("kmeans"), view="Embedding", e_kind="tsne")

    def drawn() -> list[int]:
        return sorted(sample for trace in plots(app)[-1]["data"] for sample in numbers_of(trace["customdata"]).tolist())

    few = drawn()
    assert len(few) == 20 and "A random 20 of 48 samples." in texts(app)
    healthy(button(app, "All 48 points, a few seconds").click().run())
    assert drawn() == list(range(48)) and "All 48 samples." in texts(app)
    app.session_state["e_kind"] = "pca"
    app.run()
    assert drawn() == few, "of another picture nobody wants all points yet"
    app.session_state["e_kind"] = "tsne"
    app.run()
    assert len(drawn()) == 48
    healthy(button(app, "Only 20 points").click().run())
    assert drawn() == few

    monkeypatch.setattr("pages.ui.points.MOST_POINTS", 30)
    healthy(button(app.run(), "30 points, a few seconds").click().run())
    assert len(drawn()) == 30 and "A random 30 of 48 samples." in texts(app)
    monkeypatch.setattr("pages.ui.points.MAX_POINTS", 48)
    app.run()
    assert not [b for b in app.button if b.key in ("e_more", "e_fewer")], "all are shown anyway"


def test_waiting_for_all_points_can_be_ended(
    visit: Callable[..., AppTest], finished: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.ui.points.MAX_POINTS", 20)
    app = visit("explore", run=finished("kmeans"), view="Embedding", e_kind="tsne")
    ask, stopped = Analyst.ask, []

    def slow(self: Analyst, task: str, **arguments: Any) -> Answer:
        if arguments.get("most", 0) > 20:
            return Answer(pending=True, seconds=0.0, progress=explore.Progress(310, 750))
        return ask(self, task, **arguments)

    monkeypatch.setattr(Analyst, "ask", slow)
    monkeypatch.setattr(Analyst, "stop", lambda self, task, **arguments: stopped.append((task, arguments["most"])))
    healthy(next(b for b in app.button if b.key == "e_more").click().run())
    assert "0 s, a few seconds in all, iteration 310 of 750" in texts(app) and "A random 20" not in texts(app)
    healthy(button(app, "Stop").click().run())
    assert stopped == [("embedding", explore.MOST_POINTS)]
    assert "A random 20 of 48 samples." in texts(app) and "iteration" not in texts(app)


def test_a_failure_of_all_points_leads_back(
    visit: Callable[..., AppTest], finished: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.ui.points.MAX_POINTS", 20)
    app = visit("explore", run=finished("kmeans"), view="Embedding", e_kind="tsne")
    monkeypatch.setattr("core.evaluation.layouts.MAX_PAIRS", 1000)
    healthy(next(b for b in app.button if b.key == "e_more").click().run())
    assert "48 points with 47 neighbours each need too much memory" in errors(app)
    healthy(button(app, "Back").click().run())
    assert not errors(app) and "A random 20 of 48 samples." in texts(app)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "a few seconds"), (24, "about 20 s"), (100, "about 2 min"), (840, "about 14 min")]
)
def test_an_expected_time_is_said_no_more_precisely_than_it_is_known(seconds: float, words: str) -> None:
    assert about(seconds) == words


def test_the_score_card_names_spread_references_and_choices_by_labels(
    visit: Callable[..., AppTest], finished: Callable[..., str], store: RunStore
) -> None:
    run = store.get(finished("udll"))
    app = visit("explore", run=run.id)
    assert "10 repetitions of the last step" in texts(app)
    (table,) = [element.proto.body for element in app.get("html") if "Score comparison" in element.proto.body]
    cells = [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in table.split("<tr>")[2:]]
    assert {"k-means", "Spectral clustering", "Ridge self-expression", "UDLL (this run)"} == {name for name, *_ in cells}
    acc = run.result["metrics"]["acc"]
    assert ["UDLL (this run)", f"{acc:.3f}"] in [row[:2] for row in cells] and f" {100 * acc:.1f}%, transparent" in table
    if run.result["best"]["acc"] > run.result["metrics"]["acc"]:
        assert "chosen with the labels" in texts(app)


def test_an_alarm_stands_beside_the_headline(
    visit: Callable[..., AppTest], finished: Callable[..., str], store: RunStore
) -> None:
    run = finished("kmeans")
    assert "alarm" not in texts(visit("explore", run=run))
    alarm = {"kind": "collapse", "message": "All codes are *one*.", "stage": "finetune", "step": 3}
    with store._database.connect() as db:
        db.execute("UPDATE runs SET alarms = ? WHERE id = ?", (json.dumps([alarm]), run))
    shown = visit("explore", run=run)
    assert any("1 alarm" in str(each.value) for each in shown.markdown) and "All codes are" in texts(shown)


def test_the_workbench_reclusters_without_training(
    visit: Callable[..., AppTest], finished: Callable[..., str], store: RunStore
) -> None:
    run = finished("ridge")
    runs_before = len(store.runs())
    app = visit("explore", run=run, view="Workbench")
    assert app.metric and app.get("plotly_chart")
    app.selectbox(key=f"w:{run}:affinity_by").set_value("magnitudes").run()
    grey = {
        str(each.key).rpartition(":")[2] for each in [*healthy(app).slider, *app.select_slider, *app.toggle] if each.disabled
    }
    assert {"dim", "power", "smoothing"} <= grey and "threshold" not in grey
    app.number_input(key=f"w:{run}:K").set_value(3).run()
    healthy(app)
    app.selectbox(key=f"suggest:{run}").set_value("exponent").run()
    assert "whose clusters agree best" in texts(healthy(app)) and "Regret" in texts(app)
    assert len(store.runs()) == runs_before
    labels = [np.load(path)["labels"] for path in (store.home / "cache").glob("recluster-*.npz")]
    assert sorted(len(np.unique(found)) for found in labels) == [3, 4, 4]


def test_whether_depth_pays_is_answered_by_a_click(
    visit: Callable[..., AppTest], finished: Callable[..., str], store: RunStore
) -> None:
    shallow = visit("explore", run=finished("ridge"), view="Workbench")
    assert shallow.toggle and not any(str(toggle.key).startswith("depth:") for toggle in shallow.toggle)
    run = finished("udll")
    app = visit("explore", run=run, view="Workbench")
    assert not list((store.home / "cache").glob("depth-*.npz")), "nothing is worked out unasked"
    app.toggle(key=f"depth:{run}").set_value(True).run()
    table = next(frame.value for frame in healthy(app).dataframe if "Read off" in frame.value)
    assert list(table["Read off"]) == ["Ridge on the samples", "Ridge on the pretrained codes", "Trained C of this run"]
    assert table["ACC"].between(0, 1).all() and "**Depth " in texts(app)
    app.selectbox(key=f"w:{run}:affinity_by").set_value("samples").run()
    assert "does not look at C" in app.error[0].value
    app.toggle(key=f"depth:{run}").set_value(False).run()
    app.toggle(key=f"readings:{run}").set_value(True).run()
    table = next(frame.value for frame in healthy(app).dataframe if "Read by" in frame.value)
    assert len(table) == 6 and "The read-out alone moves ACC" in texts(app)


def test_what_may_be_left_to_the_data_stands_at_the_left_end_of_its_slider(visit: Callable[..., AppTest]) -> None:
    app = visit("train", method="ridge", draft={"preset": "defaults", "params": {"dim": None}})
    dim, exponent = (
        next(each for each in app.select_slider if str(each.key).endswith(f":{name}")) for name in ("dim", "exponent")
    )
    assert dim.value is None and dim.options[0] == exponent.options[0] == "chosen without labels" and exponent.value == 0.5
    assert "Without labels is chosen, at the end: dim" in texts(app)


def test_curves_show_whether_codes_shrink(visit: Callable[..., AppTest], finished: Callable[..., str]) -> None:
    app = visit("explore", run=finished("udll"), view="Curves")
    for words in methods.method_class("udll").gauges.values():
        assert words in texts(app)


def test_of_a_long_run_every_look_is_drawn() -> None:
    rows = [
        HistoryRow(k, "finetune", k, 0.1, {"loss": 1.0, **({"code_norm": 0.5} if k % 97 == 0 else {})}) for k in range(2000)
    ]
    assert [row.step for row in live.thinned(rows, "code_norm")] == list(range(0, 2000, 97))
    assert len(live.thinned(rows, "loss")) <= live.MAX_CURVE_POINTS


def test_own_data_are_set_by_rule_and_the_form_says_by_which(visit: Callable[..., AppTest], tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", X=np.random.default_rng(0).random((60, 8)), y=np.arange(60) % 3)
    app = visit("train", method="dec", data=DataSpec(str(tmp_path / "own.npz")).to_dict())
    assert "No label was looked at" in texts(app) and "Dense codes" in texts(app)
    (widths,) = [field.value for field in app.text_input if field.key and field.key.endswith(":widths")]
    assert widths == "64-10"
    assert any("By rule" in box.options[0] for box in app.selectbox if box.label == "Preset")
    assert "in 3 clusters. No label was looked at" in texts(app)
    np.savez(tmp_path / "bare.npz", X=np.random.default_rng(0).random((60, 8)))
    app = visit("train", method="dec", data=DataSpec(str(tmp_path / "bare.npz")).to_dict())
    assert "in 10 clusters, as long as you have not chosen K. No label" in texts(app)


SCOPES = {
    "neighbors": ("expressed by its 9 nearest neighbours", "C is sparse", "Here C is sparse"),
    "anchors": ("expressed by 24 anchors", "joined through anchors", "Here C is over anchors"),
    "subset": ("a random 30 of the 48 samples", "the 30 samples of the subset", "Worked out in"),
}


@pytest.mark.parametrize("scope", SCOPES)
def test_every_view_says_what_c_speaks_of(visit: Callable[..., AppTest], finished: Callable[..., str], scope: str) -> None:
    run = finished("ridge", scope=scope, n_candidates=9, n_anchors=100, subset_size=30)
    app = visit("explore", run=run)
    for view in VIEWS:
        app.session_state["view"] = view
        healthy(app.run())
    everywhere, affinity, workbench = SCOPES[scope]
    assert everywhere in texts(app)
    for view, words in (("Affinity", affinity), ("Workbench", workbench)):
        app.session_state["view"] = view
        app.run()
        assert words in texts(app) and not app.error
    app.session_state["view"] = "Scores"
    assert ("ACC on the rest" in {metric.label for metric in app.run().metric}) == (scope == "subset")
    assert everywhere in texts(visit("train", run=run))


def test_the_scope_is_said_before_the_start(visit: Callable[..., AppTest]) -> None:
    assert "nearest neighbours, so C is sparse" not in texts(visit("train", method="ridge"))
    draft = {"preset": "defaults", "params": {"scope": "neighbors"}}
    assert "nearest neighbours, so C is sparse" in texts(visit("train", method="ridge", draft=draft))


def test_the_spectral_embedding_of_landmarks_can_be_looked_at(
    visit: Callable[..., AppTest], finished: Callable[..., str]
) -> None:
    app = visit("explore", run=finished("lsc"), view="Embedding", e_source="U")
    assert app.get("plotly_chart") and not app.error


def test_a_run_that_used_the_labels_says_so(visit: Callable[..., AppTest], finished: Callable[..., str]) -> None:
    about = {"scope": "subset", "subset_size": 30}
    assert "used the labels" in texts(visit("explore", run=finished("ridge", **about, subset_by="classes")))
    assert "used the labels" not in texts(visit("explore", run=finished("ridge", **about)))

"""The Train page: the form, the start, the panel of a run."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import datasets, methods
from core.datasets import DataSpec
from core.explore import Answer
from core.jobs import Analyst, JobQueue
from core.methods import Clusterer
from core.runs import Owner, RunStore, Status, this_process
from pages.ui.naming import told_apart
from pages.ui.symbols import plain_symbol
from pages.ui.text import breakable
from tests.conftest import ROOT
from tests.pages.seen import SMALL, button, errors, healthy, quick_spec, texts

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("inline_queue")]


def automatic(cls: type[Clusterer]) -> dict[str, Any]:
    """The values that the form opens with."""
    preset = methods.preset_for(cls.name, SMALL.name)[1]
    return {name: p.default for name, p in cls.declared().items()} | dict(preset.params if preset else {})


def test_every_method_has_a_card_with_sentence_paper_and_objective(visit: Callable[..., AppTest]) -> None:
    app = visit("train", follow=False)
    listed = app.selectbox(key="method_list")
    assert len(listed.options) == len(methods.registered())
    for name, cls in methods.registered().items():
        assert f"{cls.title} · {cls.family}" in listed.options
        listed = healthy(app).selectbox(key="method_list").set_value(name)
        shown = texts(healthy(listed.run()))
        assert cls.summary in shown and cls.paper in shown and breakable(cls.minimised(automatic(cls))) in shown
        assert app.session_state["method"] == name


@pytest.mark.parametrize("method", sorted(methods.registered()))
def test_the_form_has_one_widget_for_each_declared_parameter(visit: Callable[..., AppTest], method: str) -> None:
    app = visit("train", method=method)
    kinds = ("slider", "select_slider", "number_input", "text_input", "selectbox", "toggle")
    keys = [element.key for kind in kinds for element in getattr(app, kind) if element.key]
    for name, param in methods.method_class(method).declared().items():
        ours = [key for key in keys if key.startswith(f"{method}:") and key.endswith(f":{name}")]
        assert len(ours) == (0 if name == "random_state" else 1), name
        if ours:
            shown = next(e for kind in kinds for e in getattr(app, kind) if e.key == ours[0])
            assert f"${param.symbol}$" in shown.help and "$" not in shown.label and name.strip("_").split("_")[0] in shown.label


def test_bounds_are_checked_on_the_server(visit: Callable[..., AppTest], store: RunStore) -> None:
    app = visit("train", method="udll")
    key = next(e.key for e in app.text_input if e.key and e.key.endswith(":channels"))
    app.text_input(key=key).set_value("16-x")
    button(app, "Launch").click().run()
    assert "'channels'" in errors(app) and "16-x" in errors(app)
    assert store.runs() == []


def test_a_list_that_is_emptied_again_is_left_to_the_data(visit: Callable[..., AppTest], store: RunStore) -> None:
    app = visit("train", method="dtagnet", data=DataSpec("digits", per_class=14).to_dict())
    key = next(e.key for e in app.text_input if e.key and e.key.endswith(":layer_clusters"))
    for typed, expected in (("3-5", [3, 5]), ("", None)):
        app.text_input(key=key).set_value(typed)
        button(app, "Launch").click().run()
        assert not errors(healthy(app))
        found = store.runs(references=False)[0].spec.params["layer_clusters"]
        assert (found and list(found)) == expected


def test_fewer_samples_than_clusters_leaves_no_record(visit: Callable[..., AppTest], store: RunStore) -> None:
    app = visit("train", method="ridge", draft={"preset": "defaults", "params": {"n_clusters": 48}})
    button(app, "Launch").click().run()
    assert "n_clusters" in errors(healthy(app)) and "48" in errors(app)
    assert store.runs() == []


def test_a_launch_loads_the_data_once(visit: Callable[..., AppTest], store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page checks against the data that it shows; the worker, here in the same process, loads them."""
    loads = []
    original = datasets.load
    app = visit("train", method="ridge")
    monkeypatch.setattr("core.datasets.load", lambda spec: (loads.append(spec), original(spec))[1])
    monkeypatch.setattr(Analyst, "ask", lambda *_, **__: Answer(pending=True))  # references load for themselves
    button(app, "Launch").click().run()
    assert not healthy(app).error and len(store.runs()) == 1 and loads == [SMALL]
    assert all("fallen into" in warning.value for warning in app.warning), "48 samples are few for this preset"


def test_the_cost_is_shown_before_the_start_and_better_once_it_was_measured(
    visit: Callable[..., AppTest], finished: Callable[..., str], store: RunStore
) -> None:
    def told() -> tuple[str, int]:
        app = visit("train", method="udll")
        label = next(e.label for e in app.expander if e.label.startswith("What it will need"))
        need = re.fullmatch(r"What it will need: (.+), [\d.]+ MB, ([\d,]+) parameters", label)
        assert need and int(need[2].replace(",", "")) > 48**2
        return need[1], sum("measured at other sizes" in caption.value for caption in app.caption)

    assert told() == ("time known after the first run", 0)
    store.notices.post("machine", {"gpu": None, "cuda": False, "cores": 2, "pace": 0.015})
    before, elsewhere = told()
    assert re.fullmatch(r"a few seconds|about \d+ (s|min)", before) and elsewhere == 1
    finished("udll")
    after, elsewhere = told()
    assert re.fullmatch(r"a few seconds|about \d+ (s|min)", after) and elsewhere == 0


def test_launch_trains_and_the_panel_shows_scores_and_pictures(visit: Callable[..., AppTest], store: RunStore) -> None:
    app = visit("train", method="ridge")
    button(app, "Launch").click().run()
    healthy(app)
    run = next(run for run in store.runs() if not run.reference)
    assert run.status == Status.DONE and run.spec.data == SMALL
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["ACC"] == f"{run.result['metrics']['acc']:.3f}"
    assert app.get("bidi_component"), "the lab shows the run, and no longer what it would be"
    assert "Nothing of this is kept" not in texts(app)
    assert {other.spec.method for other in store.runs() if other.reference} == {"kmeans", "spectral"}, "none of its own kind"


def test_every_loss_term_has_a_curve_under_its_symbol(visit: Callable[..., AppTest], finished: Callable[..., str]) -> None:
    app = visit("train", method="udll", run=finished("udll"))
    for symbol in methods.method_class("udll").symbols.values():
        assert f"${symbol}$" in texts(app)


def test_a_failed_run_shows_its_reason(visit: Callable[..., AppTest], store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.losses.locality", lambda Z, L: Z.sum() * float("nan"))
    run = JobQueue(store, immediate=True).submit(quick_spec("udll"), references=False)
    shown = texts(visit("train", run=run.id))
    assert store.get(run.id).status == Status.FAILED
    assert "'locality' became nan at epoch 1 of the stage 'finetune'" in shown


def test_a_lost_run_can_be_resumed_from_the_page(visit: Callable[..., AppTest], store: RunStore) -> None:
    run = store.create(quick_spec("udll"))
    store.claim(run.id, Owner(2**22 + 1, 0.0, ""))  # a process that is not there
    app = visit("train", run=run.id)
    assert store.get(run.id).status == Status.LOST
    app.button(key="resume_lost").click().run()
    assert store.get(run.id).status == Status.DONE


def test_a_failed_run_can_be_resumed_from_the_page(visit: Callable[..., AppTest], store: RunStore) -> None:
    run = store.create(quick_spec("udll"), owner=this_process())
    store.finish(run.id, Status.FAILED, {}, {"message": "No space left on device", "bad_input": False})
    app = visit("train", run=run.id)
    assert "begins anew" in app.button(key="resume_lost").help
    (store.files.folder(run.id) / "checkpoint.pt").write_bytes(b"half")
    app = visit("train", run=run.id)
    assert not app.button(key="resume_lost").help
    app.button(key="resume_lost").click().run()
    done = store.get(run.id)
    assert done.status == Status.DONE and done.error is None and "starts over" in texts(visit("train", run=run.id))


def test_what_was_deleted_can_be_had_back_with_a_click(
    visit: Callable[..., AppTest], finished: Callable[..., str], store: RunStore
) -> None:
    run = finished("kmeans")
    store.delete(run)
    app = visit("runs", deleted=[run, "one that is gone for good"])
    button(app, "Undo").click().run()
    assert store.get(run).result["metrics"] and "Undo" not in {each.label for each in healthy(app).button}
    assert run in list(app.dataframe[0].value["Id"])


def test_an_app_for_looking_says_so_and_offers_no_change(
    visit: Callable[..., AppTest], finished: Callable[..., str], store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished("udll")
    lost = store.create(quick_spec("udll"), owner=Owner(2**22 + 1, 0.0, ""))
    monkeypatch.setenv("AFFINITY_LAB_READONLY", "1")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert any("AFFINITY_LAB_READONLY" in caption.value for caption in app.sidebar.caption)
    assert button(visit("train", run=run), "Launch").disabled
    app = visit("train", run=lost.id)
    assert store.get(lost.id).active and "Stop" not in {each.label for each in app.button}, "it may be another machine's"
    for name in ("explore", "compare", "runs", "autoencoders", "data", "results"):
        changing = ("Delete", "Launch", "Run what is missing")
        assert all(each.disabled for each in visit(name, run=run).button if each.label.startswith(changing))


@pytest.mark.parametrize(
    ("tex", "plainly"),
    [
        (r"\lambda_1", "λ₁"), ("K", "K"), (r"\lVert x \rVert", "‖x ‖"),
        ("C^{(0)}", "C⁽⁰⁾"), ("C_{ii}=0", "Cᵢᵢ=0"), (r"\hat y", "y\u0302"),
        (r"\mathrm{cut}", "cut"), (r"\eta(t)", "η(t)"), ("T_A", None), (r"f_\theta", None), (r"\unknown", None),
    ],
)  # fmt: skip
def test_symbols_are_plain_characters_or_left_out(tex: str, plainly: str | None) -> None:
    assert plain_symbol(tex) == plainly


def test_the_name_of_a_run_that_goes_on_stays_true_until_it_ends(store: RunStore) -> None:
    """The list of runs stands while the panel beside it tells of waiting, training and pausing."""
    waiting = store.create(quick_spec("kmeans"))
    (before,) = told_apart([waiting]).values()
    store.claim(waiting.id, this_process())
    (during,) = told_apart([store.get(waiting.id)]).values()
    assert store.get(waiting.id).status != waiting.status
    assert before == during and before.endswith("not finished")

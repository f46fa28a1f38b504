"""The Compare page."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import explore, methods
from core.common import InvalidInput
from core.jobs import JobQueue
from core.runs import RunStore, Status
from pages.ui import comparison
from pages.ui.naming import told_apart
from tests.conftest import ROOT
from tests.pages.seen import OTHER, SMALL, button, errors, finished_with, healthy, own_runs, quick_spec, texts

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("inline_queue")]


def compared(app: AppTest) -> list[str]:
    """The runs in the table of what differs."""
    return list(next(frame.value for frame in app.dataframe if "Run" in frame.value)["Run"])


def choose_runs(app: AppTest, ids: list[str]) -> AppTest:
    return healthy(app.multiselect(key=next(m.key for m in app.multiselect if m.key)).set_value(ids).run())


def test_runs_on_the_same_data_stand_side_by_side(visit: Callable[..., AppTest], finished: Callable[..., str]) -> None:
    other = finished("ae_kmeans")
    run = finished("ridge")
    app = choose_runs(visit("compare"), [run, other])
    assert compared(app) == ["Ridge self-expression on digits", "AE + k-means on digits"] and app.get("bidi_component")
    differs = next(frame.value for frame in app.dataframe if "Run" in frame.value)
    assert list(differs["method"]) == ["ridge", "ae_kmeans"] and "seed" not in differs
    counts = next(frame.value for frame in app.dataframe if list(frame.value.columns) == compared(app)).to_numpy()
    assert counts[0, 0] == counts[1, 1] == 0 and counts[0, 1] == counts[1, 0] > 0
    assert compared(choose_runs(app, [run])) == ["Ridge self-expression on digits"]


def test_a_link_names_the_runs_that_are_compared(finished: Callable[..., str], visit: Callable[..., AppTest]) -> None:
    runs = [finished("ridge", strength=strength) for strength in (1.0, 2.0, 5.0)]
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.query_params["runs"] = ",".join([runs[2], "gone", runs[0]])
    app.run().switch_page("pages/compare.py")
    app.query_params["runs"] = ",".join([runs[2], "gone", runs[0]])
    named = compared(healthy(app.run()))
    assert [name.split("strength ")[1] for name in named] == ["5", "1"]


def test_runs_are_named_by_what_differs_or_else_by_their_time(
    visit: Callable[..., AppTest], finished: Callable[..., str]
) -> None:
    runs = [finished("ridge", strength=strength) for strength in (1.0, 2.0)]
    assert [name.split(", ")[1] for name in compared(choose_runs(visit("compare"), runs))] == ["strength 1", "strength 2"]
    again = finished("ridge", strength=1.0)
    names = told_apart([RunStore().get(run) for run in (runs[0], again)])
    assert all(re.search(r"digits · \d\d \w+ [\d:]+( \(\w{4}\))? · ACC", name) for name in names.values())


def test_seeds_are_grouped_and_compared_in_pairs(
    visit: Callable[..., AppTest], finished: Callable[..., str], store: RunStore
) -> None:
    groups = [[finished_with(store, "ridge", seed, strength=s) for seed in (0, 1)] for s in (1.0, 50.0)]
    app = choose_runs(visit("compare"), [groups[0][0], groups[1][0]])
    table = next(frame.value for frame in app.dataframe if "training seeds" in frame.value)
    assert list(table["training seeds"]) == [2, 2] and all("±" in acc for acc in table["ACC"])
    gains = [
        store.get(b).result["metrics"]["acc"] - store.get(a).result["metrics"]["acc"] for a, b in zip(*groups, strict=True)
    ]
    assert table["ACC against the first, paired"][1] == f"{np.mean(gains):+.3f} ± {np.std(gains):.3f} (2 seeds)"


def test_the_run_that_is_looked_at_stays_so_on_a_page_of_other_data(store: RunStore) -> None:
    """On Train a link's run brings its data and method; once other data are chosen, its run waits for the way back."""
    linked = finished_with(store, "ridge", 0)
    newer = JobQueue(store, immediate=True).submit(replace(quick_spec("kmeans"), data=OTHER), references=False).id
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    app.query_params["run"] = linked
    app.switch_page("pages/explore.py").run()
    assert app.session_state["run"] == linked
    del app.query_params["run"]  # a click in the side bar
    healthy(app.switch_page("pages/train.py").run())
    assert app.session_state["data"] == SMALL.to_dict() and app.session_state["method"] == "ridge"
    app.session_state["data"], app.session_state["adopted"] = OTHER.to_dict(), linked  # as the page Data leaves them
    healthy(app.run())
    assert app.session_state["run"] == linked, f"and not {newer}, which is shown here"
    healthy(app.switch_page("pages/explore.py").run())
    assert app.selectbox[0].value == linked


def test_the_missing_methods_are_queued_once_each(
    visit: Callable[..., AppTest], finished: Callable[..., str], store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "LADDER", ("kmeans", "edsc", "lsc", "ssc_omp"))
    waiting = store.create(quick_spec("lsc"))  # k-means came along as a reference of ridge
    JobQueue(store, immediate=True).submit(quick_spec("ridge"))
    app = visit("compare")
    assert "On their way: LSC" in texts(app)
    button(app, "Run what is missing of the ladder").click().run()
    assert sorted(run.spec.method for run in own_runs(store)) == ["edsc", "lsc", "ridge", "ssc_omp"]
    assert all(run.spec.data == SMALL and run.status == Status.DONE for run in own_runs(store) if run.id != waiting.id)
    assert "Run what is missing of the ladder" not in [b.label for b in healthy(app).button]


def test_a_method_that_these_data_do_not_allow_says_why_and_holds_up_no_other(
    visit: Callable[..., AppTest], finished: Callable[..., str], store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "LADDER", ("edsc", "lsc"))
    monkeypatch.setattr(methods.method_class("edsc"), "check_data", refuse)
    finished("ridge")
    app = visit("compare")
    button(app, "Run what is missing of the ladder").click().run()
    assert "EDSC: not with these data" in errors(healthy(app))
    assert sorted(run.spec.method for run in own_runs(store)) == ["lsc", "ridge"]


def refuse(self: Any, X: Any) -> None:
    raise InvalidInput("not with these data")


def test_what_seeds_agree_on_stands_beside_each_alone(
    visit: Callable[..., AppTest], finished: Callable[..., str], store: RunStore
) -> None:
    first = finished("udll")
    app = choose_runs(visit("compare"), [first, finished("kmeans")])
    assert not any(box.key == "agree_of" for box in app.selectbox), "one run has nobody to agree with"
    healthy(button(app, "Train 4 more seeds").click().run())
    app = choose_runs(visit("compare"), [first])
    assert {run.spec.seed for run in own_runs(store) if run.spec.method == "udll"} == set(range(5))
    assert not any(b.key == "agree_seeds" for b in app.button)
    assert not list((store.home / "cache").glob("consensus-*.npz")), "nothing is worked out unasked"
    app.selectbox(key="agree_of").set_value(app.selectbox(key="agree_of").options[0]).run()
    shown = {metric.label: metric.value for metric in healthy(app).metric}
    alone = [run.result["metrics"]["acc"] for run in own_runs(store) if run.spec.method == "udll"]
    _, facts = explore.consensus(store, runs=[run.id for run in own_runs(store) if run.spec.method == "udll"], pixels=2)
    assert shown["Mean of 5 alone"] == f"{np.mean(alone):.3f}" and shown["ACC, agreed"] == f"{facts['scores']['acc']:.3f}"
    assert "**Agreeing " in texts(app) and "picks with the labels" in texts(app)
    app = choose_runs(app, [finished("ridge"), finished("ssc")])
    assert app.selectbox(key="agree_of").value is None, "a choice that is not offered any more is none"


def test_a_choice_of_seeds_stands_when_another_seed_is_there(visit: Callable[..., AppTest], store: RunStore) -> None:
    runs = [finished_with(store, "ridge", seed) for seed in (0, 1)]
    app = choose_runs(visit("compare"), [runs[0]])
    app.selectbox(key="agree_of").set_value(app.selectbox(key="agree_of").options[0]).run()
    assert any(metric.label == "Mean of 2 alone" for metric in healthy(app).metric)
    finished_with(store, "ridge", 2)
    assert any(metric.label == "Mean of 3 alone" for metric in healthy(app.run()).metric)


def test_runs_without_an_affinity_have_nothing_to_agree_on(visit: Callable[..., AppTest], finished: Callable[..., str]) -> None:
    run = finished("kmeans")
    app = choose_runs(visit("compare"), [run])
    assert "None of these runs has an affinity" in texts(app)

"""Every page as a user sees it, without a browser: jobs run inline, so each click ends in a result."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core import datasets, explore, methods, runs
from core.common import InvalidInput, unpacked
from core.datasets import DataSpec
from core.evaluation import cluster_numbers
from core.explore import Answer
from core.jobs import Analyst, Capacity, JobQueue
from core.methods import Clusterer
from core.runs import (
    STARTS,
    HistoryRow,
    Owner,
    PretrainedStore,
    Run,
    RunSpec,
    RunStore,
    Status,
    frame_files,
    framed,
    this_process,
)
from pages.ui import comparison, live
from pages.ui.awaiting import about
from pages.ui.naming import told_apart
from pages.ui.symbols import plain_symbol
from pages.ui.text import breakable, plain
from tests.conftest import ROOT

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("inline_queue")]
SMALL = DataSpec("digits", per_class=12, n_classes=4)
OTHER = DataSpec("digits", per_class=8)
QUICK = {"pretrain_epochs": 2, "epochs": 2, "channels": (4,), "kernel_sizes": (3,), "n_atoms": 20, "sweeps": 1}


@pytest.fixture
def visit() -> Callable[..., AppTest]:
    """Open a page with the small data set chosen; whatever it raises fails the test."""

    def open_page(name: str, **state: Any) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        app.session_state["data"] = SMALL.to_dict()
        for key, value in state.items():
            app.session_state[key] = value
        if "run" in state:
            app.query_params["run"] = state["run"]
        app.run()
        app.switch_page(f"pages/{name}.py").run()
        return healthy(app)

    return open_page


def healthy(app: AppTest) -> AppTest:
    assert not app.exception, app.exception[0].message
    return app


def texts(app: AppTest) -> str:
    """All text on the page, as a reader sees it: without the backslashes that keep Markdown out."""
    shown = [*app.markdown, *app.caption, *app.info, *app.error, *app.warning]
    return "\n".join(str(element.value) for element in shown) + "\n" + errors(app)


def errors(app: AppTest) -> str:
    return re.sub(r"\\([^A-Za-z0-9\s])", r"\1", "\n".join(element.value for element in [*app.error, *app.warning]))


def quick_spec(method: str, **overrides: Any) -> RunSpec:
    declared = methods.method_class(method).declared()
    quick = {name: value for name, value in QUICK.items() if name in declared}
    return runs.make_spec(method, SMALL, overrides=quick | overrides, device="cpu")


@pytest.fixture
def finished(store: RunStore) -> Callable[..., str]:
    """A finished run of a method, by id."""

    def train(method: str, **overrides: Any) -> str:
        return JobQueue(store, immediate=True).submit(quick_spec(method, **overrides), references=False).id

    return train


# ---- data ------------------------------------------------------------------------------------------------------------


def test_the_data_page_shows_what_was_chosen(visit: Callable[..., AppTest]) -> None:
    app = visit("data")
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Samples"] == "48" and shown["Each"] == "8×8" and shown["Classes"] == "4"
    assert app.get("image") and "Contact sheet" in texts(app)


def test_a_data_set_that_is_not_here_says_how_to_get_it(visit: Callable[..., AppTest]) -> None:
    app = visit("data")
    app.selectbox(key="data_name").set_value("umist").run()
    assert "umist-32-32.mat" in texts(healthy(app)) and "not on this machine" in texts(app)


def test_an_impossible_part_is_refused_in_words_and_the_last_good_choice_stays(visit: Callable[..., AppTest]) -> None:
    app = visit("data")
    app.number_input(key="digits:per_class").set_value(5000).run()
    assert app.error and "5000" in app.error[0].value
    assert app.session_state["data"]["per_class"] == 12


def test_hostile_class_names_are_shown_as_text(visit: Callable[..., AppTest], tmp_path: Path, lab_home: Path) -> None:
    rows = "\n".join(f"{i % 7},{i % 3},{'<img src=x onerror=alert(1)>' if i % 2 else '**b**'}" for i in range(40))
    path = datasets.store_upload("../../evil <b>.csv", f"a,b,label\n{rows}\n".encode())
    assert path.parent == lab_home / "data" / "uploads"
    app = visit("data", data=DataSpec(path.stem).to_dict())
    assert not any(element.proto.allow_html for element in [*app.markdown, *app.caption])


def described(n: int = 48) -> DataSpec:
    """Samples without classes, with two columns of labels of hostile names and values."""
    rows = "\n".join(f"{i % 7},{i * i % 11},{'<i>a</i>' if i % 2 else '**b**'},{i % 3}" for i in range(n))
    return DataSpec(datasets.store_upload("columns.csv", f"a,b,label_[x](y)<b>,label_Cluster\n{rows}\n".encode()).stem)


def test_the_data_page_names_the_label_columns(visit: Callable[..., AppTest], store: RunStore) -> None:
    app = visit("data", data=described().to_dict())
    assert [c.value for c in app.caption if "Label columns" in c.value] == ["Label columns: \\[x\\](y)\\<b> (2), Cluster (3)."]
    assert "label_<name>" in app.file_uploader[0].proto.help and "Label columns" not in texts(visit("data"))


def test_noise_is_chosen_on_the_data_page_and_named_where_data_are(visit: Callable[..., AppTest], store: RunStore) -> None:
    app = visit("data")
    assert app.number_input(key="digits:noise").value == 0
    app.number_input(key="digits:noise").set_value(0.25).run()
    assert healthy(app).session_state["data"]["noise"] == 0.25
    app.switch_page("pages/train.py").run()
    assert "with noise 0.25" in texts(healthy(app))
    spec = runs.make_spec("kmeans", DataSpec.from_dict(app.session_state["data"]))
    run = JobQueue(store, immediate=True).submit(spec, references=False).id
    app = new_samples(visit, run)
    assert "with noise 0.25" in texts(app) and "here they come without it" in texts(app)
    assert any("digits with noise 0.25" in option for box in app.selectbox for option in box.options)


def test_an_embedding_is_coloured_by_a_label_column(visit: Callable[..., AppTest], store: RunStore) -> None:
    data = described()
    spec = runs.make_spec("kmeans", data, overrides={"n_clusters": 2})
    run = JobQueue(store, immediate=True).submit(spec, references=False).id
    app = visit("explore", run=run, view="Embedding", e_source="raw", e_colour="label:[x](y)<b>")
    assert app.session_state["e_colour"] == "label:[x](y)<b>" and "Clusters against [x](y)<b>: NMI (geometric)" in unescaped(
        app
    )
    assert [trace["name"] for trace in plots(app)[-1]["data"]] == ["**b**", "&lt;i&gt;a&lt;/i&gt;"]
    odd = numbers_of(plots(app)[-1]["data"][1]["customdata"])
    assert sorted(odd.tolist()) == list(range(1, 48, 2))


def test_clusters_are_set_against_every_column_of_labels(visit: Callable[..., AppTest], store: RunStore) -> None:
    data = described()
    run = (
        JobQueue(store, immediate=True).submit(runs.make_spec("kmeans", data, overrides={"n_clusters": 2}), references=False).id
    )
    app = visit("explore", run=run, view="Confusion")
    assert app.session_state["f_column"] == "[x](y)<b>"
    app.session_state["f_column"] = "Cluster"
    table = plots(healthy(app.run()))[-1]["data"][0]["customdata"]
    counts = np.asarray(numbers_of(table))
    assert counts.sum() == 48 and counts.size == 6  # three values, two clusters
    scored = app.dataframe[-1].value
    assert list(scored["Labels"]) == ["label column [x](y)<b>", "label column Cluster"] and set(scored["Clusters of"]) == {
        "the result"
    }
    assert scored["ACC"].tolist() == [row["acc"] for row in store.get(run).result["columns"]]


def unescaped(app: AppTest) -> str:
    return re.sub(r"\\([^A-Za-z0-9\s])", r"\1", texts(app))


def test_an_upload_is_read_chosen_and_can_be_trained_on_without_labels(visit: Callable[..., AppTest], store: RunStore) -> None:
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(size=(20, 6)), rng.normal(size=(20, 6)) + 8])
    csv = "a,b,c,d,e,f\n" + "\n".join(",".join(map(str, row)) for row in rows)
    app = visit("data")
    app.file_uploader[0].upload("mine.csv", csv.encode())
    button(app, "Read the file").click().run()
    assert {m.label: m.value for m in healthy(app).metric}["Classes"] == "unknown"
    name = app.session_state["data"]["name"]
    assert name.startswith("mine-")

    spec = runs.make_spec("kmeans", DataSpec(name), overrides={"n_clusters": 2})
    run = store.get(JobQueue(store, immediate=True).submit(spec, references=False).id)
    assert run.status == Status.DONE and "acc" not in run.result["metrics"] and run.result["metrics"]["silhouette"] > 0
    labels = store.files.arrays(run.id, "final")["labels"]
    assert len(set(labels[:20])) == 1 and labels[0] != labels[-1], "two far groups are told apart"
    for method in ("kmeans", "ridge", "spectral"):  # the last two came along as references
        reference = next(other.id for other in store.runs() if other.spec.method == method)
        explored = visit("explore", run=reference)
        for view in VIEWS:
            explored.session_state["view"] = view
            healthy(explored.run())


def test_a_bad_upload_is_refused_in_words_and_nothing_is_kept(visit: Callable[..., AppTest], lab_home: Path) -> None:
    app = visit("data")
    button(app, "Read the file").click().run()
    assert "no file yet" in healthy(app).error[0].value
    app.file_uploader[0].upload("broken.npz", b"this is no archive")
    button(app, "Read the file").click().run()
    assert "broken.npz" in healthy(app).error[0].value
    assert datasets.uploads() == [] and not list(lab_home.rglob("*.tmp"))


def bring(app: AppTest, name: str, content: bytes) -> AppTest:
    app.file_uploader[0].upload(name, content)
    return healthy(app.run())


def test_an_import_shows_what_was_found_and_takes_what_is_changed(visit: Callable[..., AppTest]) -> None:
    rng = np.random.default_rng(0)
    lines = [f"{i},{a:.3f},{i % 2},{1000 * a:.3f},{'ab'[i % 2]}" for i, a in enumerate(rng.normal(size=30))]
    app = bring(visit("data"), "mine.csv", "\n".join(["no,a,b,c,<b>kind</b>", *lines]).encode())
    found = app.dataframe[0].value
    assert list(found["name"]) == ["no", "a", "b", "c", "<b>kind</b>"] and found["role"][0] == "numbering"
    label = next(box for box in app.selectbox if box.label == "Classes")
    left_out = next(box for box in app.multiselect if box.label == "Leave out")
    assert left_out.value == ["no"], "running numbers are ticked"
    label.set_value("b")
    left_out.set_value(["c"])
    app.text_input(key="upload_range").set_value("0,10")
    button(app, "Read the file").click().run()
    said = unescaped(healthy(app))
    assert "Chosen at import: label 'b'; dropped 'c'; kept 'no'; range 0 to 10." in said
    assert "Not used: '<b>kind</b>' (text)." in said
    data = datasets.load(app.session_state["data"]["name"])
    assert data.columns == ("no", "a") and data.classes == ("0", "1")


@pytest.mark.usefixtures("read_in_this_process")
def test_texts_further_labels_and_missing_ones_are_chosen(visit: Callable[..., AppTest]) -> None:
    told = ["shares fell", "the team won", "markets rose", "a late goal"]
    lines = [f"{i},{told[i % 4]} {i % 7},{(i % 2) - 1},{'ab'[i % 2]}" for i in range(40)]
    app = bring(visit("data"), "news.csv", "\n".join(["no,said,known,kind", *lines]).encode())
    next(box for box in app.selectbox if box.label == "Classes").set_value("known")
    chosen = {box.label: box for box in app.multiselect}
    chosen["Text, as tf-idf"].set_value(["said"])
    chosen["Further labels"].set_value(["kind"])
    app.text_input(key="upload_unlabelled").set_value("-1")
    button(app, "Read the file").click().run()
    assert "all 20 labels are '0'" in errors(healthy(app)), "one class is none to score by"
    next(box for box in app.selectbox if box.label == "Classes").set_value("kind")
    {box.label: box for box in app.multiselect}["Further labels"].set_value(["known"])
    button(app, "Read the file").click().run()
    data = datasets.load(healthy(app).session_state["data"]["name"])
    assert "shares" in data.columns and "no" not in data.columns and data.classes == ("a", "b")
    assert data.attributes["known"].y.tolist() == [-1, 0] * 20


def test_what_is_wrong_with_an_import_is_told_at_once_and_goes_with_the_file(visit: Callable[..., AppTest]) -> None:
    app = bring(visit("data"), "broken.npz", b"this is no archive")
    assert "broken.npz" in errors(app)
    app.file_uploader[0].clear()
    app = bring(app, "good.csv", b"a,b\n" + b"1,2\n3,5\n" * 9)
    assert not app.error
    app.text_input(key="upload_shape").set_value("5")
    button(app, "Read the file").click().run()
    assert "HxW" in errors(healthy(app)) and not datasets.uploads()
    app.text_input(key="upload_shape").set_value("1x2")
    button(app, "Read the file").click().run()
    assert not healthy(app).error and datasets.load(app.session_state["data"]["name"]).image_shape == (1, 2)


def test_arrays_that_no_name_tells_of_are_chosen(visit: Callable[..., AppTest], tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(12, 3))
    np.savez(tmp_path / "two.npz", first=X, second=X + 1, third=np.arange(12) % 2)
    app = bring(visit("data"), "two.npz", (tmp_path / "two.npz").read_bytes())
    for label, chosen in (("Samples", "second"), ("Classes", "third")):
        next(box for box in app.selectbox if box.label == label).set_value(chosen)
    button(app, "Read the file").click().run()
    assert "Not used: 'first'." in unescaped(healthy(app))
    np.testing.assert_allclose(datasets.load(app.session_state["data"]["name"], scaling="none").X, X + 1, rtol=1e-6)


HOSTILE = "![p](https://elsewhere.example/a.png) <img src=x> $x$ :red[r] **b** www.elsewhere.example a@b.example"


def harmless(text: str) -> bool:
    """Whether nothing of a hostile name is left for Markdown to work on: no sign without a backslash, no address."""
    signs = re.search(r"(?<!\\)(!\[|!\\\[|<img|\$x|:red|\*\*b\*\*|\]\(https)", text)
    return not signs and not re.search(r"https?\\?:|www\.|\w@\w", text)


def test_a_name_is_text_wherever_it_stands(visit: Callable[..., AppTest], store: RunStore) -> None:
    """A path that is given as data can be any text; while such a run is active, every page names it."""
    run = store.create(RunSpec(method="kmeans", data=DataSpec(HOSTILE), params={}), owner=this_process())
    store.annotate(run.id, tags=HOSTILE, notes=HOSTILE)
    assert harmless(plain(HOSTILE)) and not harmless(HOSTILE)
    first = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert any("elsewhere" in caption.value for caption in first.sidebar.caption), "the sidebar names what trains"
    named = 0
    for app in (
        first,
        *(
            visit(name, data=DataSpec(HOSTILE).to_dict())
            for name in ("data", "train", "explore", "compare", "autoencoders", "runs", "results")
        ),
    ):
        shown = [*app.markdown, *app.caption, *app.info, *app.error, *app.warning, *app.sidebar.caption, *app.sidebar.markdown]
        told = [str(element.value) for element in shown if "elsewhere" in str(element.value)]
        assert all(harmless(text) for text in told), told
        named += bool(told)
    assert named >= 2, "the sidebar, and a page that cannot load such data"


# ---- train -----------------------------------------------------------------------------------------------------------


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


def button(app: AppTest, label: str) -> Any:
    return next(b for b in app.button if b.label == label)


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


# ---- explore ---------------------------------------------------------------------------------------------------------

VIEWS = (
    "Scores", "Embedding", "Affinity", "Workbench", "Confusion", "Reconstructions", "Curves", "Retrieval", "Anchors", "Codes",
    "New samples", "Figures", "Record",
)  # fmt: skip


def one_of_each_kind() -> list[str]:
    """A method of each family class and of what it says that can be shown of it; a page tells methods apart by nothing else."""
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


# ---- graph-regularised networks and held-out samples -----------------------------------------------------------------

HELD = DataSpec("digits", per_class=12, n_classes=4, n_test=30)
TINY = {"widths": (16, 8), "epochs": 2, "n_neighbors": 5}


@pytest.fixture
def held_out(store: RunStore) -> Callable[..., str]:
    """A finished run of a method on data with held-out samples, by id."""

    def train(method: str, data: DataSpec = HELD, **overrides: Any) -> str:
        declared = methods.method_class(method).declared()
        values = {name: value for name, value in (TINY | overrides).items() if name in declared}
        spec = runs.make_spec(method, data, preset="defaults", overrides=values, device="cpu")
        return JobQueue(store, immediate=True).submit(spec, references=False).id

    return train


def unlabelled(n: int = 60) -> DataSpec:
    """Samples without classes that are no images, some of them held out."""
    rows = "\n".join(",".join(map(str, row)) for row in np.random.default_rng(0).integers(0, 9, (n, 6)))
    path = datasets.store_upload("plain.csv", f"a,b,c,d,e,f\n{rows}\n".encode())
    return DataSpec(path.stem, n_test=20)


def plots(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


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


def numbers_of(packed: Any) -> np.ndarray:
    """An array as Plotly sends it: binary, or a list."""
    if isinstance(packed, dict):
        return np.frombuffer(base64.b64decode(packed["bdata"]), dtype=packed["dtype"])
    return np.asarray(packed)


def test_a_choice_that_the_next_run_does_not_offer_gives_way_to_the_first(
    visit: Callable[..., AppTest], finished: Callable[..., str]
) -> None:
    app = visit("explore", run=finished("kmeans"), view="Embedding", e_source="test_Z")
    assert app.session_state["e_source"] == "raw" and len(app.get("plotly_chart")) == 1 and not app.error


# ---- sparse coding ---------------------------------------------------------------------------------------------------

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


# ---- new samples -----------------------------------------------------------------------------------------------------


def new_samples(visit: Callable[..., AppTest], run: str) -> AppTest:
    return visit("explore", run=run, view="New samples")


def choose_samples(app: AppTest, name: str) -> AppTest:
    next(box for box in app.selectbox if box.label == "Samples to label").set_value(name).run()
    return healthy(app)


def scores_of_new(app: AppTest) -> dict[str, str]:
    """The numbers from "New samples" on; those before it are of the run itself."""
    shown = [(metric.label, metric.value) for metric in app.metric]
    return dict(shown[[label for label, _ in shown].index("New samples") :])


def test_new_samples_are_labelled_scored_and_shown_beside_their_neighbours(
    visit: Callable[..., AppTest], finished: Callable[..., str], store: RunStore
) -> None:
    app = new_samples(visit, finished("kmeans"))
    assert scores_of_new(app)["New samples"] == "1,797" and "its own nearest one" in texts(app)
    app.number_input(key="new_n").set_value(50).run()
    shown = scores_of_new(healthy(app))
    assert shown["New samples"] == "50" and 0 < float(shown["ACC"]) <= 1
    assert app.get("download_button") and app.get("image")
    answers = [np.load(path) for path in (store.home / "cache").glob("label_new-*.npz")]
    assert sorted(len(answer["labels"]) for answer in answers) == [50, 1797]


def test_an_upload_without_labels_is_labelled_and_not_scored(
    visit: Callable[..., AppTest], finished: Callable[..., str]
) -> None:
    app = new_samples(visit, finished("kmeans"))
    rows = "\n".join(",".join(map(str, row)) for row in np.random.default_rng(0).integers(0, 17, (30, 64)))
    app.file_uploader[0].upload("more.csv", f"{','.join(f'p{i}' for i in range(64))}\n{rows}\n".encode())
    button(app, "Read the file").click().run()
    assert scores_of_new(healthy(app)) == {"New samples": "30"} and not app.error


def test_clusters_of_new_samples_have_the_names_of_all_pictures(visit: Callable[..., AppTest], store: RunStore) -> None:
    y = np.arange(40) % 2
    X = np.random.default_rng(0).normal(size=(40, 2)) + 20 * y[:, None]
    rows = "\n".join(f"{a},{b},{'yx'[c]}" for (a, b), c in zip(X, y, strict=True))
    path = datasets.store_upload("mine.csv", f"a,b,label\n{rows}\n".encode())
    queue = JobQueue(store, immediate=True)
    for seed in range(6):  # of some the stored cluster 0 is the class y, of others x
        run = queue.submit(runs.make_spec("kmeans", DataSpec(path.stem), seed=seed, overrides={"n_init": 1}), references=False)
        app = new_samples(visit, run.id)
        looked = next(box for box in app.selectbox if box.label == "Look at cluster")
        assert looked.options == ["x · 20 samples", "y · 20 samples"]
        table = next(frame.value for frame in app.dataframe if "its class" in frame.value)
        assert set(table["class"]) == {"x"}
        figure = json.loads(app.get("plotly_chart")[-1].proto.spec)
        assert figure["layout"]["xaxis"]["ticktext"] == ["x", "y"]


def test_new_samples_of_another_shape_are_refused_in_words(visit: Callable[..., AppTest], finished: Callable[..., str]) -> None:
    path = datasets.store_upload("other.csv", b"a,b\n" + b"1,2\n3,4\n" * 5)
    app = new_samples(visit, finished("kmeans"))
    offered = next(box for box in app.selectbox if box.label == "Samples to label").options
    assert any(option.startswith("digits") for option in offered) and path.stem not in offered
    app.file_uploader[0].upload("wide.csv", b"a,b,c\n" + b"1,2,3\n3,4,5\n" * 5)
    button(app, "Read the file").click().run()
    assert healthy(app).error and len(datasets.uploads()) == 1


def test_hostile_class_names_of_new_samples_are_shown_as_text(visit: Callable[..., AppTest], store: RunStore) -> None:
    hostile = ("<img src=x onerror=alert(1)>", "![x](http://example.invalid/a.png)")
    rows = "\n".join(f"{i % 7},{i % 3 + 9 * (i % 2)},{hostile[i % 2]}" for i in range(40))
    path = datasets.store_upload("mine.csv", f"a,b,label\n{rows}\n".encode())
    run = JobQueue(store, immediate=True).submit(runs.make_spec("kmeans", DataSpec(path.stem)), references=False)
    app = new_samples(visit, run.id)
    table = next(frame.value for frame in app.dataframe if "its class" in frame.value)
    assert set(table["class"]) <= set(hostile)
    assert not any(element.proto.allow_html for element in [*app.markdown, *app.caption])
    assert not any(name in str(element.value) for name in hostile for element in [*app.markdown, *app.caption])


# ---- compare ---------------------------------------------------------------------------------------------------------


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


def finished_with(store: RunStore, method: str, seed: int, **overrides: Any) -> str:
    spec = replace(quick_spec(method, **overrides), seed=seed)
    return JobQueue(store, immediate=True).submit(spec, references=False).id


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


def own_runs(store: RunStore) -> list[Run]:
    return store.runs(references=False)


# ---- auto-encoders ---------------------------------------------------------------------------------------------------


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


# ---- runs ------------------------------------------------------------------------------------------------------------


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

    declared = []
    monkeypatch.setitem(navigation._app, "has_run", False)
    monkeypatch.setattr(navigation, "navigation", lambda: declared.append(True) or navigation.app_runs())
    AppTest.from_file(str(ROOT / "pages/runs.py"), default_timeout=30).run()
    assert declared == [True], "the navigation is declared, and the page starts over"


@pytest.mark.parametrize("name", ["dsc", "rgrl", "udll"])
def test_the_form_opens_on_the_weights_of_the_objective(visit: Callable[..., AppTest], name: str) -> None:
    page = healthy(visit("train", method=name))
    groups = [box.label for box in page.expander if box.label in ("Objective", "Training", "Clusters", "Affinity")]
    assert groups == ["Objective", "Training", "Clusters", "Affinity"]

"""The Data page, and text of unknown origin wherever it stands."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import datasets, runs
from core.datasets import DataSpec
from core.jobs import JobQueue
from core.runs import RunSpec, RunStore, Status, this_process
from pages.ui.text import plain
from tests.conftest import ROOT
from tests.pages.seen import VIEWS, button, errors, healthy, new_samples, numbers_of, plots, texts, unescaped

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("inline_queue")]


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

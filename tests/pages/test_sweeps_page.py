"""Seeds and sweeps as a user sees them, without a browser: jobs run inline, so each click ends in a result."""

from __future__ import annotations

import dataclasses
import io
import json
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import cli, datasets, runs, sweeps
from core.datasets import DataSpec
from core.jobs import JobQueue, Place
from core.runs import RunStore, Status, this_process
from core.sweeps import Cell, Sweep, SweepStore, parse_axis
from pages.ui.sweep_open import picked
from pages.ui.sweep_words import titled
from tests.pages.seen import SMALL, button, errors, healthy, texts

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("inline_queue")]


def two_axes(store: RunStore, **facts: Any) -> sweeps.SweepRecord:
    base = runs.make_spec("ridge", SMALL, preset="defaults", device="cpu")
    axes = tuple(parse_axis("ridge", text) for text in ("strength=1,10,100", "power=2,5"))
    return sweeps.start(store, Sweep(base=base, axes=axes, seeds=(0, 1), **facts), JobQueue(store, immediate=True))


def test_a_sweep_from_the_form_to_its_pictures(visit: Callable[..., AppTest], store: RunStore) -> None:
    app = visit("sweeps", method="ridge", **{"sweep_new:0": True})
    app.multiselect(key="sweep_axes:ridge").set_value(["strength", "power"]).run()
    assert app.text_input(key="sweep_values:ridge:strength").value.endswith(":5:log")
    app.text_input(key="sweep_values:ridge:strength").set_value("1,-1").run()
    assert "Got '-1'" in texts(healthy(app)) and not [b for b in app.button if b.key == "sweep_start"]
    app.text_input(key="sweep_values:ridge:strength").set_value("1,10")
    app.text_input(key="sweep_values:ridge:power").set_value("2,5")
    app.session_state["sweep_design"], app.session_state["sweep_seeds"] = "grid", 3
    assert "**12 runs**" in texts(healthy(app.run()))
    app.button(key="sweep_start").click().run()
    (record,) = SweepStore(store.home).all()
    assert len(record.cells) == 12 and sweeps.statuses(sweeps.table(store, record)) == {"done": 12}
    assert healthy(app).query_params["sweep"] == record.id
    assert len(app.get("echarts_chart")) >= 6 and "those of runs with different codes are not comparable" in texts(app)
    app.toggle(key=f"sweep_shared:{record.id}").set_value(True).run()
    assert "pooled silhouette" in str([frame.value for frame in healthy(app).dataframe]) and "On 48 samples" in texts(app)
    strengths = next(slider for slider in app.select_slider if slider.label == "strength")
    strengths.set_value((1, 1)).run()
    assert "**6 of 12** runs lie within" in texts(healthy(app)) and len(app.dataframe[-1].value) == 6
    assert set(app.dataframe[-1].value["strength"]) == {10.0}
    scores = next(slider for slider in app.select_slider if slider.label == "ACC")
    worst = min(row.scores["acc"] for row in sweeps.table(store, record))
    few = [row for row in sweeps.table(store, record) if row.scores["acc"] == worst and row.setting["strength"] == 10]
    scores.set_value((0, 0)).run()
    assert f"**{len(few)} of 12** runs lie within" in texts(healthy(app))
    strengths = next(slider for slider in app.select_slider if slider.label == "strength")
    strengths.set_value((0, 1)).run()
    low = [row for row in sweeps.table(store, record) if row.scores["acc"] == worst]
    assert f"**{len(low)} of 12** runs lie within" in texts(healthy(app))
    app.session_state[f"sweep_solid:{record.id}"] = True
    assert len(healthy(app.run()).get("plotly_chart")) == 2 and "ACC goes from" in texts(app)
    app.toggle(key=f"sweep_matters:{record.id}").set_value(True).run()
    assert "matters less than the seed" in texts(healthy(app))
    app.session_state["sweep_new:1"] = True  # it is folded once there is a sweep to look at
    assert "**12 runs**, 0 to be trained" in texts(healthy(app.run()))


def test_a_failed_cell_is_a_mark_and_can_be_tried_again(visit: Callable[..., AppTest], store: RunStore) -> None:
    record = two_axes(store)
    failed = store.create(record.cells[0].spec(record.sweep.base), owner=this_process()).id
    store.finish(failed, Status.FAILED, {}, {"message": "No space left on device", "bad_input": False})
    store.delete(record.runs[0])
    cells = (dataclasses.replace(record.cells[0], run=failed), *record.cells[1:])
    SweepStore(store.home).save(dataclasses.replace(record, cells=cells))
    app = visit("sweeps")
    assert "No space left on device" in texts(app)
    specs = [json.loads(element.proto.spec) for element in app.get("echarts_chart")]
    marked = [series["data"] for spec in specs for series in spec["series"] if series.get("name") == "failed"]
    assert len(marked) == 4 and all(marked), "on both curves and both heatmaps"
    app.button(key="sweep_Retry failed").click().run()
    assert store.get(failed).status == Status.DONE and "No space left" not in texts(healthy(app))


def test_a_sweep_is_extended_and_resumed_by_a_click(visit: Callable[..., AppTest], store: RunStore) -> None:
    record = two_axes(store)
    store.delete(record.runs[3])
    app = visit("sweeps")
    app.button(key="sweep_pause").click().run()
    app.button(key="sweep_One more seed").click().run()
    (record,) = SweepStore(store.home).all()
    assert healthy(app) and sweeps.statuses(sweeps.table(store, record)) == {"done": 18} and record.sweep.seeds == (0, 1, 2)


def test_a_sweep_is_paused_resumed_and_stopped_by_clicks(visit: Callable[..., AppTest], store: RunStore) -> None:
    class Waiting:
        submit = staticmethod(lambda spec, tags="", references=True: store.create(spec, tags=tags))
        resume = staticmethod(store.requeue)

    base = runs.make_spec("ridge", SMALL, preset="defaults", device="cpu")
    record = sweeps.start(store, Sweep(base=base, axes=(parse_axis("ridge", "strength=1,2"),)), Waiting())
    standing = lambda: sweeps.statuses(sweeps.table(store, record))  # noqa: E731
    app = visit("sweeps")
    for label, then, offered in (("Pause", "paused", {"Resume", "Stop"}), ("Resume", "queued", {"Pause", "Stop"})):
        assert app.button(key="sweep_pause").label == label
        app.button(key="sweep_pause").click().run()
        assert standing() == {then: 2}
        assert {each.label for each in healthy(app).button} & {"Pause", "Resume", "Stop"} == offered
    app.button(key="sweep_Stop").click().run()
    assert standing() == {"stopped": 2}


def test_sweeps_go_to_the_cluster_that_the_app_was_started_with(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def page() -> None:
        from pages.ui.sidebar import sidebar

        sidebar()

    offered = lambda app: [toggle for toggle in app.sidebar.toggle if "cluster" in toggle.label]  # noqa: E731
    assert not offered(healthy(AppTest.from_function(page).run()))
    monkeypatch.setenv("AFFINITY_LAB_SCHEDULER", "tcp://host:1")
    app = healthy(AppTest.from_function(page).run())
    (toggle,) = offered(app)
    assert not toggle.value and "tcp://host:1" in toggle.help
    toggle.set_value(True).run()
    assert Place(store).address == "tcp://host:1" and healthy(app)
    monkeypatch.setenv("AFFINITY_LAB_READONLY", "1")
    assert offered(AppTest.from_function(page).run())[0].disabled


def test_a_sweep_of_500_cells_is_painted_in_time(visit: Callable[..., AppTest], store: RunStore) -> None:
    base = runs.make_spec("ridge", SMALL, preset="defaults", device="cpu")
    axes = (parse_axis("ridge", "strength=0.01:100:25:log"), parse_axis("ridge", "power=1:10:10"))
    sweep = Sweep(base=base, axes=axes, seeds=(0, 1))
    result = {"metrics": {"acc": 0.5, "silhouette": 0.1}, "seconds": {"total": 1.0}, "fingerprint": "x", "n_samples": 48}
    made = []
    for _ in range(50):  # a run takes longer to record than to read
        made.append(store.create(base, owner=this_process()).id)
        store.finish(made[-1], Status.DONE, result)
    cells = [Cell(setting, seed) for setting in sweeps.settings(sweep) for seed in sweep.seeds]
    SweepStore(store.home).create(sweep, [dataclasses.replace(cell, run=made[place % 50]) for place, cell in enumerate(cells)])
    app = visit("sweeps")
    began = time.perf_counter()
    healthy(app.run())
    assert time.perf_counter() - began < 2 and len(cells) == 500


def test_a_sweep_of_data_without_classes_asks_for_k(
    visit: Callable[..., AppTest],
    store: RunStore,
    tmp_path: Path,
) -> None:
    np.savez(tmp_path / "bare.npz", X=np.random.default_rng(0).normal(size=(40, 3)))
    spec = DataSpec(datasets.import_file(tmp_path / "bare.npz").stem)
    app = visit("sweeps", method="kmeans", data=spec.to_dict(), **{"sweep_new:0": True})
    assert "n_clusters" in errors(app) and not [b for b in app.button if b.key == "sweep_start"]
    app.number_input(key=f"sweep_clusters:{spec.name}").set_value(4).run()
    healthy(app).button(key="sweep_start").click().run()
    assert [run.result["n_clusters"] for run in store.runs()] == [4]


def test_a_figure_of_a_paper_does_not_claim_the_chosen_data(visit: Callable[..., AppTest]) -> None:
    app = visit("sweeps", method="kmeans", **{"sweep_new:0": True})
    assert "on **Digits" in texts(app)
    app.selectbox(key="sweep_figure").set_value("tagnet-6").run()
    assert "on **Digits" not in texts(healthy(app)) and "The figure shows" in texts(app)


def test_scores_of_a_sweep_are_written_as_elsewhere() -> None:
    flat = [{"run": "r", "acc": 0.5, "nmi_geometric": 0.4, "ari": 0.3, "map_10": 0.2, "data.noise": 0.1}]
    assert list(titled(flat)) == ["ACC", "NMI (geometric)", "ARI", "mAP@10", "noise"]


def test_affinity_constants_are_cut_while_the_page_looks(visit: Callable[..., AppTest], store: RunStore) -> None:
    base = runs.make_spec("ridge", SMALL, preset="defaults", device="cpu")
    sweep = Sweep(base=base, axes=(parse_axis("ridge", "power=1:10:7"),), seeds=(0, 1))
    record = sweeps.start(store, sweep, JobQueue(store, immediate=True))
    assert sweeps.statuses(sweeps.table(store, record)) == {sweeps.UNCUT: 14}
    healthy(visit("sweeps").run())
    assert sweeps.statuses(sweeps.table(store, record)) == {"done": 14} and len(store.runs()) == 2


def test_the_runs_behind_a_mark_are_found() -> None:
    behind = {"ACC": [["a"], ["b", "c"]], "runs": [["a"], ["d"]]}
    chosen = [{"series_name": "ACC", "data_indices": [1, 7]}, {"series_name": "runs", "data_indices": [0]}]
    assert picked(chosen, behind) == ["b", "c", "a"] and picked([{"series_name": "mean", "data_indices": [0]}], behind) == []


def test_seeds_are_launched_by_a_click_and_shown_with_their_spread(visit: Callable[..., AppTest], store: RunStore) -> None:
    app = visit("train", method="kmeans", follow=False)
    app.session_state["launch_seeds"] = 3
    button(app.run(), "Launch").click().run()
    group = store.runs(references=False)
    assert {run.spec.seed for run in group} == {0, 1, 2} and healthy(app).query_params["run"] == group[-1].id
    app = visit("compare", compare=[group[-1].id])
    shown = next(frame.value for frame in app.dataframe if "training seeds" in frame.value)
    values = [run.result["metrics"]["acc"] for run in group]
    assert shown["training seeds"][0] == 3 and shown["ACC"][0] == f"{np.mean(values):.3f} ± {np.std(values):.3f}"
    shown = {metric.label: metric.value for metric in visit("sweeps").metric}
    assert shown["ACC"] == f"{np.mean(values):.3f} ± {np.std(values):.3f}"
    button(visit("train", method="kmeans", follow=False, launch_seeds=5), "Launch").click().run()
    assert len(store.runs(references=False)) == 5, "the group is extended"


def test_a_broken_sweep_is_told_by_name_and_the_others_are_shown(visit: Callable[..., AppTest], store: RunStore) -> None:
    broken, whole = two_axes(store), two_axes(store, name="whole")
    (store.home / "sweeps" / f"{broken.id}.json").write_text("{")
    app = visit("sweeps")
    assert f"{broken.id}.json is broken" in texts(app) and len(app.get("echarts_chart")) > 3
    assert [option for box in app.selectbox for option in box.options if "whole" in option and whole.id[:13] in option]


def test_where_nothing_may_change_a_sweep_can_be_looked_at_only(
    visit: Callable[..., AppTest],
    store: RunStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = two_axes(store)
    store.delete(record.runs[0])
    monkeypatch.setenv("AFFINITY_LAB_READONLY", "1")
    app = visit("sweeps", **{"sweep_new:1": True})
    changing = [each for each in app.button if each.label in ("Start", "Resume", "One more seed")]
    assert len(changing) == 3 and all(each.disabled for each in changing) and len(app.get("echarts_chart")) > 3


def test_a_sweep_without_labels_says_what_each_score_chooses(
    visit: Callable[..., AppTest],
    store: RunStore,
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 4)) + 8 * np.repeat(np.eye(2, 4), 20, axis=0)
    np.savez(tmp_path / "mine.npz", X=rows)
    spec = DataSpec(datasets.store_upload("mine.npz", (tmp_path / "mine.npz").read_bytes()).stem)
    base = runs.make_spec("ridge", spec, preset="defaults", overrides={"n_clusters": 2}, device="cpu")
    axes = (parse_axis("ridge", "strength=1,100"),)
    sweeps.start(store, Sweep(base=base, axes=axes), JobQueue(store, immediate=True))
    app = visit("sweeps", data=spec.to_dict())
    assert "Chosen without labels" in [each.value for each in healthy(app).subheader] and "Advice, no more" in texts(app)
    chosen = next(frame.value for frame in app.dataframe if "Chosen by" in frame.value)
    assert len(chosen) and "costs" not in chosen
    told = cli_choice(store)
    assert set(told) <= set(sweeps.LABEL_FREE) and {told[by]["cost"] for by in told} == {None} and told["silhouette"]["run"]


def cli_choice(store: RunStore) -> dict[str, dict[str, Any]]:
    """What ``core sweeps choose`` says of the newest sweep, by score."""
    (newest, *_) = SweepStore(store.home).all()
    said = io.StringIO()
    with redirect_stdout(said):
        assert cli.main(["sweeps", "choose", newest.id]) == 0
    assert sweeps.advice() in said.getvalue()
    said = io.StringIO()
    with redirect_stdout(said):
        assert cli.main(["sweeps", "choose", newest.id, "--json"]) == 0
    return {choice["by"]: choice for choice in json.loads(said.getvalue())}


def test_what_is_set_on_train_is_the_base_of_a_new_sweep(visit: Callable[..., AppTest], store: RunStore) -> None:
    app = visit("train", method="ridge", data=SMALL.to_dict())
    next(each for each in app.button if each.label == "Vary in a sweep").click().run()
    app.switch_page("pages/sweeps.py").run()
    assert healthy(app).selectbox(key="sweep_base:ridge").value == "train"
    app.multiselect(key="sweep_axes:ridge").set_value(["strength"]).run()
    app.text_input(key="sweep_values:ridge:strength").set_value("1,10").run()
    app.button(key="sweep_start").click().run()
    (record,) = SweepStore(store.home).all()
    assert record.sweep.base == app.session_state["sweep_train"] and healthy(app)
    app.session_state["data"] = DataSpec("digits", per_class=5).to_dict()  # what was set was of other data
    app.session_state["sweep_new:1"] = True
    assert healthy(app.run()).selectbox(key="sweep_base:ridge").value != "train"

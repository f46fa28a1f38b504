"""Sweeps that come with the app: each knob matters in one of them, and the pages show them at once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import sweeps
from core.common import StorageError, UnknownName
from core.runs import RunStore
from core.sweeps import PREFIX, Figure, Sweep, SweepStore, levels, prepared_on, prepared_sweep, prepared_sweeps, seed_spread
from core.sweeps import prepared as module
from pages.ui.sweep_open import picked
from tests.conftest import ROOT, last_json
from tests.test_cli import ask

pytestmark = pytest.mark.usefixtures("inline_queue")
KNOBS = {
    "eta": "eta", "K": "n_neighbors", "anchors": "n_anchors", "alpha": "alpha", "beta": "beta", "gamma": "gamma",
    "rho": "threshold", "d": "dim", "p": "power", "code size": "widths", "noise": "data.noise",
}  # fmt: skip


@pytest.mark.parametrize("knob", KNOBS)
def test_every_knob_matters_in_one_of_them(knob: str) -> None:
    """At least .10 of ACC between two of its values, and three times what the seed does."""
    found = []
    for name, figure in prepared_sweeps().items():
        _, rows = prepared_sweep(name)
        if figure.over[0].split("=")[0] == KNOBS[knob]:
            means = [level.mean for level in levels(rows, [KNOBS[knob]], "acc") if level.mean is not None]
            found.append((max(means) - min(means), seed_spread(rows, "acc") or 0.0))
    assert any(moved >= 0.10 and moved > 3 * seed for moved, seed in found), found


def plain(sweep: Sweep) -> Any:
    return json.loads(json.dumps(sweep.to_dict()))


@pytest.mark.parametrize("name", prepared_sweeps())
def test_the_file_is_of_what_is_described_now(name: str) -> None:
    record, rows = prepared_sweep(name)
    sweep = prepared_sweeps()[name].sweep()
    assert plain(record.sweep) == plain(sweep) and record.title == prepared_sweeps()[name].title
    cells = [(cell.setting, cell.seed) for cell in sweeps.plan(sweep)]
    assert [(row.setting, row.seed) for row in rows] == cells
    assert all(0 <= row.scores["acc"] <= 1 and row.scores[sweeps.SECONDS] > 0 for row in rows)


def test_the_help_of_a_knob_leads_to_its_sweep(store: RunStore) -> None:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run().switch_page("pages/train.py").run()
    assert not page.exception
    told = [slider.help for slider in page.select_slider if f"sweep={PREFIX}beta" in slider.help]
    assert told
    page = page.switch_page("pages/sweeps.py")
    page.query_params["sweep"] = f"{PREFIX}beta"
    page.run()
    assert page.selectbox[0].value == f"{PREFIX}beta" and prepared_on("bandwidth") is None


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in module.FOLDER.glob("*.json")) < 200_000


def test_one_that_is_broken_or_not_there_is_told_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    (tmp_path / "eta.json").write_text("{}")
    with pytest.raises(StorageError, match=r"eta\.json"):
        prepared_sweep("eta")
    with pytest.raises(UnknownName, match="neighbours"):
        prepared_sweep("nothing")


@pytest.mark.journey
def test_the_command_runs_one_again_and_leaves_the_store_alone(
    capsys: pytest.CaptureFixture[str], store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = Figure(title="Quick", method="kmeans", preset="defaults", data={"name": "digits", "per_class": 8},
                   over=("data.noise=0,1",), seeds=2, score="acc", note="Quick.", params={"n_init": 2})  # fmt: skip
    same = replace(quick, over=("n_init=1,2",), params={})
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    for place in ("core.cli.sweeps", "core.sweeps.prepared"):
        monkeypatch.setattr(f"{place}.prepared_sweeps", lambda: {"quick": quick, "same": same})
    code, out, _ = ask(capsys, "sweeps", "prepared", "--json")
    assert code == 0 and [made["runs"] for made in last_json(out)] == [4, 4]
    assert [all("pooled_silhouette" in row.scores for row in prepared_sweep(name)[1]) for name in ("quick", "same")] == [
        False,
        True,
    ], "runs of the same samples are judged by all of them"
    record, rows = prepared_sweep("quick")
    clean, noisy = (level.mean or 0 for level in levels(rows, ["data.noise"], "acc"))
    assert clean > noisy and record.id == f"{PREFIX}quick"
    assert store.runs() == [] and SweepStore(store.home).ids() == []


def test_the_page_has_something_to_show_at_the_first_visit(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def kept(store: RunStore, sweep: sweeps.Sweep, *_: object) -> sweeps.SweepRecord:
        return SweepStore(store.home).create(sweep, sweeps.plan(sweep))

    monkeypatch.setattr(sweeps, "start", kept)  # nothing is trained here
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run().switch_page("pages/sweeps.py").run()
    assert not page.exception
    assert [box.label for box in page.selectbox][:2] == ["Sweep", "Score"]
    figure = next(iter(prepared_sweeps().values()))
    assert any(figure.note[:20] in text.value for text in page.markdown)
    next(button for button in page.button if button.label == "Run it here").click().run()
    (started,) = SweepStore(store.home).all()
    assert not page.exception and started.title == figure.title


def test_a_point_without_a_run_here_offers_none() -> None:
    selected = [{"series_name": "runs", "data_indices": [0, 1]}]
    assert picked(selected, {"runs": [[""], ["a"]]}) == ["a"]

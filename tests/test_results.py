"""Kept results: every file says what was run, how and with which spread; benchmarks write such files; a page shows them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import cli, datasets, methods
from core.bench import CHOSEN, Results, load_results, results_files, save_results
from core.bench.tables import Asked, tabulate
from core.common import DataError
from core.methods import presets
from core.papers import tables
from core.sweeps import figures, parse_axis
from tests.conftest import ROOT

FILES = results_files()
RUN = re.compile(r"python -m core run (\w+) ([^;]+)")
SWEEP = re.compile(r"python -m core sweep (\w+) --dataset (\w+) --over (\S+)")
BENCHES = {"consensus", "epoch", "scaling", "ablation", "transfer", "regret", "clusters", "machines"}
WHOLE: dict[str, Any] = {
    "title": "A title", "commands": ["python -m core bench epoch"], "origin": "command", "protocol": "How.", "device": "CPU",
    "seeds": [0, 1], "chosen": "untuned", "rows": [{"of": {"data": "orl"}, "scores": {"acc": {"mean": 0.5, "std": 0.1}}}],
}  # fmt: skip


def with_row(**changes: Any) -> dict[str, Any]:
    """What a file holds, with its row changed."""
    return {**WHOLE, "rows": [{**WHOLE["rows"][0], **changes}]}


# ---- the files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_every_file_of_results_is_complete(name: str) -> None:
    results = load_results(FILES[name])
    assert results.commands and results.protocol and results.device
    for row in results.rows:
        for score in row.scores.values():
            assert len(row.seeds) < 2 or score.mean is None or score.std is not None
            assert (score.std or 0) >= 0
    assert not results.figure or (ROOT / "assets" / results.figure).is_file()


def test_titles_tell_the_tables_apart() -> None:
    titles = [load_results(file).title for file in FILES.values()]
    assert len(titles) > 10 and len(set(titles)) == len(titles)


@pytest.mark.parametrize("name", FILES)
def test_the_commands_of_results_can_still_be_given(name: str) -> None:
    """Methods, data sets, presets and hyperparameters have the names that they have now."""
    for line in load_results(FILES[name]).commands:
        found, swept = RUN.search(line), SWEEP.search(line)
        if swept:
            assert swept[2] in datasets.dataset_names() and parse_axis(swept[1], swept[3]).values, line
            continue
        if line.startswith("python -m core sweeps figure "):
            assert line.split()[5] in figures(), line
            continue
        if line.startswith("python -m core reproduce "):
            assert "/".join(shlex.split(line)[4].split("/")[:2]) in tables(), line
            continue
        if found is None:
            assert line.startswith("python -m core bench ") and line.split()[4] in BENCHES, line
            continue
        method, words = found[1], shlex.split(found[2])
        given = dict(zip(words[::2], words[1::2], strict=True))
        assert given["--dataset"] in datasets.dataset_names(), line
        methods.preset_for(method, given["--dataset"], given.get("--preset", "auto"))
        if "--set" in given:
            assert given["--set"].partition("=")[0] in methods.method_class(method).declared(), line


def test_how_constants_were_chosen_is_said_in_the_words_of_the_presets() -> None:
    assert set(CHOSEN) == set(presets.CHOSEN)


# ---- the format --------------------------------------------------------------------------------------------------------


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    rows = [
        {"of": {"alpha": 5}, "scores": {"acc": {"mean": 0.5, "std": 0.25, "paper": 0.7}}, "facts": {"minutes": 2}},
        {"of": {"alpha": 6}, "scores": {"acc": {"mean": None}}, "note": "é"},
        {"of": {"alpha": 7}, "scores": {"acc": {"mean": 0.5}}, "seeds": [3], "chosen": "published"},
        {"of": {"alpha": 8}, "scores": {"acc": {"mean": 0.5}}, "seeds": []},
    ]
    results = Results.from_dict({**WHOLE, "rows": rows, "notes": ["One.", "Two."], "figure": "drawn.svg"})
    assert results.rows[0].seeds == (0, 1) and results.rows[0].chosen == "untuned"
    file = save_results(results, tmp_path / "kept.json")
    assert load_results(file) == results
    assert json.loads(file.read_text())["rows"] == rows, "a row repeats nothing that the table says"


@pytest.mark.parametrize(
    ("plain", "told"),
    [
        *(({key: value for key, value in WHOLE.items() if key != name}, name) for name in WHOLE),
        *(({**WHOLE, name: ""}, name) for name in ("title", "protocol", "device", "origin", "chosen")),
        ({**WHOLE, "commands": []}, "commands"),
        ({**WHOLE, "rows": []}, "rows"),
        ({**WHOLE, "protocoll": "How."}, "protocoll"),
        (with_row(scores={"acc": {"mean": 0.5}}), "deviation"),
        (with_row(seeds=[0]), "deviation"),
        (with_row(seeds=[]), "deviation"),
        (with_row(scores={"acc": {"mean": None, "std": 0.1}}), "deviation"),
        (with_row(scores={}), "score"),
        (with_row(of={}), "what it is of"),
        (with_row(chosen="by eye"), "by eye"),
        (with_row(colour="red"), "colour"),
    ],
)
def test_results_that_leave_something_open_are_refused(plain: dict[str, Any], told: str, tmp_path: Path) -> None:
    file = tmp_path / "open.json"
    file.write_text(json.dumps(plain))
    with pytest.raises(DataError, match=told) as caught:
        load_results(file)
    assert "open.json" in str(caught.value)


def test_a_file_that_is_no_json_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(DataError, match="broken"):
        load_results(tmp_path / "broken.json")


# ---- written by the benchmarks -----------------------------------------------------------------------------------------


def test_a_benchmark_writes_its_rows_with_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"task": "rgrl-orl", "n": 400, "steps": 2, "threads": 1, "ours_ms": 2.0, "port_ms": 5.0, "ratio": 2.5}
    monkeypatch.setattr("core.bench.epoch.bench_epoch", lambda tasks, steps: [row | {"steps": steps}])
    file = tmp_path / "by task.json"
    words = ["bench", "epoch", "rgrl-orl", "--steps", "2", "--results", str(file)]
    assert cli.main(words) == 0
    results = load_results(file)
    assert results.commands == (shlex.join(["python", "-m", "core", *words]),)
    assert (results.origin, results.seeds, results.chosen) == ("command", (0,), "untuned")
    assert [row.of for row in results.rows] == [{"task": "rgrl-orl"}] and "ratio 2.50" in capsys.readouterr().out
    assert results.rows[0].facts["steps"] == 2
    assert cli.main([*words[:-1], str(tmp_path / "nowhere" / "kept.json")]) == 2, "before anything is trained"


def test_one_seed_has_no_spread_and_a_diverged_training_no_score() -> None:
    row = {"dataset": "usps", "row": "ConvAE", "labels": "k-means", "acc": 0.4, "acc_std": 0.0, "nmi": 0.5, "nmi_std": 0.0}
    asked = Asked(command="c", seeds=[4])
    results = tabulate("ablation", [{**row, "paper": None}], asked)
    assert results.rows[0].scores["acc"].std is None and results.rows[0].scores["acc"].mean == 0.4
    assert results.rows[0].chosen == methods.method_class("dscdan").presets["usps"].chosen
    lost = {**row, **dict.fromkeys(("acc", "acc_std", "nmi", "nmi_std")), "paper": None}
    diverged = tabulate("ablation", [lost], Asked(command="c", seeds=[0, 1]))
    assert diverged.rows[0].scores["acc"].mean is None


def test_tables_of_speed_and_cost_keep_every_number(tmp_path: Path) -> None:
    speed = [{"task": "rgrl-orl", "n": 400, "steps": 3, "threads": 1, "ours_ms": 2.0, "port_ms": 5.0, "ratio": 2.5}]
    (row,) = tabulate("epoch", speed, Asked(command="c", seeds=range(3))).rows
    assert row.of == {"task": "rgrl-orl"} and row.seeds == (0,)
    assert {**row.facts, **{name: score.mean for name, score in row.scores.items()}, **row.of} == speed[0]
    cost = [{"n": 100, "anchors": 1.0, "joint": 2.0, "anchors_ratio": 1.0, "joint_ratio": 1.0}]
    (row,) = tabulate("scaling", cost, Asked(command="c")).rows
    assert {**row.of, **{name: score.mean for name, score in row.scores.items()}} == cost[0]


def test_the_ablation_keeps_the_numbers_of_the_paper_beside_ours() -> None:
    row = {
        "dataset": "mnist_test",
        "row": "ConvAE",
        "labels": "k-means",
        "acc": 0.6,
        "acc_std": 0.1,
        "nmi": 0.5,
        "nmi_std": 0.2,
    }
    results = tabulate("ablation", [{**row, "paper": 0.781, "seeds": 3}], Asked(command="c", seeds=range(3)))
    (kept,) = results.rows
    assert kept.of == {"dataset": "mnist_test", "row": "ConvAE", "labels": "k-means"} and kept.chosen == "with labels"
    acc, nmi = kept.scores["acc"], kept.scores["nmi_max"]
    assert (acc.mean, acc.std, acc.paper) == (0.6, 0.1, 0.781) and (nmi.mean, nmi.std, nmi.paper) == (0.5, 0.2, None)


# ---- shown -------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("inline_queue")
def test_the_page_shows_every_table() -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    app.switch_page("pages/results.py").run()
    for name, file in FILES.items():
        results = load_results(file)
        app.selectbox(key="table").set_value(name).run()
        assert not app.exception, app.exception[0].message
        shown = app.dataframe[0].value
        assert len(shown) == len(results.rows)
        cells = shown.astype(str).to_numpy().ravel().tolist()
        first = next(iter(results.rows[0].scores.values()))
        assert any(cell.startswith(f"{first.mean:.3f}") for cell in cells)
        assert app.code[0].value.splitlines() == list(results.commands)
        kinds = {row.chosen for row in results.rows}
        said = {text for text in CHOSEN.values() if any(text in caption.value for caption in app.caption)}
        assert said == ({CHOSEN[results.chosen]} if kinds == {results.chosen} else set())  # never of a row it is not true of
        assert ("Constants" in shown) == (kinds != {results.chosen})

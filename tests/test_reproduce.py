"""Doing a table again by one command, and keeping what came of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core import cli
from core.bench import load_results, results_files
from core.bench.reproduced import file_of, keep, kept, with_kept
from core.cli import papers as command
from core.papers import Ours, Slot, Table, cells, desk, table, tables
from core.runs import RunStore
from tests.conftest import last_json
from tests.test_papers import small_table


def reached(slot: Slot, acc: float, *, seeds: tuple[int, ...] = (0, 1), whole: bool = True) -> Slot:
    """The slot as if it had been run."""
    scores = {"acc": (acc, 0.25 if len(seeds) > 1 else None), "nmi_max": (0.5, 0.0 if len(seeds) > 1 else None)}
    about: dict[str, Any] = {"preset": "defaults", "chosen": "untuned", "device": "cpu", "minutes": 1.5, "n_samples": 1797}
    return Slot(
        table=slot.table, row=slot.row, column=slot.column, specs=slot.specs,
        ours=Ours(scores=scores, seeds=seeds, whole=whole, **about),
    )  # fmt: skip


def first_slot(printed: Table) -> Slot:
    return desk(RunStore(), printed, seeds=2, row="KM", column="D")[0]


def test_what_is_kept_is_read_again_and_stands_beside_the_paper(tmp_path: Path) -> None:
    printed = small_table(ACC=70.0, NMI=60.0)
    file = keep(printed, [reached(first_slot(printed), 0.6)], "python -m core reproduce p/t", tmp_path)
    assert file == file_of(printed, tmp_path) and file.name == "papers-p-t.json"
    results = load_results(file)
    assert results.rows[0].of == {"row": "KM", "data": "D"} and results.rows[0].scores["acc"].paper == 0.7
    assert results.rows[0].facts["minutes"] == 1.5 and "torch" in results.notes[0] and results.seeds == (0, 1)
    (again,) = [slot for slot in with_kept(desk(RunStore(), printed, seeds=2), tmp_path) if slot.ours is not None]
    assert again.ours is not None and again.ours.shipped and again.ours.scores["acc"] == (0.6, 0.25)
    assert {cell.metric: cell.state for cell in cells([again])} == {"ACC": "reproduced", "NMI": "short"}


def test_a_cell_that_is_done_again_takes_the_place_of_the_old_one_and_others_stay(tmp_path: Path) -> None:
    printed = small_table(ACC=70.0)
    slot = first_slot(printed)
    keep(printed, [reached(slot, 0.5)], "one", tmp_path)
    keep(printed, [reached(slot, 0.9, whole=False)], "two", tmp_path)
    keep(printed, [reached(slot, 0.6, seeds=(0,))], "one", tmp_path)
    results = load_results(file_of(printed, tmp_path))
    found = {tuple(row.of.values()): (row.scores["acc"].mean, row.scores["acc"].paper) for row in results.rows}
    assert found == {("KM", "D"): (0.6, 0.7), ("KM", "D", "1,797 samples"): (0.9, None)}, "a part is not held against the paper"
    assert results.commands == ("one", "two")
    keep(printed, [replace(reached(slot, 0.2), preset="code")], "three", tmp_path)
    assert [row.of.get("preset") for row in load_results(file_of(printed, tmp_path)).rows].count("code") == 1
    (again,) = with_kept([slot], tmp_path)
    assert again.ours is not None and again.ours.scores["acc"] == (0.6, None) and again.ours.whole


def test_nothing_is_kept_of_nothing_and_own_runs_come_before_kept_ones(tmp_path: Path) -> None:
    printed = small_table(ACC=70.0)
    slot = first_slot(printed)
    assert keep(printed, [slot], "c", tmp_path) is None and kept(printed, tmp_path) is None
    keep(printed, [reached(slot, 0.5)], "c", tmp_path)
    (own,) = with_kept([reached(slot, 0.9)], tmp_path)
    assert own.ours is not None and own.ours.scores["acc"][0] == 0.9
    (read,) = with_kept([slot], tmp_path)
    assert keep(printed, [read], "c", tmp_path) is None, "what was only read is not measured again"


SHIPPED = [name for name in results_files() if name.startswith("papers-")]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_results_are_of_tables_that_there_are_and_have_their_numbers(name: str) -> None:
    _, paper, which = name.split("-")
    printed, results = table(f"{paper}/{which}"), load_results(results_files()[name])
    rows, columns = {row.label: row for row in printed.rows}, {column.label: column for column in printed.columns}
    assert results.origin == "command"
    for row in results.rows:
        theirs, column = rows[str(row.of["row"])], columns[str(row.of["data"])]
        paper_has = {printed.score(m, column): printed.fraction(v) for m, v in theirs.values[column.label].items()}
        assert {key: score.paper for key, score in row.scores.items()} == {
            key: paper_has[key] if "part" not in row.of else None for key in row.scores
        }
        assert row.scores and {"preset", "device", "minutes", "samples"} <= set(row.facts)


# ---- the command -------------------------------------------------------------------------------------------------------


def test_tables_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["papers"]) == 0
    assert "RGRL, Table 4" in capsys.readouterr().out
    assert cli.main(["papers", "--json"]) == 0
    listed = {found["table"]: found for found in last_json(capsys.readouterr().out)}
    assert set(listed) == set(tables())
    rows = {row["label"]: row for row in listed["rgrl/table4"]["rows"]}
    assert rows["RGRL-L2"]["values"]["ORL"]["ACC"] == 0.87 and rows["DCCM"]["method"] == "dccm"
    (jule,) = (row for row in listed["dscdan/table3"]["rows"] if row["label"] == "JULE")
    assert jule["method"] is None and jule["absent"]


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("rgrl", "no table"), ("rgrl/table9", "no table"), ("rgrl/table4/mars", "no data set in rgrl/table4"),
        ("rgrl/table4/orl/magic", "no method in rgrl/table4"),
    ],
)  # fmt: skip
def test_what_there_is_not_is_refused_by_name(what: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reproduce", what]) == 2
    assert told in capsys.readouterr().err
    assert cli.main(["reproduce", "rgrl/table4", "--seeds", "0"]) == 2


@pytest.mark.parametrize(
    ("what", "cells_of"),
    [
        ("rgrl/table4/coil20/rgrl", {"RGRLsc-L2", "RGRL-L1", "RGRL-L2"}),
        ("rgrl/table4/COIL20/RGRL-L1", {"RGRL-L1"}),
        ("rgrl/table4/coil20/ae+ssc", {"AE+SSC"}),
        ("rgrl/table4/coil20/dccm", {"DCCM"}),
    ],
)
def test_cells_are_asked_for_by_our_names_or_the_papers(
    what: str, cells_of: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["reproduce", what, "--stored", "--json"]) == 0
    found = last_json(capsys.readouterr().out)["cells"]
    assert {cell["row"] for cell in found} == cells_of and {cell["dataset"] for cell in found} == {"coil20"}
    assert {cell["metric"] for cell in found} == {"ACC", "NMI", "PUR"} and all(cell["paper"] > 0.6 for cell in found)
    assert {cell["state"] for cell in found} <= {"not run", "cannot be"}


@pytest.mark.journey
def test_a_table_is_done_again_by_one_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "table", lambda key: small_table(ACC=60.0, NMI=99.0))
    words = ["reproduce", "p/t", "--seeds", "2", "--workers", "1", "--json"]
    assert cli.main([*words, "--write", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert "2 runs are missing: nobody has timed them here yet" in told.err
    found = {(cell["row"], cell["dataset"], cell["metric"]): cell for cell in last_json(told.out)["cells"]}
    ours = found["KM", "digits", "ACC"]
    assert ours["state"] == "reproduced" and ours["seeds"] == [0, 1] and ours["ours_mean"] > 0.6 and ours["ours_std"] >= 0
    assert found["KM", "digits", "NMI"]["state"] == "short" and found["JULE", "digits", "ACC"]["why"] == "JULE is not built"
    assert len(RunStore().runs()) == 2 and json.loads((tmp_path / "papers-p-t.json").read_text())["rows"]
    assert cli.main(words) == 0 and len(RunStore().runs()) == 2, "what the store has is taken"
    assert cli.main([*words, "--quick", "--seeds", "1"]) == 0
    parts = [cell for cell in last_json(capsys.readouterr().out)["cells"] if cell["ours_mean"] is not None]
    assert {cell["state"] for cell in parts} == {"part"} and {cell["n_samples"] for cell in parts} == {100}
    assert cli.main([*words, "--write", str(tmp_path / "nowhere")]) == 2

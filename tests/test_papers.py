"""The papers' tables as data, which of our runs is which row, and ours beside theirs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from core import datasets, methods, runs
from core.common import UnknownName
from core.datasets import DataSpec
from core.papers import (
    QUICK_SAMPLES,
    Column,
    Row,
    Table,
    Way,
    cells,
    desk,
    papers,
    published,
    spec_for,
    stands_in,
    table,
    tables,
)
from core.papers.desk import ask, ours_of, seconds_for
from core.papers.tables import UNITS
from core.runs import Run, RunStore, Status, this_process

HEADLINE = Path(__file__).resolve().parents[2] / "shared" / "papers" / "headline_results.json"
SECTIONS = {  # table here to its place in the transcription
    "rgrl/table4": "table4", "rgrl/table6": "table6", "rgrl/text": "cited_in_text", "udll/table3": "table3",
    "udll/table4": "table4_features", "tagnet/table1": "table1", "tagnet/table3": "table3_aux_clusters",
    "grdnn/table2": "table2", "dscdan/table3": "table3", "dscdan/table4": "table4_ablation",
}  # fmt: skip
PLACES = [(t, row, column) for t in tables().values() for row in t.rows for column in t.columns if column.label in row.values]
OURS = [(t, row, column) for t, row, column in PLACES if row.ways and column.data]


def named(place: tuple[Table, Row, Column]) -> str:
    return f"{place[0].key}/{place[1].label}/{place[2].label}"


@pytest.fixture(scope="module")
def headline() -> dict[str, Any]:
    """The transcription of all tables, made apart from the app; without it a test is skipped, but fails where CI runs it."""
    if not HEADLINE.is_file():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the transcription of the tables is not here")
    return json.loads(HEADLINE.read_text())


def printed(results: dict[str, Any]) -> dict[tuple[str, str, str], float]:
    """Row, column and metric of every number in a section of the transcription."""
    return {
        (row, column, metric): value
        for row, columns in results.items()
        if isinstance(columns, dict)
        for column, found in columns.items()
        for metric, value in (found.items() if isinstance(found, dict) else {("ACC", found)} if found is not None else ())
        if value is not None
    }


@pytest.mark.parametrize("key", [*SECTIONS])
def test_every_number_is_that_of_the_transcription_and_none_is_left_out(key: str, headline: dict[str, Any]) -> None:
    paper, section = key.split("/")[0], SECTIONS[key]
    found = headline[paper][section]
    theirs = printed(found.get("results", found))
    ours = {
        (row.label, column, metric): value
        for row in table(key).rows
        for column, of in row.values.items()
        for metric, value in of.items()
    }
    assert ours == theirs and len(ours) > 7
    assert found["unit"].startswith(table(key).unit), "a number of another scale"


def test_the_stages_of_dtagnet_are_those_of_the_transcription(headline: dict[str, Any]) -> None:
    keys = {"pose": "stage1_pose", "expression": "stage2_expression", "identity": "identity"}
    rows = headline["tagnet"]["table2_dtagnet"]["rows"]
    assert len(rows) == len(table("tagnet/table2").rows)
    for theirs, ours in zip(rows, table("tagnet/table2").rows):
        assert ours.label.startswith(theirs["method"])
        assert {name: theirs[key] for name, key in keys.items() if theirs[key] is not None} == {
            name: of["ACC"] for name, of in ours.values.items()
        }


def test_no_table_of_the_transcription_is_missing(headline: dict[str, Any]) -> None:
    known = {(key.split("/")[0], section) for key, section in SECTIONS.items()} | {("tagnet", "table2_dtagnet")}
    there = {(paper, name) for paper in papers() for name in headline[paper] if name.startswith(("table", "cited"))}
    assert there - known == {("grdnn", "table1_datasets")}
    assert {f"{paper}" for paper, _ in known} == set(papers())


def test_what_was_assigned_by_elimination_or_contradicts_its_text_says_so(headline: dict[str, Any]) -> None:
    grdnn, tagnet = table("grdnn/table2"), table("tagnet/table1")
    confirmed = headline["grdnn"]["table2"]["confirmed_columns"]
    for row in grdnn.rows:
        for column, of in row.values.items():
            for metric in of:
                doubted = any(
                    "elimination" in note or "not confirmed" in note for note in grdnn.notes_on(row.label, column, metric)
                )
                assert doubted == (f"{column}/{metric}" not in confirmed)
    assert any("misprint" in note for note in tagnet.notes_on("NJ-TAGnet-MML", "MNIST", "ACC"))
    assert not tagnet.notes_on("NJ-TAGnet-EML", "MNIST", "ACC")
    assert table("dscdan/table3").notes_on("DEC", "USPS", "NMI") and not table("dscdan/table3").notes_on("VaDE", "USPS", "NMI")


@pytest.mark.parametrize("key", [*tables()])
def test_a_table_is_whole(key: str) -> None:
    found = table(key)
    labels = [column.label for column in found.columns]
    assert len(set(labels)) == len(labels) and len({row.label for row in found.rows}) == len(found.rows)
    assert found.unit in UNITS and found.protocol.endswith(".") and found.certain.endswith(".")
    for column in found.columns:
        assert bool(column.data) != bool(column.absent)
        assert column.data is None or datasets.entry(column.data["name"])
    for row in found.rows:
        assert bool(row.ways) != bool(row.absent) and set(row.values) <= set(labels) and row.values
        for of in row.values.values():
            assert {name.split("@")[0] for name in of} <= set(found.metrics)
            assert all(0 < found.fraction(value) < 1 for value in of.values())
    rows, columns = {row.label for row in found.rows} | {""}, {*labels, ""}
    assert all(note.row in rows and note.column in columns and note.note.endswith(".") for note in found.notes)


@pytest.mark.parametrize("place", OURS, ids=named)
def test_the_run_for_a_cell_stands_in_it_and_in_no_other_row(place: tuple[Table, Row, Column]) -> None:
    printed_in, row, column = place
    spec = spec_for(row, column)
    beside = [other.label for other in printed_in.rows if column.label in other.values and stands_in(other, column, spec)]
    assert beside == [row.label]
    assert stands_in(row, column, spec_for(row, column, quick=True)) == (datasets.entry(spec.data.name).n <= QUICK_SAMPLES)


@pytest.mark.parametrize(("method", "data"), [("dsc", "orl"), ("dkm", "coil20"), ("dscdan", "coil40"), ("ae_kmeans", "usps")])
def test_the_run_for_a_cell_without_a_preset_is_by_rule_as_that_of_a_user_on_these_data(method: str, data: str) -> None:
    if not datasets.available(data):
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{data} is not here")
    ours = ((row, column) for _, row, column in OURS if row.ways[0].method == method)
    row, column = next(place for place in ours if place[1].data == {"name": data})
    fixed = {name: value for name, value in row.ways[0].where.items() if not isinstance(value, dict)}
    expected = runs.make_spec(method, DataSpec(data), overrides=fixed)
    assert spec_for(row, column) == expected and (expected.preset == methods.RULE) == (method != "dsc")


def test_rules_asked_for_by_name_may_look_at_the_variance() -> None:
    """VaDE's noise is half of it, and the catalogue does not know it: such a cell loads its data."""
    if not datasets.available("usps"):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("usps is not here")
    row, column = next((row, c) for _, row, c in OURS if row.ways[0].method == "vade" and c.data == {"name": "usps"})
    noise = spec_for(row, column, preset=methods.RULE).params["noise"]
    assert noise == runs.make_spec("vade", DataSpec("usps"), preset=methods.RULE).params["noise"] > 0


def test_ours_names_the_gpu_that_a_run_was_made_on(store: RunStore) -> None:
    def on(**device: Any) -> str:
        run = store.create(runs.make_spec("kmeans", DataSpec("digits")), owner=this_process())
        result = {"metrics": {"acc": 0.5}, "n_samples": 1797, "seconds": {"total": 1.0}, **device}
        store.finish(run.id, Status.DONE, result)
        return ours_of([store.get(run.id)]).device

    assert on(device="cuda", gpu="NVIDIA H200, torch 2") == "NVIDIA H200, torch 2"
    assert on(device="cpu") == "cpu" == on(device=None)


def acc(method: str, data: str | DataSpec, **changes: Any) -> dict[str, float]:
    """The published ACC of a run, by table."""
    spec = runs.make_spec(method, DataSpec(data) if isinstance(data, str) else data, **changes)
    return {found.table.key: found.scores.get("acc", found.scores.get("test_acc", 0)) for found in published(spec)}


MNIST_TESTED = DataSpec("mnist", n_test=10_000)


@pytest.mark.parametrize(
    ("method", "data", "changes", "expected"),
    [
        ("dec", "coil20", {}, {"rgrl/table4": 0.7215, "udll/table3": 0.79}),
        ("ae_edsc", "orl", {}, {"udll/table4": 0.7375}),
        ("edsc", "coil20", {}, {"rgrl/table4": 0.8371, "udll/table3": 0.8514}),
        ("rgrl", "coil20", {"relation": "none"}, {"rgrl/table4": 0.9451}),
        ("rgrl", "coil20", {"relation": "none", "norm": "l1"}, {}),
        ("rgrl", "usps", {"norm": "l1"}, {"rgrl/table6": 0.9148}),
        ("rgrl", "usps", {"norm": "l2"}, {"rgrl/table6": 0.9170}),
        ("dsc", "coil20", {"norm": "l1"}, {"rgrl/table4": 0.9314}),
        ("udll", "orl", {"gamma": 0.0}, {}),
        ("grdnn", MNIST_TESTED, {"base": "cdae"}, {"grdnn/table2": 0.6590}),
        ("grdnn", MNIST_TESTED, {"eta": 0.0}, {"grdnn/table2": 0.6410}),
        ("kmeans", MNIST_TESTED, {}, {"grdnn/table2": 0.5370}),
        ("kmeans", "mnist", {}, {"dscdan/table3": 0.532, "rgrl/table6": 0.535}),
        ("spectral", "usps", {}, {"dscdan/table3": 0.649}),
        ("lsc", "usps", {}, {"dscdan/table3": 0.746}),
        ("dscdan", "mnist_test", {}, {"dscdan/table3": 0.980, "dscdan/table4": 0.980}),
        (
            "dscdan", "mnist_test", {"relative_reconstruction": False, "mutual_information": False, "spectral_stage": False},
            {"dscdan/table4": 0.781},
        ),
        ("tagnet", "coil20", {"epochs": 0}, {"tagnet/table1": 0.7432}),
        ("tagnet", "coil20", {"loss": "mml"}, {"tagnet/table1": 0.8991}),
        ("dtagnet", "coil20", {}, {}),
    ],
)  # fmt: skip
def test_numbers_belong_to_the_variant_that_was_run(
    method: str, data: str | DataSpec, changes: dict[str, Any], expected: dict[str, float]
) -> None:
    assert acc(method, data, overrides=changes) == pytest.approx(expected)


@pytest.mark.parametrize(
    "part",
    [
        DataSpec("mnist", n_samples=600, n_test=10_000), DataSpec("mnist", n_test=1000), DataSpec("mnist"),
        DataSpec("mnist", n_test=10_000, noise=0.1), DataSpec("mnist", n_test=10_000, n_classes=5),
        DataSpec("mnist", n_test=10_000, per_class=100), DataSpec("digits"),
    ],
)  # fmt: skip
def test_nothing_is_shown_for_a_part_of_the_data(part: DataSpec) -> None:
    assert acc("grdnn", DataSpec("mnist", n_test=10_000, seed=3, scaling="l2")), "how data are split and scaled is no part"
    assert acc("grdnn", part) == {}


def test_a_number_says_where_it_stands() -> None:
    words = [found.words for found in published(runs.make_spec("dec", DataSpec("coil20")))]
    assert words == [
        "RGRL, Table 4, DEC on COIL20: ACC 0.7215, NMI 0.8007, PUR 0.6931",
        "UDLL, Table 3, DEC on COIL-20: ACC 79.00",
    ]
    (tested,) = published(runs.make_spec("kmeans", MNIST_TESTED))
    assert set(tested.scores) == {"test_acc", "test_nmi_max", "test_map_1000"}


def test_an_unknown_table_is_refused_by_name() -> None:
    with pytest.raises(UnknownName, match="rgrl/table4"):
        table("rgrl/table5")


# ---- ours beside theirs ----------------------------------------------------------------------------------------------


def small_table(**values: float) -> Table:
    """A table about k-means on digits, with a row that is nothing of ours and a column that is not here."""
    about = {"paper": "p", "short": "P", "reference": "A, 2020", "nmi": "max", "name": "t", "printed": "Table 1", "title": "T"}
    columns = (Column(label="D", data={"name": "digits"}, quick={"n_samples": 100}), Column(label="X", absent="X is secret"))
    rows = (
        Row(label="KM", ways=(Way(method="kmeans"),), values={"D": values, "X": {"ACC": 50.0}}),
        Row(label="JULE", absent="JULE is not built", values={"D": {"ACC": 96.0}}),
    )
    return Table(
        **about, unit="percent", metrics=("ACC", "NMI"), protocol="P.", certain="C.", page=7, columns=columns, rows=rows
    )  # fmt: skip


class Direct:
    """An engine that trains at once."""

    def __init__(self, store: RunStore) -> None:
        self.store, self.asked = store, 0

    def submit(self, spec: runs.RunSpec, *, tags: str = "", references: bool = True) -> Run:
        self.asked += 1
        return runs.execute(self.store, self.store.create(spec, tags=tags, owner=this_process()).id)

    def resume(self, run_id: str) -> None:
        self.store.requeue(run_id)


def test_what_is_missing_is_run_once_and_then_taken_from_the_store() -> None:
    store, printed_table = RunStore(), small_table(ACC=70.0, NMI=99.0)
    engine = Direct(store)
    before = desk(store, printed_table, seeds=2)
    assert {cell.state for cell in cells(before)} == {"not run", "cannot be"}
    assert [len(slot.missing) for slot in before] == [2, 0, 0] and seconds_for(store, before) == (0.0, 2)
    made = ask(store, before, engine, datasets.load)
    assert engine.asked == 2 and {run.status for run in made} == {Status.DONE} and {run.tags for run in made} == {"reproduce"}
    after = desk(store, printed_table, seeds=2, load=datasets.load)
    assert ask(store, after, engine) == [] and engine.asked == 2
    found = {(cell.slot.row.label, cell.slot.column.label, cell.metric): cell for cell in cells(after)}
    ours, short = found["KM", "D", "ACC"], found["KM", "D", "NMI"]
    scores = [run.result["metrics"]["acc"] for run in made]
    assert ours.state == "reproduced" and ours.mean == pytest.approx(sum(scores) / 2) and ours.std is not None
    assert short.state == "short" and short.why == f"short by {0.99 - short.mean:.3f}"
    assert found["KM", "X", "ACC"].why == "X is secret" and found["JULE", "D", "ACC"].why == "JULE is not built"
    assert after[0].ours is not None and after[0].ours.seeds == (0, 1) and after[0].ours.n_samples == 1797
    more = desk(store, printed_table, seeds=3, row="KM", column="D")
    assert len(more) == 1 and [spec.seed for spec in more[0].missing] == [2] and seconds_for(store, more)[0] > 0


def test_a_preset_that_a_method_does_not_have_is_said() -> None:
    slots = desk(RunStore(), table("rgrl/table4"), column="ORL", preset="paper")
    found = {slot.row.label: slot.absent for slot in slots if slot.row.ways}
    if all("is not here" in reason for reason in found.values()):
        pytest.skip("the faces are not here")
    assert found["SSC"] == "ssc has no preset paper for orl" and found["RGRL-L2"] == ""


def test_a_part_of_the_data_is_never_called_reproduced() -> None:
    store, printed_table = RunStore(), small_table(ACC=1.0)
    ask(store, desk(store, printed_table, seeds=1, quick=True), Direct(store))
    (cell,) = [cell for cell in cells(desk(store, printed_table, seeds=1, quick=True)) if cell.mean is not None]
    assert cell.state == "part" and cell.slot.ours is not None and cell.slot.ours.n_samples == 100
    assert all(cell.mean is None for cell in cells(desk(store, printed_table, seeds=1))), "a part does not stand for the whole"


def test_rows_of_every_table_have_a_run_that_can_be_asked_for() -> None:
    for _, row, column in OURS:
        spec = spec_for(row, column, preset="defaults")
        assert spec.method in methods.registered() and spec.data.name == (column.data or {})["name"]

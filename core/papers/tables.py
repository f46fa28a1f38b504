"""The tables as data: ``assets/papers/*.json``, a file a paper.

A table has columns, each a data set (or the reason why there is none here), and rows, each a method: ``is`` lists what of ours
it is, as a method and what must hold of its hyperparameters ("where": a value, or ``{"above": bound}``), the one to run first.
A row that is nothing of ours says why in ``absent``. ``values`` are as printed, in the ``unit`` of the table; ``quick`` is the
part of a column's data that stands for it where time is short; ``page`` is null where nobody has noted it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from core.common import UnknownName

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "papers"
UNITS = {"fraction": 1.0, "percent": 100.0}
SCORES = {"ACC": "acc", "PUR": "purity"}


@dataclass(frozen=True, kw_only=True)
class Way:
    """What of ours a row is: a method, and what must hold of its hyperparameters."""

    method: str
    where: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Column:
    """A data set as a table calls it; without `data` it is `absent`, and why."""

    label: str
    data: Mapping[str, Any] | None = None
    quick: Mapping[str, Any] = field(default_factory=dict)
    absent: str = ""

    @property
    def held_out(self) -> bool:
        """Whether the scores are those of a held-out part."""
        return bool(self.data and "n_test" in self.data)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A method as a table calls it; its `values` by column and metric, as printed."""

    label: str
    values: Mapping[str, Mapping[str, float]]
    ways: tuple[Way, ...] = ()
    preset: str = ""  # the ending of the preset to take, where the data set has one of it
    absent: str = ""


@dataclass(frozen=True, kw_only=True)
class Note:
    """What must be known of some numbers: those of a row, a column, a metric, or of all where none is named."""

    note: str
    row: str = ""
    column: str = ""
    metric: str = ""

    def speaks_of(self, row: str, column: str, metric: str) -> bool:
        return all(not own or own == asked for own, asked in zip((self.row, self.column, self.metric), (row, column, metric)))


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as it is printed, and where."""

    paper: str  # its name here
    short: str  # the paper's method, for people
    reference: str
    nmi: str  # how the paper normalises that score
    name: str
    printed: str
    title: str
    unit: str
    metrics: tuple[str, ...]
    protocol: str
    certain: str
    page: int | None
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[Note, ...] = ()

    @property
    def key(self) -> str:
        """How the command line calls it."""
        return f"{self.paper}/{self.name}"

    @property
    def source(self) -> str:
        """Paper and table, for people."""
        return f"{self.short}, {self.printed}" + (f", page {self.page}" if self.page else "")

    def fraction(self, printed: float) -> float:
        """A printed number as our scores are."""
        return round(printed / UNITS[self.unit], 6)

    def score(self, metric: str, column: Column) -> str:
        """What our records call a metric of this table."""
        name = SCORES.get(metric) or (f"nmi_{self.nmi}" if metric == "NMI" else metric.lower().replace("map@", "map_"))
        return f"test_{name}" if column.held_out else name

    def printed_as(self, row: Row, column: Column, metric: str) -> str | None:
        """What a metric is called in this cell, as mAP is mAP@100 there; None where the cell has none of it."""
        found = row.values.get(column.label, {})
        return next((name for name in found if name.split("@")[0] == metric), None)

    def notes_on(self, row: str, column: str, metric: str) -> list[str]:
        """What must be known of one number."""
        return [note.note for note in self.notes if note.speaks_of(row, column, metric)]


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A paper and those of its tables that are here."""

    name: str
    short: str
    title: str
    reference: str
    tables: tuple[Table, ...]


@cache
def papers() -> Mapping[str, Paper]:
    """All of them, by name."""
    plain = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.json"))]
    return {paper["name"]: _paper(paper) for paper in plain}


def tables() -> Mapping[str, Table]:
    """All tables, by ``paper/table``."""
    return {table.key: table for paper in papers().values() for table in paper.tables}


def table(key: str) -> Table:
    """One of them.

    Raises
    ------
    UnknownName
        If there is none of that name.
    """
    if key not in tables():
        raise UnknownName("table", key, tables())
    return tables()[key]


def _paper(plain: Mapping[str, Any]) -> Paper:
    about = {name: plain[name] for name in ("short", "reference", "nmi")}
    found = tuple(_table(table, paper=plain["name"], **about) for table in plain["tables"])
    return Paper(name=plain["name"], short=plain["short"], title=plain["title"], reference=plain["reference"], tables=found)


def _table(plain: Mapping[str, Any], **about: Any) -> Table:
    parts = {
        "metrics": tuple(plain["metrics"]),
        "columns": tuple(Column(**column) for column in plain["columns"]),
        "rows": tuple(_row(row) for row in plain["rows"]),
        "notes": tuple(Note(**note) for note in plain.get("notes", ())),
    }
    return Table(**{**plain, **about, **parts})


def _row(plain: Mapping[str, Any]) -> Row:
    ways = tuple(Way(**way) for way in plain.get("is", ()))
    return Row(**{key: value for key, value in plain.items() if key != "is"}, ways=ways)

"""The numbers of the papers that a run may be held against: of its variant, on its data whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from core.papers.recipes import stands_in
from core.papers.tables import Column, Row, Table, tables
from core.runs import RunSpec


@dataclass(frozen=True)
class Published:
    """What one row of one table says of a data set."""

    table: Table
    row: Row
    column: Column

    @property
    def scores(self) -> Mapping[str, float]:
        """By the names of our records, as fractions."""
        values = self.row.values[self.column.label]
        return {self.table.score(metric, self.column): self.table.fraction(value) for metric, value in values.items()}

    @property
    def words(self) -> str:
        """The numbers as printed and where they stand, in a line."""
        values = self.row.values[self.column.label]
        told = ", ".join(f"{metric} {spoken(self.table, value)}" for metric, value in values.items())
        return f"{self.table.source}, {self.row.label} on {self.column.label}: {told}"

    @property
    def notes(self) -> list[str]:
        """What must be known of these numbers, each thing once."""
        label, column = self.row.label, self.column.label
        found = [note for metric in self.row.values[column] for note in self.table.notes_on(label, column, metric)]
        return list(dict.fromkeys(found))


def spoken(table: Table, printed: float) -> str:
    """A number with the digits of its table."""
    return f"{printed:.2f}" if table.unit == "percent" else f"{printed:.4f}".removesuffix("0")


def published(spec: RunSpec) -> list[Published]:
    """What the papers say of this variant of a method on these data whole; nothing of a part of them."""
    return [found for found in _printed(spec.method, spec.data.name) if stands_in(found.row, found.column, spec)]


@cache
def _printed(method: str, data: str) -> list[Published]:
    """What is printed of any variant of a method on a data set; a page asks for thousands of runs of a few."""
    return [
        Published(table, row, column)
        for table in tables().values()
        for column in table.columns
        for row in table.rows
        if column.label in row.values and (column.data or {}).get("name") == data and any(w.method == method for w in row.ways)
    ]

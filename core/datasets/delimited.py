"""Read tables of text: ``.csv``, ``.tsv``, ``.txt`` and any of them packed by gzip.

The first lines tell how a table is written (`dialect`); then it is parsed in pieces, so that a column of too many different
words is noticed by its first ones. Columns and rows are counted before pandas sees the file: a 10 MB table of a million
columns took it 134 s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.checks import MAX_CLASSES, MIN_SAMPLES, check_size, quoted, refusing_damage, tidy
from core.datasets.choices import Choices
from core.datasets.columns import Cells, Numbers, Prose, Table, Unusable
from core.datasets.dialect import Dialect, dialect
from core.datasets.labels import Coded, check_classes
from core.datasets.raw import RawData, assemble
from core.datasets.roles import label_columns
from core.datasets.table import contents
from core.datasets.telling import tell

if TYPE_CHECKING:
    import pandas as pd

MAX_TEXT = 2**29
_CELLS = 2**21
_MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "none", "-", "?")


def read_text(path: Path, choices: Choices) -> RawData:
    """Read a table whose first row names the columns."""
    source = quoted(path)
    with refusing_damage(source, "a CSV table"):
        found = contents(source, table_of_text(path, choices), choices)
    return assemble(source, found, choices)


def table_of_text(path: Path, choices: Choices) -> Table:
    """The columns of a text table."""
    source = quoted(path)
    with refusing_damage(source, "a CSV table"):
        if path.stat().st_size > MAX_TEXT:
            raise DataError(f"{source} holds more than {MAX_TEXT // 2**20} MB of text.")
        written = dialect(path, source)
        words = label_columns(source, written.names, choices)
        check_size(source, "the table", (written.n_lines, len(written.names)), 8)
        parsed = _Parsed(source, written, words, choices.text)
        for piece in _pieces(path, written, [*words, *choices.text]):
            parsed.take(piece)
            tell(parsed.n, written.n_lines)
        return parsed.table(1 if choices.new else MIN_SAMPLES)


def _pieces(path: Path, written: Dialect, words: list[str]) -> Iterator[pd.DataFrame]:
    import pandas as pd

    names, given = written.names, [str(place) for place in range(len(written.names))]
    with pd.read_csv(
        path, sep=r"\s+" if written.separator == " " else written.separator, decimal=written.decimal, encoding=written.encoding,
        compression=None, header=0, names=given, usecols=given, index_col=False,
        chunksize=max(1000, _CELLS // len(names)), low_memory=False, keep_default_na=False,
        na_values={place: [""] if name in words else list(_MISSING) for place, name in zip(given, names)},
        dtype={place: str for place, name in zip(given, names) if name in words}, skipinitialspace=True,
    ) as reader:  # fmt: skip
        yield from reader


class _Parsed:
    """Columns of which a piece after the other arrives."""

    def __init__(self, source: str, written: Dialect, words: list[str], prose: Sequence[str]) -> None:
        self._prose: dict[str, list[str]] = {name: [] for name in prose}
        self._source, self._written, self._words = source, written, words
        self._numbers = np.empty((written.n_lines, len(written.names)), order="F")
        self._texts: dict[int, _Text] = {}
        self._broken: dict[int, tuple[int, str, int]] = {}
        self._n = 0

    @property
    def n(self) -> int:
        """Rows that have arrived."""
        return self._n

    def take(self, piece: pd.DataFrame) -> None:
        rows = slice(self._n, self._n + len(piece))
        for place, name in enumerate(self._written.names):
            column = piece[str(place)]
            if name in self._prose:
                self._prose[name].extend(column.fillna("").tolist())
            elif name in self._words or place in self._texts:
                self._text(place, name, column, rows)
            elif column.dtype.kind in "iuf":
                self._numbers[rows, place] = column.to_numpy()
            else:
                self._doubtful(place, name, column, rows)
        self._n = rows.stop

    def _doubtful(self, place: int, name: str, column: pd.Series[Any], rows: slice) -> None:
        """A column that is not all numbers: text, if that is what it begins with."""
        import pandas as pd

        numbers = (
            pd.to_numeric(column, errors="coerce") if column.dtype.kind != "b" else column.astype(object).where(column.isna())
        )
        broken = (numbers.isna() & column.notna()).to_numpy()
        if rows.start == 0 and 2 * broken.sum() > column.notna().sum():
            self._text(place, name, column, rows)
            return
        self._numbers[rows, place] = numbers.to_numpy(np.float64, na_value=np.nan)
        if broken.any():
            first = int(broken.argmax())
            row, value, count = self._broken.get(place, (rows.start + first, str(column.iloc[first]), 0))
            self._broken[place] = row, value, count + int(broken.sum())

    def _text(self, place: int, name: str, column: pd.Series[Any], rows: slice) -> None:
        text = self._texts.setdefault(place, _Text(len(self._numbers)))
        text.take(column, rows)
        if text.too_many and name in self._words:
            check_classes(f"{self._source}, column {tidy(name)!r}", len(text.places), at_least=True)

    def table(self, least: int) -> Table:
        if self._n < least:
            shape = (self._n, len(self._written.names))
            raise DataError(f"{self._source}: at least {least} samples are needed. Got {shape}.")
        columns = {name: self._cells(place, name) for place, name in enumerate(self._written.names)}
        return Table(columns, self._n, self._written.notes)

    def _cells(self, place: int, name: str) -> Cells:
        if name in self._prose:
            return Prose(self._prose[name])
        if place in self._texts:
            return self._texts[place].cells(self._n)
        if place in self._broken:
            row, value, _ = self._broken[place]
            return Unusable(f"holds {tidy(value)!r} at sample {row + 1}", broken=True)
        return Numbers(self._numbers[: self._n, place])


class _Text:
    """A column of words as numbers, for as long as there are few different ones."""

    def __init__(self, n: int) -> None:
        self.places: dict[str, int] = {}
        self.too_many = False
        self._codes: NDArray[np.int32] = np.empty(n, np.int32)

    def take(self, column: pd.Series[Any], rows: slice) -> None:
        import pandas as pd

        if self.too_many:
            return
        codes, words = pd.factorize(column)
        here = [self.places.setdefault(str(word), len(self.places)) for word in words[: MAX_CLASSES + 1]]
        self.too_many = len(self.places) > MAX_CLASSES
        if not self.too_many:
            self._codes[rows] = np.array([*here, -1], np.int32)[codes]

    def cells(self, n: int) -> Cells:
        if self.too_many:
            return Unusable(f"text of more than {MAX_CLASSES} different values")
        return Coded(self._codes[:n], list(self.places))

"""How a table of text is written: its separator, decimal sign, encoding and names, told by its first lines."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path

from core.common import DataError
from core.datasets.checks import MAX_COLUMNS, tidy
from core.datasets.columns import is_number

_MAX_HEADER, _CHUNK, _LINES, _HEAD = 2**22, 2**24, 20, 2**23
_SEPARATORS = (",", ";", "\t", "|", " ")
_DECIMAL_COMMA, _DECIMAL_POINT = re.compile(r"-?\d+,\d+"), re.compile(r"-?\d*\.\d+")


@dataclass(frozen=True)
class Dialect:
    """How to read a table of text; `n_lines` counts all lines, `notes` say what is unusual."""

    names: list[str]
    separator: str
    decimal: str
    encoding: str
    n_lines: int
    notes: tuple[str, ...] = ()


def dialect(path: Path, source: str) -> Dialect:
    """Look at the first lines, and count all.

    Raises
    ------
    DataError
        If the file is no text, has too many columns, or no row of names.
    """
    encoding = _first_guess(path)
    first = _first_line(path, source, encoding)
    encoding, n_lines, notes = _whole(path, source, encoding)
    with path.open("rb") as stream:
        head = stream.read(_HEAD).decode(encoding, errors="ignore")
    if not first.strip():
        raise DataError(f"{source} must begin with a row of column names. Its first row is empty.")
    separator = _separator(head)
    rows = _rows(head, separator)
    names, trailing = _names(source, rows)
    if trailing:
        notes.append("Each row ends with a separator, after which nothing stands.")
    decimal = "," if separator in ";\t|" and _decimal_comma(rows[1:]) else "."
    return Dialect(names, separator, decimal, encoding, n_lines, tuple(notes))


def _first_guess(path: Path) -> str:
    with path.open("rb") as stream:
        start = stream.read(4)
    return "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def _first_line(path: Path, source: str, encoding: str) -> str:
    """The first line, unless it is too long to be a row of names."""
    with path.open("rb") as stream:
        line = stream.readline(_MAX_HEADER + 1)
    n_columns = max(line.count(mark.encode()) for mark in _SEPARATORS[:-1]) + 1
    if n_columns > MAX_COLUMNS or len(line) > _MAX_HEADER:
        if n_columns <= MAX_COLUMNS:
            raise DataError(f"{source} must begin with a row of column names. Its first row has more than {_MAX_HEADER} bytes.")
        more = "more than " if len(line) > _MAX_HEADER else ""
        raise DataError(f"{source} has {more}{n_columns} columns; at most {MAX_COLUMNS} are allowed.")
    return line.decode(encoding, errors="ignore")


def _whole(path: Path, source: str, encoding: str) -> tuple[str, int, list[str]]:
    """The encoding that fits all of the file, and how many lines it has."""
    for guess in (encoding, "cp1252", "latin-1"):
        decoder = codecs.getincrementaldecoder(guess)()
        lines = 1
        try:
            with path.open("rb") as stream:
                for chunk in iter(lambda: stream.read(_CHUNK), b""):
                    if encoding != "utf-16" and b"\0" in chunk:
                        raise DataError(f"{source} is no text: it cannot be read as a CSV table.")
                    lines += decoder.decode(chunk).count("\n")
                decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        notes = [] if guess == encoding else [f"The text is not UTF-8; it was read as {guess}."]
        return guess, lines, notes
    raise DataError(f"{source} is no text that can be read as a CSV table.")


def _rows(head: str, separator: str) -> list[list[str]]:
    """The cells of the first rows that are not empty; a quoted cell may go on in another line."""
    if separator == " ":
        return [line.split() for line in head.splitlines()[:_LINES] if line.strip()]
    reader = csv.reader(StringIO(head, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    return [row for row in islice(reader, _LINES) if row]


def _separator(head: str) -> str:
    """The sign that cuts all lines into the same number of cells, the largest such; else the most frequent of the names."""
    found: dict[str, int] = {}
    for mark in _SEPARATORS:
        try:
            counts = Counter(len(row) for row in _rows(head, mark))
        except csv.Error:
            continue
        if len(counts) == 1 and (n := next(iter(counts))) > 1:
            found[mark] = n
    plain = {mark: n for mark, n in found.items() if mark != " "}
    if plain or found:
        chosen = plain or found
        return max(chosen, key=lambda mark: chosen[mark])
    names = head.partition("\n")[0]
    return max(_SEPARATORS[:-1], key=lambda mark: (names.count(mark), -_SEPARATORS.index(mark)))


def _names(source: str, rows: Sequence[list[str]]) -> tuple[list[str], bool]:
    """The names of the columns, and whether each row ends with an empty cell."""
    names, below = [name.strip() for name in rows[0]], rows[1:]
    trailing = bool(below) and all(row and not row[-1].strip() for row in below)
    if trailing and len(names) > 1 and not names[-1] and all(len(row) == len(names) for row in below):
        names = names[:-1]
    elif not (trailing and all(len(row) == len(names) + 1 for row in below)):
        trailing = False
        _check_widths(source, len(names), below)
    if len(names) > MAX_COLUMNS:
        raise DataError(f"{source} has {len(names)} columns; at most {MAX_COLUMNS} are allowed.")
    _check_header(source, names, below)
    if names and not names[0]:
        names[0] = "Unnamed: 0"
    names = [name or f"column {place}" for place, name in enumerate(names, start=1)]
    return _different(names), trailing


def _check_widths(source: str, width: int, below: Sequence[list[str]]) -> None:
    for place, row in enumerate(below, start=2):
        if len(row) > width:
            raise DataError(
                f"{source}: its rows must have as many fields as its first row, {width}, which names the columns. Row {place} "
                f"has {len(row)}."
            )


def _check_header(source: str, names: Sequence[str], below: Sequence[list[str]]) -> None:
    """Refuse a table without names: they would be its first sample."""
    numbers = [is_number(name) for name in names]
    if list(names) == [str(place) for place in range(len(names))] or not any(numbers):
        return
    like_data = below and [is_number(cell) for cell in below[0]] == numbers and 2 * sum(numbers) >= len(names)
    odd = len(set(names)) < len(names) or any("." in name for name, number in zip(names, numbers) if number)
    if all(numbers) or (like_data and odd):
        only = "holds only numbers" if all(numbers) else "looks like a sample"
        shown = ", ".join(tidy(name) for name in names[:5])
        raise DataError(
            f"{source} must begin with a row of column names. Its first row {only}: {shown}. Put a row of names above it."
        )


def _different(names: Sequence[str]) -> list[str]:
    """Names that stand twice get a number."""
    taken, copies = set(names), Counter[str]()
    found: list[str] = []
    for name in names:
        title = name
        while copies[name] and title in taken:
            title = f"{name}.{copies[name]}"
            copies[name] += 1
        copies[name] += not copies[name]
        taken.add(title)
        found.append(title)
    return found


def _decimal_comma(rows: Sequence[list[str]]) -> bool:
    cells = [cell.strip() for row in rows for cell in row]
    return any(_DECIMAL_COMMA.fullmatch(cell) for cell in cells) and not any(_DECIMAL_POINT.fullmatch(cell) for cell in cells)

"""What each column of a table is: a feature, the classes, a further label, a running number, or nothing that can be used.

Readers hand over columns by name; guesses are said in the notes, and the user's choices go before them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.checks import MAX_CLASSES, MAX_COLUMNS, check_kind, listed, tidy
from core.datasets.choices import NO_LABEL, Choices
from core.datasets.labels import Coded, Column
from core.datasets.names import ID_NAMES, attribute_keys, check_known, label_column, label_like, simple
from core.datasets.raw import Contents

_COUNTING = 10
_ORDERS = 100.0
_YES_NO = ({"yes", "no"}, {"true", "false"}, {"y", "n"}, {"t", "f"})
_YES = ("yes", "true", "y", "t")


@dataclass(frozen=True, eq=False)
class Numbers:
    """A column of numbers, (n,), or (n, k) where each cell is a list; missing ones are NaN."""

    values: NDArray[Any]


@dataclass(frozen=True)
class Unusable:
    """A column that can be no feature: why, as ``Column 'b' <why>``; `broken` where a few cells of a numeric one are."""

    why: str
    broken: bool = False


Cells = Numbers | Coded | Unusable


@dataclass(frozen=True, eq=False)
class Table:
    """Columns by name in their order, and what was said while they were read."""

    columns: Mapping[str, Cells]
    n: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Roles:
    """What each column is taken for, by name; `why` says it in words."""

    label: str | None
    attributes: Mapping[str, str]
    features: tuple[str, ...]
    numbering: tuple[str, ...]
    ignored: Mapping[str, str]


def label_columns(source: str, names: Sequence[str], choices: Choices) -> list[str]:
    """The columns that hold labels by their names, before any of them is read: the classes first."""
    label = label_column(names) if choices.label is None else choices.label or None
    check_known(source, "column", [*([label] if label else []), *choices.drop, *choices.keep], names)
    further = [] if choices.label == NO_LABEL else list(attribute_keys(source, names).values())
    return [name for name in ([label] if label else []) + further if name not in choices.drop]


def roles(source: str, table: Table, choices: Choices) -> Roles:
    """Guess what each column is, where the user leaves it open.

    Raises
    ------
    DataError
        If no feature is left, a numeric column has cells that are no numbers, or a column that was asked for is missing.
    """
    names = list(table.columns)
    apart = label_columns(source, names, choices)
    attributes = {key: name for key, name in attribute_keys(source, names).items() if name in apart}
    label = next((name for name in apart if name not in attributes.values()), None)
    if choices.columns:
        return _those_of_the_model(source, table, choices, label, attributes)
    left = [name for name in names if name not in apart and name not in choices.drop]
    if label is None and choices.label is None:
        label = _text_label(table, [name for name in left if name not in choices.keep])
        left = [name for name in left if name != label]
    ignored = {name: why for name in left if name not in choices.keep and (why := _no_feature(table.columns[name], name))}
    ignored |= {
        name: "another column of labels"
        for name in label_like(left)
        if label not in (None, name) and not _coordinate(name, names)
    }
    ignored = {name: why for name, why in ignored.items() if name not in choices.keep}
    features = [name for name in left if name not in ignored]
    _check_cells(source, table, features)
    numbering = [name for name in features if name not in choices.keep and _is_numbering(name, table.columns[name])]
    if len(numbering) == len(features):
        numbering = []
    features = [name for name in features if name not in numbering]
    if not features:
        raise DataError(
            f"{source} has no column of features beside its labels: they must be real numbers. "
            f"It has {listed(names)}.{_reasons(ignored)}"
        )
    return Roles(label, attributes, tuple(features), tuple(numbering), ignored)


def _coordinate(name: str, names: Sequence[str]) -> bool:
    """A y beside an x is no label."""
    return simple(name) == "y" and "x" in map(simple, names)


def _those_of_the_model(source: str, table: Table, choices: Choices, label: str | None, attributes: Mapping[str, str]) -> Roles:
    missing = [name for name in choices.columns if name not in table.columns]
    if missing:
        raise DataError(
            f"{source} lacks the column {listed(missing)} that the run learnt from. It needs {listed(choices.columns)}; "
            f"it has {listed(list(table.columns))}."
        )
    _check_cells(source, table, choices.columns)
    label = None if label in choices.columns else label
    attributes = {key: name for key, name in attributes.items() if name not in choices.columns}
    used = {label, *attributes.values(), *choices.columns}
    return Roles(
        label, attributes, choices.columns, (), {name: "not learnt from" for name in table.columns if name not in used}
    )


def _text_label(table: Table, names: Sequence[str]) -> str | None:
    """The only text column that names a few groups."""
    texts = [name for name in names if isinstance(table.columns[name], Coded) and not is_yes_no(table.columns[name])]
    found = [
        name for name in texts if 2 <= len(_coded(table, name).names) <= max(2, table.n // 2) and simple(name) not in ID_NAMES
    ]
    return found[0] if len(texts) == len(found) == 1 else None


def _coded(table: Table, name: str) -> Coded:
    found = table.columns[name]
    assert isinstance(found, Coded)
    return found


def _no_feature(cells: Cells, name: str) -> str:
    """Why a column is no feature, in a few words; empty where it may be one."""
    if isinstance(cells, Unusable):
        return "" if cells.broken else cells.why
    if isinstance(cells, Coded) and not is_yes_no(cells):
        return "text"
    return ""


def is_yes_no(cells: Cells) -> bool:
    """Whether a text column says nothing but yes and no."""
    return (
        isinstance(cells, Coded)
        and 0 < len(cells.names) <= 2
        and any({simple(n) for n in cells.names} <= said for said in _YES_NO)
    )


def _is_numbering(name: str, cells: Cells) -> bool:
    """Whether a column numbers the samples: by its name, or because it counts upwards."""
    if simple(name) in ID_NAMES:
        return True
    if not isinstance(cells, Numbers) or cells.values.ndim > 1 or len(cells.values) < _COUNTING:
        return False
    values = cells.values
    return values.dtype.kind in "iuf" and bool(
        (np.diff(values.astype(np.float64)) > 0).all() and (values == np.floor(values)).all()
    )


def _check_cells(source: str, table: Table, names: Sequence[str]) -> None:
    for name in names:
        cells = table.columns[name]
        why = cells.why if isinstance(cells, Unusable) else "holds text" if _no_feature(cells, name) else ""
        if why:
            raise DataError(
                f"{source}: features must be real numbers. Column {tidy(name)!r} {why}. "
                "A column of labels is named label, class, target or the like, or label_<name>; or choose it as the label."
            )


def _reasons(ignored: Mapping[str, str]) -> str:
    return "".join(f" {tidy(name)!r}: {why}." for name, why in list(ignored.items())[:5])


def contents(source: str, table: Table, choices: Choices) -> Contents:
    """Features and labels by their roles."""
    found = roles(source, table, choices)
    features = {name: table.columns[name] for name in found.features}
    data = _stack(source, table.n, features)
    columns = tuple(_column_names(features))
    attributes = {key: Column(_labels(source, name, table.columns[name])) for key, name in found.attributes.items()}
    labels = None if found.label is None else _labels(source, found.label, table.columns[found.label])
    notes = (*table.notes, *_role_notes(found, choices), _scale_note(data, columns))
    return Contents(data.T if choices.transpose else data, labels, None, attributes, columns=columns, notes=notes)


def _role_notes(found: Roles, choices: Choices) -> Iterator[str]:
    yield f"{len(found.features)} columns are features" + (
        f", {tidy(found.label)!r} is the label." if found.label else "; no label."
    )
    if found.numbering:
        yield f"Left out as running numbers or identifiers: {listed(found.numbering)}."
    if found.ignored:
        yield f"Not used: {', '.join(f'{tidy(name)!r} ({why})' for name, why in list(found.ignored.items())[:10])}."


def _scale_note(data: NDArray[Any], columns: Sequence[str]) -> str:
    """Advice where one range for all would leave nothing of the smaller columns."""
    if data.shape[1] < 2 or data.shape[1] > 1000:
        return ""
    with np.errstate(over="ignore", invalid="ignore"):
        spread = data.max(axis=0).astype(np.float64) - data.min(axis=0)
    some = np.flatnonzero(np.isfinite(spread) & (spread > 0))
    if len(some) < 2:
        return ""
    small, large = some[spread[some].argmin()], some[spread[some].argmax()]
    if spread[large] < _ORDERS * spread[small]:
        return ""
    return (
        f"Scales differ by orders: {tidy(columns[large])!r} spans {spread[large]:.3g}, {tidy(columns[small])!r} "
        f"{spread[small]:.3g}. The scaling 'standard' is recommended: in one range for all the smaller ones count for nothing."
    )


def recommends_standard(notes: Sequence[str]) -> bool:
    """Whether the notes of a table advise a scaling by columns."""
    return any(note.startswith("Scales differ by orders") for note in notes)


def _column_names(features: Mapping[str, Cells]) -> Iterator[str]:
    for name, cells in features.items():
        if isinstance(cells, Numbers) and cells.values.ndim > 1:
            yield from (f"{name}[{place}]" for place in range(cells.values.shape[1]))
        else:
            yield name


def _stack(source: str, n: int, features: Mapping[str, Cells]) -> NDArray[Any]:
    parts = [
        _yes(cells) if isinstance(cells, Coded) else cells.values
        for cells in features.values()
        if not isinstance(cells, Unusable)
    ]
    widths = [1 if part.ndim == 1 else part.shape[1] for part in parts]
    if sum(widths) > MAX_COLUMNS:
        raise DataError(f"{source} has {sum(widths)} features; at most {MAX_COLUMNS} are allowed.")
    kinds = {part.dtype for part in parts}
    data = np.empty(
        (n, sum(widths)), np.uint8 if kinds == {np.dtype(np.uint8)} else np.float64 if n * sum(widths) < 2**20 else np.float32
    )
    place = 0
    with np.errstate(over="ignore"):
        for part, width in zip(parts, widths):
            check_kind(source, "a column of features", part.dtype, "biuf")
            data[:, place : place + width] = part.reshape(n, width)
            place += width
    return data


def _yes(cells: Coded) -> NDArray[Any]:
    """Yes as 1 and no as 0; a missing one as NaN."""
    says = np.array([simple(name) in _YES for name in cells.names] + [False], np.float64)
    says[-1] = np.nan
    found: NDArray[Any] = says[cells.codes]
    return found


def _labels(source: str, name: str, cells: Cells) -> NDArray[Any] | Coded:
    if isinstance(cells, Numbers) and cells.values.ndim == 1:
        return cells.values
    if isinstance(cells, Coded):
        return as_numbers(cells)
    why = cells.why if isinstance(cells, Unusable) else "holds lists"
    raise DataError(
        f"{source}: labels must be whole numbers or text, of at most {MAX_CLASSES} classes. Column {tidy(name)!r} {why}."
    )


def as_numbers(cells: Coded) -> NDArray[Any] | Coded:
    """Labels that are all written as numbers, as numbers: they are sorted as such."""
    if not cells.names or not all(is_number(name) for name in cells.names):
        return cells
    values = np.array([*(float(name) for name in cells.names), np.nan])
    found: NDArray[Any] = values[cells.codes]
    return found


def is_number(text: str) -> bool:
    """Whether a cell is a finite number as people write it."""
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False

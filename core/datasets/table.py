"""From the columns of a table to samples and labels, by what each column is taken for (`roles`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.checks import MAX_CLASSES, MAX_COLUMNS, check_kind, listed, tidy
from core.datasets.choices import Choices
from core.datasets.columns import Cells, Numbers, Prose, Table, Unusable, as_numbers
from core.datasets.labels import Coded, Column
from core.datasets.names import simple
from core.datasets.raw import Contents
from core.datasets.roles import Roles, roles
from core.datasets.tfidf import tfidf

_ORDERS = 100.0
_YES = ("yes", "true", "y", "t")


def contents(source: str, table: Table, choices: Choices) -> Contents:
    """Features and labels by their roles."""
    found = roles(source, table, choices)
    features = {name: table.columns[name] for name in found.features}
    data, columns = _words(source, features) if choices.text else (_stack(source, table.n, features), ())
    columns = columns or tuple(_column_names(features))
    attributes = {key: Column(_labels(source, name, table.columns[name])) for key, name in found.attributes.items()}
    labels = None if found.label is None else _labels(source, found.label, table.columns[found.label])
    notes = (*table.notes, *_role_notes(found, len(columns) if choices.text else 0))
    words_alone = len(choices.text) == len(features)
    notes = notes if words_alone else (*notes, _scale_note(data, columns))
    return Contents(
        data.T if choices.transpose else data, labels, None, attributes, columns=columns,
        range=(0.0, 1.0) if words_alone else None, notes=notes,
    )  # fmt: skip


def _words(source: str, features: Mapping[str, Cells]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The words of all columns of text together, and after them the columns that were kept beside."""
    texts = [cells.texts for cells in features.values() if isinstance(cells, Prose)]
    weights, words = tfidf(source, [" ".join(parts) for parts in zip(*texts, strict=True)])
    beside = {name: cells for name, cells in features.items() if not isinstance(cells, Prose)}
    if not beside:
        return weights, words
    return np.hstack([weights, _stack(source, len(weights), beside)]), (*words, *_column_names(beside))


def _role_notes(found: Roles, n_words: int) -> Iterator[str]:
    label = f", {tidy(found.label)!r} is the label." if found.label else "; no label."
    if n_words:
        yield (
            f"{n_words:,} features are tf-idf weights of words (scikit-learn's, the words of the largest sums), from "
            f"{listed(found.features)}{label}"
        )
    else:
        yield f"{len(found.features)} columns are features{label}"
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
        if isinstance(cells, Coded | Numbers)
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

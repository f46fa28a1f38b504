"""Read ``.parquet``: its declared sizes first, because run lengths can hide any number of rows; then a column at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.checks import MAX_CLASSES, MAX_COLUMNS, check_size, quoted, refusing_damage, tidy
from core.datasets.choices import Choices
from core.datasets.columns import Cells, Numbers, Prose, Table, Unusable
from core.datasets.labels import Coded, check_classes
from core.datasets.npz import from_about
from core.datasets.raw import RawData, assemble
from core.datasets.roles import label_columns
from core.datasets.table import contents

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

ABOUT_SCHEMA = b"affinity_lab"
_BATCH = 2**16


def read_parquet(path: Path, choices: Choices) -> RawData:
    """Read a Parquet table."""
    source = quoted(path)
    import pyarrow as pa

    with refusing_damage(source, "a Parquet table", pa.ArrowException):
        said = _said(path) if choices in (Choices(), Choices(new=True)) else {}
        if said:
            choices = replace(Choices.from_dict(said["choices"]), new=choices.new)
        found = contents(source, table_of_parquet(path, choices), choices)
        raw = assemble(source, found, choices)
        return from_about(replace(raw, notes=()), said["about"]) if said else raw


def _said(path: Path) -> dict[str, Any]:
    """What a table that the app has written says of itself."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as table:
        found = (table.schema_arrow.metadata or {}).get(ABOUT_SCHEMA)
    said: dict[str, Any] = {} if found is None else json.loads(found)
    return said


def table_of_parquet(path: Path, choices: Choices) -> Table:
    """The columns of a Parquet table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = quoted(path)
    with refusing_damage(source, "a Parquet table", pa.ArrowException):
        with pq.ParquetFile(path) as table:
            names, n = _check_declared(table, source)
            shown = {name: "Unnamed: 0" if name in ("", "__index_level_0__") else name for name in names}
            words = label_columns(source, list(shown.values()), choices)
            texts = [field.name for field in table.schema_arrow if _is_text(field.type)]
        with pq.ParquetFile(path, read_dictionary=texts) as table:
            columns = {
                title: Unusable("dropped")
                if title in choices.drop
                else _prose(table, source, name)
                if title in choices.text
                else _cells(table, source, name, title in words)
                for name, title in shown.items()
            }
        return Table(columns, n)


def _check_declared(table: pq.ParquetFile, source: str) -> tuple[list[str], int]:
    metadata, schema = table.metadata, table.schema_arrow
    n_columns = max(metadata.num_columns, len(schema))
    if n_columns > MAX_COLUMNS:
        raise DataError(f"{source} has {n_columns} columns; at most {MAX_COLUMNS} are allowed.")
    names = list(schema.names)
    if len(set(names)) != len(names):
        raise DataError(f"{source} has two columns of the same name.")
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    n_rows = max(metadata.num_rows, sum(group.num_rows for group in groups))
    values = sum(max(group.column(place).num_values, group.num_rows) for group in groups for place in range(group.num_columns))
    check_size(source, "the table", (n_rows, n_columns), 8)
    check_size(source, "the values of the table", (values,), 8)
    return names, n_rows


def _cells(table: pq.ParquetFile, source: str, name: str, is_label: bool) -> Cells:
    """One column; of labels the different ones are counted before all are listed."""
    import pyarrow as pa

    kind = table.schema_arrow.field(name).type
    if _is_text(kind):
        return _coded(table, source, name, is_label)
    if is_label and _is_numeric(kind):
        _count_classes(table, source, name)
    if not (_is_numeric(kind) or pa.types.is_decimal(kind) or _is_list(kind)):
        return Unusable(f"holds {tidy(str(kind))}")
    column = table.read(columns=[name]).column(0)
    return _lists(column, kind) if _is_list(kind) else Numbers(_numbers(column))


def _prose(table: pq.ParquetFile, source: str, name: str) -> Prose:
    import pyarrow as pa

    kind = table.schema_arrow.field(name).type
    if not _is_text(kind):
        raise DataError(f"{source}: a column of text holds words. Column {tidy(name)!r} holds {tidy(str(kind))}.")
    texts = table.read(columns=[name]).column(0)
    texts = texts.cast(pa.string()) if not pa.types.is_dictionary(texts.type) else texts
    return Prose(["" if text is None else str(text) for text in texts.to_pylist()])


def _count_classes(table: pq.ParquetFile, source: str, name: str) -> None:
    seen: set[Any] = set()
    for batch in table.iter_batches(_BATCH, columns=[name]):
        seen.update(batch.column(0).unique().to_pylist()[: MAX_CLASSES + 2])
        if len(seen) > MAX_CLASSES + 1:
            break
    if len(seen - {None}) > MAX_CLASSES:
        check_classes(f"{source}, column {tidy(name)!r}", len(seen - {None}), at_least=True)


def _coded(table: pq.ParquetFile, source: str, name: str, is_label: bool) -> Cells:
    import pyarrow as pa

    places: dict[str, int] = {}
    codes: list[NDArray[Any]] = []
    for batch in table.iter_batches(_BATCH, columns=[name]):
        column = batch.column(0)
        column.validate(full=True)  # PyArrow itself does not compare codes with the length of their dictionary
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        words = column.dictionary
        if len(words) > MAX_CLASSES:
            column = column.dictionary_decode().dictionary_encode()  # what this piece uses of a long dictionary
            words = column.dictionary
        here = [places.setdefault(_word(word), len(places)) for word in words[: MAX_CLASSES + 1].to_pylist()]
        if len(places) > MAX_CLASSES:
            if is_label:
                check_classes(f"{source}, column {tidy(name)!r}", len(places), at_least=True)
            return Unusable(f"text of more than {MAX_CLASSES} different values")
        found = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        codes.append(np.array([*here, -1], np.int64)[found])
    return Coded(np.concatenate([np.empty(0, np.int64), *codes]), list(places))


def _word(word: Any) -> str:
    return word.decode("utf-8", errors="replace") if isinstance(word, bytes) else str(word)


def _is_numeric(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return any(is_kind(kind) for is_kind in (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean))


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _is_numeric(kind.value_type) or _is_text(kind.value_type)
    return any(
        is_kind(kind)
        for is_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    )


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    listed = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(listed) and _is_numeric(kind.value_type)


def _lists(column: pa.ChunkedArray[Any], kind: pa.DataType) -> Cells:
    """Lists of one length as so many features."""
    import pyarrow.compute as pc

    lengths = pc.unique(pc.list_value_length(column)).to_pylist()
    if len(lengths) != 1 or not lengths[0]:
        return Unusable(f"holds lists of different lengths, {tidy(str(kind))}")
    flat = _numbers(pc.list_flatten(column))
    return Numbers(flat.reshape(len(column), lengths[0]))


def _numbers(column: pa.ChunkedArray[Any]) -> NDArray[Any]:
    """A column as NumPy numbers; missing ones are NaN, which `assemble` refuses."""
    import pyarrow as pa

    if pa.types.is_boolean(column.type) and column.null_count:
        column = column.cast(pa.int8())
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    numbers: NDArray[Any] = column.to_numpy()
    return numbers

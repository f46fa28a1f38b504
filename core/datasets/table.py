"""Read ``.csv`` and ``.parquet``: one row a sample, one numeric column a feature, at most one column of classes.

Columns and rows are counted before pandas sees the file: a 10 MB table of a million columns took it 134 s.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.raw import (
    MAX_CLASSES,
    MAX_COLUMNS,
    MIN_SAMPLES,
    Coded,
    Column,
    RawData,
    assemble,
    attribute_keys,
    check_size,
    quoted,
    refusing_damage,
    tidy,
)

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

LABEL_COLUMNS = ("label", "y", "class", "target")
_MAX_HEADER = 2**22
_CHUNK = 2**24


def read_csv(path: Path, image_shape: tuple[int, ...] | None = None) -> RawData:
    """Read a comma, semicolon or tab separated table whose first row names the columns."""
    source = quoted(path)
    with refusing_damage(source, "a CSV table"):
        names, separator = _csv_header(path, source)
        label, further = _label_columns(source, names)
        _check_names(source, names)
        check_size(source, "the table", (_count_lines(path), len(names)), 8)
        frame = _parse_csv(path, source, names, separator)
        labels = None if label is None else _csv_labels(frame.iloc[:, label])
        attributes = {name: Column(_csv_labels(frame.iloc[:, place])) for name, place in further.items()}
        features = frame.drop(columns=frame.columns[[*further.values(), *([] if label is None else [label])]])
        _check_numeric(source, features)
        data = features.to_numpy()
    return assemble(source, data, labels, image_shape, attributes=attributes)


def _csv_header(path: Path, source: str) -> tuple[list[str], str]:
    with path.open("rb") as stream:
        line = stream.readline(_MAX_HEADER + 1)
    separator = max((",", ";", "\t"), key=lambda mark: line.count(mark.encode()))
    n_columns = line.count(separator.encode()) + 1
    if n_columns > MAX_COLUMNS or len(line) > _MAX_HEADER:
        more = "more than " if len(line) > _MAX_HEADER else ""
        raise DataError(f"{source} has {more}{n_columns} columns; at most {MAX_COLUMNS} are allowed.")
    if not line.strip():
        raise DataError(f"{source} must begin with a row of column names. Its first row is empty.")
    return next(csv.reader([line.decode("utf-8-sig")], delimiter=separator, strict=True)), separator


def _check_names(source: str, names: Sequence[str]) -> None:
    for place, name in enumerate(names, start=1):
        if not name.strip() or name == "__index_level_0__":
            raise DataError(f"{source}: column {place} has no name; if it is a pandas index, write without it.")
    counted = [str(place) for place in range(len(names))]
    if list(names) != counted and all(_is_number(name) for name in names):
        shown = ", ".join(tidy(name) for name in names[:5])
        raise DataError(f"{source} must begin with a row of column names. Its first row holds only numbers: {shown}.")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _label_columns(source: str, names: Sequence[str]) -> tuple[int | None, dict[str, int]]:
    """Place of the column of classes, and of each further column of labels by its name."""
    found = [place for place, name in enumerate(names) if name.strip().lower() in LABEL_COLUMNS]
    if len(found) > 1:
        shown = ", ".join(repr(tidy(names[place])) for place in found)
        raise DataError(f"{source} may have one column of labels ({', '.join(LABEL_COLUMNS)}). It has {shown}.")
    further = {name: list(names).index(key) for name, key in attribute_keys(source, names).items()}
    if len(names) == len(found) + len(further):
        raise DataError(f"{source} has no column of features beside its labels.")
    return found[0] if found else None, further


def _count_lines(path: Path) -> int:
    with path.open("rb") as stream:
        return 1 + sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(_CHUNK), b""))


def _parse_csv(path: Path, source: str, names: Sequence[str], separator: str) -> pd.DataFrame:
    import pandas as pd

    frame = pd.read_csv(path, sep=separator, encoding="utf-8-sig", compression=None, low_memory=False)
    if not isinstance(frame.index, pd.RangeIndex) or len(frame.columns) != len(names):
        raise DataError(f"{source}: its rows must have as many fields as its first row, {len(names)}.")
    if len(frame) < MIN_SAMPLES:
        raise DataError(f"{source}: at least {MIN_SAMPLES} samples are needed. Got {frame.shape}.")
    return frame


def _csv_labels(column: pd.Series[Any]) -> NDArray[Any] | Coded:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy()
    codes, names = pd.factorize(column)
    return Coded(np.asarray(codes), [str(name) for name in names])


def _check_numeric(source: str, features: pd.DataFrame) -> None:
    import pandas as pd

    for name, dtype in zip(features.columns, features.dtypes, strict=True):
        if getattr(dtype, "kind", "O") in "biuf":
            continue
        column = features[name]
        broken = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
        value = column.iloc[0] if broken.empty else broken.iloc[0]
        row = 0 if broken.empty else int(str(broken.index[0]))
        raise DataError(
            f"{source}: features must be real numbers. Column {tidy(str(name))!r} holds {tidy(str(value))!r} "
            f"at sample {row + 1}. A column of labels is named one of {', '.join(LABEL_COLUMNS)}, or label_<name>."
        )


def read_parquet(path: Path, image_shape: tuple[int, ...] | None = None) -> RawData:
    """Read a Parquet table; its declared sizes are checked first, because run lengths can hide any number of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = quoted(path)
    with refusing_damage(source, "a Parquet table", pa.ArrowException):
        with pq.ParquetFile(path) as table:
            names, label, further = _check_parquet(table, source)
        apart = {*further.values(), *([] if label is None else [label])}
        with pq.ParquetFile(path, read_dictionary=[names[place] for place in sorted(apart)]) as table:
            labels = None if label is None else _parquet_labels(table, source, names[label])
            attributes = {name: Column(_parquet_labels(table, source, names[place])) for name, place in further.items()}
            data = _parquet_features(table, [name for place, name in enumerate(names) if place not in apart])
    return assemble(source, data, labels, image_shape, attributes=attributes)


def _check_parquet(table: pq.ParquetFile, source: str) -> tuple[list[str], int | None, dict[str, int]]:
    metadata, schema = table.metadata, table.schema_arrow
    n_columns = max(metadata.num_columns, len(schema))
    if n_columns > MAX_COLUMNS:
        raise DataError(f"{source} has {n_columns} columns; at most {MAX_COLUMNS} are allowed.")
    names = list(schema.names)
    label, further = _label_columns(source, names)
    _check_names(source, names)
    if len(set(names)) != len(names):
        raise DataError(f"{source} has two columns of the same name.")
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    n_rows = max(metadata.num_rows, sum(group.num_rows for group in groups))
    check_size(source, "the table", (n_rows, n_columns), 8)
    for place, field in enumerate(schema):
        is_label = place == label or place in further.values()
        what = "labels must be whole numbers or text" if is_label else "features must be real numbers"
        if not (_is_numeric(field.type) or (is_label and _is_text(field.type))):
            raise DataError(f"{source}: {what}. Column {tidy(field.name)!r} holds {tidy(str(field.type))}.")
    return names, label, further


def _parquet_labels(table: pq.ParquetFile, source: str, name: str) -> NDArray[Any] | Coded:
    import pyarrow as pa

    column = table.read(columns=[name]).column(0)
    column.validate(full=True)  # PyArrow itself does not compare codes with the length of their dictionary
    if pa.types.is_dictionary(column.type) and _is_numeric(column.type.value_type):
        column = column.cast(column.type.value_type)
    if not pa.types.is_dictionary(column.type):
        return _numbers(column)
    unified = column.unify_dictionaries()
    names = unified.chunk(0).dictionary if unified.num_chunks else []
    if len(names) > MAX_CLASSES:
        raise DataError(f"{source}: the labels in {name!r} name {len(names)} classes; at most {MAX_CLASSES} are allowed.")
    codes = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in unified.chunks]
    return Coded(np.concatenate([np.empty(0, np.int64), *codes]).astype(np.int64), [str(name) for name in names])


def _is_numeric(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return any(is_kind(kind) for is_kind in (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean))


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _is_numeric(kind.value_type) or _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _parquet_features(table: pq.ParquetFile, names: list[str]) -> NDArray[Any]:
    read = table.read(columns=names)
    columns = [_numbers(read.column(name)) for name in names]
    same = {column.dtype for column in columns} == {np.dtype(np.uint8)}
    data = np.empty((read.num_rows, len(columns)), np.uint8 if same else np.float64)
    for place, column in enumerate(columns):
        data[:, place] = column
    return data


def _numbers(column: pa.ChunkedArray[Any]) -> NDArray[Any]:
    """A column as NumPy numbers; missing ones are NaN, which `assemble` refuses."""
    import pyarrow as pa

    if pa.types.is_boolean(column.type) and column.null_count:
        column = column.cast(pa.int8())
    numbers: NDArray[Any] = column.to_numpy()
    return numbers

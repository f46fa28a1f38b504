"""Read ``.npz`` and ``.npy``: the zip directory first, then the ``.npy`` headers, then only the arrays that are used.

A 1.5 MB archive can hold a 1.6 GB array, and a pickled one can run code: both are refused by their headers. A matrix that
SciPy has stored (``save_npz``) is made full.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.arrays import Stored, choose
from core.datasets.checks import MAX_BYTES, check_kind, check_size, quoted, refusing_damage, tidy, tidy_sentence
from core.datasets.choices import Choices, check_range
from core.datasets.labels import class_titles
from core.datasets.names import simple
from core.datasets.raw import RawData, assemble
from core.datasets.sparse import full
from core.datasets.zips import check_directory

MAX_MEMBERS = 100
_MAX_ABOUT, _MAX_NOTES = 2**22, 30
ABOUT_KEY = "about_this_import"
_SPARSE = {"format", "shape", "data", "indices", "indptr"}
_TYPES = {"b": "yes or no", "i": "whole numbers", "u": "whole numbers", "f": "numbers", "U": "text", "S": "text"}


def list_npz(path: Path) -> dict[str, Stored]:
    """The arrays of an archive by their headers."""
    source = quoted(path)
    with refusing_damage(source, "an .npz archive", TokenError):
        check_directory(path, source, MAX_MEMBERS)
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, source)
            stored = {key: _stored(archive, path, info, source) for key, info in members.items() if key != ABOUT_KEY}
    return _as_matrix(source, stored) if set(stored) >= _SPARSE else stored


def read_npz(path: Path, choices: Choices) -> RawData:
    """Read samples, labels and label columns, and names from ``classes`` or, of a label column, ``classes_<name>``."""
    source = quoted(path)
    with refusing_damage(source, "an .npz archive", TokenError):
        raw = assemble(source, choose(source, list_npz(path), choices), choices)
        return with_about(path, raw) if choices in (Choices(), Choices(new=True)) else raw


def list_npy(path: Path) -> dict[str, Stored]:
    """The one array of a ``.npy`` file."""
    source = quoted(path)
    with refusing_damage(source, "an .npy file", TokenError), path.open("rb") as stream:
        shape, dtype = _header(stream, source, "the array")
        expected = stream.tell() + math.prod(shape) * dtype.itemsize

    def read() -> NDArray[Any]:
        check_kind(source, "the array", dtype, "biuf")
        check_size(source, "the array", shape, dtype.itemsize)
        if expected != path.stat().st_size:
            raise DataError(f"{source} has {path.stat().st_size} bytes where its header asks for {expected}.")
        array: NDArray[Any] = np.load(path, allow_pickle=False)
        return array

    return {"X": Stored(shape, type_of(dtype), read)}


def read_npy(path: Path, choices: Choices) -> RawData:
    """Read samples without labels."""
    source = quoted(path)
    with refusing_damage(source, "an .npy file", TokenError):
        return assemble(source, choose(source, list_npy(path), choices), choices)


def type_of(dtype: np.dtype[Any]) -> str:
    """A type in a word."""
    return "pictures or whole numbers" if dtype == np.uint8 else _TYPES.get(dtype.kind, "other")


def with_about(path: Path, raw: RawData) -> RawData:
    """Columns, range, test part and notes of an archive that the app has written; any other archive says nothing of itself."""
    source = quoted(path)
    with refusing_damage(source, "an .npz archive"), zipfile.ZipFile(path) as archive:
        name = f"{ABOUT_KEY}.npy"
        if name not in archive.namelist():
            return raw
        if archive.getinfo(name).file_size > _MAX_ABOUT:
            raise DataError(f"{source} says more about itself than {_MAX_ABOUT} bytes.")
        with archive.open(name) as stream:
            said = json.loads(npy.read_array(stream, allow_pickle=False).tobytes())
        return from_about(raw, said)


def to_about(raw: RawData) -> dict[str, Any]:
    """What is kept of a data set beside its arrays, as plain data."""
    return {
        "columns": list(raw.columns),
        "classes": list(raw.classes),
        "range": None if raw.range is None else list(raw.range),
        "test": None if raw.test is None else int(raw.test[0]),
        "notes": list(raw.notes),
    }


def from_about(raw: RawData, said: dict[str, Any]) -> RawData:
    """The inverse of `to_about`; what does not fit the arrays is refused.

    Raises
    ------
    ValueError, KeyError, TypeError
        If it is not what `to_about` makes.
    """
    columns, start = tuple(map(str, said["columns"])), said["test"]
    if columns and len(columns) != raw.X.shape[1]:
        raise ValueError(f"{len(columns)} names for {raw.X.shape[1]} columns")
    if start is not None and not 0 < start < len(raw.X):
        raise ValueError(f"a test part that begins at {start}")
    return replace(
        in_their_order(raw, said.get("classes", [])),
        columns=columns,
        range=None if said["range"] is None else check_range(said["range"]),
        test=None if start is None else np.arange(start, len(raw.X)),
        notes=tuple(tidy_sentence(str(note)) for note in said["notes"][:_MAX_NOTES]),
    )


def in_their_order(raw: RawData, classes: Sequence[str]) -> RawData:
    """Labels numbered as in a list of classes, whatever the order of their names.

    Raises
    ------
    ValueError
        If a class is not in the list.
    """
    if raw.y is None or not classes or tuple(classes) == raw.classes:
        return raw
    numbers = np.array([*(list(classes).index(name) for name in raw.classes), -1], np.int64)
    return replace(raw, y=numbers[raw.y], classes=class_titles([str(name) for name in classes]))


def _members(archive: zipfile.ZipFile, source: str) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        if info.flag_bits & 1:
            raise DataError(f"{source} is encrypted.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(f"{source} is compressed in a way that NumPy does not write.")
        key = info.filename.removesuffix(".npy")
        if key in members:
            raise DataError(f"{source} holds {tidy(key)!r} twice.")
        members[key] = info
    total = sum(info.file_size for info in members.values())
    if total > MAX_BYTES:
        raise DataError(
            f"{source} would take {total / 2**30:.1f} GiB once expanded; at most {MAX_BYTES / 2**30:.3g} GiB are allowed."
        )
    return members


def _stored(archive: zipfile.ZipFile, path: Path, info: zipfile.ZipInfo, source: str) -> Stored:
    what = f"the array {info.filename.removesuffix('.npy')!r}"
    if not info.filename.endswith(".npy"):
        return Stored((), "other", lambda: _refuse(f"{source}: {what} is no .npy member."))
    with archive.open(info) as stream:
        shape, dtype = _header(stream, source, what)
        expected = stream.tell() + math.prod(shape) * dtype.itemsize

    def reader(allowed: str) -> Callable[[], NDArray[Any]]:
        def read() -> NDArray[Any]:
            check_kind(source, what, dtype, allowed)
            check_size(source, what, shape, dtype.itemsize)
            if expected != info.file_size:
                raise DataError(f"{source}: {what} takes {info.file_size} bytes where its header asks for {expected}.")
            with zipfile.ZipFile(path) as opened, opened.open(info) as stream:
                array: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
                stream.read(1)  # reaches the end, where zipfile compares the checksum
            return array

        return read

    return Stored(shape, type_of(dtype), reader("biuf"), reader("biufUS"))


def _refuse(words: str) -> Any:
    raise DataError(words)


def _header(stream: Any, source: str, what: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = npy.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = npy.read_array_header_2_0(stream)
    else:
        raise DataError(f"{source}: {what} has the .npy version {version}; plain arrays have (1, 0) or (2, 0).")
    return shape, dtype


def _as_matrix(source: str, stored: dict[str, Stored]) -> dict[str, Stored]:
    kind, shape = (np.asarray(stored[key].labels()) for key in ("format", "shape"))
    word = kind.item().decode() if kind.dtype.kind == "S" else str(kind.item())
    sizes = tuple(int(size) for size in shape.reshape(-1).tolist())
    parts = [stored[key] for key in ("data", "indices", "indptr")]
    return {"X": Stored(sizes, "sparse", lambda: full(source, simple(word), sizes, *(part.read() for part in parts)))}

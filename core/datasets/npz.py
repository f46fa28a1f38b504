"""Read ``.npz``: the zip directory first, then the ``.npy`` headers, then only the arrays that are used.

A 1.5 MB archive can hold a 1.6 GB array, and a pickled one can run code: both are refused by their headers.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.raw import (
    MAX_BYTES,
    MAX_CLASSES,
    Column,
    RawData,
    assemble,
    attribute_keys,
    check_kind,
    check_size,
    choose_keys,
    quoted,
    refusing_damage,
    tidy,
)

MAX_MEMBERS = 100
_MAX_DIRECTORY = 2**20
_END, _END_SIZE, _LOCATOR, _LOCATOR_SIZE = b"PK\x05\x06", 22, b"PK\x06\x07", 20
CLASSES_KEY = "classes"


def read_npz(path: Path, image_shape: tuple[int, ...] | None = None) -> RawData:
    """Read samples, labels and label columns, and names from ``classes`` or, of a label column, ``classes_<name>``."""
    source = quoted(path)
    with refusing_damage(source, "an .npz archive", TokenError):
        _check_directory(path, source)
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, source)
            data_key, label_key = choose_keys(source, members)
            further = attribute_keys(source, members)
            data = _array(archive, members[data_key], source, "biuf")
            labels = None if label_key is None else _array(archive, members[label_key], source, "biufUS")
            names = _class_names(archive, members, source, CLASSES_KEY)
            attributes = {
                name: Column(
                    _array(archive, members[key], source, "biufUS"),
                    _class_names(archive, members, source, f"{CLASSES_KEY}_{name}"),
                )
                for name, key in further.items()
            }
    return assemble(source, data, labels, image_shape, names, attributes)


def _check_directory(path: Path, source: str) -> None:
    """Refuse a zip whose directory alone would fill the memory; `zipfile` reads all of it."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - 2**16 - _END_SIZE - _LOCATOR_SIZE))
        tail = stream.read()
    place = tail.rfind(_END)
    if place < 0 or len(tail) - place < _END_SIZE:
        raise DataError(f"{source} is not an .npz archive: it has no zip directory, or was cut off.")
    n_members = int.from_bytes(tail[place + 10 : place + 12], "little")
    directory = int.from_bytes(tail[place + 12 : place + 16], "little")
    zip64 = tail[max(0, place - _LOCATOR_SIZE) : place].startswith(_LOCATOR)
    if n_members > MAX_MEMBERS or directory > _MAX_DIRECTORY or zip64:
        raise DataError(f"{source} lists {n_members} members in {directory} bytes; at most {MAX_MEMBERS} are allowed.")


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
            f"{source} would take {total / 2**30:.1f} GiB once expanded; at most {MAX_BYTES / 2**30:g} GiB are allowed."
        )
    return members


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, source: str, allowed: str) -> NDArray[Any]:
    what = f"the array {info.filename.removesuffix('.npy')!r}"
    with archive.open(info) as stream:
        shape, dtype = _header(stream, source, what)
        check_kind(source, what, dtype, allowed)
        check_size(source, what, shape, dtype.itemsize)
        expected = stream.tell() + math.prod(shape) * dtype.itemsize
        if expected != info.file_size:
            raise DataError(f"{source}: {what} takes {info.file_size} bytes where its header asks for {expected}.")
    with archive.open(info) as stream:
        array: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
        stream.read(1)  # reaches the end, where zipfile compares the checksum
    return array


def _header(stream: Any, source: str, what: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = npy.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = npy.read_array_header_2_0(stream)
    else:
        raise DataError(f"{source}: {what} has the .npy version {version}; plain arrays have (1, 0) or (2, 0).")
    return shape, dtype


def _class_names(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], source: str, key: str) -> list[str] | None:
    if key not in members:
        return None
    names = _array(archive, members[key], source, "U")
    if names.ndim != 1 or names.size > MAX_CLASSES:
        raise DataError(f"{source}: {key!r} must list at most {MAX_CLASSES} names. Got shape {names.shape}.")
    return [str(name) for name in names.tolist()]

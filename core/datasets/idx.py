"""Read IDX, the format of MNIST (``train-images-idx3-ubyte``), plain or packed by gzip; labels lie in a file beside it."""

from __future__ import annotations

import gzip
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.arrays import Stored, turned
from core.datasets.checks import check_size, quoted, refusing_damage
from core.datasets.choices import NO_LABEL, Choices
from core.datasets.raw import Contents, RawData, assemble

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_NAMED = re.compile(r".*[.-]idx\d?([.-]ubyte)?(\.gz)?|.*[.-]ubyte(\.gz)?", re.IGNORECASE)


def is_idx_name(name: str) -> bool:
    """Whether a file is named as IDX files are."""
    return _NAMED.fullmatch(name) is not None


def read_idx(path: Path, choices: Choices) -> RawData:
    """Read pictures, and their labels where a file of that name lies beside them."""
    source = quoted(path)
    with refusing_damage(source, "an IDX file"):
        beside = None if choices.label == NO_LABEL else _labels_beside(path)
        labels = None if beside is None else idx_array(beside)
        said = f"Labels from {quoted(beside)}." if beside else "Without labels: no file of labels lies beside it."
        found = turned(Contents(idx_array(path), labels, notes=(said,)), choices)
        return assemble(source, found, choices)


def list_idx(path: Path) -> dict[str, Stored]:
    """The one array of an IDX file."""
    source = quoted(path)
    with refusing_damage(source, "an IDX file"), _open(path) as stream:
        shape, dtype = _declared(stream, source)
    return {"images": Stored(shape, str(dtype), lambda: idx_array(path))}


def idx_array(path: Path) -> NDArray[Any]:
    """The array of an IDX file.

    Raises
    ------
    DataError
        If it is none, or holds more or less than it declares.
    """
    source = quoted(path)
    with _open(path) as stream:
        shape, dtype = _declared(stream, source)
        check_size(source, "the array", shape, dtype.itemsize)
        size = math.prod(shape) * dtype.itemsize
        content = stream.read(size + 1)
    if len(content) != size:
        held = "more" if len(content) > size else len(content)
        raise DataError(f"{source} must hold {size} bytes for its shape {shape}. It holds {held}.")
    return np.frombuffer(content, dtype).reshape(shape)


def _open(path: Path) -> Any:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")


def _declared(stream: Any, source: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or not 1 <= magic[3] <= 4:
        raise DataError(f"{source} is no IDX file: it begins with {magic.hex() or 'nothing'}.")
    axes = np.frombuffer(stream.read(4 * magic[3]), ">u4")
    if len(axes) != magic[3]:
        raise DataError(f"{source} is cut off within its header.")
    return tuple(int(size) for size in axes), np.dtype(_TYPES[magic[2]])


def _labels_beside(path: Path) -> Path | None:
    """``t10k-labels-idx1-ubyte`` beside ``t10k-images-idx3-ubyte``."""
    if "images" not in path.name:
        return None
    stem = re.sub(r"idx\d", "idx1", path.name.replace("images", "labels")).removesuffix(".gz")
    beside = (path.with_name(name) for name in (stem, f"{stem}.gz"))
    return next((other for other in beside if other.is_file()), None)

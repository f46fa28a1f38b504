"""The matrices of a MATLAB file of version 4: a header of five numbers, a name, the values by columns (MathWorks)."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.arrays import Stored
from core.datasets.checks import check_size, tidy
from core.datasets.words import rows_of_text

_TYPES = ("f8", "f4", "i4", "i2", "u2", "u1")
_HEADER, _MAX_NAME, _MAX_MATRICES = 20, 64, 1000
_FULL, _TEXT = 0, 1


def is_version_4(path: Path) -> bool:
    """Whether a file begins with the header of a version 4 matrix."""
    with path.open("rb") as stream:
        return _header(stream.read(_HEADER)) is not None


def list_mat4(path: Path, source: str) -> dict[str, Stored]:
    """All matrices by their headers.

    Raises
    ------
    DataError
        If one reaches beyond the end of the file.
    """
    found: dict[str, Stored] = {}
    with path.open("rb") as stream:
        end = stream.seek(0, 2)
        place = 0
        while place < end and len(found) < _MAX_MATRICES:
            stream.seek(place)
            header = _header(stream.read(_HEADER))
            if header is None:
                raise DataError(f"{source} cannot be read as a MATLAB file: its matrix {len(found) + 1} has no header.")
            dtype, kind, shape, imaginary, n_name = header
            name = stream.read(n_name).rstrip(b"\0").decode("latin-1")
            begin = stream.tell()
            size = math.prod(shape) * dtype.itemsize
            place = begin + size * (2 if imaginary else 1)
            if place > end:
                raise DataError(f"{source}: the matrix {tidy(name)!r} reaches beyond the end of the file.")
            found[name] = _stored(path, source, name, dtype, shape, begin, kind, imaginary)
    return found


def _header(packed: bytes) -> tuple[np.dtype[Any], int, tuple[int, int], bool, int] | None:
    """Type, kind, shape, whether complex, and length of the name; None where the bytes are no header."""
    if len(packed) < _HEADER:
        return None
    for order in "<>":
        code, rows, columns, imaginary, n_name = (int(word) for word in np.frombuffer(packed, f"{order}i4"))
        machine, zero, precision, kind = code // 1000, code // 100 % 10, code // 10 % 10, code % 10
        fits = machine == (order == ">") and zero == 0 and 0 <= precision < len(_TYPES) and 0 <= kind <= 2
        if fits and rows >= 0 and columns >= 0 and imaginary in (0, 1) and 0 < n_name <= _MAX_NAME:
            return np.dtype(f"{order}{_TYPES[precision]}"), kind, (rows, columns), bool(imaginary), n_name
    return None


def _stored(
    path: Path, source: str, name: str, dtype: np.dtype[Any], shape: tuple[int, int], begin: int, kind: int, imaginary: bool
) -> Stored:
    def values() -> NDArray[Any]:
        check_size(source, f"the variable {tidy(name)!r}", shape, dtype.itemsize)
        if imaginary or kind not in (_FULL, _TEXT):
            raise DataError(f"{source}: {tidy(name)!r} must hold real numbers in a full array, not {words!r}.")
        flat = np.fromfile(path, dtype, math.prod(shape), offset=begin)
        return flat.reshape(shape, order="F")

    def numbers() -> NDArray[Any]:
        if kind != _FULL:
            raise DataError(f"{source}: {tidy(name)!r} must hold real numbers in a full array, not {words!r}.")
        return values()

    words = "complex" if imaginary else {_FULL: "numbers", _TEXT: "text"}.get(kind, "sparse")
    labels: Callable[[], Any] = (lambda: rows_of_text(values())) if kind == _TEXT else numbers
    return Stored((shape[0],) if kind == _TEXT else shape, words, numbers, labels)

"""The variables of a MATLAB file of version 5 to 7: numbers, characters, cells of words, sparse matrices, and the fields of one
struct. `elements` knows the layout of the file."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.arrays import Stored
from core.datasets.checks import MAX_BYTES, check_size, tidy
from core.datasets.elements import MATRIX, MAX_ELEMENTS, NUMERIC, Element, Variable, byte_order, matrix_header, variables
from core.datasets.labels import Coded
from core.datasets.sparse import full
from core.datasets.words import coded_words, rows_of_text

MAX_CELLS = 200_000
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8", 16: "u1", 17: "u2"}


def list_mat5(path: Path, source: str) -> dict[str, Stored]:
    """The variables of a file; of its only struct, the fields.

    Raises
    ------
    DataError
        If two have the same name.
    """
    listed = [variable for variable in variables(path, source) if variable.name]
    names = [variable.name for variable in listed]
    if len(set(names)) != len(names):
        raise DataError(f"{source} holds two variables of the same name.")
    if len(listed) == 1 and listed[0].kind == "struct":
        return _in_file(path, source, listed[0], lambda part: fields(part, source))
    return {v.name: stored(v.kind, v.shape, partial(_in_file, path, source, v), source, v.name) for v in listed}


def _in_file(path: Path, source: str, variable: Variable, use: Callable[[Matrix], Any]) -> Any:
    with path.open("rb") as stream:
        order = byte_order(stream, source)
        stream.seek(variable.place)
        element = Element(stream, variable.size, variable.packed, order)
        _, shape, kind = matrix_header(element)
        return use(Matrix(element, variable.name, shape, kind))


@dataclass(frozen=True)
class Matrix:
    """A matrix whose header has been read: what follows is its content."""

    element: Element
    name: str
    shape: tuple[int, ...]
    kind: str


def stored(
    kind: str, shape: tuple[int, ...], within: Callable[[Callable[[Matrix], Any]], Any], source: str, name: str
) -> Stored:
    """A variable as others list it; `within` opens it for a reader."""
    readers: dict[str, Callable[[Matrix], Any]] = {"char": text, "cell": lambda part: words(part, source)}
    read: Callable[[Matrix], Any] = (
        (lambda part: sparse(part, source)) if kind == "sparse" else lambda part: numbers(part, source)
    )
    as_labels = readers.get(kind)
    size = {"char": shape[:1], "cell": (math.prod(shape),)}.get(kind, shape)
    return Stored(
        size,
        "text" if as_labels else "numbers" if kind in NUMERIC else kind,
        lambda: within(read),
        None if as_labels is None else lambda: within(as_labels),
    )


def numbers(part: Matrix, source: str) -> NDArray[Any]:
    """The content of a numeric matrix."""
    if part.kind not in NUMERIC:
        raise DataError(f"{source}: {tidy(part.name)!r} must hold real numbers in a full array, not {tidy(part.kind)!r}.")
    check_size(source, f"the variable {part.name!r}", part.shape, 8)
    values = _plain(part.element, math.prod(part.shape), f"{source}: {part.name!r}")
    part.element.finish()
    wanted = {"double": "f8", "single": "f4", "logical": "?"}.get(part.kind, part.kind)
    return values.astype(wanted, copy=False).reshape(part.shape, order="F")


def _plain(element: Element, count: int | None, what: str) -> NDArray[Any]:
    """The numbers of one sub-element: so many, or as many as it has."""
    code, size, content = element.tag()
    kind = np.dtype(f"{element.order}{_STORED[code]}")
    if count is not None and size != count * kind.itemsize:
        raise DataError(f"{what} holds {size} bytes, which its shape denies.")
    if size > MAX_BYTES:
        raise DataError(f"{what} holds {size} bytes; at most {MAX_BYTES} are allowed.")
    found = np.frombuffer(element.read(size) if content is None else content, kind)
    if content is None:
        element.skip_padding(size)
    return found


def text(part: Matrix) -> Coded:
    """The rows of a matrix of characters."""
    if len(part.shape) != 2 or math.prod(part.shape) > MAX_BYTES // 16:
        raise ValueError("characters must be a matrix of moderate size")
    codes = _plain(part.element, math.prod(part.shape), repr(part.name))
    return rows_of_text(codes.reshape(part.shape, order="F"))


def words(part: Matrix, source: str) -> Coded:
    """The words of a cell, or whole numbers as such."""
    if math.prod(part.shape) > MAX_CELLS:
        raise DataError(f"{source}: the cell {part.name!r} has more than {MAX_CELLS} words.")
    found = []
    for _ in range(math.prod(part.shape)):
        inner = _nested(part.element)
        if inner.kind == "char" and (not inner.shape or inner.shape[0] <= 1):
            found.append("".join(chr(int(code)) for code in _plain(inner.element, math.prod(inner.shape), repr(part.name))))
        elif inner.kind in NUMERIC and math.prod(inner.shape) == 1:
            found.append(f"{numbers(inner, source).item():g}")
        else:
            raise DataError(f"{source}: the cell {part.name!r} must hold words.")
    return coded_words(found)


def sparse(part: Matrix, source: str) -> NDArray[Any]:
    """A sparse matrix made full; MATLAB stores them by columns."""
    if len(part.shape) != 2:
        raise ValueError("a sparse matrix has two axes")
    check_size(source, f"the variable {part.name!r}, which is sparse,", part.shape, 8)
    places, ends, data = (_plain(part.element, None, f"{source}: {part.name!r}") for _ in range(3))
    count = int(ends[-1]) if len(ends) else 0
    return full(source, "csc", (part.shape[0], part.shape[1]), data[:count], places[:count], ends)


def fields(part: Matrix, source: str) -> dict[str, Stored]:
    """The fields of a struct as variables."""
    if math.prod(part.shape) != 1:
        raise DataError(f"{source}: the struct {tidy(part.name)!r} must be one, not an array of {part.shape}.")
    length = int(np.frombuffer(part.element.part(8)[1], f"{part.element.order}i4")[0])
    listed = part.element.part(MAX_ELEMENTS)[1]
    names = [
        listed[start : start + length].split(b"\0")[0].decode("latin-1") for start in range(0, len(listed), max(length, 1))
    ]
    found: dict[str, Stored] = {}
    for name in names:
        inner = _nested(part.element)
        found[name] = stored(inner.kind, inner.shape, partial(_again, inner, name), source, name)
    return found


def _again(inner: Matrix, name: str, use: Callable[[Matrix], Any]) -> Any:
    """Open a nested matrix at the beginning of its content."""
    stream = inner.element.stream
    stream.seek(0)
    element = Element(stream, stream.seek(0, 2), False, inner.element.order)
    stream.seek(0)
    _, shape, kind = matrix_header(element)
    return use(Matrix(element, name, shape, kind))


def _nested(outer: Element) -> Matrix:
    """The next matrix inside another one, in memory."""
    code, size, content = outer.tag()
    if code != MATRIX or content is not None or size > MAX_BYTES:
        raise ValueError("a nested matrix was expected")
    inside = Element(BytesIO(bytes(outer.read(size))), size, False, outer.order)
    if not size:
        return Matrix(inside, "", (0, 0), "double")
    name, shape, kind = matrix_header(inside)
    return Matrix(inside, name, shape, kind)

"""The variables of a MATLAB file of version 5 to 7, read in plain Python: numbers, characters, cells of words, sparse
matrices, and the fields of one struct.

SciPy's reader is not made for hostile files: a few changed bytes end the whole process with a segmentation fault. The
format is small enough to read here (MathWorks, "MAT-File Format", level 5): a file is a list of
elements, each maybe deflated; a matrix is the sub-elements flags, dimensions, name and numbers.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.arrays import Stored
from core.datasets.checks import MAX_BYTES, check_size, tidy
from core.datasets.labels import Coded
from core.datasets.sparse import full
from core.datasets.words import coded_words, rows_of_text

MAX_CELLS = 200_000
MAX_ELEMENTS = 10_000
_PIECE = 2**14
_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_COMPLEX, _LOGICAL, _OPAQUE = 0x800, 0x200, 17
_MAX_NAME, _MAX_AXES = 1024, 32
_ENDINGS: dict[bytes, Literal["<", ">"]] = {b"IM": "<", b"MI": ">"}
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8", 16: "u1", 17: "u2"}
_CLASSES = (
    *("unknown", "cell", "struct", "object", "char", "sparse", "double", "single", "int8", "uint8", "int16", "uint16"),
    *("int32", "uint32", "int64", "uint64", "function", "opaque", "object"),
)
NUMERIC = ("double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))


@dataclass(frozen=True)
class Variable:
    """What a file says of one variable, and where its element lies."""

    name: str
    shape: tuple[int, ...]
    kind: str
    place: int
    size: int
    packed: bool


class Element:
    """The content of one element, inflated no further than it is read."""

    def __init__(self, stream: BinaryIO, size: int, packed: bool, order: str) -> None:
        self.order = order
        self._left = size
        self.stream = stream
        self._pending = b""
        self._inflater = zlib.decompressobj() if packed else None
        if packed:
            self.words(2)  # the tag of the matrix inside

    def read(self, n: int) -> bytearray:
        """Exactly `n` bytes."""
        content = bytearray()
        while len(content) < n:
            some = self._some(n - len(content))
            if not some:
                raise EOFError("a variable ends early")
            content += some
        return content

    def words(self, n: int) -> list[int]:
        """`n` unsigned 32-bit numbers."""
        return [int(word) for word in np.frombuffer(self.read(4 * n), f"{self.order}u4")]

    def tag(self) -> tuple[int, int, bytes | None]:
        """Type and size of the next sub-element, and its content where that is packed into the tag."""
        first, second = self.words(2)
        if first >> 16:
            size = first >> 16
            if size > 4:
                raise ValueError("a packed tag of more than 4 bytes")
            return first & 0xFFFF, size, second.to_bytes(4, "little" if self.order == "<" else "big")[:size]
        return first, second, None

    def part(self, limit: int) -> tuple[int, bytes]:
        """Type and content of the next sub-element, of at most `limit` bytes."""
        kind, size, content = self.tag()
        if content is None:
            if size > limit:
                raise ValueError(f"{size} bytes where at most {limit} can be")
            content = bytes(self.read(size))
            self.skip_padding(size)
        return kind, content

    def skip_padding(self, size: int) -> None:
        """Sub-elements begin at multiples of eight bytes; the last one may lack its padding."""
        left = -size % 8
        while left and (some := self._some(left)):
            left -= len(some)

    def finish(self) -> None:
        """Reach the end, where zlib compares the checksum; nothing but padding may come before it."""
        rest = self._some(64)
        if len(rest) > 8 or (rest and self._some(64)) or (self._inflater is not None and not self._inflater.eof):
            raise ValueError("a variable holds more than it declares, or is cut off")

    def _some(self, limit: int) -> bytes:
        while True:
            if not self._pending and self._left > 0:
                self._pending = self.stream.read(min(self._left, _PIECE))
                self._left = self._left - len(self._pending) if self._pending else 0
            if self._inflater is None:
                some, self._pending = self._pending[:limit], self._pending[limit:]
                return some
            some = b"" if self._inflater.eof else self._inflater.decompress(self._pending, limit)
            self._pending = b"" if self._inflater.eof else self._inflater.unconsumed_tail
            if some or self._inflater.eof or (not self._pending and self._left <= 0):
                return some


def variables(path: Path, source: str) -> list[Variable]:
    """All variables by their headers; nothing of their content is read.

    Raises
    ------
    DataError
        If the file is of another version, or lists too many variables.
    """
    found: list[Variable] = []
    with path.open("rb") as stream:
        order = _order(stream, source)
        for kind, place, size in _elements(stream, order, source):
            if kind in (_MATRIX, _COMPRESSED):
                stream.seek(place)
                element = Element(stream, size, kind == _COMPRESSED, order)
                found.append(Variable(*matrix_header(element), place, size, kind == _COMPRESSED))
    return found


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
        order = _order(stream, source)
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
    if code != _MATRIX or content is not None or size > MAX_BYTES:
        raise ValueError("a nested matrix was expected")
    inside = Element(BytesIO(bytes(outer.read(size))), size, False, outer.order)
    if not size:
        return Matrix(inside, "", (0, 0), "double")
    name, shape, kind = matrix_header(inside)
    return Matrix(inside, name, shape, kind)


def _order(stream: BinaryIO, source: str) -> Literal["<", ">"]:
    header = stream.read(_HEADER)
    order = _ENDINGS.get(header[126:128])
    if order is None or header[124:126] != (b"\x00\x01" if order == "<" else b"\x01\x00"):
        raise DataError(f"{source} must be a MATLAB file of version 5 or later. Write it with save(..., '-v7').")
    return order


def _elements(stream: BinaryIO, order: str, source: str) -> Iterator[tuple[int, int, int]]:
    """Type, place and size of each element; their sizes may not reach beyond the end of the file."""
    end = stream.seek(0, 2)
    place = _HEADER
    for _ in range(MAX_ELEMENTS):
        stream.seek(place)
        tag = stream.read(8)
        if not tag:
            return
        kind, size = (int(word) for word in np.frombuffer(tag, f"{order}u4"))
        if place + 8 + size > end:
            raise EOFError("a variable reaches beyond the end of the file")
        yield kind, place + 8, size
        place += 8 + size
    raise DataError(f"{source} has more than {MAX_ELEMENTS} variables.")


def matrix_header(element: Element) -> tuple[str, tuple[int, ...], str]:
    """Name, shape and class. Complex numbers and logical ones are classes of their own here."""
    flags = int(np.frombuffer(element.part(8)[1], f"{element.order}u4")[0])
    code = flags & 0xFF
    kind = _CLASSES[code] if code < len(_CLASSES) else "unknown"
    shape: tuple[int, ...] = ()
    if code != _OPAQUE:
        axes = np.frombuffer(element.part(4 * _MAX_AXES)[1], f"{element.order}i4")
        shape = tuple(int(size) for size in axes)
    name = element.part(_MAX_NAME)[1].decode("latin-1")
    if kind in NUMERIC and flags & _COMPLEX:
        kind = "complex"
    elif kind in NUMERIC and flags & _LOGICAL:
        kind = "logical"
    return name, shape, kind

"""How a MATLAB file of version 5 to 7 is laid out, in plain Python; `mat5` reads what its matrices hold.

SciPy's reader is not made for hostile files: a few changed bytes end the whole process with a segmentation fault. The
format is small enough to read here (MathWorks, "MAT-File Format", level 5): a file is a list of elements, each maybe
deflated; a matrix is the sub-elements flags, dimensions, name and content.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from core.common import DataError

MAX_ELEMENTS = 10_000
_PIECE = 2**14
_HEADER = 128
MATRIX, _COMPRESSED = 14, 15
_COMPLEX, _LOGICAL, _OPAQUE = 0x800, 0x200, 17
_MAX_NAME, _MAX_AXES = 1024, 32
_ENDINGS: dict[bytes, Literal["<", ">"]] = {b"IM": "<", b"MI": ">"}
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
        order = byte_order(stream, source)
        for kind, place, size in _elements(stream, order, source):
            if kind in (MATRIX, _COMPRESSED):
                stream.seek(place)
                element = Element(stream, size, kind == _COMPRESSED, order)
                found.append(Variable(*matrix_header(element), place, size, kind == _COMPRESSED))
    return found


def byte_order(stream: BinaryIO, source: str) -> Literal["<", ">"]:
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

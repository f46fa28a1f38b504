"""What a zip says of itself, before `zipfile` reads all of its directory."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from core.common import DataError

_END, _END_SIZE, _LOCATOR, _LOCATOR_SIZE = b"PK\x05\x06", 22, b"PK\x06\x07", 20
_LARGE_END, _LARGE_END_SIZE = b"PK\x06\x06", 56
_BYTES_A_MEMBER = 2**10


def check_directory(path: Path, source: str, most: int) -> None:
    """Refuse a zip whose directory alone would fill the memory.

    Raises
    ------
    DataError
        If it lists more than so many members, or is no zip.
    """
    with path.open("rb") as stream:
        n_members, directory = _declared(stream, source)
    if n_members > most or directory > most * _BYTES_A_MEMBER:
        raise DataError(f"{source} lists {n_members} members in {directory} bytes; at most {most} are allowed.")


def _declared(stream: BinaryIO, source: str) -> tuple[int, int]:
    """Members and bytes of the directory; of more than 65,535 members another record says it (zip64)."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - 2**16 - _END_SIZE - _LOCATOR_SIZE))
    tail = stream.read()
    place = tail.rfind(_END)
    if place < 0 or len(tail) - place < _END_SIZE:
        raise DataError(f"{source} is not an archive: it has no zip directory, or was cut off.")
    locator = tail[max(0, place - _LOCATOR_SIZE) : place]
    if not locator.startswith(_LOCATOR):
        return _number(tail, place + 10, 2), _number(tail, place + 12, 4)
    stream.seek(_number(locator, 8, 8) if _number(locator, 8, 8) < size else size)
    record = stream.read(_LARGE_END_SIZE)
    if len(record) < _LARGE_END_SIZE or not record.startswith(_LARGE_END):
        raise DataError(f"{source} is not an archive: its zip directory is not where it says.")
    return _number(record, 32, 8), _number(record, 40, 8)


def _number(data: bytes, place: int, size: int) -> int:
    return int.from_bytes(data[place : place + size], "little")

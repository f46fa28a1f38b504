"""What a zip says of itself, before `zipfile` reads all of its directory."""

from __future__ import annotations

from pathlib import Path

from core.common import DataError

_END, _END_SIZE, _LOCATOR, _LOCATOR_SIZE = b"PK\x05\x06", 22, b"PK\x06\x07", 20
_BYTES_A_MEMBER = 2**10


def check_directory(path: Path, source: str, most: int) -> None:
    """Refuse a zip whose directory alone would fill the memory; at most 65,535 members are possible here.

    Raises
    ------
    DataError
        If it lists more than so many members, or is no zip.
    """
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - 2**16 - _END_SIZE - _LOCATOR_SIZE))
        tail = stream.read()
    place = tail.rfind(_END)
    if place < 0 or len(tail) - place < _END_SIZE:
        raise DataError(f"{source} is not an archive: it has no zip directory, or was cut off.")
    n_members = int.from_bytes(tail[place + 10 : place + 12], "little")
    directory = int.from_bytes(tail[place + 12 : place + 16], "little")
    zip64 = tail[max(0, place - _LOCATOR_SIZE) : place].startswith(_LOCATOR)
    if n_members > most or directory > most * _BYTES_A_MEMBER or zip64:
        raise DataError(f"{source} lists {n_members} members in {directory} bytes; at most {most} are allowed.")

"""Large arrays that many runs have in common lie on disk once: pretrained codes, or the samples where nothing learns codes.

Such an array is a file in the folder of each run that has it, named after its content. All of them are hard links to one, which
``<home>/arrays`` holds too, for the next run to find. So a run is whole without its neighbours, may be moved or deleted as it
is, and what the last one leaves goes with the next sweep. Where a disk has no hard links, each run has a copy of its own.
"""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.common import StorageError, stored_file, temporary_neighbour

LEAST = 2**18
"""Bytes from which on an array is worth a file of its own."""
MARK = ".shared"
"""Ends the name under which the archive of a run tells which file holds an array."""


def as_file(array: NDArray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def named_by(content: bytes) -> str:
    """The name that a file of that content has."""
    return f"{hashlib.blake2b(content, digest_size=16).hexdigest()}.npy"


def read(path: Path) -> NDArray:
    """What such a file holds.

    Raises
    ------
    StorageError
        If it is gone, or its content is not what its name says.
    """
    try:
        with stored_file(path):
            content = path.read_bytes()
            if named_by(content) != path.name:
                raise ValueError("its content has another checksum")
            array: NDArray = np.load(io.BytesIO(content), allow_pickle=False)
            return array
    except FileNotFoundError as error:
        raise StorageError(f"The file {path} is gone. Delete the run that it belongs to, or put back a copy of it.") from error


class SharedArrays:
    """The files that the next run may find, ``<home>/arrays``."""

    def __init__(self, home: Path) -> None:
        self._root = home / "arrays"

    def link(self, name: str, folder: Path) -> bool:
        """Put the file of that name into the folder of a run; False if it is not here, broken, or cannot be linked."""
        known = self._root / name
        try:
            read(known)
            _link_over(known, folder / name)
        except (StorageError, OSError):
            return False
        return True

    def adopt(self, path: Path) -> None:
        """Let later runs find the file of this one; where a disk has no hard links, they cannot."""
        self._root.mkdir(exist_ok=True)
        try:
            _link_over(path, self._root / path.name)
        except OSError:
            return

    def sweep(self) -> list[str]:
        """Forget the files that no run has any more."""
        found = [path for path in self._root.glob("*.npy") if path.stat().st_nlink == 1]
        for path in found:
            path.unlink(missing_ok=True)
        return [f"{self._root.name}/{path.name}" for path in found]


def _link_over(there: Path, here: Path) -> None:
    """A hard link in place of whatever has the name."""
    here.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_neighbour(here)
    try:
        os.link(there, temporary)
        os.replace(temporary, here)
    finally:
        temporary.unlink(missing_ok=True)

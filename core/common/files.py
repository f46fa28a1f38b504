"""Files that appear whole or not at all, and what is said of those that cannot be read."""

from __future__ import annotations

import os
import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import BadZipFile

import psutil

from core.common.errors import StorageError


@contextmanager
def atomic_write(path: Path) -> Iterator[Any]:
    """Open a temporary neighbour of `path` for writing; it takes the name once it is complete and on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_neighbour(path)
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def written_by_the_dead(path: Path) -> bool:
    """Whether a temporary file or folder, with the id of its writer in its name, was left behind by one that has gone."""
    writer = path.name.rpartition(".tmp")[0].split(".")[-2:-1]
    return bool(writer) and writer[0].isdecimal() and not psutil.pid_exists(int(writer[0]))


def temporary_neighbour(path: Path) -> Path:
    """A name beside `path` that nobody else writes to, and that tells by whom."""
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(3)}.tmp")


@contextmanager
def stored_file(path: Path) -> Iterator[None]:
    """Read a file that the app has written; one that is broken is told by name.

    Raises
    ------
    StorageError
        If it cannot be read as what it should be. A `FileNotFoundError` is passed on.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError, BadZipFile, RuntimeError, KeyError, UnpicklingError, zlib.error) as error:
        raise StorageError(
            f"The file {path} is broken and cannot be read ({str(error).partition('.')[0] or type(error).__name__}). Delete "
            "what it belongs to, or put back a copy of it."
        ) from error

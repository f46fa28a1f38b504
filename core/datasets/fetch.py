"""Fetch a classic by its name: terms first, then its files, then the file that the catalogue reads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from core.common import DataError, atomic_write, demand_writable, home
from core.datasets.catalogue import Entry, entry, find
from core.datasets.checks import refusing_damage
from core.datasets.download import Remote, download
from core.datasets.names import simple
from core.datasets.rcv1 import FILE as RCV1
from core.datasets.rcv1 import fetch_rcv1_10k
from core.datasets.recipes import RECIPES
from core.datasets.sources import SOURCES, Source

Tell = Callable[[str, int, int], None]
"""What is being done, and how far it is: done and in all, 0 where that is not known."""
OTHER_NAMES = {"olivetti": "orl", "fashion": "fashion_mnist", "extended_yale_b": "yaleb", "rcv1": "rcv1_10k"}
_RCV1_MEGABYTES = 656.0


def known_as(name: str) -> str:
    """A name as people write it, as the catalogue has it: ``COIL-20``, ``Olivetti``, ``Extended Yale B``."""
    plain = "_".join(simple(name).replace("-", " ").split())
    plain = OTHER_NAMES.get(plain, plain)
    return plain.replace("coil_", "coil")


def megabytes(listed: Entry) -> float | None:
    """About how much has to be loaded; None where it cannot be fetched."""
    if listed.file == RCV1:
        return _RCV1_MEGABYTES
    source = SOURCES.get(listed.file or "")
    return None if source is None else source.megabytes


def fetch(name: str, tell: Tell) -> Path | None:
    """Get a named data set; returns its file, None for one that needs none.

    What comes of it is in ``<home>/data``; downloads lie in ``<home>/data/downloads`` until then, whole or in part, so
    that the next try goes on from there.

    Raises
    ------
    UnknownName
        If there is none of that name.
    DataError
        If it cannot be had; then in words what went wrong, and what else there is to do.
    """
    if known_as(name) in RECIPES:
        raise DataError(RECIPES[known_as(name)].words)
    listed = entry(known_as(name))
    if listed.file is None:
        return None
    here = find(listed.name)
    if here is not None:
        return here
    demand_writable("a download")
    if listed.file == RCV1:
        tell("scikit-learn downloads the corpus", 0, 0)
        return fetch_rcv1_10k()
    source = SOURCES[listed.file]
    folder = home() / "data" / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder / f"{listed.file}.lock", listed.title):
        try:
            files = [download(remote, folder, _of(remote, tell)) for remote in source.remotes]
        except DataError as error:
            raise DataError(f"{error} {listed.how_to_get}") from error
        tell("Making the data set", 0, 0)
        return _made(source, files, home() / "data" / listed.file, listed.title)


def _made(source: Source, files: list[Path], target: Path, title: str) -> Path:
    """Make the file, then throw away what it was made of; that too where it was something else."""
    try:
        with refusing_damage(title, "what it should be"):
            arrays = source.make(files)
            with atomic_write(target) as out:
                np.savez_compressed(out, allow_pickle=False, **arrays)
    finally:
        for file in files:
            file.unlink()
    return target


@contextmanager
def _alone(lock: Path, title: str) -> Iterator[None]:
    """Nobody else loads the same: two would write into one file."""
    with lock.open("w") as file:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise DataError(f"{title} is being fetched already.") from error
        yield


def _of(remote: Remote, tell: Tell) -> Callable[[int, int], None]:
    return lambda done, total: tell(f"Loading {remote.name}", done, total)

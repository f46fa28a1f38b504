"""The list of faults, and how one is put into a tree."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent


@dataclass(frozen=True)
class Mutant:
    """An edit that makes the code wrong.

    Attributes
    ----------
    file
        Path from the root of the tree.
    old, new
        Text that stands in the file once, and what takes its place.
    tests
        What to run, as pytest takes it: a file, and a ``-k`` expression where the file is long.
    why
        What would go wrong, in a line.
    """

    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    why: str

    @contextmanager
    def within(self, root: Path) -> Iterator[None]:
        """The edit is in the tree at `root` for as long as the ``with`` lasts.

        Raises
        ------
        ValueError
            If the text is not there exactly once.
        """
        path = root / self.file
        text = path.read_text(encoding="utf-8")
        if (count := text.count(self.old)) != 1:
            raise ValueError(f"{self.file} holds the text {count} times:\n{self.old}")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(text, encoding="utf-8")


def catalogue(path: Path = FOLDER / "mutants.toml") -> list[Mutant]:
    """All faults of the list."""
    listed = tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]
    return [Mutant(**{**entry, "tests": tuple(entry["tests"])}) for entry in listed]

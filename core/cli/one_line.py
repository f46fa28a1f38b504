"""How far something has come, on one line of a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

WIDTH = 79


@contextmanager
def one_line() -> Iterator[Callable[[str, str], None]]:
    """Give a function that tells what is being done and how far it is, and clear the line in the end, however that comes.

    On a terminal it overwrites what it said before. In a file or a pipe, where nobody watches and programs read, only what
    is being done is said, once and on a line of its own.
    """
    watched, said = sys.stderr.isatty(), [""]

    def say(doing: str, far: str) -> None:
        if watched:
            print(f"\r{doing}{far}".ljust(WIDTH), end="", file=sys.stderr, flush=True)
        elif doing != said[0]:
            print(doing, file=sys.stderr, flush=True)
        said[0] = doing

    try:
        yield say
    finally:
        if watched:
            print("\r".ljust(WIDTH), end="\r", file=sys.stderr)

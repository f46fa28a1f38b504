"""How far something has come, on one line of a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

WIDTH = 79


@contextmanager
def one_line() -> Iterator[Callable[[str], None]]:
    """Give a function whose words take the place of those before, and clear the line in the end, however that comes.

    Where nobody watches, in a file or a pipe, nothing is written: what stands there is read by programs.
    """
    watched = sys.stderr.isatty()

    def say(words: str) -> None:
        if watched:
            print(f"\r{words}".ljust(WIDTH), end="", file=sys.stderr, flush=True)

    try:
        yield say
    finally:
        if watched:
            print("\r".ljust(WIDTH), end="\r", file=sys.stderr)

"""How far the reading of a large file is: said by readers, heard by whoever asked for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Tell = Callable[[int, int], None]
_listener: ContextVar[Tell | None] = ContextVar("listener", default=None)


@contextmanager
def heard_by(listener: Tell) -> Iterator[None]:
    """Let `listener` hear, of what is read inside, how much is done and of how much."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(done: int, total: int) -> None:
    """Say how far it is; nobody need listen."""
    listener = _listener.get()
    if listener is not None:
        listener(done, total)

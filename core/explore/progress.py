"""How far the work on a question is, and the wish to stop it: notices between the asking process and the answering one."""

from __future__ import annotations

import time
from dataclasses import dataclass

from core.runs import RunStore

TELL_SECONDS = 0.5


@dataclass(frozen=True)
class Progress:
    """Steps done, of all there are."""

    done: int
    total: int


class Stopped(Exception):
    """Nobody wants the answer any more."""


class Watch:
    """Of one question: tells how far the work is, and hears that it is to stop."""

    def __init__(self, store: RunStore, key: str) -> None:
        self._notices, self._progress, self._stop = store.notices, f"progress:{key}", f"stop:{key}"
        self._told = 0.0

    def tell(self, done: int, total: int) -> None:
        """Say how far the work is, at most every half second.

        Raises
        ------
        Stopped
            If somebody wants it to end.
        """
        if time.monotonic() - self._told < TELL_SECONDS:
            return
        self._told = time.monotonic()
        self.check()
        self._notices.post(self._progress, [done, total])

    def check(self) -> None:
        """End the work here if that is wanted."""
        if self._notices.read(self._stop):
            raise Stopped

    def read(self) -> Progress | None:
        """How far the work is, if it has said so."""
        told = self._notices.read(self._progress)
        return None if told is None else Progress(*told)

    def stop(self) -> None:
        """Wish that the work ends."""
        self._notices.post(self._stop, True)

    def clear(self) -> None:
        """Forget what was told and wished."""
        self._notices.withdraw(self._progress)
        self._notices.withdraw(self._stop)

"""How many runs train at once on the processor."""

from __future__ import annotations

import os

from core.common import ParameterError, demand_writable
from core.runs import RunStore, available_cores, training_threads

VARIABLE = "AFFINITY_LAB_WORKERS"
_NOTICE = "workers"


class Capacity:
    """The setting, and its limits.

    It never changes the number of threads of a run, on which sums of floats depend: fewer runs leave cores free.

    Parameters
    ----------
    store : RunStore
        Keeps what users choose.
    given : int, optional
        The number, whatever is set elsewhere.

    Raises
    ------
    ParameterError
        If the environment variable ``AFFINITY_LAB_WORKERS`` is set to what cannot be.
    """

    def __init__(self, store: RunStore, given: int | None = None) -> None:
        self._store = store
        self._given = _of_environment() if given is None else given

    @property
    def most(self) -> int:
        """With so many, every core has one thread."""
        return most_workers()

    @property
    def fixed(self) -> bool:
        """Whether it is set where users cannot change it."""
        return self._given is not None

    @property
    def now(self) -> int:
        """What was given, else what users chose last, else as many as the cores allow."""
        if self._given is not None:
            return self._given
        chosen = self._store.notices.read(_NOTICE)
        return self.most if chosen is None else max(1, min(int(chosen), self.most))

    def choose(self, workers: int) -> None:
        """Keep what a user has chosen, for all users of the home and for later.

        Raises
        ------
        ParameterError
            If it is out of bounds, or fixed.
        """
        demand_writable("another number of runs at once")
        if self.fixed:
            raise ParameterError(f"{VARIABLE} says how many runs train at once, so it cannot be chosen here.")
        self._store.notices.post(_NOTICE, _checked(workers))


def most_workers() -> int:
    """How many runs fit on the cores with the threads that each gets."""
    return max(1, available_cores() // training_threads())


def _of_environment() -> int | None:
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None
    return _checked(int(text) if text.isdecimal() else text)


def _checked(given: object) -> int:
    most = most_workers()
    if isinstance(given, int) and 1 <= given <= most:
        return given
    why = f"{available_cores()} cores, and a run has {training_threads()} threads (AFFINITY_LAB_THREADS)"
    raise ParameterError(f"{VARIABLE} must be an integer in [1, {most}]: there are {why}. Got {given!r} instead.")

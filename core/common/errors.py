"""What can go wrong, as a tree that callers can catch by meaning.

::

    AffinityLabError
    ├── InvalidInput            the user gave something that cannot be used (command line: exit code 2)
    │   ├── ParameterError      an unknown hyperparameter, or a value out of bounds
    │   ├── DataError           a file or data set that cannot be read or used
    │   ├── DeviceError         a device that is not on this machine
    │   ├── ClusterError        a scheduler that is not there, or whose workers cannot train
    │   └── UnknownName         a method, data set, preset or run that does not exist
    ├── StorageError            the home, the database or a file in it that cannot be read or written
    ├── ClusterLost             the scheduler that trained runs has gone
    ├── Diverged                a loss term stopped being finite
    ├── RunConflict             the run is not in a state that allows the request
    │   └── RunTaken            the run is of another process by now (exit code 3)
    └── ReadOnlyError           this app only shows what is there (exit code 4)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")


class AffinityLabError(Exception):
    """Base of every error that this package raises on purpose."""


class InvalidInput(AffinityLabError, ValueError):
    """Something the user gave cannot be used; the message says what, what is allowed and what was given."""


class ParameterError(InvalidInput):
    """An unknown hyperparameter, or a value outside its bounds."""


class DataError(InvalidInput):
    """A file or data set that cannot be read or used."""


class DeviceError(InvalidInput):
    """A device that this machine does not have."""


class ClusterError(InvalidInput):
    """A scheduler that does not answer, or whose workers cannot train runs of this app; the message says what to do."""


class UnknownName(InvalidInput):
    """A method, data set, preset or run that does not exist."""

    def __init__(self, kind: str, given: str, known: Iterable[str]) -> None:
        names = sorted(known)
        close = get_close_matches(given, names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        listed = ", ".join(names) if names else "none"
        super().__init__(f"There is no {kind} named {given!r}.{hint} Known: {listed}.")


def named(kind: str, name: str, known: Mapping[str, T]) -> T:
    """What is known under a name.

    Raises
    ------
    UnknownName
        If there is nothing of that name.
    """
    if name not in known:
        raise UnknownName(kind, name, known)
    return known[name]


class StorageError(AffinityLabError):
    """The home, its database or a file of a run cannot be read or written; the message says which, why, and what to do."""


class ClusterLost(AffinityLabError):
    """The scheduler that trained runs does not answer any more; what had no end waits."""


class Diverged(AffinityLabError):
    """A loss term stopped being finite, or grew without bounds.

    Parameters
    ----------
    term : str
        The first term that was not finite, in the order the method reports its terms.
    stage, step
        Where it happened.
    advice : str
        What to do about it.
    """

    def __init__(
        self,
        term: str,
        stage: str,
        step: int,
        value: float,
        advice: str = "Lower the learning rate or the weight of that term.",
    ) -> None:
        self.term, self.stage, self.step = term, stage, step
        super().__init__(
            f"Training diverged: the term {term!r} became {value:g} at epoch {step} of the stage {stage!r}. {advice}"
        )


class RunConflict(AffinityLabError):
    """The run is not in a state that allows what was asked."""


class RunTaken(RunConflict):
    """The process that works on a run has lost it: the run was settled, or another process has it. It ends itself."""


class ReadOnlyError(AffinityLabError):
    """Something was to be launched, changed or deleted where ``AFFINITY_LAB_READONLY`` allows looking only."""


class NotFitted(AffinityLabError):
    """Something was asked of a method that only a fitted one can tell."""

"""One measured number and how far it may go."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from numpy.typing import NDArray

from core.datasets import Dataset
from core.evaluation import evaluate

T = TypeVar("T")


@dataclass(frozen=True)
class Ratio:
    """A measured number.

    Attributes
    ----------
    what
        What is compared, in words.
    value
        The ratio, or the seconds where `what` says so.
    at_most, at_least
        How far it may go; None: any value will do.
    detail
        The parts it was made of.
    """

    what: str
    value: float
    at_most: float | None = None
    at_least: float | None = None
    detail: str = ""

    @property
    def held(self) -> bool:
        return (self.at_most is None or self.value <= self.at_most) and (self.at_least is None or self.value >= self.at_least)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "held": self.held, "words": str(self)}

    def __str__(self) -> str:
        bounds = [f"{word} {bound:g}" for word, bound in (("at most", self.at_most), ("at least", self.at_least)) if bound]
        verdict = f" ({', '.join(bounds)}: {'held' if self.held else 'NOT HELD'})" if bounds else ""
        return f"{self.what}: {self.value:.2f}{verdict}{f'; {self.detail}' if self.detail else ''}"


def cpu_seconds(act: Callable[[], T]) -> tuple[float, T]:
    """CPU seconds of this process, all its threads together, that `act` takes, and what it returns."""
    began = time.process_time()
    result = act()
    return time.process_time() - began, result


def accuracies(data: Dataset, clusterings: Sequence[NDArray]) -> list[float]:
    """ACC of several clusterings of data that have classes."""
    assert data.y is not None
    return [evaluate(data.y, labels)["acc"] for labels in clusterings]

"""The clusters as they are read off the arrays of a step, once for all who look at the same arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Asked(Mapping[str, Any]):
    """Arrays that take note of what was asked for; what there was not is noted too."""

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self._arrays = arrays
        self.seen: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        self.seen[name] = self._arrays.get(name)
        return self._arrays[name]

    def __contains__(self, name: object) -> bool:
        self.seen[str(name)] = self._arrays.get(str(name))
        return name in self._arrays

    def __iter__(self) -> Iterator[str]:
        self.seen |= self._arrays
        return iter(self._arrays)

    def __len__(self) -> int:
        self.seen |= self._arrays
        return len(self._arrays)


@dataclass(frozen=True)
class Reading:
    """Affinity and last step of a method, and the arrays that they are of."""

    affinity: NDArray | None
    labeller: Any
    asked: Asked

    def is_of(self, arrays: Mapping[str, Any]) -> bool:
        """Whether the same would be read off these arrays: whatever was asked for has not changed."""
        return all(_same(value, arrays.get(name)) for name, value in self.asked.seen.items())


def _same(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    if hasattr(one, "tocoo") or hasattr(other, "tocoo"):
        return one is other  # to compare these takes as long as some are read
    return np.shape(one) == np.shape(other) and bool(np.array_equal(one, other))

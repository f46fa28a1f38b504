"""The clusters as they are read off the arrays of a step, once for all who look at the same arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
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
    """Affinity and last step of a method, and what they are read off."""

    affinity: NDArray | None
    labeller: Callable[[int], NDArray[np.int64]]
    asked: Asked


class Kept:
    """A reading that is at hand for whoever asks the same again.

    It is kept once it has given labels, since a last step may ask for arrays no sooner; and by digests, since the arrays of a
    step may be the very memory that the next step changes.
    """

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self._digests = {name: digest(value) for name, value in reading.asked.seen.items()}

    def is_of(self, arrays: Mapping[str, Any]) -> bool:
        """Whether the same would be read off these arrays: whatever was asked for has not changed."""
        return all(digest(arrays.get(name)) == value for name, value in self._digests.items())


def digest(value: Any) -> bytes:
    """Of an array or a sparse matrix, with shape and type; of None too."""
    found, parts = blake2b(digest_size=16), [value]
    if hasattr(value, "tocsr"):
        csr = value.tocsr()
        parts = [csr.data, csr.indices, csr.indptr, csr.shape]
    for part in (np.ascontiguousarray(part) for part in parts if part is not None):
        found.update(f"{part.dtype}{part.shape}".encode())
        found.update(part.data)
    return found.digest()

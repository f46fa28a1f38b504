"""What is odd about samples, counted once: copies, features that never change."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MANY = 2**28


def peculiarities(X: NDArray[Any]) -> list[str]:
    """Sentences on equal samples and constant features; none where there are none, or where there is too much to look at."""
    if X.nbytes > _MANY:
        return []
    copies = len(X) - len({row.tobytes() for row in np.ascontiguousarray(X)})
    constant = int((X.min(axis=0) == X.max(axis=0)).sum())
    return [
        *(
            [f"{copies:,} samples are copies of others." if copies > 1 else "One sample is a copy of another."]
            if copies
            else []
        ),
        *([f"{constant:,} of {X.shape[1]:,} features never change."] if constant else []),
    ]

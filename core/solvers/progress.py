"""What every iterative solver of C reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Progress(NamedTuple):
    """What a solver has reached: iterations done of those planned, its scalars, and C as it is.

    C may be the solver's own working matrix: whoever wants to keep it beyond the next step copies it.
    """

    step: int
    total: int
    scalars: Mapping[str, Any]
    C: Any

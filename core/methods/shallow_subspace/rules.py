"""Rules of the methods that express samples by each other in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.methods.rules import Facts, rule


@rule("Strength without labels")
def strength(facts: Facts) -> Mapping[str, Any]:
    """Of the strengths .1, 1 and 10 that whose affinity falls most clearly into K blocks: none fits faces and digits both."""
    return {"strength": None}

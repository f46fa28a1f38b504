"""Rules of the methods that train a network and a self-expression together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.methods.parts.scope import FULL_LIMIT
from core.methods.rules import Facts, rule


@rule("Start from ridge")
def start(facts: Facts) -> Mapping[str, Any]:
    """C begins as the ridge solution on codes of unit norm, its strength chosen without labels, and five small steps follow: a
    constant start moves no entry by more than .03 in 30 steps, and larger steps undo the start."""
    return {
        "start": "ridge_unit", "ridge_strength": None, "epochs": 5, "learning_rate": 1e-4, "network_learning_rate": 1e-4,
    }  # fmt: skip


@rule("An even subset")
def subset(facts: Facts) -> Mapping[str, Any]:
    """More samples than an n x n matrix is made for: the subset that speaks for them is drawn again if its clusters are uneven,
    as two random ones in five mislead (USPS: ACC .86 for .92)."""
    return {"subset_by": "even"} if facts.n > FULL_LIMIT else {}

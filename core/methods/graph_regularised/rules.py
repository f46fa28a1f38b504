"""Rules of the auto-encoders of dense layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.methods.parts.rules import batch_for, layers_for, passes_for
from core.methods.rules import Facts, rule

UPDATES, LEAST_PASSES = 1000, 20


@rule("Two layers, small steps")
def training(facts: Facts) -> Mapping[str, Any]:
    """A thousand updates at 1e-3 of two layers with a code of about 3K: more updates of deep and narrow layers do not help."""
    batch = batch_for(facts.n)
    return {
        "widths": layers_for(facts), "batch_size": batch, "epochs": passes_for(facts.n, batch, UPDATES, LEAST_PASSES),
        "learning_rate": 1e-3, "validation": 0.0,
    }  # fmt: skip


@rule("Little is erased")
def erased(facts: Facts) -> Mapping[str, Any]:
    """A twentieth of the inputs: each share more hides of few samples what tells them apart."""
    return {"corruption": 0.05}


@rule("A sparse graph")
def graph(facts: Facts) -> Mapping[str, Any]:
    """Five neighbours among a quarter as many anchors as samples, 1,000 at most: so many that neighbours differ, so few that
    samples share them."""
    anchors = min(1000, max(2, facts.n // 4))
    return {
        "graph": "anchors", "n_anchors": anchors, "n_neighbors": min(5, anchors), "kernel": "code", "graph_widths": (200,),
    }  # fmt: skip

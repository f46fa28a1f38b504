"""Rules of the methods of a softmax."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.methods.parts.rules import batch_for, code_for, layers_for, passes_for
from core.methods.rules import Facts, rule

PRETRAINING_UPDATES, START_UPDATES, UPDATES, UPDATES_TRANSFORMED = 1000, 300, 1200, 2400


@rule("Layers that are reconstructed")
def network(facts: Facts) -> Mapping[str, Any]:
    """Two convolutions of 20 filters for images, where 50 are published; two dense layers for other data; a code of about 3K,
    where K is published: with K values between -1 and 1 the softmax is never sure. A thousand updates of pretraining."""
    batch = batch_for(facts.n, 16, 64)
    widths = (code_for(facts.n_clusters),) if facts.is_image else layers_for(facts)
    layers = {"channels": (20, 20), "kernel_sizes": (5, 5), "widths": widths}
    return {
        **layers, "batch_size": batch, "pretrain_learning_rate": 2e-3, "pretrain_schedule": "cosine",
        "pretrain_epochs": passes_for(facts.n, batch, PRETRAINING_UPDATES, 20),
    }  # fmt: skip


@rule("Clustering in updates")
def clustering(facts: Facts) -> Mapping[str, Any]:
    """Three hundred updates towards the first clusters, then nine hundred towards what the network says itself: half of that,
    in larger batches, cost five points on digits."""
    batch = batch_for(facts.n, 32, 64)
    return {
        "train_batch_size": batch, "epochs": passes_for(facts.n, batch, UPDATES, 15),
        "start_epochs": passes_for(facts.n, batch, START_UPDATES, 5), "learning_rate": 3e-3,
    }  # fmt: skip


@rule("Longer for what is transformed")
def transformed(facts: Facts) -> Mapping[str, Any]:
    """Twice as many updates where no sample is seen twice the same."""
    return {"epochs": passes_for(facts.n, batch_for(facts.n, 32, 64), UPDATES_TRANSFORMED, 30)}

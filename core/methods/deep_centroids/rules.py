"""Rules of the methods around centroids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.methods.parts.rules import batch_for, layers_for, passes_for
from core.methods.parts.scope import FULL_LIMIT
from core.methods.rules import Facts, rule

PRETRAINING_UPDATES, UPDATES = 1000, 400


@rule("Dense codes")
def codes(facts: Facts) -> Mapping[str, Any]:
    """Two dense layers with a code of about 3K, and a thousand updates of pretraining: of few samples in many
    clusters, k-means of such codes finds more than of longer stacks or of the published code of ten."""
    batch = batch_for(facts.n)
    return {
        "network": "dense", "widths": layers_for(facts), "batch_size": batch,
        "pretrain_learning_rate": 1e-3, "pretrain_schedule": "cosine",
        "pretrain_epochs": passes_for(facts.n, batch, PRETRAINING_UPDATES, 20),
    }  # fmt: skip


@rule("First clusters of a graph")
def first_clusters(facts: Facts) -> Mapping[str, Any]:
    """The cut of the graph of the codes' neighbours, whose clusters may have any form, as the labels of eleven sets had it on
    average; above 8,000 samples, where that takes minutes, the published start."""
    return {"start": "graph"} if facts.n <= FULL_LIMIT else {}


@rule("Clustering in updates")
def clustering(facts: Facts) -> Mapping[str, Any]:
    """Some 400 small updates in batches of an eighth of the samples: at ten times that rate they undo what pretraining found
    where clusters are small."""
    batch = batch_for(facts.n, 32, 256)
    return {"train_batch_size": batch, "epochs": passes_for(facts.n, batch, UPDATES, 10), "learning_rate": 1e-4}


@rule("Noise in the scale of the data")
def noise(facts: Facts) -> Mapping[str, Any]:
    """sigma^2 is half of the variance of a feature: as an absolute number it drowns data of low contrast."""
    return {"noise": max(0.5 * facts.variance, 1e-9), "learning_rate": 1e-3}  # the bound keeps codes where centroids do not

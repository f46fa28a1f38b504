"""Rules of DSCDAN and SpectralNet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.methods.parts.rules import batch_for, passes_for
from core.methods.rules import Facts, rule

PRETRAINING_UPDATES, START_UPDATES, HEAD_UPDATES, JOINT_UPDATES = 1000, 100, 400, 20
FAN = 4  # samples that a sample and its neighbours bring into a batch


@rule("Codes that keep their spread")
def codes(facts: Facts) -> Mapping[str, Any]:
    """The prior weighs .01: at 1 it collapses the codes of anything but large images. A thousand updates of pretraining."""
    batch = batch_for(facts.n)
    return {
        "gamma": 0.01, "batch_size": batch, "pretrain_epochs": passes_for(facts.n, batch, PRETRAINING_UPDATES),
        "channels": (16, 16, 32, 32), "latent_size": min(120, 4 * facts.n_features),
    }  # fmt: skip


@rule("A head that starts on the cut")
def head(facts: Facts) -> Mapping[str, Any]:
    """Four heads start on the cut of a graph of shared neighbours, agree with their neighbours, and the lowest loss is kept;
    updates, not epochs, are constant."""
    K = facts.n_clusters
    batch = max(min(1024, facts.n), 2 * K)
    visits = FAN * facts.n
    return {
        "weights": "shared", "agreement": 0.3, "head_starts": 4, "head_widths": (256, 256),
        "n_neighbors": max(3, min(10, facts.n // (2 * K))), "train_batch_size": batch,
        "start_epochs": passes_for(visits, batch, START_UPDATES, 4), "head_epochs": passes_for(visits, batch, HEAD_UPDATES, 25),
    }  # fmt: skip


@rule("A short joint stage")
def joint(facts: Facts) -> Mapping[str, Any]:
    """Few steps of everything together: it moves codes little, and with few samples undoes the head."""
    batch = max(min(1024, facts.n), 2 * facts.n_clusters)
    return {"epochs": passes_for(FAN * facts.n, batch, JOINT_UPDATES, 2), "refresh": 0, "omega": 10.0}

"""Rules that several families go by: how long and in what batches, how wide, and how clusters are read off C."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log2
from typing import Any

from core.methods.rules import Facts, rule

PRETRAINING_UPDATES = 600
LEAST_PASSES = 10
LEAST_DIMENSIONS = 3  # of a subspace


def batch_for(n: int, least: int = 16, most: int = 128) -> int:
    """An eighth of n samples as a power of two: steps that are many enough and not too noisy, for few samples and for many."""
    return min(max(2 ** round(log2(max(n, 2) / 8)), least), most)


def passes_for(n: int, batch: int, updates: int, least: int = LEAST_PASSES) -> int:
    """Epochs that make so many updates in batches of that size, and at least so many."""
    return max(least, ceil(updates / ceil(n / batch)))


def code_for(n_clusters: int) -> int:
    """Length of a dense code: about three numbers for each cluster."""
    return min(128, max(10, 3 * n_clusters))


def layers_for(facts: Facts) -> tuple[int, int]:
    """Two dense layers: the hidden one no wider than eight times the features, then the code.

    A hidden layer wider than the samples is better than one of their width for whatever is trained on small ones.
    """
    return min(500, 8 * facts.n_features), code_for(facts.n_clusters)


@rule("Pretraining in updates")
def pretraining(facts: Facts) -> Mapping[str, Any]:
    """Some 600 updates in batches of an eighth of the samples: epochs of fixed number are far too few steps for few samples."""
    batch = batch_for(facts.n)
    return {
        "batch_size": batch, "pretrain_epochs": passes_for(facts.n, batch, PRETRAINING_UPDATES),
        "pretrain_learning_rate": 2e-3 if facts.is_image else 1e-3, "pretrain_schedule": "cosine",
    }  # fmt: skip


@rule("Layers for images and tables")
def layers(facts: Facts) -> Mapping[str, Any]:
    """Three convolutions of 10, 20 and 30 filters for images; two dense layers with a code of about 3K for other data."""
    if facts.is_image:
        return {"channels": (10, 20, 30), "kernel_sizes": (3, 3, 3)}
    return {"widths": layers_for(facts)}


@rule("Read-out that protects")
def readout(facts: Facts) -> Mapping[str, Any]:
    """Of four cuts, two of C and those of the samples' and the codes' own neighbours, the one that agrees best with the others:
    a bad C is outvoted. The published constants of the affinity hold only where they were chosen with labels."""
    return {"affinity_by": "medoid", "assign_labels": "kmeans"}


@rule("Read-out that protects")
def readout_of_features(facts: Facts) -> Mapping[str, Any]:
    """As for codes; but fewer than 3K features hold no K independent subspaces of three dimensions, so that any C of them says
    next to nothing, and the clusters are those of the samples' own neighbours."""
    by = "samples" if facts.n_features < LEAST_DIMENSIONS * facts.n_clusters else "medoid"
    return {"affinity_by": by, "assign_labels": "kmeans"}

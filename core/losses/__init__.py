"""Terms of the objectives, named as in the papers.

Needs torch. Uses `core.graphs`.
"""

from core.losses.clustering import Assignment, assignment, effective_clusters, entropy_loss, margin_loss
from core.losses.expression import absolute_graph, combine, express, flat, product, relation
from core.losses.information import (
    CHANCE,
    disagreement,
    discriminator_accuracy,
    imbalance,
    jensen_shannon_loss,
    kl_by_dimension,
    kl_to_classes,
    kl_to_normal,
    kl_to_uniform,
)
from core.losses.spectral import orthonormalize, spectral_loss
from core.losses.terms import (
    contraction,
    divergence,
    locality,
    reconstruction,
    self_expression,
    symmetric_norm,
    symmetric_part,
)

__all__ = [
    "CHANCE",
    "Assignment",
    "absolute_graph",
    "assignment",
    "combine",
    "contraction",
    "disagreement",
    "discriminator_accuracy",
    "divergence",
    "effective_clusters",
    "entropy_loss",
    "express",
    "flat",
    "imbalance",
    "jensen_shannon_loss",
    "kl_by_dimension",
    "kl_to_classes",
    "kl_to_normal",
    "kl_to_uniform",
    "locality",
    "margin_loss",
    "orthonormalize",
    "product",
    "reconstruction",
    "relation",
    "self_expression",
    "spectral_loss",
    "symmetric_norm",
    "symmetric_part",
]

"""From a self-expression C, or a graph, to an affinity, to a cut, to labels.

Arrays in, arrays out, no training. Uses `core.common` and `core.graphs`.
"""

from core.affinity.anchors import ANCHORS_KEPT, EXTRA_COMPONENTS, anchor_affinities, anchor_embedding, anchor_factor
from core.affinity.cut import AssignLabels, anchor_cut, embedded_labels, graph_labeller, sparse_cut, spectral_labels
from core.affinity.representation import (
    Decomposition,
    Symmetrize,
    affinity_from_decomposition,
    affinity_from_magnitudes,
    affinity_from_representation,
    decompose,
    form,
    kept_rank,
    symmetrized,
    threshold_columns,
)

__all__ = [
    "ANCHORS_KEPT",
    "EXTRA_COMPONENTS",
    "AssignLabels",
    "Decomposition",
    "Symmetrize",
    "affinity_from_decomposition",
    "affinity_from_magnitudes",
    "affinity_from_representation",
    "anchor_affinities",
    "anchor_cut",
    "anchor_embedding",
    "anchor_factor",
    "decompose",
    "embedded_labels",
    "form",
    "graph_labeller",
    "kept_rank",
    "sparse_cut",
    "spectral_labels",
    "symmetrized",
    "threshold_columns",
]

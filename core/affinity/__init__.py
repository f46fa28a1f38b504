"""From a self-expression C, or a graph, to an affinity, to a cut, to labels.

Arrays in, arrays out, no training. Uses `core.common` and `core.graphs`.
"""

from core.affinity.anchors import ANCHORS_KEPT, EXTRA_COMPONENTS, anchor_affinities, anchor_embedding, anchor_factor
from core.affinity.consensus import consensus_affinity
from core.affinity.cut import anchor_cut, graph_cut, graph_labeller, spectral_labels
from core.affinity.dense import dense_cut, pieces
from core.affinity.groups import KNOWN, Groups, number_of_groups, shared_neighbors
from core.affinity.linkage import degree_clusters, degree_linkage
from core.affinity.neighbors import (
    CANDIDATES,
    SHARPENED,
    leading_pairs,
    medoid,
    medoid_graph,
    nearest_by_magnitude,
    neighbors_of_cosines,
    neighbors_of_rows,
    sample_graph,
)
from core.affinity.reading import AssignLabels, embedded_labels
from core.affinity.representation import (
    Decomposition,
    Symmetrize,
    affinity_from_decomposition,
    affinity_from_magnitudes,
    affinity_from_representation,
    decompose,
    form,
    is_small_share,
    kept_rank,
    symmetrized,
    threshold_columns,
)
from core.affinity.shares import cluster_shares, factor_cluster_shares
from core.affinity.sparse import sparse_cut
from core.affinity.stochastic import stochastic_affinity
from core.affinity.suggestions import REGRET, TRIED, Tried, most_agreed, try_values

__all__ = [
    "ANCHORS_KEPT",
    "CANDIDATES",
    "EXTRA_COMPONENTS",
    "KNOWN",
    "REGRET",
    "SHARPENED",
    "TRIED",
    "AssignLabels",
    "Decomposition",
    "Groups",
    "Symmetrize",
    "Tried",
    "affinity_from_decomposition",
    "affinity_from_magnitudes",
    "affinity_from_representation",
    "anchor_affinities",
    "anchor_cut",
    "anchor_embedding",
    "anchor_factor",
    "cluster_shares",
    "consensus_affinity",
    "decompose",
    "degree_clusters",
    "degree_linkage",
    "dense_cut",
    "embedded_labels",
    "factor_cluster_shares",
    "form",
    "graph_cut",
    "graph_labeller",
    "is_small_share",
    "kept_rank",
    "leading_pairs",
    "medoid",
    "medoid_graph",
    "most_agreed",
    "nearest_by_magnitude",
    "neighbors_of_cosines",
    "neighbors_of_rows",
    "number_of_groups",
    "pieces",
    "sample_graph",
    "shared_neighbors",
    "sparse_cut",
    "spectral_labels",
    "stochastic_affinity",
    "symmetrized",
    "threshold_columns",
    "try_values",
]

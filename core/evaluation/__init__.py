"""What a result is worth, with labels and without, and pictures of it in the plane.

Uses `core.common` and `core.graphs`.
"""

from core.evaluation.codes import code_signs, effective_rank
from core.evaluation.layouts import Progress
from core.evaluation.metrics import (
    MAP_DEFINITIONS,
    MAX_QUERIES,
    RANKS,
    SILHOUETTE_SAMPLES,
    average_precisions,
    block_diagonality,
    cluster_numbers,
    clustering_accuracy,
    confusion,
    diagonal_mass,
    evaluate,
    factor_block_diagonality,
    known,
    match_clusters,
    mean_average_precision,
    nearest_lists,
    precision_curves,
    purity,
    reconstruction_error,
    retrieval,
    silhouette,
    summed_precisions,
)
from core.evaluation.projections import PROJECTIONS, align, pca, project, times_longer, warm_up
from core.evaluation.quality import projection_quality
from core.evaluation.titles import score_title
from core.evaluation.unlabelled import has_tiny_clusters, pooled_silhouettes, relative_eigengap, scores_of_a_cut, stability

__all__ = [
    "MAP_DEFINITIONS",
    "MAX_QUERIES",
    "PROJECTIONS",
    "RANKS",
    "SILHOUETTE_SAMPLES",
    "Progress",
    "align",
    "average_precisions",
    "block_diagonality",
    "cluster_numbers",
    "clustering_accuracy",
    "code_signs",
    "confusion",
    "diagonal_mass",
    "effective_rank",
    "evaluate",
    "factor_block_diagonality",
    "has_tiny_clusters",
    "known",
    "match_clusters",
    "mean_average_precision",
    "nearest_lists",
    "pca",
    "pooled_silhouettes",
    "precision_curves",
    "project",
    "projection_quality",
    "purity",
    "reconstruction_error",
    "relative_eigengap",
    "retrieval",
    "score_title",
    "scores_of_a_cut",
    "silhouette",
    "stability",
    "summed_precisions",
    "times_longer",
    "warm_up",
]

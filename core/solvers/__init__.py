"""Solvers without a network: ridge, sparse, greedy, low-rank, dictionaries; and bi-level sparse coding.

Arrays in, arrays out. Uses `core.common`; the module `bilevel` needs torch and `core.nets` and is imported by name.
"""

from core.solvers.dictionary import KSVD, GraphCoding, MiniBatchDictionary, soft_threshold, step_bound
from core.solvers.greedy import pursuit_codes, pursuit_representation
from core.solvers.kernels import Kernel, gram_matrix
from core.solvers.low_rank import low_rank_representation
from core.solvers.progress import Progress
from core.solvers.restricted import (
    anchored_ridge,
    expression_residual,
    largest_product,
    neighbors_representation,
    neighbors_ridge,
)
from core.solvers.ridge import low_rank_projection, ridge_representation
from core.solvers.sparse import penalty_weights, sparse_representation, weights_of

__all__ = [
    "KSVD",
    "GraphCoding",
    "Kernel",
    "MiniBatchDictionary",
    "Progress",
    "anchored_ridge",
    "expression_residual",
    "gram_matrix",
    "largest_product",
    "low_rank_projection",
    "low_rank_representation",
    "neighbors_representation",
    "neighbors_ridge",
    "penalty_weights",
    "pursuit_codes",
    "pursuit_representation",
    "ridge_representation",
    "soft_threshold",
    "sparse_representation",
    "step_bound",
    "weights_of",
]

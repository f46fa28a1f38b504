"""Self-expression of given features, rows of X as combinations of the other rows, X ~ C X: the solvers.

=============== ====================================================================================
``closed``      ridge (LSR, EDSC) and the nuclear norm without outliers (LRSC): one factorisation
``sparse``      lasso and elastic net on the Gram matrix (SSC, EnSC, kernel SSC): ADMM
``greedy``      orthogonal matching pursuit over all samples at once (SSC-OMP)
``low_rank``    nuclear norm with corrupted samples (LRR): inexact augmented Lagrangian
``kernels``     Gram matrices
``large``       over nearest neighbours or anchors alone: never n x n
=============== ====================================================================================

All take arrays and give arrays, or yield `Progress`; none knows of clusters.
"""

from core.representation.closed import low_rank_projection, ridge_representation
from core.representation.greedy import pursuit_representation
from core.representation.kernels import gram_matrix
from core.representation.low_rank import low_rank_representation
from core.representation.progress import Progress
from core.representation.sparse import sparse_representation

__all__ = [
    "Progress",
    "gram_matrix",
    "low_rank_projection",
    "low_rank_representation",
    "pursuit_representation",
    "ridge_representation",
    "sparse_representation",
]

"""EnSC, elastic net subspace clustering (You, Li, Robinson and Vidal, CVPR 2016).

The lasso of SSC picks few neighbours, so that a cluster may fall apart; a ridge connects it, but reaches into others.
Between them, for every sample x_i with c_ii = 0:

    min_c  r ||c||_1 + (1 - r)/2 ||c||^2 + gamma_i/2 ||x_i - c X||^2

gamma_i = alpha r / max_{j != i} |<x_i, x_j>| as in the authors' program: alpha > 1 gives every sample a code. Theirs is an
active-set solver for one sample after the other; here all are solved together by ADMM (`core.solvers.sparse`).
"""

from __future__ import annotations

from dataclasses import dataclass

from core.common import held, real
from core.methods.parts.readout import AffinityReadout
from core.methods.registry import register
from core.methods.shallow_subspace.family import ShallowSubspace
from core.methods.shallow_subspace.scope import NeighborScope
from core.methods.shallow_subspace.ssc import SYMBOLS, SparseSolver


@dataclass(frozen=True, kw_only=True)
class ElasticNet(SparseSolver):
    """Lasso and ridge of every sample on all others."""

    l1_ratio: float = real(
        0.9, symbol="r", low=0.01, high=1, soft=(0.05, 1), help="Share of the lasso in the penalty; 1 is SSC."
    )

    def l1_share(self) -> float:
        return self.l1_ratio


@register
class EnSC(ShallowSubspace):
    """Elastic net of every sample on all others."""

    name = "ensc"
    title = "EnSC"
    summary = "Explains every sample by others with a mix of lasso and ridge: sparse, yet clusters hang together."
    paper = "You, Li, Robinson and Vidal, CVPR 2016 (EnSC)"
    objective = (
        r"\min_C\; \sum_i \Bigl( r \lVert c_i \rVert_1 + \frac{1 - r}{2} \lVert c_i \rVert_2^2 + \frac{\gamma_i}{2}"
        r"\lVert x_i - c_i X \rVert_2^2 \Bigr) \quad \text{s.t. } \mathrm{diag}(C) = 0,"
        r"\quad \gamma_i = \alpha r / \max_{j \neq i} |\langle x_i, x_j \rangle|"
    )
    symbols = {
        **SYMBOLS,
        "penalty": r"\sum_i \tfrac1{\gamma_i} (r \lVert c_i \rVert_1 + \tfrac{1 - r}2 \lVert c_i \rVert_2^2)",
    }

    solver = held(ElasticNet, alpha=50.0, per_sample=True)
    readout = held(AffinityReadout, affinity_by="magnitudes", threshold=1.0)
    extent = held(NeighborScope)

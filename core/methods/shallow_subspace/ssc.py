"""SSC, sparse subspace clustering (Elhamifar and Vidal, CVPR 2009; IEEE TPAMI 35(11), 2013).

A point of a union of subspaces is a combination of few others, and those are of its own subspace. Rows are samples:

    min_C  ||C||_1 + tau/2 ||X - C X||_F^2,  diag(C) = 0              (without the terms for outliers and affine sets)

tau = alpha / mu with the coherence mu = min_i max_{j != i} |<x_i, x_j>|: alpha > 1 leaves no row empty. All rows
are solved together by ADMM on the Gram matrix (`core.solvers.sparse`).

The affinity is |C| with every row scaled to maximum 1, symmetrised; ``threshold`` < 1 keeps only the largest
coefficients of every sample, as the authors' program does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from core.common import flag, held, integer, real
from core.methods.parts.readout import AffinityReadout
from core.methods.registry import register
from core.methods.shallow_subspace.family import ShallowSubspace
from core.methods.shallow_subspace.scope import NeighborScope
from core.methods.shallow_subspace.solver import Solver
from core.solvers import (
    Progress,
    expression_residual,
    gram_matrix,
    largest_product,
    neighbors_representation,
    sparse_representation,
    weights_of,
)

SOLVER = "Solver"
SYMBOLS: Mapping[str, str] = {
    "fit": r"\tfrac12 \lVert X - CX \rVert_F^2",
    "penalty": r"\tfrac1\tau \lVert C \rVert_1",
    "primal": r"\lVert A - C \rVert_F / \lVert C \rVert_F",
    "dual": r"\rho \lVert \Delta C \rVert_F / \lVert \Lambda \rVert_F",
}


@dataclass(frozen=True, kw_only=True)
class SparseSolver(Solver):
    """Lasso of every sample on all others; a kernel or another penalty in a subclass."""

    copies: ClassVar[Mapping[str, int]] = {"Gram matrix and inverse": 4, "P, C and multipliers": 3, "affinity": 2}

    alpha: float = real(
        20.0, symbol=r"\alpha", low=1.0, high=1e5, soft=(2, 1000), log=True,
        help="Weight of the fit, relative to the one below which a code is zero: larger gives denser codes.",
    )  # fmt: skip
    per_sample: bool = flag(
        False, symbol=r"\mu_i", help="Weigh each sample by its own coherence with the others, not all by the least one."
    )
    max_iter: int = integer(
        200, symbol="T", low=1, high=10_000, soft=(50, 1000), group=SOLVER, help="Largest number of ADMM iterations."
    )
    tolerance: float = real(
        2e-3, symbol=r"\epsilon", low=1e-6, high=0.1, soft=(1e-5, 1e-2), log=True, group=SOLVER,
        help="Relative primal and dual residual at which the solver stops.",
    )  # fmt: skip

    def gram(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """All that the solver sees of the data."""
        return gram_matrix(X)

    def l1_share(self) -> float:
        """The share of the l1 norm in the penalty."""
        return 1.0

    def solve(self, X: NDArray[np.float64]) -> Iterator[Progress]:
        yield from sparse_representation(
            self.gram(X),
            self.alpha,
            l1_ratio=self.l1_share(),
            per_sample=self.per_sample,
            tolerance=self.tolerance,
            max_iter=self.max_iter,
        )

    def solve_neighbors(self, X: NDArray[np.float64], candidates: NDArray[np.int64]) -> Iterator[Progress]:
        """1/gamma_i (r ||c_i||_1 + (1 - r)/2 ||c_i||^2) with gamma_i = alpha r / mu, over the neighbours alone."""
        share = self.l1_share()
        weights = weights_of(largest_product(X, candidates), self.alpha, l1_ratio=share, per_sample=self.per_sample)
        C = neighbors_representation(X, candidates, l1=weights * share, l2=weights * (1 - share))
        yield Progress(1, 1, {"fit": 0.5 * expression_residual(X, C)}, C)


@register
class SSC(ShallowSubspace):
    """Lasso of every sample on all others."""

    name = "ssc"
    title = "SSC"
    summary = "Explains every sample by as few others as possible (lasso), which come from its own subspace."
    paper = "Elhamifar and Vidal, IEEE TPAMI 2013 (SSC)"
    objective = (
        r"\min_C\; \lVert C \rVert_1 + \frac{\tau}{2} \lVert X - CX \rVert_F^2 \quad \text{s.t. } \mathrm{diag}(C) = 0,"
        r"\quad \tau = \alpha / \min_i \max_{j \neq i} |\langle x_i, x_j \rangle|"
    )
    symbols = SYMBOLS

    solver = held(SparseSolver)
    readout = held(AffinityReadout, affinity_by="magnitudes", threshold=1.0)
    extent = held(NeighborScope)

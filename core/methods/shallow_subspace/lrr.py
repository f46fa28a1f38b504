"""LRR, low-rank representation (Liu, Lin and Yu, ICML 2010; Liu et al., IEEE TPAMI 35(1), 2013).

The representation of lowest rank, with whole samples allowed to be corrupted. Rows are samples:

    min_{C, E}  ||C||_* + lambda ||E||_{2,1},   X = C X + E            (||E||_{2,1}: sum of the norms of the rows)

by the inexact augmented Lagrangian method, reduced to the row space that C can have (`core.solvers.low_rank`). A
sample may express itself: what forbids C = I is the rank.

The authors' affinity is (M M^T)^2 of the factor M = U S^(1/2) of C with unit rows: here ``threshold`` 1 and ``power`` 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from core.common import held, integer, real
from core.methods.parts.readout import AffinityReadout
from core.methods.parts.scope import SubsetScope
from core.methods.registry import register
from core.methods.shallow_subspace.family import ShallowSubspace
from core.methods.shallow_subspace.solver import Solver
from core.solvers import Progress, low_rank_representation


@dataclass(frozen=True, kw_only=True)
class LowRankSolver(Solver):
    """The inexact augmented Lagrangian method."""

    copies: ClassVar[Mapping[str, int]] = {"C and affinity": 4}

    strength: float = real(
        1.0, symbol=r"\lambda", low=1e-4, high=1e4, soft=(0.01, 10), log=True,
        help="Weight of what stays unexplained, for samples of mean norm 1; large values leave nothing.",
    )  # fmt: skip
    max_iter: int = integer(
        300, symbol="T", low=1, high=10_000, soft=(50, 1000), group="Solver", help="Largest number of iterations."
    )
    tolerance: float = real(
        1e-4, symbol=r"\epsilon", low=1e-9, high=0.1, soft=(1e-6, 1e-2), log=True, group="Solver",
        help="Relative violation of the constraints at which the solver stops.",
    )  # fmt: skip

    def solve(self, X: NDArray[np.float64]) -> Iterator[Progress]:
        yield from low_rank_representation(X, self.strength, tolerance=self.tolerance, max_iter=self.max_iter)

    def bytes(self, extent: SubsetScope, shape: tuple[int, ...]) -> dict[str, int]:
        n = extent.size(shape[0])
        rank = min(n, int(np.prod(shape[1:])))
        factors = {"factors of C and E": 8 * 10 * n * rank, "eigenvectors": 8 * 3 * rank * rank}
        return {**factors, **super().bytes(extent, shape)}


@register
class LRR(ShallowSubspace):
    """Nuclear norm representation with corrupted samples."""

    name = "lrr"
    title = "LRR"
    summary = "Explains all samples at once by a matrix of low rank, and sets aside what some samples have of their own."
    paper = "Liu, Lin and Yu, ICML 2010 (LRR)"
    objective = r"\min_{C, E}\; \lVert C \rVert_* + \lambda \lVert E \rVert_{2,1} \quad \text{s.t. } X = CX + E"
    symbols = {
        "nuclear": r"\lVert C \rVert_*",
        "outliers": r"\lambda \lVert E \rVert_{2,1}",
        "residual": r"\lVert X - CX - E \rVert_F / \lVert X \rVert_F",
        "rank": r"\mathrm{rank}(C)",
    }

    solver = held(LowRankSolver)
    readout = held(AffinityReadout, threshold=1.0, power=2.0)

"""What a shallow method expresses samples by: all others, their neighbours, anchors, or within a subset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from core.common import choice, integer
from core.graphs import find_anchors, nearest_neighbors
from core.methods.parts.scope import FULL_LIMIT, SCALE_GROUP, SubsetScope, anchor_count
from core.methods.shallow_subspace.solver import Solver
from core.solvers import Progress


@dataclass(frozen=True, kw_only=True)
class SolverScope(SubsetScope):
    """All samples by each other, or a subset of them."""

    def solve(self, solver: Solver, X: NDArray[np.float64], n: int, random_state: int) -> Iterator[Progress]:
        """Express the rows of X, all or some of n samples, by whatever the scope stands for."""
        return solver.solve(X)


@dataclass(frozen=True, kw_only=True)
class NeighborScope(SolverScope):
    """Also every sample by its nearest neighbours alone, so that C is sparse."""

    when_large: ClassVar[str] = "neighbors"

    scope: str = choice(
        "auto",
        symbol=r"C \in",
        choices=("auto", "full", "neighbors", "subset"),
        group=SCALE_GROUP,
        help="Express samples by all others, by their nearest neighbours (a sparse C), or only a random subset by each other; "
        f"auto is full up to {FULL_LIMIT:,} samples and neighbors beyond.",
    )
    n_candidates: int = integer(
        20, symbol="k", low=2, high=500, soft=(5, 100), group=SCALE_GROUP,
        help="Nearest neighbours that may express a sample, where not all others may.",
    )  # fmt: skip

    def candidates(self, n: int) -> int:
        return min(self.n_candidates, n - 1)

    def solve(self, solver: Solver, X: NDArray[np.float64], n: int, random_state: int) -> Iterator[Progress]:
        if self.chosen(n) != "neighbors":
            return super().solve(solver, X, n, random_state)
        return solver.solve_neighbors(X, nearest_neighbors(X, self.candidates(len(X)), random_state=random_state))

    def _words(self, scope: str, n: int) -> str:
        if scope == "neighbors":
            return f"every sample is expressed by its {self.candidates(n)} nearest neighbours, so C is sparse."
        return super()._words(scope, n)

    def bytes(self, n: int, copies: Mapping[str, int]) -> dict[str, int]:
        if self.chosen(n) == "neighbors":
            return {"sparse C and affinity": 16 * n * self.candidates(n) * 4}  # value and index; C, and A both ways twice
        return super().bytes(n, copies)


@dataclass(frozen=True, kw_only=True)
class AnchorScope(NeighborScope):
    """Also all samples by a few anchors, k-means centres of the data."""

    scope: str = choice(
        "auto",
        symbol=r"C \in",
        choices=("auto", "full", "neighbors", "anchors", "subset"),
        group=SCALE_GROUP,
        help="Express samples by all others, by their nearest neighbours (a sparse C), by a few k-means centres (anchors), or "
        f"only a random subset by each other; auto is full up to {FULL_LIMIT:,} samples and neighbors beyond.",
    )
    n_anchors: int = integer(
        500, symbol=r"\lvert A \rvert", low=2, high=5000, soft=(100, 2000), group=SCALE_GROUP,
        help="Anchors, where there are any; at most half as many as samples are taken.",
    )  # fmt: skip

    def anchors(self, n: int) -> int:
        return anchor_count(self.n_anchors, n)

    def solve(self, solver: Solver, X: NDArray[np.float64], n: int, random_state: int) -> Iterator[Progress]:
        if self.chosen(n) != "anchors":
            return super().solve(solver, X, n, random_state)
        return solver.solve_anchors(X, find_anchors(X, self.anchors(len(X)), random_state=random_state))

    def _words(self, scope: str, n: int) -> str:
        if scope == "anchors":
            p = self.anchors(n)
            return f"every sample is expressed by {p:,} anchors (k-means centres), so C has {p:,} columns."
        return super()._words(scope, n)

    def bytes(self, n: int, copies: Mapping[str, int]) -> dict[str, int]:
        if self.chosen(n) == "anchors":
            p = self.anchors(n)
            return {"C over anchors": 4 * n * p, "products of anchors": 3 * 8 * p * p}
        return super().bytes(n, copies)

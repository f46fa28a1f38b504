"""The solver that a shallow method holds: its hyperparameters, and how they express the rows of X by each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from core.common import Part, real
from core.methods.parts.ridge_strength import chosen_strength
from core.methods.parts.scope import SubsetScope
from core.solvers import Progress, anchored_ridge, expression_residual, neighbors_ridge, ridge_representation


@dataclass(frozen=True, kw_only=True)
class Solver(Part):
    """Finds C for given features, samples in rows: X ~ C X. Of what a method yields, the last is the solution."""

    copies: ClassVar[Mapping[str, int]] = {}  # n x n float32 matrices that it holds, by what they are

    def settled(self, X: NDArray[np.float64], n_clusters: int, random_state: int) -> Self:
        """Itself, with what it leaves to the data chosen."""
        return self

    def solve(self, X: NDArray[np.float64]) -> Iterator[Progress]:
        """C (n, n) for the rows of X."""
        raise NotImplementedError  # pragma: no cover

    def solve_neighbors(self, X: NDArray[np.float64], candidates: NDArray[np.int64]) -> Iterator[Progress]:
        """The same where row i may use ``candidates[i]`` only; C is a csr_array."""
        raise NotImplementedError  # pragma: no cover

    def solve_anchors(self, X: NDArray[np.float64], anchors: NDArray[np.float64]) -> Iterator[Progress]:
        """The same for C (n, p) with X ~ C A."""
        raise NotImplementedError  # pragma: no cover

    def bytes(self, extent: SubsetScope, shape: tuple[int, ...]) -> dict[str, int]:
        """Memory by what it holds, for data of the given shape (n, ...)."""
        return extent.bytes(shape[0], self.copies)


@dataclass(frozen=True, kw_only=True)
class RidgeSolver(Solver):
    """Ridge of every sample over all, over its neighbours, or over anchors, in closed form."""

    copies: ClassVar[Mapping[str, int]] = {"Gram matrix and inverse": 4, "C and affinity": 6}

    strength: float | None = real(
        10.0, symbol=r"\lambda", low=1e-6, high=1e4, soft=(1e-2, 100), log=True, optional=True,
        none_means="chosen without labels",
        help="Weight of the ridge penalty, relative to the mean squared norm of a sample; none takes, of .1, 1 and 10, the one "
        "whose affinity falls most clearly into K blocks.",
    )  # fmt: skip

    def settled(self, X: NDArray[np.float64], n_clusters: int, random_state: int) -> Self:
        if self.strength is not None:
            return self
        return replace(self, strength=chosen_strength(X, n_clusters, random_state))

    @property
    def penalty(self) -> float:
        assert self.strength is not None, "a solver is settled before it solves"
        return self.strength

    def forbids_diagonal(self) -> bool:
        """Whether a sample may not explain itself, where it is expressed by all."""
        return False

    def solve(self, X: NDArray[np.float64]) -> Iterator[Progress]:
        C = ridge_representation(X, self.penalty, zero_diagonal=self.forbids_diagonal())
        yield Progress(1, 1, {"residual": float(np.square(X - C @ X).sum())}, C)

    def solve_neighbors(self, X: NDArray[np.float64], candidates: NDArray[np.int64]) -> Iterator[Progress]:
        C = neighbors_ridge(X, candidates, self.penalty)
        yield Progress(1, 1, {"residual": expression_residual(X, C)}, C)

    def solve_anchors(self, X: NDArray[np.float64], anchors: NDArray[np.float64]) -> Iterator[Progress]:
        C = anchored_ridge(X, anchors, self.penalty)
        yield Progress(1, 1, {"residual": expression_residual(X, C, anchors)}, C)

"""SSC-OMP, sparse subspace clustering by orthogonal matching pursuit (You, Robinson and Vidal, CVPR 2016).

SSC with the greedy algorithm in place of the lasso, for every sample x_i with c_ii = 0:

    min_c ||x_i - c X||^2   s.t.  ||c||_0 <= k

Each iteration adds to a sample's support the other sample that correlates most with the residual and fits all coefficients
anew, until k are chosen or the residual is small (Algorithm 1). All samples go through it together
(`core.solvers.greedy`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from core.common import flag, held, integer, real
from core.methods.parts.readout import AffinityReadout
from core.methods.registry import register
from core.methods.shallow_subspace.family import ShallowSubspace
from core.methods.shallow_subspace.solver import Solver
from core.solvers import Progress, pursuit_representation
from core.training import Arrays, Stages, Step


@dataclass(frozen=True, kw_only=True)
class PursuitSolver(Solver):
    """Orthogonal matching pursuit of every sample over all others."""

    copies: ClassVar[Mapping[str, int]] = {"Gram matrix": 2, "correlations": 2, "C": 3, "affinity": 2}

    n_nonzero: int = integer(5, symbol="k", low=1, high=200, soft=(1, 30), help="Most samples that may explain one.")
    tolerance: float = real(
        1e-6, symbol=r"\epsilon", low=0, high=1, soft=(1e-6, 0.1), group="Solver",
        help="Share of a sample's squared norm that may stay unexplained.",
    )  # fmt: skip

    def solve(self, X: NDArray[np.float64]) -> Iterator[Progress]:
        yield from pursuit_representation(X, self.n_nonzero, tolerance=self.tolerance)


@register
class SSCOMP(ShallowSubspace):
    """Greedy sparse self-expression."""

    name = "ssc_omp"
    title = "SSC-OMP"
    summary = "Picks the few samples that explain each one greedily: the fastest sparse method, and the least connected."
    paper = "You, Robinson and Vidal, CVPR 2016 (SSC-OMP)"
    objective = r"\min_C\; \lVert X - CX \rVert_F^2 \quad \text{s.t. } \lVert c_i \rVert_0 \le k,\; \mathrm{diag}(C) = 0"
    symbols = {"residual": r"\tfrac1n \sum_i \lVert x_i - c_i X \rVert^2 / \lVert x_i \rVert^2"}

    solver = held(PursuitSolver)
    center: bool = flag(
        False,
        symbol=r"\bar x",
        group="Solver",
        help="Take the mean sample from every sample, and then its own mean: what all share explains nothing.",
    )
    readout = held(AffinityReadout, affinity_by="magnitudes", threshold=1.0)

    mean_: NDArray[np.float64] = field(init=False, repr=False)

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        self.mean_ = mean_sample(X)
        yield from super().iter_fit(X, stages)

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        self.mean_ = mean_sample(samples)
        return super().restore(samples, arrays, weights)

    def features(self, Z: NDArray) -> NDArray[np.float64]:
        if self.center:
            Z = Z - self.mean_  # that of the training samples, for new ones too
            Z = Z - Z.mean(axis=1, keepdims=True)
        return super().features(Z)


def mean_sample(X: NDArray) -> NDArray[np.float64]:
    """Mean over the samples, as a vector."""
    return np.asarray(np.mean(np.asarray(X).reshape(len(X), -1), axis=0, dtype=np.float64))

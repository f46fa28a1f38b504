"""LRSC, low-rank subspace clustering (Vidal and Favaro, Pattern Recognition Letters 43, 2014).

The low-rank representation without outliers has a closed form. Rows are samples, X = U S V^T:

    min_C  ||C||_* + tau/2 ||X - C X||_F^2,   C = C^T             (the data are their own dictionary)
    C = U_1 (I - S_1^-2 / tau) U_1^T   over the singular values with s^2 > 1/tau

One eigen-decomposition of the Gram matrix, no iterations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from core.common import held, real
from core.methods.parts.readout import AffinityReadout
from core.methods.registry import register
from core.methods.shallow_subspace.family import ShallowSubspace
from core.methods.shallow_subspace.solver import Solver
from core.solvers import Progress, low_rank_projection


@dataclass(frozen=True, kw_only=True)
class ProjectionSolver(Solver):
    """The closed form: strong directions of the data, the weaker ones shrunk."""

    copies: ClassVar[Mapping[str, int]] = {"Gram matrix and eigenvectors": 4, "C and affinity": 6}

    tau: float = real(
        30.0, symbol=r"\tau", low=1e-4, high=1e6, soft=(0.01, 100), log=True,
        help="Weight of the fit, relative to 1 / mean squared norm of a sample; larger keeps more directions.",
    )  # fmt: skip

    def solve(self, X: NDArray[np.float64]) -> Iterator[Progress]:
        C = low_rank_projection(X, self.tau)
        yield Progress(1, 1, {"residual": float(np.square(X - C @ X).sum())}, C)


@register
class LRSC(ShallowSubspace):
    """Nuclear norm representation in closed form."""

    name = "lrsc"
    title = "LRSC"
    summary = "Projects onto the strong directions of the data, shrinking the weaker ones: low-rank in closed form."
    paper = "Vidal and Favaro, Pattern Recognition Letters 2014 (LRSC)"
    objective = r"\min_C\; \lVert C \rVert_* + \frac{\tau}{2} \lVert X - CX \rVert_F^2 \quad \text{s.t. } C = C^\top"

    solver = held(ProjectionSolver)
    readout = held(AffinityReadout, threshold=1.0)

"""LRSC, low-rank subspace clustering (Vidal and Favaro, Pattern Recognition Letters 43, 2014).

The low-rank representation without outliers has a closed form. Rows are samples, X = U S V^T:

    min_C  ||C||_* + tau/2 ||X - C X||_F^2,   C = C^T             (the data are their own dictionary)
    C = U_1 (I - S_1^-2 / tau) U_1^T   over the singular values with s^2 > 1/tau

One eigen-decomposition of the Gram matrix, no iterations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import real, redeclared
from core.methods.contract import Cost
from core.methods.parts.readout import SelfExpressive, square_bytes
from core.methods.registry import register
from core.methods.shallow_subspace.family import Shallow
from core.solvers import Progress, low_rank_projection


@register
class LRSC(Shallow):
    """Nuclear norm representation in closed form."""

    name = "lrsc"
    title = "LRSC"
    summary = "Projects onto the strong directions of the data, shrinking the weaker ones: low-rank in closed form."
    paper = "Vidal and Favaro, Pattern Recognition Letters 2014 (LRSC)"
    objective = r"\min_C\; \lVert C \rVert_* + \frac{\tau}{2} \lVert X - CX \rVert_F^2 \quad \text{s.t. } C = C^\top"
    published = {"mnist_1000": 0.5140, "yaleb": 0.7931, "orl": 0.7200, "coil20": 0.7416, "coil40": 0.6327, "umist": 0.6729}

    tau: float = real(
        30.0, symbol=r"\tau", low=1e-4, high=1e6, soft=(0.01, 100), log=True,
        help="Weight of the fit, relative to 1 / mean squared norm of a sample; larger keeps more directions.",
    )  # fmt: skip
    threshold: float = redeclared(SelfExpressive, "threshold", 1.0)

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        copies = {"Gram matrix and eigenvectors": 4, "C and affinity": 6}
        return Cost(matrices=square_bytes(cls.expressed(shape[0], params), copies))

    def solve(self, X: NDArray[np.float64]) -> Iterator[Progress]:
        C = low_rank_projection(X, self.tau)
        yield Progress(1, 1, {"residual": float(np.square(X - C @ X).sum())}, C)

"""Graph-regularised sparse codes: min_A 1/2 ||X - A D||_F^2 + lam sum |a_ij| + alpha/2 Tr(A^T L A) over given atoms D."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import Diverged, Part, choice, real
from core.solvers import GraphCoding, step_bound
from core.solvers.dictionary import Bound

SHORTER_STEPS = "Lower alpha, or take the safe step bound."


@dataclass(frozen=True, kw_only=True)
class SparseCodes(Part):
    """Weights of sparsity and graph, and the length of the steps that solve for the codes."""

    lam: float = real(
        0.1, symbol=r"\lambda", low=0, high=100, soft=(0.01, 1), log=True, group="Objective", help="Weight of sparsity."
    )
    alpha: float = real(
        5.0, symbol=r"\alpha", low=0, high=1e5, soft=(0.1, 100), log=True, group="Objective", help="Weight of the graph."
    )
    bound: Bound = choice(
        "safe",
        symbol="N",
        choices=("safe", "paper"),
        group="Objective",
        help="Step bound: with the graph's largest eigenvalue, or without it as printed, which may diverge.",
    )

    def step_bound(self, D: NDArray, L: Any) -> float:
        """N."""
        return step_bound(D, L, self.alpha, self.bound)

    def coding(self, X: NDArray, D: NDArray, L: Any) -> GraphCoding:
        """The problem of coding samples (n, m); all that is needed of L is ``L @ A``."""
        return GraphCoding(X.astype(np.float64), D.astype(np.float64), L, lam=self.lam, alpha=self.alpha)

    def after(self, iterations: int, X: NDArray, D: NDArray, L: Any, N: float) -> NDArray[np.float64]:
        """Codes (n, p) of samples (n, m) after so many steps from 0."""
        coding = self.coding(X, D, L)
        A = coding.start()
        for _ in range(iterations):
            A = coding.step(A, coding.gradient(A), N)
        return A


def check_finite(value: float) -> None:
    """Codes of the start overflow where the step bound leaves out a strong graph."""
    if not math.isfinite(value):
        raise Diverged("codes", "start", 1, value, SHORTER_STEPS)

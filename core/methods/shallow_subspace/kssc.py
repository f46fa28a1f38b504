"""KSSC, kernel sparse subspace clustering (Patel and Vidal, ICIP 2014).

SSC of the images phi(x) under a feature map: curved clusters may be subspaces there. Rows are samples:

    min_C  ||C||_1 + tau/2 Tr((I - C) K (I - C)^T),  diag(C) = 0,   K_ij = <phi(x_i), phi(x_j)>

Only the Gram matrix changes: polynomial (<x, y> + a)^b or Gaussian exp(-||x - y||^2 / (2 sigma^2)). tau is relative to
the coherence of K as in SSC.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.common import choice, held, integer, real
from core.methods.parts.readout import AffinityReadout
from core.methods.registry import register
from core.methods.shallow_subspace.family import ShallowSubspace
from core.methods.shallow_subspace.ssc import SYMBOLS, SparseSolver
from core.solvers import Kernel, gram_matrix

KERNEL = "Kernel"


@dataclass(frozen=True, kw_only=True)
class KernelSolver(SparseSolver):
    """Lasso in the feature space of a kernel."""

    kernel: Kernel = choice(
        "polynomial",
        symbol="k(x, y)",
        choices=("polynomial", "gaussian", "linear"),
        group=KERNEL,
        help="Polynomial of the inner product, Gaussian of the distance, or the inner product itself (SSC).",
    )
    degree: int = integer(2, symbol="b", low=1, high=20, soft=(1, 6), group=KERNEL, help="Exponent of the polynomial kernel.")
    offset: float = real(0.0, symbol="a", low=0, high=100, soft=(0, 5), group=KERNEL, help="Constant of the polynomial kernel.")
    bandwidth: float = real(
        0.5, symbol=r"\sigma", low=0.01, high=100, soft=(0.1, 10), log=True, group=KERNEL,
        help="Width of the Gaussian kernel, in units of the root mean squared distance between samples.",
    )  # fmt: skip

    def gram(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return gram_matrix(
            X,
            self.kernel,
            degree=self.degree,
            offset=self.offset,
            bandwidth=self.bandwidth,
        )


@register
class KSSC(ShallowSubspace):
    """SSC on a kernel matrix."""

    name = "kssc"
    title = "Kernel SSC"
    summary = "Sparse subspace clustering in the feature space of a kernel, where curved clusters may become flat."
    paper = "Patel and Vidal, ICIP 2014 (KSSC)"
    objective = (
        r"\min_C\; \lVert C \rVert_1 + \frac{\tau}{2} \mathrm{Tr}\bigl((I - C) K (I - C)^\top\bigr)"
        r"\quad \text{s.t. } \mathrm{diag}(C) = 0,\quad \tau = \alpha / \min_i \max_{j \neq i} |K_{ij}|"
    )
    symbols = {**SYMBOLS, "fit": r"\tfrac12 \mathrm{Tr}((I - C) K (I - C)^\top)"}

    renamed = {"n_candidates": None}

    solver = held(KernelSolver)
    readout = held(AffinityReadout, affinity_by="magnitudes", threshold=1.0)
    # of all samples or a subset alone: neighbours would have to be those in the space of the kernel

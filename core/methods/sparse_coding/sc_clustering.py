r"""SC-EML and SC-MML: dictionary, sparse codes and clusters learnt together (Wang et al., IJCAI 2015), TAGnet's parent.

    min_(D, omega) C(A(D), omega),   A(D) = argmin_A 1/2 ||X - A D||_F^2 + lam sum |a_ij| + alpha/2 Tr(A^T L A)

Where TAGnet runs a few iterations of the inner problem and learns their weights, this solves it in every step and learns the
atoms alone, through the derivative of the minimum (`core.solvers.bilevel`). Start, losses and training are those of
`core.methods.sparse_coding.family`; the terms for balance and agreement are ours here too. That needs some hundred
iterations where TAGnet needs three, and with a strong graph even these end near the minimum, not at it.

New samples are coded by the same problem, joined to the codes of their nearest training samples, which stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from numpy.typing import NDArray

from core.common import integer
from core.methods.registry import register
from core.methods.sparse_coding.family import ClusterCoding
from core.methods.sparse_coding.neighbor_links import LinkedSamples
from core.methods.sparse_coding.tagnet import clustering
from core.training import Arrays

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.methods.sparse_coding.problem import Problem
    from core.nets import Coder
    from core.solvers.bilevel import SparseCoder


def objective(
    X: Tensor, D: Tensor, omega: Tensor, L: Tensor, P: Tensor, *, lam: float, alpha: float, iterations: int, unit: float,
    **weights: Any,
) -> Tensor:  # fmt: skip
    """C(A(D), omega) for atoms D (p, m), which count at unit norm, with A(D) by plain proximal steps; codes in their unit."""
    import torch

    D = D / D.norm(dim=1, keepdim=True)
    N = torch.linalg.matrix_norm(D.detach(), 2) ** 2 + 2 * alpha
    A = X.new_zeros(len(X), len(D))
    for _ in range(iterations):
        U = A - ((A @ D - X) @ D.T + alpha * L @ A) / N
        A = U.sign() * (U.abs() - lam / N).clamp_min(0)
    return clustering(A / unit, omega, P, **weights)


@register
class SCClustering(ClusterCoding):
    """Joint sparse coding and clustering by bi-level optimisation."""

    name = "sc_clustering"
    title = "SC-EML / SC-MML"
    summary = "Learns dictionary and clusters together, with sparse codes that are solved for in every step: TAGnet's parent."
    paper = "Wang, Yang, Chang, Li, Fu and Huang, IJCAI 2015"
    objective = (
        r"\min_{D, \omega}\; C(A(D), \omega),\quad A(D) = \arg\min_A\; \tfrac12 \lVert X - A D \rVert_F^2"
        r" + \lambda \textstyle\sum_{ij} |a_{ij}| + \tfrac{\alpha}{2} \mathrm{Tr}(A^\top L A)"
    )

    iterations: int = integer(
        200, symbol="T_A", low=1, high=100_000, soft=(50, 1000), group="Training",
        help="Proximal steps that solve for the codes.",
    )  # fmt: skip
    solver_iterations: int = integer(
        30, symbol="T_H", low=1, high=10_000, soft=(5, 100), group="Training",
        help="Conjugate gradients for the derivative of the codes.",
    )  # fmt: skip

    def new_coder(self, X: NDArray, atoms: NDArray | None, graph: LinkedSamples, generator: torch.Generator) -> Coder:
        from core.solvers.bilevel import SparseCoder

        assert atoms is not None
        return SparseCoder(
            atoms,
            lam=self.sparse.lam,
            alpha=self.sparse.alpha,
            iterations=self.iterations,
            solver_iterations=self.solver_iterations,
        )

    def seen(self, problem: Problem, atoms: NDArray) -> Arrays:
        """The atoms as they are by now."""
        return {**super().seen(problem, atoms), "D": lambda: cast("SparseCoder", problem.net).atoms().detach()}

    @classmethod
    def codes_held(cls, params: Mapping[str, Any]) -> int:
        return 6  # codes, momentum, gradient and the three of the solver

    @classmethod
    def coder_parameters(cls, n_features: int, params: Mapping[str, Any]) -> int:
        return n_features * cls.atoms.of(params).n_atoms

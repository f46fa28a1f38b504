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
from core.methods.sparse_coding.tagnet import TAGnet
from core.training import Arrays

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.graphs.batches import Laplacian
    from core.nets import Coder


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
    symbols = TAGnet.symbols
    gauges = TAGnet.gauges
    published = {"mnist": 0.6550, "coil20": 0.8225}
    published_mml = {"mnist": 0.6784, "coil20": 0.8658}

    iterations: int = integer(
        200, symbol="T_A", low=1, high=100_000, soft=(50, 1000), group="Training",
        help="Proximal steps that solve for the codes.",
    )  # fmt: skip
    solver_iterations: int = integer(
        30, symbol="T_H", low=1, high=10_000, soft=(5, 100), group="Training",
        help="Conjugate gradients for the derivative of the codes.",
    )  # fmt: skip

    def new_coder(self, n_features: int, generator: torch.Generator) -> Coder:
        from core.solvers.bilevel import SparseCoder

        return SparseCoder(
            self.atoms_, lam=self.lam, alpha=self.alpha, iterations=self.iterations, solver_iterations=self.solver_iterations
        )  # fmt: skip

    def seen(self, X: Tensor, L: Laplacian) -> Arrays:
        """The atoms as they are by now."""
        from core.solvers.bilevel import SparseCoder

        return {**super().seen(X, L), "D": lambda: cast(SparseCoder, self.net_).atoms().detach()}

    def embed(self, X: NDArray) -> NDArray:
        """Codes of single samples, joined to those of training."""
        import torch

        from core.solvers.bilevel import SparseCoder

        data, own, joined = self.joined_tensors(X)
        with torch.no_grad():
            codes = cast(SparseCoder, self.net_).of_new(data, own, joined, self.known_[-1] * self.net_.unit)
            return (codes / self.net_.unit).cpu().numpy()

    @classmethod
    def layers(cls, params: Mapping[str, Any]) -> int:
        return 6  # codes, momentum, gradient and the three of the solver

    @classmethod
    def coder_parameters(cls, n_features: int, params: Mapping[str, Any]) -> int:
        return int(params["n_atoms"]) * n_features

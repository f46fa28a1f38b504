"""DSC-Net: deep subspace clustering networks (Ji, Zhang, Li, Salzmann and Reid, NIPS 2017).

Rows are samples, Z = encoder(X), X_hat = decoder(C Z), C is (n, n):

    L = w ||X - X_hat||_F^2 + lambda_1 ||C||_p + lambda_2/2 ||Z - C Z||_F^2

DSC-Net-L1 penalises the sum of |C_ij| and forbids the diagonal, without which C = I would be optimal; DSC-Net-L2
penalises the sum of squares, and the published program leaves the diagonal free: few steps keep C from the identity.
UDLL adds a graph of pretrained neighbours to it, RGRL the relations that C itself stands for.

The published pretraining is a loop that a person ended by eye; ours is in ``parts/networks.toml``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.common import choice, flag, real
from core.methods.deep_subspace.family import OBJECTIVE, DeepSubspace
from core.methods.registry import register

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.methods.deep_subspace.problem import Problem


def objective(
    X: Tensor, X_hat: Tensor, Z: Tensor, C: Tensor, *, weight: float, lambda_1: float, lambda_2: float, norm: str
) -> Tensor:
    """L for samples X (n, m), reconstructions, codes Z (n, d) and C (n, n), literally."""
    penalty = C.abs().sum() if norm == "l1" else C.square().sum()
    return weight * (X - X_hat).square().sum() + lambda_1 * penalty + lambda_2 / 2 * (Z - C @ Z).square().sum()


@register
class DSC(DeepSubspace):
    """An auto-encoder with a self-expressive layer between encoder and decoder."""

    name = "dsc"
    title = "DSC-Net"
    summary = "Puts a layer C between encoder and decoder that rebuilds every code from the other codes."
    paper = "Ji, Zhang, Li, Salzmann and Reid, NIPS 2017"
    objective = r"w \lVert X - \hat X \rVert_F^2 + \lambda_1 \lVert C \rVert_p + \tfrac{\lambda_2}{2} \lVert Z - CZ \rVert_F^2"
    symbols = {
        "reconstruction": r"w \lVert X - \hat X \rVert_F^2",
        "penalty": r"\lambda_1 \lVert C \rVert_p",
        "self-expression": r"\tfrac{\lambda_2}{2} \lVert Z - CZ \rVert_F^2",
    }

    weight: float = real(
        1.0, symbol="w", low=0, high=1e6, soft=(0.01, 100), log=True, group=OBJECTIVE, help="Weight of the reconstruction."
    )
    lambda_1: float = real(
        1.0, symbol=r"\lambda_1", low=0, high=1e7, soft=(1e-3, 1000), log=True, group=OBJECTIVE,
        help="Weight of the penalty on C: larger spreads each combination over more samples.",
    )  # fmt: skip
    lambda_2: float = real(
        150.0, symbol=r"\lambda_2", low=0, high=1e7, soft=(1e-3, 1000), log=True, group=OBJECTIVE,
        help="Weight of the self-expression: how well codes must be combinations of other codes.",
    )  # fmt: skip
    norm: str = choice(
        "l2",
        symbol=r"\ell_p",
        choices=("l1", "l2"),
        group=OBJECTIVE,
        help="Penalty on C: the sum of absolute values (DSC-L1) or of squares (DSC-L2).",
    )
    zero_diagonal: bool = flag(
        False, symbol=r"C_{ii}=0", group=OBJECTIVE, help="Forbid a code to explain itself; the paper does with the L1 penalty."
    )

    def forbids_diagonal(self) -> bool:
        return self.zero_diagonal

    def terms(self, problem: Problem) -> dict[str, torch.Tensor]:
        """The weighted terms of the objective."""
        from core import losses

        Z = problem.net.encode(problem.X)
        Z_hat, penalty, _ = losses.express(problem.C, Z, norm=self.norm, precision=self.precision)
        return {
            "reconstruction": 2 * self.weight * losses.reconstruction(problem.X, problem.net.decode(Z_hat)),
            "penalty": self.lambda_1 * penalty,
            "self-expression": 0.5 * self.lambda_2 * losses.self_expression(Z, Z_hat),
        }

"""UDLL: unsupervised deep local learning (Chen, Niu, Zhan and Zhan, J. Electronic Imaging 28(3), 2019).

Rows are samples, Z = encoder(X), X_hat = decoder(C Z), C is (n, n):

    L = 0.5 ||X - X_hat||_F^2 + alpha ||Z - C Z||_F^2 + beta ||C||_F^2 + gamma sum_ij ||z_i - z_j||^2 a_ij      (Eq. 18)

The first three terms are deep subspace clustering; the last keeps near codes near. Its weights a_ij are the adaptive
neighbours of the pretrained codes, known in closed form and then frozen (Eqs. 2-17, `core.graphs.adaptive_neighbors`).
Training is one full-batch Adam step per epoch on encoder, C and decoder together.

What the paper leaves open, and how it is settled here

- All terms are sums, so alpha and gamma mean something only together with ``pixel_range`` (255: grey levels as stored).
- gamma weighs the double sum of Eq. 18. The published program weighs Tr(Z^T L Z), which is half of it; its presets are
  converted. On COIL-20 program and paper differ beyond that (alpha 500 against 1000, gamma 4.5 against 19).
- Nothing forbids C = I. With the squared penalty and few steps it stays away; ``zero_diagonal`` forbids it outright.
- On COIL-20 the program penalises and clusters (C + C^T)/2 without its diagonal: ``penalty="symmetric"``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from core import graphs
from core.common import ParameterError, choice, flag, integer, real
from core.methods.deep_subspace.family import OBJECTIVE, DeepSubspace
from core.methods.registry import register
from core.training import Arrays

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.methods.deep_subspace.problem import Problem


def objective(
    X: Tensor, X_hat: Tensor, Z: Tensor, C: Tensor, A: Tensor, *, alpha: float, beta: float, gamma: float, penalty: str
) -> Tensor:
    """Eq. 18 for samples X (n, m), reconstructions, codes Z (n, d), C (n, n) and the weights A (n, n), literally."""
    import torch

    size = (C + C.T) / 2 * (1 - torch.eye(len(C), dtype=C.dtype)) if penalty == "symmetric" else C
    return (
        (X - X_hat).square().sum() / 2
        + alpha * (Z - C @ Z).square().sum()
        + beta * size.square().sum()
        + gamma * (A * (Z[:, None] - Z[None, :]).square().sum(2)).sum()
    )


@register
class UDLL(DeepSubspace):
    """Deep subspace clustering with a prior graph of adaptive neighbours."""

    name = "udll"
    title = "UDLL"
    summary = "Explains every code by the others and keeps neighbours together, on a graph known in closed form."
    paper = "Chen, Niu, Zhan and Zhan, J. Electronic Imaging 2019"
    objective = (
        r"\tfrac12 \lVert X - \hat X \rVert_F^2 + \alpha \lVert Z - CZ \rVert_F^2 + \beta \lVert C \rVert_F^2"
        r" + \gamma \sum_{ij} a_{ij} \lVert z_i - z_j \rVert^2"
    )
    symbols = {
        "reconstruction": r"\tfrac12 \lVert X - \hat X \rVert_F^2",
        "self-expression": r"\alpha \lVert Z - CZ \rVert_F^2",
        "penalty": r"\beta \lVert C \rVert_F^2",
        "locality": r"\gamma \sum_{ij} a_{ij} \lVert z_i - z_j \rVert^2",
    }

    alpha: float = real(
        500.0, symbol=r"\alpha", low=0, high=1e7, soft=(0.1, 1000), log=True, group=OBJECTIVE,
        help="Weight of the self-expression: how well codes must be combinations of other codes.",
    )  # fmt: skip
    beta: float = real(
        0.5, symbol=r"\beta", low=0, high=1e7, soft=(0.01, 100), log=True, group=OBJECTIVE,
        help="Weight of the penalty on C: larger spreads each combination over more samples.",
    )  # fmt: skip
    gamma: float = real(
        4.5, symbol=r"\gamma", low=0, high=1e7, soft=(0.01, 100), log=True, group=OBJECTIVE,
        help="Weight of the locality: how strongly neighbours are pulled together; too much makes all codes equal.",
    )  # fmt: skip
    n_neighbors: int = integer(
        3,
        symbol="k",
        low=1,
        high=500,
        soft=(1, 30),
        group=OBJECTIVE,
        help="Neighbours of each sample in the prior graph.",
    )
    zero_diagonal: bool = flag(
        False, symbol=r"C_{ii}=0", group=OBJECTIVE, help="Forbid a code to explain itself; needed when beta is small."
    )
    penalty: str = choice(
        "symmetric",
        symbol=r"\lVert\cdot\rVert",
        choices=("free", "symmetric"),
        group=OBJECTIVE,
        help="Penalise and cluster C itself, or its symmetric part without the diagonal.",
    )

    @classmethod
    def minimised(cls, params: Mapping[str, Any]) -> str:
        if params["penalty"] == "free":
            return cls.objective
        part = r"\beta \big\lVert \tfrac12 (C + C^\top) - \mathrm{diag}(C) \big\rVert_F^2"
        return cls.objective.replace(r"\beta \lVert C \rVert_F^2", part)

    @classmethod
    def departures(cls, params: Mapping[str, Any]) -> list[str]:
        symmetric = (
            ["The penalty is that of the program on COIL-20; Eq. 18 has C itself."] if params["penalty"] != "free" else []
        )
        return [*symmetric, *super().departures(params)]

    def check_data(self, X: NDArray) -> None:
        super().check_data(X)
        most = self.extent.size(len(X)) - 2
        if self.n_neighbors > most:
            raise ParameterError(
                f"The 'n_neighbors' parameter of udll must be at most the number of samples that are expressed less 2, {most}. "
                f"Got {self.n_neighbors} instead."
            )

    def forbids_diagonal(self) -> bool:
        return self.zero_diagonal

    def constants(self, X: torch.Tensor, Z: NDArray) -> tuple[dict[str, Any], Arrays]:
        """Adaptive neighbours of the pretrained codes (Eq. 17), symmetrised; their Laplacian on the device."""
        from core.graphs import tensors

        prior = graphs.symmetrized_graph(graphs.adaptive_neighbors(Z, self.n_neighbors))
        return {"laplacian": tensors.sparse_tensor(graphs.laplacian(prior), self.device)}, {"prior": prior}

    def terms(self, problem: Problem) -> dict[str, torch.Tensor]:
        """The four weighted terms of Eq. 18."""
        from core import losses

        Z = problem.net.encode(problem.X)
        Z_hat, penalty, _ = losses.express(problem.C, Z, precision=self.precision)
        if self.penalty == "symmetric":
            penalty = losses.symmetric_norm(problem.C)
        return {
            "reconstruction": losses.reconstruction(problem.X, problem.net.decode(Z_hat)),
            "self-expression": self.alpha * losses.self_expression(Z, Z_hat),
            "penalty": self.beta * penalty,
            "locality": self.gamma * losses.locality(Z, problem.constants["laplacian"]),
        }

    def read(self, C: torch.Tensor) -> torch.Tensor:
        """C, or the symmetric part without the diagonal, whichever is penalised."""
        from core import losses

        return losses.symmetric_part(C) if self.penalty == "symmetric" else C.detach()

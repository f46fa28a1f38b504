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

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from core.common import ParameterError, choice, flag, integer, real
from core.methods.contract import Preset
from core.methods.deep_subspace.family import OBJECTIVE, DeepSelfExpressive, FineTuning
from core.methods.parts import networks
from core.methods.parts.readout import affinity_constants
from core.methods.registry import register
from core.training import Arrays

if TYPE_CHECKING:
    import torch


def _objective(
    alpha: float, beta: float, gamma: float, n_neighbors: int, epochs: int, initial_c: float, penalty: str = "free"
) -> dict[str, Any]:
    """The constants of one row of the published tables."""
    return {
        "alpha": alpha, "beta": beta, "gamma": gamma, "n_neighbors": n_neighbors, "epochs": epochs,
        "initial_c": initial_c, "penalty": penalty,
    }  # fmt: skip


_WITH_LABELS = "Constants chosen with the labels"
_OWN_PRETRAINING = "Our own pretraining, as the published start weights come without a recipe."
_PRESETS = {
    "coil20": Preset(
        title="COIL-20",
        dataset="coil20",
        params={
            **networks.COIL20, **_objective(500, 0.5, 4.5, 3, 90, 1e-8, "symmetric"),
            **affinity_constants(14, 7, 0.035, True),
        },
        note=f"{_WITH_LABELS}: 90 epochs and (14, 7, .035) instead of the published 68 and (12, 8, .04).",
    ),
    "coil20-code": Preset(
        title="COIL-20, constants of the published program",
        dataset="coil20",
        params={
            **networks.COIL20, **_objective(500, 0.5, 4.5, 3, 68, 1e-8, "symmetric"),
            **affinity_constants(12, 8, 0.04, True),
        },
        source="code",
        note=_OWN_PRETRAINING,
    ),
    "coil20-paper": Preset(
        title="COIL-20, constants of the paper",
        dataset="coil20",
        params={
            **networks.COIL20, **_objective(1000, 1, 19, 3, 68, 1e-8, "symmetric"),
            **affinity_constants(12, 8, 0.04, True),
        },
        source="paper",
        note=_OWN_PRETRAINING,
    ),
    "orl": Preset(
        title="ORL, from the ridge solution",
        dataset="orl",
        params={
            **networks.ORL, **_objective(5, 90, 4, 3, 25, 0), **affinity_constants(4, 2, 0.17),
            "start": "ridge", "ridge_strength": 0.1,
        },
        note=f"{_WITH_LABELS}. The ridge solution on the pretrained codes alone reaches .84; training adds about .01.",
    ),
    "orl-cold": Preset(
        title="ORL, from C = 0",
        dataset="orl",
        params={
            **networks.ORL, **_objective(5, 10, 4, 3, 700, 0), **affinity_constants(4, 2, 0.17),
            "pretrain_epochs": 30, "learning_rate": 3e-3, "network_learning_rate": 1e-4,
        },
        note=f"{_WITH_LABELS}, with a wider network than published.",
    ),
    "orl-code": Preset(
        title="ORL, constants of the published program",
        dataset="orl",
        params={
            **networks.ORL_CODE, **_objective(5, 1, 4, 3, 1550, 0),
            **affinity_constants(4, 2, 0.17),
        },
        source="code",
        note=_OWN_PRETRAINING,
    ),
    "orl-paper": Preset(
        title="ORL, constants of the paper",
        dataset="orl",
        params={
            **networks.ORL_PAPER, **_objective(5, 1, 8, 3, 1550, 0), **affinity_constants(4, 2, 0.17),
        },
        source="paper",
        note=_OWN_PRETRAINING,
    ),
    "yaleb": Preset(
        title="Extended Yale B, constants of the published program",
        dataset="yaleb",
        params={**networks.YALEB, **_objective(3.15, 1, 0.005, 10, 2000, 1e-4), **affinity_constants(12, 4, 0.1)},
        source="code",
        note=f"{_OWN_PRETRAINING} Takes about an hour on two cores.",
    ),
    "yaleb-paper": Preset(
        title="Extended Yale B, constants of the paper",
        dataset="yaleb",
        params={**networks.YALEB, **_objective(3.2, 1, 0.01, 10, 1600, 1e-4), **affinity_constants(12, 4, 0.1)},
        source="paper",
        note=_OWN_PRETRAINING,
    ),
    "coil100-paper": Preset(
        title="COIL-100, constants of the paper",
        dataset="coil100",
        params={
            **networks.COIL100, **_objective(15, 1, 280, 5, 140, 1e-4), **affinity_constants(12, 8, 0.04)
        },
        source="paper",
        note=f"{_OWN_PRETRAINING} Meant for a GPU: hours on a CPU.",
    ),
    "digits": Preset(
        title="Digits",
        dataset="digits",
        params={
            **networks.DIGITS, **_objective(500, 0.5, 4.5, 3, 30, 1e-8, "symmetric"), **affinity_constants(8, 6, 0.06, True),
        },
        note=f"{_WITH_LABELS}; the objective is that of COIL-20.",
    ),
}  # fmt: skip


@register
class UDLL(DeepSelfExpressive):
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

    presets = _PRESETS
    published = {"coil20": 0.9757, "coil100": 0.7086, "orl": 0.8775, "yaleb": 0.9770}

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
        "symmetric", symbol=r"\lVert\cdot\rVert", choices=("free", "symmetric"), group=OBJECTIVE,
        help="Penalise and cluster C itself, or its symmetric part without the diagonal.",
    )  # fmt: skip

    def check_data(self, X: NDArray) -> None:
        super().check_data(X)
        most = self.expressed(len(X), vars(self)) - 2
        if self.n_neighbors > most:
            raise ParameterError(
                f"The 'n_neighbors' parameter of udll must be at most the number of samples that are expressed less 2, {most}. "
                f"Got {self.n_neighbors} instead."
            )

    def forbids_diagonal(self) -> bool:
        return self.zero_diagonal

    def constants(self, X: torch.Tensor, Z: NDArray) -> tuple[dict[str, Any], Arrays]:
        """Adaptive neighbours of the pretrained codes (Eq. 17), symmetrised; their Laplacian on the device."""
        from core import graphs
        from core.graphs import tensors

        prior = graphs.symmetrized_graph(graphs.adaptive_neighbors(Z, self.n_neighbors))
        return {"laplacian": tensors.sparse_tensor(graphs.laplacian(prior), self.device)}, {"prior": prior}

    def terms(self, problem: FineTuning) -> dict[str, torch.Tensor]:
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

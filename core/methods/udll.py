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

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.autoencoding import Autoencoding
from core.base import Arrays, Cost, Preset, Stages, Step
from core.errors import ParameterError
from core.params import choice, flag, integer, real
from core.registry import register
from core.representation import ridge_representation
from core.selfexpressive import SelfExpressive, affinity_constants, square_bytes

if TYPE_CHECKING:
    import torch

    from core.nets import AutoEncoder

OBJECTIVE, TRAINING = "Objective", "Training"


def _network(
    channels: tuple[int, ...], kernel_sizes: tuple[int, ...], epochs: int, batch: int | None, rate: float
) -> dict[str, Any]:
    """Network and pretraining at a constant learning rate."""
    return {
        "channels": channels, "kernel_sizes": kernel_sizes, "pretrain_epochs": epochs, "batch_size": batch,
        "pretrain_learning_rate": rate, "pretrain_schedule": "constant",
    }  # fmt: skip


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
_COIL20_NET = _network((15,), (3,), 20, 64, 4e-3)
_ORL_NET = _network((10, 20, 30), (3, 3, 3), 60, 40, 2e-3)
_ORL_CODE_NET = {**_network((3, 3, 5), (3, 3, 3), 300, 40, 4e-3), "pretrain_schedule": "cosine", "pixel_range": 255.0}
_YALEB_NET = {**_network((10, 20, 30), (5, 3, 3), 60, 128, 1e-3), "pixel_range": 255.0}

_PRESETS = {
    "coil20": Preset(
        title="COIL-20",
        dataset="coil20",
        params={**_COIL20_NET, **_objective(500, 0.5, 4.5, 3, 90, 1e-8, "symmetric"), **affinity_constants(14, 7, 0.035, True)},
        note=f"{_WITH_LABELS}: 90 epochs and (14, 7, .035) instead of the published 68 and (12, 8, .04).",
    ),
    "coil20-code": Preset(
        title="COIL-20, constants of the published program",
        dataset="coil20",
        params={**_COIL20_NET, **_objective(500, 0.5, 4.5, 3, 68, 1e-8, "symmetric"), **affinity_constants(12, 8, 0.04, True)},
        source="code",
        note=_OWN_PRETRAINING,
    ),
    "coil20-paper": Preset(
        title="COIL-20, constants of the paper",
        dataset="coil20",
        params={**_COIL20_NET, **_objective(1000, 1, 19, 3, 68, 1e-8, "symmetric"), **affinity_constants(12, 8, 0.04, True)},
        source="paper",
        note=_OWN_PRETRAINING,
    ),
    "orl": Preset(
        title="ORL, from the ridge solution",
        dataset="orl",
        params={
            **_ORL_NET, **_objective(5, 90, 4, 3, 25, 0), **affinity_constants(4, 2, 0.17),
            "start": "ridge", "ridge_strength": 0.1,
        },
        note=f"{_WITH_LABELS}. The ridge solution on the pretrained codes alone reaches .84; training adds about .01.",
    ),
    "orl-cold": Preset(
        title="ORL, from C = 0",
        dataset="orl",
        params={
            **_ORL_NET, **_objective(5, 10, 4, 3, 700, 0), **affinity_constants(4, 2, 0.17),
            "pretrain_epochs": 30, "learning_rate": 3e-3, "network_learning_rate": 1e-4,
        },
        note=f"{_WITH_LABELS}, with a wider network than published.",
    ),
    "orl-code": Preset(
        title="ORL, constants of the published program",
        dataset="orl",
        params={**_ORL_CODE_NET, **_objective(5, 1, 4, 3, 1550, 0), **affinity_constants(4, 2, 0.17)},
        source="code",
        note=_OWN_PRETRAINING,
    ),
    "orl-paper": Preset(
        title="ORL, constants of the paper",
        dataset="orl",
        params={
            **_ORL_CODE_NET, **_objective(5, 1, 8, 3, 1550, 0), **affinity_constants(4, 2, 0.17),
            "channels": (5, 3, 3), "kernel_sizes": (5, 3, 3),
        },
        source="paper",
        note=_OWN_PRETRAINING,
    ),
    "yaleb": Preset(
        title="Extended Yale B, constants of the published program",
        dataset="yaleb",
        params={**_YALEB_NET, **_objective(3.15, 1, 0.005, 10, 2000, 1e-4), **affinity_constants(12, 4, 0.1)},
        source="code",
        note=f"{_OWN_PRETRAINING} Takes about an hour on two cores.",
    ),
    "yaleb-paper": Preset(
        title="Extended Yale B, constants of the paper",
        dataset="yaleb",
        params={**_YALEB_NET, **_objective(3.2, 1, 0.01, 10, 1600, 1e-4), **affinity_constants(12, 4, 0.1)},
        source="paper",
        note=_OWN_PRETRAINING,
    ),
    "coil100-paper": Preset(
        title="COIL-100, constants of the paper",
        dataset="coil100",
        params={
            **_network((50,), (5,), 20, 64, 2e-3), **_objective(15, 1, 280, 5, 140, 1e-4), **affinity_constants(12, 8, 0.04)
        },
        source="paper",
        note=f"{_OWN_PRETRAINING} Meant for a GPU: hours on a CPU.",
    ),
    "digits": Preset(
        title="Digits",
        dataset="digits",
        params={
            **_COIL20_NET, **_objective(500, 0.5, 4.5, 3, 30, 1e-8, "symmetric"), **affinity_constants(8, 6, 0.06, True),
            "pretrain_epochs": 10,
        },
        note=f"{_WITH_LABELS}; the objective is that of COIL-20.",
    ),
}  # fmt: skip


class FineTuning:
    """Eq. 18 as a problem: network and C, which change, and data and graph, which do not.

    Parameters
    ----------
    weights : UDLL
        alpha, beta, gamma, the learning rates, and how the diagonal of C is treated.
    net : AutoEncoder
    C : (n, n)
        Where C starts.
    X : (n, ...)
        Samples as the network takes them.
    laplacian : (n, n)
        Of the symmetrised prior graph.
    """

    def __init__(self, weights: UDLL, net: AutoEncoder, C: torch.Tensor, X: torch.Tensor, laplacian: torch.Tensor) -> None:
        import torch

        self.weights, self.net, self.X, self.laplacian = weights, net, X, laplacian
        if weights.zero_diagonal:
            C.fill_diagonal_(0)
        self.representation = torch.nn.ParameterDict({"C": C})
        groups = [
            {"params": [*net.parameters()], "lr": weights.network_learning_rate},
            {"params": [self.C], "lr": weights.learning_rate},
        ]
        self.optimizer = torch.optim.Adam(groups, fused=True)

    @property
    def C(self) -> torch.Tensor:
        C: torch.Tensor = self.representation["C"]
        return C

    def penalised(self) -> torch.Tensor:
        """What beta weighs and what is clustered: C, or its symmetric part without the diagonal."""
        from core import losses

        return losses.symmetric_part(self.C) if self.weights.penalty == "symmetric" else self.C.detach()

    def terms(self) -> dict[str, torch.Tensor]:
        """The four weighted terms of Eq. 18."""
        from core import losses

        Z = self.net.encode(self.X)
        Z_hat = losses.combine(self.C, Z)
        norm = losses.symmetric_norm if self.weights.penalty == "symmetric" else losses.squared_frobenius
        return {
            "reconstruction": losses.reconstruction(self.X, self.net.decode(Z_hat)),
            "self-expression": self.weights.alpha * losses.self_expression(Z, Z_hat),
            "penalty": self.weights.beta * norm(self.C),
            "locality": self.weights.gamma * losses.locality(Z, self.laplacian),
        }

    def descend(self) -> dict[str, torch.Tensor]:
        """One Adam step; the values of the terms before it."""
        import torch

        terms = self.terms()
        self.optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        if self.weights.zero_diagonal and self.C.grad is not None:
            self.C.grad.fill_diagonal_(0)  # with zero gradients Adam leaves the zero diagonal as it is
        self.optimizer.step()
        return {name: term.detach() for name, term in terms.items()}


@register
class UDLL(SelfExpressive, Autoencoding):
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
    epochs: int = integer(
        30, symbol="T", low=1, high=100_000, soft=(10, 3000), group=TRAINING,
        help="Full-batch steps on network and C together. C is far from converged when they end: it is a regulariser too.",
    )  # fmt: skip
    learning_rate: float = real(
        1e-3,
        symbol=r"\eta",
        low=1e-6,
        high=1,
        soft=(1e-4, 1e-1),
        log=True,
        group=TRAINING,
        help="Learning rate of Adam for C.",
    )
    network_learning_rate: float = real(
        1e-3, symbol=r"\eta_\theta", low=0, high=1, soft=(1e-4, 1e-1), log=True, group=TRAINING,
        help="Learning rate of Adam for the network; the paper uses the same for both.",
    )  # fmt: skip
    start: str = choice(
        "constant", symbol=r"C^{(0)}", choices=("constant", "ridge"), group=TRAINING,
        help="C begins as a constant (the paper), or as the ridge solution on the pretrained codes with a zero diagonal.",
    )  # fmt: skip
    ridge_strength: float = real(
        0.1, symbol=r"\lambda", low=1e-6, high=1e4, soft=(1e-3, 10), log=True, group=TRAINING,
        help="Penalty of the ridge start, relative to the mean squared norm of a code.",
    )  # fmt: skip
    initial_c: float = real(
        1e-8, symbol="C_0", low=0, high=1, soft=(1e-8, 1e-2), log=True, group=TRAINING,
        help="Value of every entry of C at the start, if it starts as a constant.",
    )  # fmt: skip

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        network = cls.network_cost(shape, {**params, "batch_size": None})  # fine-tuning takes all samples at once
        squares = square_bytes(shape[0], {"C, its gradient and Adam": 4, "affinity and its decomposition": 4})
        return Cost(parameters=network.parameters + shape[0] ** 2, matrices={**network.matrices, **squares})

    def check_data(self, X: NDArray) -> None:
        super().check_data(X)
        if self.n_neighbors > len(X) - 2:
            raise ParameterError(
                f"The 'n_neighbors' parameter of udll must be at most the number of samples less 2, {len(X) - 2}. "
                f"Got {self.n_neighbors} instead."
            )

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        """Stages: pretrain, graph, finetune, spectral."""
        stages = stages or Stages()
        self.clusters(X)
        data, net, generator = self.begin(X)
        yield from self.pretrain(net, data, generator, stages)

        prior, laplacian, Z = self._prior_graph(net, data)
        known = {"prior": prior, "Z_pretrained": Z}
        yield Step("graph", 1, 1, {"edges": prior.nnz}, known)

        problem = FineTuning(self, net, self._initial_representation(Z), data, laplacian)
        yield from self._finetune(problem, stages)
        if stages.reached("finetune"):
            yield self.conclude({**known, **self._views(problem)})

    def _prior_graph(self, net: AutoEncoder, X: torch.Tensor) -> tuple[Any, torch.Tensor, NDArray]:
        """Adaptive neighbours of the pretrained codes (Eq. 17), symmetrised; with its Laplacian on the device."""
        import torch

        from core import graphs, losses

        with torch.no_grad():
            Z = net.encode(X).cpu().numpy()
        A = graphs.symmetrized_graph(graphs.adaptive_neighbors(Z, self.n_neighbors))
        return A, losses.sparse_tensor(graphs.laplacian(A), self.device), Z

    def _initial_representation(self, Z: NDArray) -> torch.Tensor:
        """C before the first step."""
        import torch

        if self.start == "ridge":
            C = torch.from_numpy(ridge_representation(Z, self.ridge_strength).astype(np.float32))
        else:
            C = torch.full((len(Z), len(Z)), self.initial_c)
        return C.to(self.device)

    def _finetune(self, problem: FineTuning, stages: Stages) -> Iterator[Step]:
        """Minimise Eq. 18 over the network and C."""

        def epoch(_: int) -> tuple[Mapping[str, Any], Arrays]:
            return problem.descend(), self._views(problem)

        parts = {"net": problem.net, "representation": problem.representation, "optimizer": problem.optimizer}
        yield from stages.run("finetune", self.epochs, parts, epoch)

    def _views(self, problem: FineTuning) -> Arrays:
        """C as it is clustered, the codes, and the reconstructions decoder(C Z); computed only if somebody looks."""
        import torch

        from core import losses

        def reconstructions() -> torch.Tensor:
            with torch.no_grad():
                Z_hat = losses.combine(problem.C, problem.net.encode(problem.X))
                return problem.net.decode(Z_hat) / self.pixel_range

        views = self.views(problem.net, problem.X)
        return {**views, "C": problem.penalised, "X_hat": reconstructions}

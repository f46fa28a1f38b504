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
from core.base import Arrays, Cost, Stages, Step
from core.errors import ParameterError
from core.params import choice, flag, integer, real
from core.registry import register
from core.representation import ridge_representation
from core.selfexpressive import SelfExpressive, square_bytes

if TYPE_CHECKING:
    import torch

    from core.nets import AutoEncoder

OBJECTIVE, TRAINING = "Objective", "Training"


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

    published = {"coil20": 0.9757, "coil100": 0.7086, "orl": 0.8775, "yaleb": 0.9770}

    alpha: float = real(
        5.0, symbol=r"\alpha", low=0, high=1e7, soft=(0.1, 1000), log=True, group=OBJECTIVE,
        help="Weight of the self-expression: how well codes must be combinations of other codes.",
    )  # fmt: skip
    beta: float = real(
        1.0, symbol=r"\beta", low=0, high=1e7, soft=(0.01, 100), log=True, group=OBJECTIVE,
        help="Weight of the penalty on C: larger spreads each combination over more samples.",
    )  # fmt: skip
    gamma: float = real(
        4.0, symbol=r"\gamma", low=0, high=1e7, soft=(0.01, 100), log=True, group=OBJECTIVE,
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
        "free", symbol=r"\lVert\cdot\rVert", choices=("free", "symmetric"), group=OBJECTIVE,
        help="Penalise and cluster C itself, or its symmetric part without the diagonal.",
    )  # fmt: skip
    epochs: int = integer(
        500, symbol="T", low=1, high=100_000, soft=(10, 3000), group=TRAINING,
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
        0.0,
        symbol="C_0",
        low=-1,
        high=1,
        soft=(0, 1e-3),
        group=TRAINING,
        help="Value of every entry of C at the start.",
    )

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        network = cls.network_cost(shape, params)
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

        C = self._representation(Z)
        yield from self._finetune(net, C, data, laplacian, stages)
        if stages.reached("finetune"):
            yield self.conclude({**known, **self._views(net, C, data)})

    def _prior_graph(self, net: AutoEncoder, X: torch.Tensor) -> tuple[Any, torch.Tensor, NDArray]:
        """Adaptive neighbours of the pretrained codes (Eq. 17), symmetrised; with its Laplacian on the device."""
        import torch

        from core import graphs

        with torch.no_grad():
            Z = net.encode(X).cpu().numpy()
        A = graphs.symmetrized_graph(graphs.adaptive_neighbors(Z, self.n_neighbors))
        L = graphs.laplacian(A).astype(np.float32).tocsr()
        rows, columns, values = (torch.from_numpy(part) for part in (L.indptr, L.indices, L.data))
        return A, torch.sparse_csr_tensor(rows, columns, values, L.shape).to(self.device), Z

    def _representation(self, Z: NDArray) -> torch.nn.ParameterDict:
        """C before the first step."""
        import torch

        if self.start == "ridge":
            C = torch.from_numpy(ridge_representation(Z, self.ridge_strength).astype(np.float32))
        else:
            C = torch.full((len(Z), len(Z)), self.initial_c)
        if self.zero_diagonal:
            C.fill_diagonal_(0)
        return torch.nn.ParameterDict({"C": C.to(self.device)})

    def _finetune(
        self,
        net: AutoEncoder,
        representation: torch.nn.ParameterDict,
        X: torch.Tensor,
        laplacian: torch.Tensor,
        stages: Stages,
    ) -> Iterator[Step]:
        """Minimise Eq. 18 over the network and C."""
        import torch

        from core import losses

        C = representation["C"]
        groups = [
            {"params": list(net.parameters()), "lr": self.network_learning_rate}, {"params": [C], "lr": self.learning_rate}
        ]  # fmt: skip
        optimizer = torch.optim.Adam(groups, fused=True)

        def step(_: int) -> tuple[Mapping[str, Any], Arrays]:
            Z = net.encode(X)
            Z_hat = losses.combine(C, Z)
            X_hat = net.decode(Z_hat)
            penalised = losses.symmetric_part(C) if self.penalty == "symmetric" else C
            terms = {
                "reconstruction": losses.reconstruction(X, X_hat),
                "self-expression": self.alpha * losses.self_expression(Z, Z_hat),
                "penalty": self.beta * losses.squared_frobenius(penalised),
                "locality": self.gamma * losses.locality(Z, laplacian),
            }
            optimizer.zero_grad()
            torch.stack(list(terms.values())).sum().backward()
            optimizer.step()
            if self.zero_diagonal:
                with torch.no_grad():
                    C.fill_diagonal_(0)
            return {name: term.detach() for name, term in terms.items()}, self._views(net, representation, X)

        parts = {"net": net, "representation": representation, "optimizer": optimizer}
        yield from stages.run("finetune", self.epochs, parts, step)

    def _views(self, net: AutoEncoder, representation: torch.nn.ParameterDict, X: torch.Tensor) -> Arrays:
        """C as it is clustered, the codes, and the reconstructions decoder(C Z); computed only if somebody looks."""
        import torch

        from core import losses

        def self_expression() -> torch.Tensor:
            C = representation["C"].detach()
            return losses.symmetric_part(C) if self.penalty == "symmetric" else C

        def reconstructions() -> torch.Tensor:
            with torch.no_grad():
                return net.decode(losses.combine(representation["C"], net.encode(X))) / self.pixel_range

        return {**self.views(net, X), "C": self_expression, "X_hat": reconstructions}

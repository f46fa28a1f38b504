"""SpectralNet (Shaham, Stanton, Li, Nadler, Basri and Kluger, ICLR 2018).

A network learns the spectral embedding of a neighbour graph: Y = c(z) with orthonormal columns, Y^T Y / b = I, minimises
(1 / 2b) sum_ij W_ij ||y_i - y_j||^2 over batches; k-means on Y gives the clusters. z are the codes of an auto-encoder that
is trained beforehand and then left alone, or the data themselves. It is the second stage of DSCDAN, on its own.

The published program draws random batches and their graphs from within (``graph="batch"``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from math import prod
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import NDArray

from core.common import choice, held, redeclared
from core.methods.contract import Cost
from core.methods.deep_spectral import rules
from core.methods.deep_spectral.family import SpectralEmbedding
from core.methods.deep_spectral.head import HEAD_GROUP, HeadRecipe
from core.methods.parts import rules as parts
from core.methods.parts.network import PretrainedNetwork
from core.methods.registry import register
from core.training import Arrays, Stages, Step

if TYPE_CHECKING:
    from torch import Tensor

    from core.training.pretraining import NetworkOnData


def objective(U: Tensor, W: Tensor) -> Tensor:
    """(1 / 2b) sum_ij W_ij ||y_i - y_j||^2 of outputs U (b, K), made orthonormal: Y = U L^-T with L L^T = U^T U / b."""
    import torch

    L = torch.linalg.cholesky(U.T @ U / len(U))
    Y = U @ torch.linalg.inv(L).T
    return (W * (Y[:, None] - Y[None, :]).square().sum(2)).sum() / (2 * len(U))


@register
class SpectralNet(SpectralEmbedding):
    """A spectral embedding as the output of a network."""

    name = "spectralnet"
    title = "SpectralNet"
    summary = "Teaches a network the spectral embedding of a neighbour graph, batch by batch, and groups its outputs."
    paper = "Shaham, Stanton, Li, Nadler, Basri and Kluger, ICLR 2018"
    objective = r"\min\; \tfrac{1}{2b} \textstyle\sum_{ij} W_{ij} \lVert y_i - y_j \rVert^2,\quad \tfrac1b Y^\top Y = I"
    symbols = {
        "reconstruction": r"\tfrac12 \lVert X - \hat X \rVert_F^2",
        "cut": r"-\textstyle\sum_k \hat y_k \log p(k \mid z)",
        "spectral": r"\tfrac{1}{2b} \textstyle\sum_{ij} W_{ij} \lVert y_i - y_j \rVert^2",
        "imbalance": r"\lambda\, \mathrm{KL}(\bar p(y) \,\Vert\, q(y))",
        "disagreement": r"-\mu\, \overline{\log p_i^\top p_j}",
    }
    gauges = {"rate": "Learning rate", "rescued": "Rescued batches"}

    rules = (parts.pretraining, parts.layers, rules.head)

    features: str = choice(
        "codes",
        symbol="z",
        choices=("codes", "samples"),
        group=HEAD_GROUP,
        help="What the head sees: codes of a pretrained auto-encoder, or the data themselves.",
    )
    coder = held(PretrainedNetwork)
    head = held(HeadRecipe, head_output="tanh")
    labels: str = redeclared(SpectralEmbedding, "labels", "kmeans")

    coder_: NetworkOnData = field(init=False, repr=False)

    def check_data(self, X: NDArray) -> None:
        self.coder.check(X)
        super().check_data(X)

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        """Stages: pretrain, if it sees codes; start; head; spectral."""
        import torch

        from core.graphs.batches import NeighborGraph
        from core.methods.deep_spectral.heads import Heads, neighbors_of, outputs_of

        stages, self.head_ = stages or Stages(), None
        K = self.clusters(X)
        self.check_data(X)
        if self.features == "codes":
            on = self.coder_ = self.coder.on(X, random_state=self.random_state, device=self.device)
            yield from on.pretrain(self.coder.pretraining, stages)
            Z, views, generator = on.codes().contiguous(), on.views(), on.generator
        else:
            Z = self.coder.tensor(X, self.device).flatten(1).contiguous()
            views, generator = {"Z": Z}, torch.Generator().manual_seed(self.random_state)
        heads = Heads(self.head, K, Z, NeighborGraph(), generator, self.random_state)
        yield from heads.train(stages, views)
        if self.head_was_trained(stages):
            self.head_ = heads.best
        outputs = {} if self.head_ is None else outputs_of(self.head_, lambda: Z)
        yield self.conclude({**views, "A": lambda: neighbors_of(Z), **outputs})

    def embed(self, X: NDArray) -> NDArray:
        if self.features == "codes":
            return self.coder.embed(self.coder_, X)
        return self.coder.tensor(X, self.device).flatten(1).cpu().numpy()

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        if self.features == "codes":
            self.coder_ = self.coder.on(samples, random_state=self.random_state, device=self.device)
            self.coder_.load_weights(weights)
        return super().restore(samples, arrays, weights)

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        coder, sees_codes = cls.coder.of(params), params["features"] == "codes"
        cost, d = (coder.cost(shape), coder.code_size(shape[1:])) if sees_codes else (Cost(), prod(shape[1:]))
        codes = {"data": 4 * prod(shape), "codes": 4 * shape[0] * d}
        more = cls.head.of(params).n_parameters(d, params["n_clusters"])
        return cost.and_more(codes, more)

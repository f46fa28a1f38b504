"""SpectralNet (Shaham, Stanton, Li, Nadler, Basri and Kluger, ICLR 2018).

A network learns the spectral embedding of a neighbour graph: Y = c(z) with orthonormal columns, Y^T Y / b = I, minimises
(1 / 2b) sum_ij W_ij ||y_i - y_j||^2 over batches; k-means on Y gives the clusters. z are the codes of an auto-encoder that
is trained beforehand and then left alone, or the data themselves. It is the second stage of DSCDAN, on its own.

The published program draws random batches and their graphs from within (``graph="batch"``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, Self

from numpy.typing import NDArray

from core.common import choice, redeclared
from core.methods.contract import Clusterer, Cost
from core.methods.deep_spectral.family import HEAD_GROUP, SpectralEmbedding
from core.methods.registry import register
from core.training import Arrays, Stages, Step


@register
class SpectralNet(SpectralEmbedding):
    """A spectral embedding as the output of a network."""

    name = "spectralnet"
    title = "SpectralNet"
    family = "Deep spectral"
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
    published = {"mnist": 0.800, "mnist_test": 0.817}  # DSCDAN's Table 3

    features: str = choice(
        "codes", symbol="z", choices=("codes", "samples"), group=HEAD_GROUP,
        help="What the head sees: codes of a pretrained auto-encoder, or the data themselves.",
    )  # fmt: skip
    head_output: str = redeclared(SpectralEmbedding, "head_output", "tanh")
    labels: str = redeclared(SpectralEmbedding, "labels", "kmeans")

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        import torch

        from core.graphs.batches import NeighborGraph

        stages = stages or Stages()
        K = self.clusters(X)
        self.__dict__.pop("head_", None)
        if self.features == "codes":
            data, net, generator = self.begin(X)
            yield from self.pretrain(net, data, generator, stages)
            Z, views = self.codes(net, data).contiguous(), dict(self.views(net, data))
        else:
            self.check_data(X)
            generator = torch.Generator().manual_seed(self.random_state)
            Z = self.to_device(X).flatten(1).contiguous()
            views = {"Z": Z}
        yield from self.head_stages(K, Z, NeighborGraph(), generator, stages, views)
        outputs = self.outputs(lambda: Z) if self.settle(stages) else {}
        yield self.conclude({**views, "A": lambda: self.neighbors_of(Z), **outputs})

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        if self.features == "codes":
            return super().restore(samples, arrays, weights)
        self.restore_head(samples, weights)
        return Clusterer.restore(self, samples, arrays, weights)

    def embed(self, X: NDArray) -> NDArray:
        return super().embed(X) if self.features == "codes" else self.to_device(X).flatten(1).cpu().numpy()

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        cost = cls.network_cost(shape, params) if params["features"] == "codes" else Cost()
        d = cls.code_size(shape[1:], params) if params["features"] == "codes" else prod(shape[1:])
        codes = {"data": 4 * prod(shape), "codes": 4 * shape[0] * d}
        return Cost(parameters=cost.parameters + cls.head_parameters(d, params), matrices={**cost.matrices, **codes})

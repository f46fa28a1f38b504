"""Landmark-based spectral clustering (Chen and Cai, AAAI 2011): a spectral cut in time and memory linear in n.

p landmarks a_j stand for the data (k-means centres, or random samples). Each sample gets Gaussian weights over its r
nearest ones, W_ij = exp(-||x_i - a_j||^2 / (2 sigma^2)), its row scaled to sum 1. The graph of the samples is never formed:

    A = W D^(-1) W^T = B B^T,    B = W D^(-1/2),    D = diag(W^T 1)

has all degrees 1, so its normalised cut is given by the left singular vectors of B, which come from the p x p matrix
B^T B. k-means groups their rows, scaled to unit norm.

What the paper leaves open, and how it is settled here: sigma^2 is ``bandwidth``^2 times the mean squared distance over the
pairs that are kept; the trivial singular vector D^(1/2) 1 is taken out; two components more than clusters are used, as with
K the labels hang on the draw of the landmarks, and each is weighed by its squared eigenvalue, which keeps small clusters
whole (`core.anchor_embedding`). The defaults of r and e were chosen with the labels of MNIST-test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.affinity import EXTRA_COMPONENTS, anchor_embedding
from core.common import choice, held, integer, real
from core.evaluation import pca
from core.graphs import AnchorChoice, anchor_graph
from core.methods.contract import Clusterer, Cost, Labeller
from core.methods.parts.kmeans import KMeansReadout
from core.methods.parts.scope import anchor_count
from core.methods.registry import register
from core.training import Arrays, Stages, Step


@register
class LSC(Clusterer):
    """Spectral cut of a graph through landmarks."""

    name = "lsc"
    title = "LSC"
    summary = "Joins samples through a few hundred landmarks and cuts that graph: spectral clustering of large data."
    paper = "Chen and Cai, AAAI 2011 (LSC)"
    objective = r"\max_{F^\top F = I}\; \mathrm{Tr}(F^\top W D^{-1} W^\top F),\quad W\mathbf{1} = \mathbf{1}"

    readout = held(KMeansReadout)

    n_anchors: int = integer(
        500,
        symbol="p",
        low=2,
        high=5000,
        soft=(100, 2000),
        help="Landmarks; at most half as many as samples are taken.",
    )
    n_neighbors: int = integer(
        3, symbol="r", low=1, high=100, soft=(1, 20), help="Nearest landmarks that a sample is joined to."
    )
    anchors: AnchorChoice = choice(
        "kmeans",
        symbol="a_j",
        choices=("kmeans", "random"),
        help="Landmarks are the centres of a short k-means, or random samples.",
    )
    bandwidth: float = real(
        1.0, symbol=r"\sigma", low=0.01, high=100, soft=(0.1, 10), log=True,
        help="Width of the Gaussian, in units of the root mean squared distance to the landmarks that are kept.",
    )  # fmt: skip
    components: int | None = integer(
        50, symbol="q", low=1, high=1000, soft=(10, 200), optional=True, none_means="all features",
        help="Principal components of the data that distances are taken in; none takes the data as they are.",
    )  # fmt: skip
    extra: int = integer(
        EXTRA_COMPONENTS,
        symbol="e",
        low=0,
        high=50,
        soft=(0, 10),
        help="Components of the embedding beyond the number of clusters.",
    )

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        n, p = shape[0], anchor_count(params["n_anchors"], shape[0])
        return Cost(matrices={"weights over landmarks": 16 * n * min(params["n_neighbors"], p) * 2, "B^T B": 3 * 8 * p * p})

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        """One stage: spectral."""
        K = self.clusters(X)
        flat = np.asarray(X, dtype=np.float32).reshape(len(X), -1)
        few = min(self.components or flat.shape[1], flat.shape[1])
        features = pca(flat, few).astype(np.float32) if few < flat.shape[1] else flat
        p = max(anchor_count(self.n_anchors, len(flat)), 2)
        graph = anchor_graph(
            features,
            p,
            min(self.n_neighbors, p),
            random_state=self.random_state,
            anchors=self.anchors,
            bandwidth=self.bandwidth,
        )
        U = anchor_embedding(graph.weights, K + self.extra)
        yield self.conclude({"Z": flat, "U": U.astype(np.float32), "W": graph.weights})

    def labeller(self, arrays: Arrays, affinity: NDArray | None) -> Labeller:
        return self.readout.labeller(arrays["U"], self.K)

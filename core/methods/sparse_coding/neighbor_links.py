"""The graph that codes are smoothed over: neighbours of the prepared samples, and how new ones are joined to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from core.common import Part, choice, integer, real
from core.graphs import Extension, extension, laplacian
from core.graphs.laplacians import Kind
from core.training import Arrays, Stages

if TYPE_CHECKING:
    from torch import Tensor

    from core.graphs.batches import Edges, Laplacian

GRAPH_GROUP = "Graph"
SAME = 1e-3  # between samples of unit norm: nearer ones are taken for the same


@dataclass(frozen=True, kw_only=True)
class NeighborLinks(Part):
    """Each sample is joined to its nearest others."""

    n_neighbors: int = integer(
        5, symbol="k", low=1, high=100_000, soft=(1, 30), group=GRAPH_GROUP,
        help="Neighbours of each sample, itself not counted; as many as there are others joins all pairs, as TAGnet prints it.",
    )  # fmt: skip
    weights: str = choice(
        "heat",
        symbol="P",
        choices=("heat", "shared", "gaussian"),
        group=GRAPH_GROUP,
        help="Weights of the graph: by distance over its own scale, by the share of neighbours that two samples have in "
        "common, or exp(-d^2 / delta^2), as TAGnet prints it.",
    )
    delta: float = real(
        1.0, symbol=r"\delta", low=1e-3, high=1e3, soft=(0.1, 2), log=True, group=GRAPH_GROUP,
        help="Width of the Gaussian weights, a distance between samples of unit norm.",
    )  # fmt: skip
    laplacian: Kind = choice(
        "normalized",
        symbol="L",
        choices=("normalized", "plain", "unnormalized"),
        group=GRAPH_GROUP,
        help="I - Deg^-1/2 P Deg^-1/2, Deg - P over its largest degree, or Deg - P as it is.",
    )

    def recipe(self, *, centred: bool) -> dict[str, Any]:
        """What decides the edges besides the data."""
        width = {"delta": self.delta} if self.weights == "gaussian" else {}
        return {"part": "graph", "n_neighbors": self.n_neighbors, "weights": self.weights, "centred": centred, **width}

    def over(self, X: Tensor, stages: Stages | None = None, *, centred: bool) -> LinkedSamples:
        """The graph of samples (n, m), prepared about their mean or not; from the shelf, if another run has made it."""
        return LinkedSamples(X, self, (stages or Stages()).recalled(self.recipe(centred=centred), partial(self._edges, X)))

    def _edges(self, X: Tensor) -> Arrays:
        from core.graphs.batches import NeighborGraph

        graph = NeighborGraph()
        graph.update(X, self.n_neighbors, self.weights, self.delta)
        return graph.edges._asdict()


class LinkedSamples:
    """Samples and their graph, on one device."""

    def __init__(self, X: Tensor, links: NeighborLinks, edges: Arrays) -> None:
        from core.graphs.batches import NeighborGraph

        self.X, self.links = X, links
        self.neighbors = NeighborGraph(X.device)
        self.neighbors.set_state((edges["nearest"], edges["weights"]))

    @property
    def edges(self) -> Edges:
        return self.neighbors.edges

    def weights(self) -> csr_array:
        """P (n, n), symmetric."""
        return self.neighbors.symmetric()

    def matrix(self) -> csr_array:
        """L (n, n)."""
        return laplacian(self.weights(), self.links.laplacian)

    def laplacian(self, edges: Edges | None = None) -> Laplacian:
        """L of all samples, or of the given edges inside a batch, on the device."""
        from core.graphs.batches import Laplacian

        return Laplacian(self.edges if edges is None else edges, self.links.laplacian)

    def joined(self, new: NDArray[np.float32]) -> Extension:
        """L of new samples (q, m), prepared as those of the graph are.

        A sample that is one of those of training takes the place of that one in the graph; every other is joined to its
        nearest ones.
        """
        import torch

        q, n, P = len(new), len(self.X), self.weights()
        there = torch.from_numpy(new).to(self.X.device)
        nearest, distances, weights = self.neighbors.toward(there, self.X, self.links.weights, self.links.delta)
        joining = csr_array((weights.ravel(), nearest.ravel(), np.arange(0, nearest.size + 1, nearest.shape[1])), shape=(q, n))
        known = distances[:, 0] < SAME
        places = csr_array((np.ones(known.sum()), (np.flatnonzero(known), nearest[known, 0])), shape=(q, n))
        joining = csr_array(diags_array((~known).astype(float)) @ joining + places @ P)
        joining.sum_duplicates()
        return extension(joining, P, self.links.laplacian)

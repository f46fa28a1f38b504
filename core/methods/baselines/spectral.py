"""Spectral clustering of a neighbourhood graph of the data (Ng, Jordan and Weiss 2002; von Luxburg 2007).

The normalised cut of the graph A is relaxed to the first K eigenvectors of L = I - D^(-1/2) A D^(-1/2):
min_F Tr(F^T L F), F^T F = I. A is either the symmetrised k-nearest-neighbour graph or exp(-gamma ||x_i - x_j||^2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from core.affinity import AssignLabels, graph_labeller
from core.common import ParameterError, choice, integer, real
from core.methods.contract import Clusterer, Cost, Labeller
from core.methods.parts.scope import FULL_LIMIT
from core.methods.registry import register
from core.training import Arrays, Stages, Step


@register
class Spectral(Clusterer):
    """Normalised cut of a kNN or Gaussian graph."""

    name = "spectral"
    title = "Spectral clustering"
    summary = "Cuts a graph of nearest neighbours, so clusters may have any shape that neighbours can follow."
    paper = "Ng, Jordan and Weiss, NIPS 2002"
    objective = r"\min_{F^\top F = I}\; \mathrm{Tr}(F^\top L F),\quad L = I - D^{-1/2} A D^{-1/2}"
    reads = "A"

    graph: str = choice("knn", symbol="A", choices=("knn", "rbf"), help="Graph of nearest neighbours, or Gaussian weights.")
    n_neighbors: int = integer(
        10,
        symbol="k",
        low=1,
        high=500,
        soft=(2, 50),
        help="Neighbours of each sample in the kNN graph, itself included.",
    )
    bandwidth: float = real(
        1.0, symbol=r"\sigma", low=1e-3, high=1e3, soft=(0.1, 10), log=True,
        help="Width of the Gaussian, in units of the median distance between samples.",
    )  # fmt: skip
    assign_labels: AssignLabels = choice(
        "kmeans",
        symbol=r"\mathrm{cut}",
        choices=("kmeans", "discretize", "cluster_qr"),
        help="How the spectral embedding becomes clusters.",
    )

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        if params["graph"] == "knn":
            return Cost(matrices={"sparse affinity": 16 * shape[0] * params["n_neighbors"] * 2})
        return Cost(matrices={"affinity": 4 * shape[0] ** 2})

    def check_data(self, X: NDArray) -> None:
        if self.graph == "knn" and self.n_neighbors > len(X):
            raise ParameterError(
                f"The 'n_neighbors' parameter of spectral must be at most the number of samples, {len(X)}. "
                f"Got {self.n_neighbors} instead."
            )
        if self.graph == "rbf" and len(X) > FULL_LIMIT:
            raise ParameterError(
                f"The 'graph' parameter of spectral must be 'knn' above {FULL_LIMIT:,} samples, as Gaussian weights fill an "
                f"n x n matrix. Got 'rbf' for {len(X):,} samples."
            )

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        self.clusters(X)
        flat = np.asarray(X, dtype=np.float32).reshape(len(X), -1)
        yield self.conclude({"A": self._graph(flat), "Z": flat})

    def _graph(self, X: NDArray) -> Any:
        """The (n, n) affinity, symmetric and non-negative; sparse for neighbours."""
        if self.graph == "knn":
            from sklearn.neighbors import kneighbors_graph

            A = csr_array(kneighbors_graph(X, self.n_neighbors, include_self=True), dtype=np.float32)
            return csr_array(0.5 * (A + A.T))
        from sklearn.metrics.pairwise import euclidean_distances

        D = euclidean_distances(X)
        width = self.bandwidth * float(np.median(D[np.triu_indices_from(D, 1)]))
        return np.exp(-0.5 * np.square(D / max(width, np.finfo(np.float32).tiny)))

    def labeller(self, arrays: Arrays, affinity: NDArray | None) -> Labeller:
        return graph_labeller(affinity, self.K, assign_labels=self.assign_labels)

"""Clusters of the pretrained codes, from which a method goes on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.affinity import degree_clusters, sample_graph, spectral_labels
from core.common import Part, choice, integer

MOST_LINKED = 20  # neighbours of the graph that is linked, at most


@dataclass(frozen=True, kw_only=True)
class FirstClusters(Part):
    """How the codes are grouped before the network is trained towards clusters.

    k-means takes a cluster for a ball. A graph of neighbours follows one of any form, and what is trained from it can keep
    that where the codes may still move. ACC of DEC by rule, three seeds, from the graph and (``--set start=kmeans``) from
    k-means: COIL-20 .783 +- .022 and .650 +- .027, Yale B .274 +- .010 and .080 +- .008, digits .753 +- .007 and .817 +- .009.
    """

    start: str = choice(
        "kmeans", symbol=r"\hat y_0", choices=("kmeans", "graph", "linkage"), group="Clusters",
        help="The first clusters: k-means on the pretrained codes, the normalised cut of the graph of their neighbours, or "
        "graph degree linkage of them (AC-GDL).",
    )  # fmt: skip
    n_init: int = integer(
        20, symbol="R", low=1, high=100, soft=(1, 30), group="Clusters",
        help="Starts of the k-means that finds the first clusters; the lowest objective is kept.",
    )  # fmt: skip

    @property
    def idle(self) -> frozenset[str]:
        return frozenset() if self.start == "kmeans" else frozenset({"n_init"})

    def of_codes(self, Z: NDArray, K: int, random_state: int) -> tuple[NDArray[np.int64], NDArray]:
        """Labels (n,) of codes (n, d), and the centroids (K, d) of the clusters."""
        if self.start == "kmeans":
            from sklearn.cluster import KMeans

            found = KMeans(K, n_init=self.n_init, random_state=random_state).fit(Z)
            return found.labels_.astype(np.int64), found.cluster_centers_
        if self.start == "graph":
            labels = graph_clusters(Z, K, random_state)
        else:
            labels = degree_clusters(Z, K, min(MOST_LINKED, len(Z) - 1))[1]
        return labels, means_of(Z, labels, K)


def graph_clusters(Z: NDArray, K: int, random_state: int) -> NDArray[np.int64]:
    """The normalised cut of the graph of the neighbours of codes (n, d)."""
    return spectral_labels(sample_graph(Z), K, assign_labels="kmeans", random_state=random_state)


def means_of(Z: NDArray, labels: NDArray[np.int64], K: int) -> NDArray:
    """The mean code of each cluster, (K, d); that of all codes for a cluster that has none."""
    return np.stack([Z[labels == k].mean(axis=0) if (labels == k).any() else Z.mean(axis=0) for k in range(K)])

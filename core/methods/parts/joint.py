"""Training of a network and its clusters together, in mini-batches, from clusters of the pretrained codes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import Part, integer, real


@dataclass(frozen=True, kw_only=True)
class JointTraining(Part):
    """How long and how fast, when it may end, and how often k-means looks for the clusters that it starts from."""

    epochs: int = integer(
        20, symbol="T", low=0, high=100_000, soft=(0, 200), group="Training",
        help="Passes over the data with the clustering loss.",
    )  # fmt: skip
    learning_rate: float = real(
        1e-3, symbol=r"\eta", low=1e-7, high=1, soft=(1e-5, 1e-2), log=True, group="Training",
        help="Learning rate of Adam in that stage.",
    )  # fmt: skip
    min_change: float = real(
        0.001, symbol=r"\epsilon", low=0, high=1, soft=(0, 0.01), group="Training",
        help="Stop once no larger share of the samples changes its cluster in an epoch; 0 trains all epochs.",
    )  # fmt: skip
    n_init: int = integer(
        20, symbol="R", low=1, high=100, soft=(1, 30), group="Clusters",
        help="Starts of the k-means that finds the first clusters; the lowest objective is kept.",
    )  # fmt: skip

    def first_clusters(self, Z: NDArray, K: int, random_state: int) -> tuple[NDArray[np.int64], NDArray]:
        """Labels (n,) and centroids (K, d) of k-means on the pretrained codes (n, d)."""
        from sklearn.cluster import KMeans

        found = KMeans(K, n_init=self.n_init, random_state=random_state).fit(Z)
        return found.labels_.astype(np.int64), found.cluster_centers_

    def settled(self, changed: Any) -> bool:
        """Whether so small a share of the samples, a scalar on any device, changed its cluster that training may end."""
        return bool(self.min_change > 0 and changed <= self.min_change)

"""k-means as the last step of a method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.common import Part, integer
from core.methods.contract import Labeller


@dataclass(frozen=True, kw_only=True)
class KMeansReadout(Part):
    """Clusters are those of k-means on rows: codes, an embedding, or the samples themselves."""

    n_init: int = integer(
        10, symbol="R", low=1, high=100, soft=(1, 30), group="Clusters",
        help="Starts of k-means from different centres; the lowest objective is kept.",
    )  # fmt: skip

    def group(self, Z: NDArray, n_clusters: int, random_state: int) -> NDArray[np.int64]:
        """Clusters of the rows of Z (n, d)."""
        from sklearn.cluster import KMeans

        estimator = KMeans(n_clusters, n_init=self.n_init, random_state=random_state)
        return estimator.fit_predict(Z).astype(np.int64)

    def labeller(self, Z: NDArray, n_clusters: int) -> Labeller:
        return lambda seed: self.group(Z, n_clusters, seed)

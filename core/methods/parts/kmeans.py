"""What methods share that end with k-means on the rows of Z."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.common import integer
from core.methods.contract import Clusterer
from core.training import Arrays


@dataclass(kw_only=True)
class GroupsCodes(Clusterer):
    """A method whose clusters are those of k-means on its codes, or on the samples themselves."""

    reads = "Z"
    groups_test = True

    n_init: int = integer(
        10, symbol="R", low=1, high=100, soft=(1, 30), group="Clusters",
        help="Starts of k-means from different centres; the lowest objective is kept.",
    )  # fmt: skip

    def assign(self, arrays: Arrays, affinity: NDArray | None, *, random_state: int) -> NDArray[np.int64]:
        return self.group(arrays["Z"], random_state)

    def group(self, Z: NDArray, random_state: int) -> NDArray[np.int64]:
        """Clusters of the rows of Z (n, d)."""
        from sklearn.cluster import KMeans

        estimator = KMeans(self.n_clusters, n_init=self.n_init, random_state=random_state)
        return estimator.fit_predict(Z).astype(np.int64)

    def label_test(self, Z: NDArray, *, random_state: int) -> NDArray[np.int64]:
        return self.group(Z, random_state) if self.groups_test else super().label_test(Z, random_state=random_state)

"""k-means on the data: the baseline of every table.

min_{mu, c} sum_i ||x_i - mu_{c(i)}||^2, by Lloyd's algorithm from k-means++ starts (scikit-learn).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from core.base import Arrays, Clusterer, Stages, Step
from core.params import integer
from core.registry import register


@register
class KMeans(Clusterer):
    """k-means clustering of the raw samples."""

    name = "kmeans"
    title = "k-means"
    summary = "Groups samples around K means; sees only distances to them."
    paper = "Lloyd 1982; Arthur and Vassilvitskii 2007"
    objective = r"\min_{\mu, c}\; \sum_i \lVert x_i - \mu_{c(i)} \rVert^2"

    n_init: int = integer(
        10,
        symbol="R",
        low=1,
        high=100,
        soft=(1, 30),
        help="Starts from different centres; the lowest objective is kept.",
    )

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        self.clusters(X)
        yield self.conclude({"Z": np.asarray(X, dtype=np.float32).reshape(len(X), -1)})

    def assign(self, arrays: Arrays, affinity: NDArray | None, *, random_state: int) -> NDArray[np.int64]:
        from sklearn.cluster import KMeans as ScikitKMeans

        estimator = ScikitKMeans(self.n_clusters, n_init=self.n_init, random_state=random_state)
        return estimator.fit_predict(arrays["Z"]).astype(np.int64)

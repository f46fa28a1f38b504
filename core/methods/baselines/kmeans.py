"""k-means on the data: the baseline of every table.

min_{mu, c} sum_i ||x_i - mu_{c(i)}||^2, by Lloyd's algorithm from k-means++ starts (scikit-learn).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from core.common import held
from core.methods.contract import Clusterer, Labeller
from core.methods.parts.kmeans import KMeansReadout
from core.methods.registry import register
from core.training import Arrays, Stages, Step


@register
class KMeans(Clusterer):
    """k-means clustering of the raw samples."""

    name = "kmeans"
    title = "k-means"
    summary = "Groups samples around K means; sees only distances to them."
    paper = "Lloyd 1982; Arthur and Vassilvitskii 2007"
    objective = r"\min_{\mu, c}\; \sum_i \lVert x_i - \mu_{c(i)} \rVert^2"

    groups_test = True

    readout = held(KMeansReadout)

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        self.clusters(X)
        yield self.conclude({"Z": np.asarray(X, dtype=np.float32).reshape(len(X), -1)})

    def labeller(self, arrays: Arrays, affinity: NDArray | None) -> Labeller:
        return self.readout.labeller(arrays["Z"], self.K)

    def test_labeller(self, Z: NDArray) -> Labeller:
        return self.readout.labeller(Z, self.K)

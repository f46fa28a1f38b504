"""Deep clustering around centroids: an auto-encoder, K centroids among its codes, and both trained together.

The stage "pretrain" trains the auto-encoder alone. k-means on its codes, or the graph of their neighbours, gives the first
centroids mu_k, and the stage "finetune" goes on with a clustering loss in mini-batches. A sample belongs to the centroid that
is nearest to its code. Terms are means over the samples of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from core.common import held, integer
from core.graphs import nearest_of
from core.methods.contract import Clusterer, Cost, Labeller
from core.methods.deep_centroids import rules
from core.methods.parts.first_clusters import FirstClusters
from core.methods.parts.joint import JointTraining
from core.methods.parts.kmeans import KMeansReadout
from core.methods.parts.network import PretrainedNetwork
from core.methods.rules import Rule
from core.training import Arrays, Stages, Step

if TYPE_CHECKING:
    from torch import Tensor

    from core.methods.deep_centroids.problem import Batch
    from core.nets import Centroids
    from core.training.pretraining import NetworkOnData


@dataclass(kw_only=True)
class DeepCentroids(Clusterer):
    """A method that trains codes and centroids together.

    A method gives the terms of its loss (`terms`), and may look at all codes before each epoch (`survey`) or move the
    centroids by itself after each batch (`moved`).
    """

    family = "Deep centroids"
    learns = "deep"
    reads = "Z"
    uses_gpu = True
    shows = frozenset({"network"})
    rules: ClassVar[tuple[Rule, ...]] = (rules.codes, rules.first_clusters, rules.clustering)
    restored_from: ClassVar[tuple[str, ...]] = ("centroids",)
    learns_centroids: ClassVar[bool] = True  # whether the optimiser changes the centroids

    coder = held(PretrainedNetwork)

    joint = held(JointTraining)
    first = held(FirstClusters)

    train_batch_size: int = integer(
        256, symbol="B_1", low=1, high=1_000_000, soft=(32, 1024), group="Training", help="Samples per step in that stage."
    )

    coder_: NetworkOnData = field(init=False, repr=False)
    centroids_: NDArray = field(init=False, repr=False)

    # ---- what a method says ------------------------------------------------------------------------------------------

    def terms(self, batch: Batch) -> Mapping[str, Tensor]:
        """The loss of a batch, term by term."""
        raise NotImplementedError  # pragma: no cover

    def survey(self, Z: Tensor, means: Tensor) -> Tensor | None:
        """What the terms of a whole epoch need to know of all codes (n, d): one row for each sample, or nothing."""
        return None

    def moved(self, z: Tensor, centroids: Centroids) -> None:
        """Move the centroids after a batch, where the optimiser does not."""

    # ---- training ----------------------------------------------------------------------------------------------------

    @classmethod
    def departures(cls, params: Mapping[str, Any]) -> list[str]:
        ours = "The first centroids are of the clusters of a graph; the paper's are those of k-means."
        return [] if params["start"] == "kmeans" else [ours]

    def check_data(self, X: NDArray) -> None:
        self.coder.check(X)

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        from core.methods.deep_centroids.problem import Problem

        stages = stages or Stages()
        K = self.clusters(X)
        self.check_data(X)
        on = self.coder_ = self.coder.on(X, random_state=self.random_state, device=self.device)
        yield from on.pretrain(self.coder.pretraining, stages)
        before = on.codes().cpu()
        problem = Problem(self, on, self._first_centroids(before, K))
        yield from problem.trainer().run(stages, "finetune", self.joint.epochs)
        step = self.conclude({**problem.views(), "Z_pretrained": before})
        self.centroids_ = step.arrays["centroids"]
        yield step

    def _first_centroids(self, Z: Tensor, K: int) -> Centroids:
        from core.nets import Centroids

        labels, means = self.first.of_codes(Z.numpy(), K, self.random_state)
        return Centroids(means, np.bincount(labels, minlength=K)).to(self.device)

    # ---- clusters, new samples ---------------------------------------------------------------------------------------

    def labeller(self, arrays: Arrays, affinity: NDArray | None) -> Labeller:
        """The nearest centroid, whatever the seed; k-means while the auto-encoder is trained alone."""
        if "centroids" in arrays:
            labels = nearest_of(arrays["Z"], arrays["centroids"])
            return lambda seed: labels
        return KMeansReadout(n_init=1).labeller(arrays["Z"], self.K)

    def label_codes(self, Z: NDArray) -> NDArray[np.int64]:
        return nearest_of(Z, self.centroids_)

    def embed(self, X: NDArray) -> NDArray:
        return self.coder.embed(self.coder_, X)

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        self.coder_ = self.coder.on(samples, random_state=self.random_state, device=self.device)
        self.coder_.load_weights(weights)
        self.centroids_ = arrays["centroids"]
        return super().restore(samples, arrays, weights)

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        coder = cls.coder.of(params)
        cost, d = coder.cost(shape), coder.code_size(shape[1:])
        centroids = (d + 1) * (params["n_clusters"] or 10)
        return cost.and_more({"codes": 4 * shape[0] * d}, centroids)

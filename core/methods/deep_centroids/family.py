"""What deep clustering around centroids shares: an auto-encoder, K centroids among its codes, and both trained together.

The stage "pretrain" trains the auto-encoder alone. k-means on its codes gives the first centroids mu_k, and the stage
"finetune" goes on with a clustering loss in mini-batches. A sample belongs to the centroid that is nearest to its code.
Terms are means over the samples of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from core.common import integer, real
from core.graphs import nearest_of
from core.methods.contract import Cost
from core.methods.parts.pretrained import Autoencoding
from core.training import Arrays, Stages, Step

if TYPE_CHECKING:
    import torch
    from torch import nn

    from core.nets import AutoEncoder


@dataclass(kw_only=True)
class CentroidClustering(Autoencoding):
    """A method that trains codes and centroids together.

    A subclass gives the terms of its loss (`terms`), and may look at all codes before each epoch (`survey`) or move the
    centroids by itself after each batch (`moved`).
    """

    family = "Deep centroids"
    reads = "Z"
    restored_from: ClassVar[tuple[str, ...]] = ("centroids",)
    learns_centroids: ClassVar[bool] = True  # whether the optimiser changes the centroids

    centroids_: NDArray = field(init=False, repr=False)

    epochs: int = integer(
        20, symbol="T", low=0, high=100_000, soft=(0, 200), group="Training",
        help="Passes over the data with the clustering loss.",
    )  # fmt: skip
    learning_rate: float = real(
        1e-3, symbol=r"\eta", low=1e-7, high=1, soft=(1e-5, 1e-2), log=True, group="Training",
        help="Learning rate of Adam in that stage.",
    )  # fmt: skip
    train_batch_size: int = integer(
        256, symbol="B_1", low=1, high=1_000_000, soft=(32, 1024), group="Training", help="Samples per step in that stage."
    )  # fmt: skip
    min_change: float = real(
        0.001, symbol=r"\epsilon", low=0, high=1, soft=(0, 0.01), group="Training",
        help="Stop once no larger share of the samples changes its cluster in an epoch; 0 trains all epochs.",
    )  # fmt: skip
    n_init: int = integer(
        20, symbol="R", low=1, high=100, soft=(1, 30), group="Clusters",
        help="Starts of the k-means that finds the first centroids; the lowest objective is kept.",
    )  # fmt: skip

    def survey(self, Z: torch.Tensor, means: torch.Tensor) -> torch.Tensor | None:
        """What the terms of a whole epoch need to know of all codes (n, d): one row for each sample, or nothing."""
        return None

    def terms(
        self, x: torch.Tensor, z: torch.Tensor, means: torch.Tensor, net: AutoEncoder, known: torch.Tensor | None
    ) -> Mapping[str, torch.Tensor]:
        """The loss of a batch x with codes z (b, d) and centroids (K, d), term by term; `known` are its rows of `survey`."""
        raise NotImplementedError  # pragma: no cover

    def moved(self, z: torch.Tensor, centroids: nn.Module) -> None:
        """Move the centroids after a batch, where the optimiser does not."""

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        stages = stages or Stages()
        K = self.clusters(X)
        data, net, generator = self.begin(X)
        yield from self.pretrain(net, data, generator, stages)
        before = self.codes(net, data).cpu()
        centroids = self._first_centroids(before, K)
        yield from self._finetune(net, centroids, data, stages)
        arrays = {**self.views(net, data), "centroids": centroids.means.detach()}
        step = self.conclude({**arrays, "Z_pretrained": before})
        self.centroids_ = step.arrays["centroids"]
        yield step

    def _first_centroids(self, Z: torch.Tensor, K: int) -> Any:
        from sklearn.cluster import KMeans

        from core.nets import Centroids

        found = KMeans(K, n_init=self.n_init, random_state=self.random_state).fit(Z.numpy())
        return Centroids(found.cluster_centers_, np.bincount(found.labels_, minlength=K)).to(self.device)

    def _finetune(self, net: AutoEncoder, centroids: Any, X: torch.Tensor, stages: Stages) -> Iterator[Step]:
        import torch

        from core.training.descent import Averages, descend

        learnt = [*net.parameters(), *(centroids.parameters() if self.learns_centroids else ())]
        optimizer = torch.optim.Adam(learnt, lr=self.learning_rate, fused=True)
        order = torch.Generator().manual_seed(self.random_state)

        def epoch(_: int) -> tuple[Mapping[str, Any], Arrays]:
            Z = self.codes(net, X)
            labels, known = centroids.nearest(Z), self.survey(Z, centroids.means.detach())
            averages = Averages()
            for rows in torch.randperm(len(X), generator=order).to(X.device).split(self.train_batch_size):
                x = X[rows]
                z = net.encode(x)
                found = self.terms(x, z, centroids.means, net, None if known is None else known[rows])
                descend(optimizer, found)
                self.moved(z.detach(), centroids)
                averages.add(found, len(rows))
            changed = (centroids.nearest(self.codes(net, X)) != labels).float().mean()
            done = bool(self.min_change and changed <= self.min_change)
            arrays = {**self.views(net, X), "centroids": centroids.means.detach()}
            return {**averages.means(), "changed": changed, "converged": done}, arrays

        parts = {"net": net, "centroids": centroids, "optimizer": optimizer, "order": order}
        yield from stages.run("finetune", self.epochs, parts, epoch)

    def reconstruction(self, x: torch.Tensor, z: torch.Tensor, net: AutoEncoder) -> torch.Tensor:
        """(1/b) sum_i 0.5 ||x_i - decoder(z_i)||^2."""
        from core import losses

        return losses.reconstruction(x, net.decode(z)) / len(x)

    def assign(self, arrays: Arrays, affinity: NDArray | None, *, random_state: int) -> NDArray[np.int64]:
        """The nearest centroid; no seed has a say in it."""
        if "centroids" in arrays:
            return nearest_of(arrays["Z"], arrays["centroids"])
        from sklearn.cluster import KMeans  # while the auto-encoder is trained alone

        return KMeans(self.n_clusters, n_init=1, random_state=random_state).fit_predict(arrays["Z"]).astype(np.int64)

    def label_codes(self, Z: NDArray) -> NDArray[np.int64]:
        return nearest_of(Z, self.centroids_)

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        self.centroids_ = arrays["centroids"]
        return super().restore(samples, arrays, weights)

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        cost = cls.network_cost(shape, params)
        d = cls.code_size(shape[1:], params)
        centroids = (d + 1) * (params["n_clusters"] or 10)
        return Cost(parameters=cost.parameters + centroids, matrices={**cost.matrices, "codes": 4 * shape[0] * d})

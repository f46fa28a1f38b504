"""Network and centroids, which change, and the samples they are trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from core.losses import reconstruction
from core.nets import Centroids
from core.training import Arrays
from core.training.descent import Terms, adam
from core.training.pretraining import NetworkOnData
from core.training.schedules import Schedule
from core.training.trainer import Trainer

if TYPE_CHECKING:
    from core.methods.deep_centroids.family import DeepCentroids


class Batch(NamedTuple):
    """What the terms of a batch are made of: samples, their codes z (b, d), centroids (K, d), and their rows of the survey."""

    x: Tensor
    z: Tensor
    means: Tensor
    net: Any
    known: Tensor | None

    def reconstruction(self) -> Tensor:
        """(1/b) sum_i 0.5 ||x_i - decoder(z_i)||^2."""
        return reconstruction(self.x, self.net.decode(self.z)) / len(self.x)


class Problem:
    """What a method of this family minimises, epoch by epoch; see `DeepCentroids`."""

    def __init__(self, method: DeepCentroids, on: NetworkOnData, centroids: Centroids) -> None:
        self.method, self.on, self.centroids = method, on, centroids
        self._order = torch.Generator().manual_seed(method.random_state)
        self._labels: Tensor  # at the beginning of the epoch
        self._known: Tensor | None  # the survey of the epoch
        self._z: Tensor  # codes of the last batch

    def views(self) -> Arrays:
        return {**self.on.views(), "centroids": self.centroids.means.detach()}

    def trainer(self) -> Trainer:
        learnt = [*self.on.net.parameters(), *(self.centroids.parameters() if self.method.learns_centroids else ())]
        optimizer = adam(learnt, self.method.joint.learning_rate)
        return Trainer(
            networks={"net": self.on.net, "centroids": self.centroids}, optimizer=optimizer, schedule=Schedule(optimizer),
            parts={"order": self._order}, batches=self._batches, terms=self._terms, views=self.views,
            before=self._survey, stepped=lambda: self.method.moved(self._z.detach(), self.centroids), after=self._changes,
        )  # fmt: skip

    def _survey(self, _: int) -> None:
        Z = self.on.codes()
        self._labels, self._known = self.centroids.nearest(Z), self.method.survey(Z, self.centroids.means.detach())

    def _batches(self) -> Iterable[Tensor]:
        n, device = len(self.on.X), self.on.X.device
        return torch.randperm(n, generator=self._order).to(device).split(self.method.train_batch_size)

    def _terms(self, rows: Tensor) -> Terms:
        x = self.on.X[rows]
        self._z = self.on.encode(x)
        known = None if self._known is None else self._known[rows]
        return Terms(self.method.terms(Batch(x, self._z, self.centroids.means, self.on.net, known)))

    def _changes(self, _: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """The share of the samples that changed their cluster, and whether it is small enough to stop."""
        changed = (self.centroids.nearest(self.on.codes()) != self._labels).float().mean()
        return {"changed": changed, "converged": self.method.joint.settled(changed)}

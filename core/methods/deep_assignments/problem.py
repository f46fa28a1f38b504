"""A network, its softmax and what is known of the samples, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import one_hot

from core.methods.deep_assignments.denoising import DenoisingOnData
from core.training import Arrays
from core.training.descent import Terms, adam
from core.training.schedules import Schedule
from core.training.trainer import Trainer

if TYPE_CHECKING:
    from core.methods.deep_assignments.family import DeepAssignments


class Batch(NamedTuple):
    """What the terms of a batch are made of: samples, their rows of the targets (b, K), and the networks."""

    x: Tensor
    known: Tensor
    on: DenoisingOnData
    head: nn.Module
    helpers: Mapping[str, Any]


class Problem:
    """What a method of this family minimises, epoch by epoch; see `DeepAssignments`."""

    def __init__(self, method: DeepAssignments, on: DenoisingOnData, first: NDArray, n_clusters: int) -> None:
        self.method, self.on, self.head = method, on, method.head_
        device = on.X.device
        self.helpers = {name: made.to(device) for name, made in method.helpers(on.sample_shape).items()}
        self._first = one_hot(torch.from_numpy(first).long(), n_clusters).to(on.X.dtype).to(device)
        self._order = torch.Generator().manual_seed(method.random_state)
        self._index = 0
        self._labels: Tensor  # at the beginning of the epoch
        self._known: Tensor  # the targets of the epoch

    def posterior(self) -> Tensor:
        return self.method.posterior(self.on.codes())

    def views(self) -> Arrays:
        return {**self.on.views(), "P": self.posterior}

    def trainer(self) -> Trainer:
        networks = {"net": self.on.net, "head": self.head, **self.helpers}
        learnt = [weight for network in networks.values() for weight in network.parameters()]
        optimizer = adam(learnt, self.method.joint.learning_rate)
        return Trainer(
            networks=networks, optimizer=optimizer, schedule=Schedule(optimizer), batches=self._batches, terms=self._terms,
            parts={"order": self._order, "noise": self.on.noise}, views=self.views, before=self._survey, after=self._changes,
        )  # fmt: skip

    def _survey(self, index: int) -> None:
        P = self.posterior()
        self._index, self._labels = index, P.argmax(1)
        self._known = self.method.targets(self._first if index < self.method.start_epochs else P)

    def _batches(self) -> Iterable[Tensor]:
        n, device = len(self.on.X), self.on.X.device
        return torch.randperm(n, generator=self._order).to(device).split(self.method.train_batch_size)

    def _terms(self, rows: Tensor) -> Terms:
        return Terms(self.method.terms(Batch(self.on.X[rows], self._known[rows], self.on, self.head, self.helpers)))

    def _changes(self, _: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """The share of the samples that changed their cluster, and whether it is small enough to stop."""
        changed = (self.posterior().argmax(1) != self._labels).float().mean()
        begun = self._index >= self.method.start_epochs  # the first clusters have been learnt
        return {"changed": changed, "converged": begun and self.method.joint.settled(changed)}

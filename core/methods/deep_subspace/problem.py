"""Network and C, which change, and data and constants, which do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from core.losses import combine
from core.training import Arrays
from core.training.descent import Terms, adam
from core.training.schedules import Schedule
from core.training.trainer import Trainer

if TYPE_CHECKING:
    from core.methods.deep_subspace.family import DeepSubspace


class Problem:
    """What the fine-tuning of a deep self-expressive method minimises.

    Parameters
    ----------
    method : DeepSubspace
        Whose `terms` are minimised.
    net : AutoEncoder
    C : (n, n)
        Where C starts.
    X : (n, ...)
        Samples as the network takes them.
    constants : mapping
        What `terms` reads besides: a Laplacian, a Gram matrix.
    """

    def __init__(self, method: DeepSubspace, net: Any, C: Tensor, X: Tensor, **constants: Any) -> None:
        self.method, self.net, self.X, self.constants = method, net, X, constants
        if method.forbids_diagonal():
            C.fill_diagonal_(0)
        self.representation = torch.nn.ParameterDict({"C": C})
        self.representation.register_buffer("still", torch.zeros((), dtype=torch.int64))  # steps at rest, in a row
        self._work: Tensor | None = None

    @property
    def C(self) -> Tensor:
        C: Tensor = self.representation["C"]
        return C

    @property
    def work(self) -> Tensor:
        """One n x n scratch matrix, for whoever needs it for a moment."""
        if self._work is None:
            self._work = torch.empty_like(self.C, requires_grad=False)
        return self._work

    def reconstructions(self) -> Tensor:
        """decoder(C Z), without gradients."""
        with torch.no_grad():
            X_hat: Tensor = self.net.decode(combine(self.C, self.net.encode(self.X)))
            return X_hat

    def unexplained(self) -> Tensor:
        """||z_i - (C Z)_i||^2 of each sample, by C as it is trained, whatever part of it is clustered; without gradients."""
        with torch.no_grad():
            Z = self.net.encode(self.X)
            return (Z - combine(self.C, Z)).square().sum(1)

    def trainer(self, views: Callable[[], Arrays] = dict) -> Trainer:
        """Full-batch Adam steps on network and C, each an epoch."""
        rates = self.method.network_learning_rate, self.method.learning_rate
        groups = [{"params": params, "lr": rate} for params, rate in zip(([*self.net.parameters()], [self.C]), rates)]
        optimizer = adam(groups, rates[1])
        return Trainer(
            networks={"net": self.net, "representation": self.representation}, optimizer=optimizer,
            schedule=Schedule(optimizer), batches=lambda: [None], terms=lambda _: Terms(self.method.terms(self)),
            views=views, adjust=self._before_step, after=self._after_step,
        )  # fmt: skip

    def _before_step(self) -> None:
        if self.method.forbids_diagonal() and self.C.grad is not None:
            self.C.grad.fill_diagonal_(0)  # with zero gradients Adam leaves the zero diagonal as it is
        if self.method.tolerance:
            self.work.copy_(self.C.detach())

    def _after_step(self, _: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """Whether ||C_t - C_{t-1}||_F < tolerance ||C_{t-1}||_F twice in a row."""
        if not self.method.tolerance:
            return {}
        before = self.work
        size = before.norm().double()
        change = before.sub_(self.C.detach()).norm().double()
        still = self.representation.get_buffer("still")
        still.copy_((still + 1) * (change < self.method.tolerance * size))
        return {"converged": still >= 2}

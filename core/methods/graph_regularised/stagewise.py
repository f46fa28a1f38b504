"""One way to train a stage: epochs of mini-batches, with early stopping on held-out samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import cos, pi
from typing import Any

import torch
from torch import Tensor, nn

from core.training.descent import Averages, descend
from core.training.stages import Arrays, Stages, Step
from core.training.stopping import EarlyStopping

Terms = Callable[[Tensor, bool], Mapping[str, Tensor]]


@dataclass
class Trainer:
    """Trains networks on some samples.

    Attributes
    ----------
    fitted, held
        Samples that gradients come from, and those that only say when to stop; none of the latter: never.
    order, noise
        Generators of the batches and of the masks.
    optimizer, batch_size, patience
        "adam" or "sgd", samples of a step, and epochs before a stage may stop early.
    """

    stages: Stages
    fitted: Tensor
    held: Tensor
    order: torch.Generator
    noise: torch.Generator
    optimizer: str
    batch_size: int
    patience: int

    def run(
        self, stage: str, epochs: int, networks: Mapping[str, nn.Module], terms: Terms, *, rate: float,
        parameters: Sequence[Tensor] | None = None, falling: bool = False, stop_factor: int | None = None, floor: float = 0.0,
        arrays: Arrays | None = None,
    ) -> Iterator[Step]:  # fmt: skip
        """One stage.

        Parameters
        ----------
        networks
            What the stage changes, by the name it is kept under.
        terms
            The loss of a batch of samples, term by term; told whether the batch is learnt from (and may be corrupted).
        parameters
            What the optimiser changes; all parameters of the networks by default.
        falling
            The learning rate falls to zero along a cosine.
        stop_factor
            See `EarlyStopping`; None: no early stopping, and the held-out samples are not looked at.
        floor
            What the terms of the held-out samples leave out of their cross-entropy: an improvement is one of the whole.
        arrays
            What can be seen after every epoch.
        """
        everything = (p for net in networks.values() for p in net.parameters())
        optimizer = self._optimizer(list(everything if parameters is None else parameters), rate)
        steps = max(epochs * -(-len(self.fitted) // self.batch_size), 1)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: 0.5 * (1 + cos(pi * min(step / steps, 1))) if falling else 1.0
        )
        stopping = None if stop_factor is None or not len(self.held) else EarlyStopping(networks, self.patience, stop_factor)

        def epoch(index: int) -> tuple[Mapping[str, Any], Arrays]:
            scalars: dict[str, Any] = self._descend(terms, optimizer, schedule)
            if stopping is not None:
                scalars["validation"] = self._validation(terms)
                scalars["converged"] = stopping.after(index + 1, float(scalars["validation"]) + floor)
            return scalars, arrays or {}

        parts: dict[str, Any] = {**networks, "optimizer": optimizer, "schedule": schedule}
        parts |= {"order": self.order, "noise": self.noise}
        if stopping is not None:
            parts["stopping"] = stopping
        yield from self.stages.run(stage, epochs, parts, epoch, finish=stopping.restore if stopping is not None else None)
        for name in networks:
            self.stages.forget(name, before=stage)

    def _optimizer(self, parameters: list[Tensor], rate: float) -> torch.optim.Optimizer:
        adam = self.optimizer == "adam"
        return torch.optim.Adam(parameters, lr=rate, fused=True) if adam else torch.optim.SGD(parameters, lr=rate)

    def _descend(
        self, terms: Terms, optimizer: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LRScheduler
    ) -> dict[str, Any]:
        """One pass over the fitted samples in random batches; the mean of every term."""
        order = self.fitted[torch.randperm(len(self.fitted), generator=self.order).to(self.fitted.device)]
        averages = Averages()
        for rows in order.split(self.batch_size):
            found = terms(rows, True)
            descend(optimizer, found)
            schedule.step()
            averages.add(found, len(rows))
        return averages.means()

    def masked(self, x: Tensor, share: float) -> Tensor:
        """x with a share of its entries, drawn one by one, set to zero."""
        return x if share == 0 else x * (torch.rand(x.shape, generator=self.noise, device=x.device) >= share)

    def apart(self, seed: int) -> Trainer:
        """The same with generators of its own: what it trains leaves the batches and masks of this one as they were."""
        order, noise = torch.Generator().manual_seed(seed), torch.Generator(self.noise.device).manual_seed(seed)
        return replace(self, order=order, noise=noise)

    def _validation(self, terms: Terms) -> Tensor:
        """Mean loss of the held-out samples, as they are."""
        with torch.no_grad():
            parts = [
                torch.stack(list(terms(rows, False).values())).sum() * (len(rows) / len(self.held))
                for rows in self.held.split(max(self.batch_size, 1024))
            ]
        return torch.stack(parts).sum()

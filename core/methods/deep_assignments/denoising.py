"""The auto-encoder of DEPICT on its data: its noise, its loss over all layers, and its pretraining."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.training.descent import Terms, adam
from core.training.pretraining import NetworkOnData, Pretraining
from core.training.schedules import Schedule
from core.training.trainer import Trainer


@dataclass(kw_only=True)
class DenoisingOnData(NetworkOnData):
    """An auto-encoder that shows its layers, and the samples it learns from; `noise` draws what is left out."""

    dropout: float
    hidden_weight: float
    noise: torch.Generator

    def shown(self, X_hat: Tensor) -> Tensor:
        colour = X_hat.ndim == 4 and len(self.sample_shape) == 3
        return super().shown(X_hat.permute(0, 2, 3, 1) if colour else X_hat)

    def noisy(self, h: Tensor) -> Tensor:
        """Values with some set to 0 and the others raised, so that their mean stays."""
        if self.dropout == 0:
            return h
        kept = torch.rand(h.shape, generator=self.noise, device=h.device) >= self.dropout
        return h * kept / (1 - self.dropout)

    def layers(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Of a batch: the loss of all reconstructions, and the noisy codes that they were made from."""
        clean = self.net.activations(x)
        noisy: Tensor = self.net.activations(x, self.noisy)[-1]
        return layer_loss(clean[:-1], self.net.reconstructions(noisy), self.hidden_weight), noisy

    def trainer(self, how: Pretraining) -> Trainer:
        """What minimises the loss of the layers, in mini-batches."""
        n, optimizer = len(self.X), adam(self.net.parameters(), how.learning_rate)
        batch = min(how.batch_size or n, n)

        def batches() -> Iterable[Tensor]:
            return torch.randperm(n, generator=self.generator).to(self.X.device).split(batch)

        return Trainer(
            networks={"net": self.net}, optimizer=optimizer, batches=batches, views=self.views,
            terms=lambda rows: Terms({"reconstruction": self.layers(self.X[rows])[0]}),
            schedule=Schedule(optimizer, how.schedule, length=how.epochs * -(-n // batch), per="step"),
            parts={"generator": self.generator, "noise": self.noise},
        )  # fmt: skip


def layer_loss(clean: Sequence[Tensor], reconstructed: Sequence[Tensor], hidden_weight: float) -> Tensor:
    """sum_l w_l / (b |z^l|) ||z^l - z_hat^l||^2, where w_0 is 1 and the others are `hidden_weight`."""
    errors = [(z - z_hat).square().mean() for z, z_hat in zip(clean, reconstructed, strict=True)]
    return errors[0] + hidden_weight * torch.stack([errors[0].new_zeros(()), *errors[1:]]).sum()

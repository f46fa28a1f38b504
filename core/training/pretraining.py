"""An auto-encoder on its data: pretraining by reconstruction, and what can be seen of codes and reconstructions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.losses import reconstruction
from core.training.chunks import in_chunks
from core.training.descent import Terms, adam
from core.training.schedules import Schedule
from core.training.stages import Arrays, Stages, Step
from core.training.trainer import Trainer

PICTURES = 24  # reconstructions kept with a pretrained network


@dataclass(frozen=True, kw_only=True)
class Pretraining:
    """How an auto-encoder is pretrained; `batch_size` None takes all samples at once."""

    epochs: int
    learning_rate: float
    schedule: str
    batch_size: int | None


@dataclass(kw_only=True)
class NetworkOnData:
    """An auto-encoder and the samples it learns from.

    Attributes
    ----------
    net
        With ``encode`` and ``decode``.
    X : (n, ...)
        The samples as the network takes them, on its device.
    sample_shape
        Of a sample as the data have it.
    scale
        The data were multiplied by this.
    generator
        Of every random number of the training.
    recipe
        What decides the pretrained network besides the data: equal recipes give equal networks.
    """

    net: Any
    X: Tensor
    sample_shape: tuple[int, ...]
    scale: float
    generator: torch.Generator
    recipe: Mapping[str, Any]

    # ---- what is seen ------------------------------------------------------------------------------------------------

    def encode(self, X: Tensor) -> Tensor:
        """Codes of samples, (n, d)."""
        codes: Tensor = self.net.encode(X)
        return codes

    def reconstruct(self, X: Tensor) -> Tensor:
        X_hat: Tensor = self.net(X)
        return X_hat

    def codes(self) -> Tensor:
        """Codes of all samples without gradients, (n, d)."""
        return in_chunks(self.encode, self.X)

    def shown(self, X_hat: Tensor) -> Tensor:
        """Reconstructions in the scale and shape of the data."""
        return (X_hat / self.scale).reshape(len(X_hat), *self.sample_shape)

    def views(self) -> Arrays:
        """Codes and reconstructions, computed only if somebody looks."""
        return {"Z": self.codes, "X_hat": lambda: self.shown(in_chunks(self.reconstruct, self.X))}

    def load_weights(self, weights: Arrays) -> None:
        """Take over the tensors that a finished run kept of its network, among others."""
        own = {name.removeprefix("net."): value for name, value in weights.items() if name.startswith("net.")}
        self.net.load_state_dict(own)

    # ---- pretraining -------------------------------------------------------------------------------------------------

    def pretrain(self, how: Pretraining, stages: Stages) -> Iterator[Step]:
        """The stage "pretrain": reconstruct the data, nothing else; or take the network from the shelf, if it is there."""
        steps = self.trainer(how).run(stages, "pretrain", how.epochs)
        yield from stages.shelved("pretrain", how.epochs, self.recipe, steps, self.views, self._about)

    def _about(self) -> tuple[dict[str, float], dict[str, NDArray]]:
        """The error of the network, and a few pictures."""
        X_hat = in_chunks(self.reconstruct, self.X)
        error = float((self.X - X_hat).square().mean()) / self.scale**2
        rows = torch.from_numpy(np.linspace(0, len(self.X) - 1, min(PICTURES, len(self.X))).astype(np.int64)).to(self.X.device)
        pictures = {name: self.shown(A[rows]).cpu().numpy() for name, A in (("X", self.X), ("X_hat", X_hat))}
        return {"mean_squared_error": error}, pictures

    def trainer(self, how: Pretraining) -> Trainer:
        """What minimises 0.5 ||X - decoder(encoder(X))||_F^2, in full batches or in mini-batches."""
        n, batch = len(self.X), min(how.batch_size or len(self.X), len(self.X))
        optimizer = adam(self.net.parameters(), how.learning_rate)

        def batches() -> list[Tensor | None]:
            if batch == n:
                return [None]  # the very same tensor at each step: the network keeps what it has worked out of it
            return list(torch.randperm(n, generator=self.generator).to(self.X.device).split(batch))

        def terms(rows: Tensor | None) -> Terms:
            part = self.X if rows is None else self.X[rows]
            return Terms({"reconstruction": reconstruction(part, self.net(part))})

        return Trainer(
            networks={"net": self.net}, optimizer=optimizer, batches=batches, terms=terms, views=self.views, summed=True,
            schedule=Schedule(optimizer, how.schedule, length=how.epochs * -(-n // batch), per="step"),
            parts={"generator": self.generator},
        )  # fmt: skip

"""How coder and clusters are trained together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.common import Part, choice, integer, real

if TYPE_CHECKING:
    import torch
    from torch import nn

    from core.nets import Coder


@dataclass(frozen=True, kw_only=True)
class JointTraining(Part):
    """Gradient steps on coder and clusters."""

    epochs: int = integer(
        150, symbol="T", low=0, high=100_000, soft=(0, 500), group="Training",
        help="Passes over the data that train coder and clusters; 0 leaves the start (NJ).",
    )  # fmt: skip
    learning_rate: float = real(
        1e-3, symbol=r"\eta", low=1e-7, high=1, soft=(1e-5, 1e-1), log=True, group="Training", help="Learning rate."
    )
    optimizer: str = choice(
        "adam",
        symbol=r"\mathrm{opt}",
        choices=("adam", "sgd"),
        group="Training",
        help="Adam, or plain gradient steps as published.",
    )
    schedule: str = choice(
        "cosine",
        symbol=r"\eta(t)",
        choices=("constant", "cosine"),
        group="Training",
        help="Keep the learning rate, as published, or let it fall to zero along a cosine.",
    )
    train_batch_size: int | None = integer(
        None, symbol="B_1", low=8, high=1_000_000, soft=(64, 4096), optional=True, group="Training", none_means="all at once",
        help="Samples per step, neighbours included; none takes all at once.",
    )  # fmt: skip

    def optimizer_of(self, net: Coder, clusters: nn.Module) -> torch.optim.Optimizer:
        """Adam; or plain gradient steps on W, S, theta and on omega for codes as they are.

        What is trained is `Coder.stretch` times those, and omega for codes in units of ``unit``: a gradient is smaller and a
        step must be longer by the square of that factor, and the other way round for omega.
        """
        import torch

        from core.training.descent import adam

        trained = list(net.parameters()), list(clusters.parameters())
        if self.optimizer == "adam":
            return adam([*trained[0], *trained[1]], self.learning_rate)
        factors = net.stretch**2, float(net.unit) ** 2
        return torch.optim.SGD(
            {"params": params, "lr": self.learning_rate * factor} for params, factor in zip(trained, factors, strict=True)
        )

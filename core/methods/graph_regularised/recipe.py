"""How the paths are trained: the paper's three stages or the last one alone, and what each of them goes by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from core.common import Part, choice, integer, real

if TYPE_CHECKING:
    import torch

TRAINING, LAYER_WISE = "Training", "Layer-wise recipe"
PATH_FACTOR, JOINT_FACTOR = 2, 10  # of early stopping, as in the paper's program


class Plan(NamedTuple):
    """What one stage goes by; a `factor` is that of `EarlyStopping`, without one it is trained to its end."""

    epochs: int
    learning_rate: float
    schedule: str = "constant"
    factor: int | None = None


@dataclass(frozen=True, kw_only=True)
class Recipe(Part):
    """Epochs and learning rates of the stages, and what all of them have in common."""

    recipe: str = choice(
        "end-to-end",
        symbol=r"\mathcal{R}",
        choices=("end-to-end", "layer-wise"),
        group=TRAINING,
        help="Train everything at once from random weights (quick), or layers, then paths, then all together (the paper).",
    )
    epochs: int = integer(
        20, symbol="T", low=0, high=10_000, soft=(0, 200), group=TRAINING,
        help="Passes over the data in the joint stage, at most.",
    )  # fmt: skip
    learning_rate: float = real(
        2e-3, symbol=r"\rho", low=1e-6, high=1, soft=(1e-4, 1e-1), log=True, group=TRAINING,
        help="Learning rate of the joint stage.",
    )  # fmt: skip
    schedule: str = choice(
        "cosine",
        symbol=r"\rho(t)",
        choices=("constant", "cosine"),
        group=TRAINING,
        help="Keep the learning rate of the joint stage, or let it fall to zero along a cosine.",
    )
    optimizer: str = choice(
        "adam",
        symbol=r"\mathcal{O}",
        choices=("adam", "sgd"),
        group=TRAINING,
        help="Adam, or plain stochastic gradient descent as in the paper.",
    )
    batch_size: int = integer(
        128, symbol="B", low=2, high=100_000, soft=(16, 1024), group=TRAINING, help="Samples of each step."
    )
    validation: float = real(
        0.1, symbol="v", low=0, high=0.5, soft=(0, 0.5), group=TRAINING,
        help="Share of the training samples held out to say when to stop; 0 trains all epochs and keeps the last.",
    )  # fmt: skip
    patience: int = integer(
        10, symbol="P", low=1, high=10_000, soft=(1, 100), group=TRAINING,
        help="Epochs before a stage may stop early; the wait grows with every clear improvement.",
    )  # fmt: skip
    layer_epochs: int = integer(
        50, symbol="T_1", low=0, high=10_000, soft=(0, 200), group=LAYER_WISE, help="Passes over the data for each layer."
    )
    layer_learning_rate: float = real(
        0.01, symbol=r"\rho_1", low=1e-6, high=1, soft=(1e-4, 1e-1), log=True, group=LAYER_WISE,
        help="Learning rate of single layers.",
    )  # fmt: skip
    path_epochs: int = integer(
        1000, symbol="T_2", low=0, high=10_000, soft=(0, 1000), group=LAYER_WISE,
        help="Passes over the data for a whole path, at most.",
    )  # fmt: skip
    path_learning_rate: float = real(
        0.05, symbol=r"\rho_2", low=1e-6, high=1, soft=(1e-4, 1e-1), log=True, group=LAYER_WISE,
        help="Learning rate of whole paths.",
    )  # fmt: skip

    @property
    def layer_wise(self) -> bool:
        return self.recipe == "layer-wise"

    @property
    def layer(self) -> Plan:
        return Plan(self.layer_epochs, self.layer_learning_rate)

    @property
    def path(self) -> Plan:
        return Plan(self.path_epochs, self.path_learning_rate, factor=PATH_FACTOR)

    @property
    def joint(self) -> Plan:
        return Plan(self.epochs, self.learning_rate, self.schedule, JOINT_FACTOR)

    def fitted(self, n: int) -> int:
        """How many of n samples are learnt from."""
        return n - round(self.validation * n)

    def descent(self, parameters: Sequence[torch.Tensor], rate: float) -> torch.optim.Optimizer:
        import torch

        from core.training.descent import adam

        return adam(parameters, rate) if self.optimizer == "adam" else torch.optim.SGD(parameters, lr=rate)

    def of_data_path(self) -> dict[str, Any]:
        """What of it decides a data path after stage two."""
        names = ["optimizer", "batch_size", "validation", "patience"]
        names += ["layer_epochs", "layer_learning_rate", "path_epochs", "path_learning_rate"]
        return {name: getattr(self, name) for name in names}

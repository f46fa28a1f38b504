"""Training of a network and its clusters together, in mini-batches, from clusters of the pretrained codes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.common import Part, integer, real


@dataclass(frozen=True, kw_only=True)
class JointTraining(Part):
    """How long and how fast, and when it may end."""

    epochs: int = integer(
        20, symbol="T", low=0, high=100_000, soft=(0, 200), group="Training",
        help="Passes over the data with the clustering loss.",
    )  # fmt: skip
    learning_rate: float = real(
        1e-3, symbol=r"\eta", low=1e-7, high=1, soft=(1e-5, 1e-2), log=True, group="Training",
        help="Learning rate of Adam in that stage.",
    )  # fmt: skip
    min_change: float = real(
        0.001, symbol=r"\epsilon", low=0, high=1, soft=(0, 0.01), group="Training",
        help="Stop once no larger share of the samples changes its cluster in an epoch; 0 trains all epochs.",
    )  # fmt: skip

    def settled(self, changed: Any) -> bool:
        """Whether so small a share of the samples, a scalar on any device, changed its cluster that training may end."""
        return bool(self.min_change > 0 and changed <= self.min_change)

"""Networks that train side by side from different starts, of which the one with the lowest loss is kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.training.descent import Terms


def side_by_side(found: Sequence[Terms]) -> Terms:
    """The terms of several networks on the same batch: each loss is a vector over them, of which the sum is minimised."""
    losses = {name: torch.stack([terms.losses[name] for terms in found]) for name in found[0].losses}
    return Terms(losses, rescued=sum((terms.rescued for terms in found), ()))


class Restarts:
    """Which of the networks has the lowest loss so far."""

    def __init__(self) -> None:
        self.best = 0

    def compare(self, losses: Tensor, rescued: NDArray) -> float:
        """Take note of their losses of an epoch (R,), and of the batches in which each was rescued; returns the lowest loss.

        Outputs that are rank deficient have a column of next to nothing, so that their spectral loss is too low to be true:
        such a network is taken only where no other is left.
        """
        value = losses.cpu().numpy()
        self.best = int((value + np.where(rescued > 0, 0.0 if (rescued > 0).all() else np.inf, 0.0)).argmin())
        return float(value[self.best])

    def get_state(self) -> int:
        return self.best

    def set_state(self, best: int) -> None:
        self.best = best

"""One step down a sum of terms, and means of the terms over the batches of an epoch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Averages:
    """Weighted means of named values, which stay on the device until somebody reads them."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._weights: dict[str, int] = {}

    def add(self, values: Mapping[str, Tensor], weight: int) -> None:
        """Count in the values of a batch of so many samples."""
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0) + value.detach() * weight
            self._weights[name] = self._weights.get(name, 0) + weight

    def means(self) -> dict[str, Tensor]:
        return {name: total / self._weights[name] for name, total in self._sums.items()}


def descend(optimizer: torch.optim.Optimizer, losses: Mapping[str, Tensor]) -> Tensor:
    """One step down the sum of the terms, each a number or a vector over networks; returns that sum, one for each network."""
    total = torch.stack([value.reshape(-1) for value in losses.values()]).sum(0)
    optimizer.zero_grad()
    total.sum().backward()
    optimizer.step()
    return total.detach()

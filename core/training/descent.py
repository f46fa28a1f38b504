"""One step down a sum of terms, and means of the terms over the batches of an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Terms(NamedTuple):
    """Of a batch.

    Attributes
    ----------
    losses
        The terms of the loss; each a number, or a vector over networks that train side by side.
    gauges
        What is watched besides.
    rescued
        For each of the networks, whether its outputs were rank deficient.
    """

    losses: Mapping[str, Tensor]
    gauges: Mapping[str, Tensor] = MappingProxyType({})
    rescued: tuple[bool, ...] = ()


def adam(parameters: Iterable[Tensor] | Sequence[Mapping[str, Any]], rate: float) -> torch.optim.Adam:
    """Adam over tensors, or over groups of them with rates of their own; fused where the device has that kernel."""
    groups: list[Any] = list(parameters)
    tensors = [tensor for group in groups for tensor in (group["params"] if isinstance(group, Mapping) else [group])]
    fused = all(tensor.device.type in ("cpu", "cuda") for tensor in tensors)
    return torch.optim.Adam(groups, lr=rate, fused=fused)


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

    def sums(self) -> dict[str, Tensor]:
        return dict(self._sums)

    def means(self) -> dict[str, Tensor]:
        return {name: total / self._weights[name] for name, total in self._sums.items()}


def descend(optimizer: torch.optim.Optimizer, losses: Mapping[str, Tensor], adjust: Callable[[], None] | None = None) -> Tensor:
    """One step down the sum of the terms; returns that sum, a vector over networks that train side by side.

    `adjust` may change the gradients before the step is taken.
    """
    total = torch.stack([value.reshape(-1) for value in losses.values()]).sum(0)
    optimizer.zero_grad()
    total.sum().backward()
    if adjust is not None:
        adjust()
    optimizer.step()
    return total.detach()

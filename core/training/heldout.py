"""Samples that are learnt from, and samples that only say when to stop."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from core.training.stopping import EarlyStopping

CHUNK = 1024  # held-out samples looked at at a time


class Split:
    """Which samples are learnt from and which are held out, and the generators of all that is drawn meanwhile.

    Parameters
    ----------
    n, share
        Number of samples, and the share of them that is held out.
    seed, device

    Attributes
    ----------
    fitted, held
        Rows of the samples that are learnt from, and of the others; in random order.
    order, noise
        Generators of the batches (on the CPU) and of what corrupts them (on the device).
    """

    def __init__(self, n: int, share: float, *, seed: int, device: str) -> None:
        self._seed, self._device = seed, device
        self._draw_from(seed)
        rows, held = torch.randperm(n, generator=self.order).to(device), round(share * n)
        self.fitted, self.held = rows[held:], rows[:held]

    def _draw_from(self, seed: int) -> None:
        self.order = torch.Generator().manual_seed(seed)
        self.noise = torch.Generator(self._device).manual_seed(seed)

    def apart(self) -> Self:
        """The same samples with generators of their own: what draws from these leaves those of this one as they were."""
        other = copy.copy(self)
        other._draw_from(self._seed + 1)
        return other

    def batches(self, size: int) -> Sequence[Tensor]:
        """Rows of the batches of one pass over the samples that are learnt from."""
        order = torch.randperm(len(self.fitted), generator=self.order).to(self.fitted.device)
        return self.fitted[order].split(size)

    @property
    def generators(self) -> Mapping[str, torch.Generator]:
        return {"order": self.order, "noise": self.noise}


class Validation:
    """Says after each epoch whether the held-out samples have stopped getting better.

    Parameters
    ----------
    held : (h,)
        Their rows.
    terms
        The loss of some rows as they are, term by term, each a mean over the rows.
    floor
        What the terms leave out of their cross-entropies: an improvement is one of the whole.
    """

    def __init__(
        self, held: Tensor, terms: Callable[[Tensor], Mapping[str, Tensor]], floor: float, stopping: EarlyStopping
    ) -> None:
        self._held, self._terms, self._floor, self._stopping = held, terms, floor, stopping

    def __call__(self, _: Mapping[str, Tensor]) -> Mapping[str, Any]:
        loss = self.loss()
        return {"validation": loss, "converged": self._stopping.after(float(loss) + self._floor)}

    def loss(self) -> Tensor:
        """Mean over the held-out samples."""
        with torch.no_grad():
            parts = [
                torch.stack(list(self._terms(rows).values())).sum() * (len(rows) / len(self._held))
                for rows in self._held.split(CHUNK)
            ]
        return torch.stack(parts).sum()

"""A learning rate that changes from epoch to epoch, and knows when to end."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, inf, pi
from typing import Any

import torch

SMALLEST_RATE = 1e-7  # SpectralNet's: on a plateau the training ends once its rate falls below
SHRINKAGE = 0.1


class Pace:
    """The learning rate of a stage, epoch by epoch, and whether the stage is over.

    Parameters
    ----------
    kind
        "constant"; "cosine", which falls to zero over `epochs`; "plateau", which falls to a tenth after `patience` epochs
        without a lower loss, and ends the stage below `SMALLEST_RATE`.
    tolerance
        The stage ends too once the loss of an epoch differs by less from that of the one before; 0: never.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, kind: str, *, epochs: int, patience: int = 20, tolerance: float = 0.0
    ) -> None:
        self._optimizer = optimizer  # not its groups: they are replaced when its state is loaded
        self._first = [group["lr"] for group in optimizer.param_groups]
        self._kind, self._epochs, self._patience, self._tolerance = kind, max(epochs, 1), patience, tolerance
        self._state: dict[str, Any] = {"epoch": 0, "factor": 1.0, "best": inf, "waited": 0, "last": inf}

    @property
    def rate(self) -> float:
        """That of the first group of parameters."""
        return float(self._optimizer.param_groups[0]["lr"])

    def after(self, loss: float) -> bool:
        """Set the rate of the next epoch, from the loss of this one; True if there should be none."""
        state = self._state
        still = self._tolerance > 0 and abs(loss - state["last"]) < self._tolerance
        state["last"], state["epoch"] = loss, state["epoch"] + 1
        if self._kind == "cosine":
            state["factor"] = 0.5 * (1 + cos(pi * min(state["epoch"] / self._epochs, 1)))
        elif self._kind == "plateau":
            self._wait(loss)
        self._apply()
        return still or (self._kind == "plateau" and self.rate < SMALLEST_RATE)

    def _wait(self, loss: float) -> None:
        state = self._state
        state["waited"] = 0 if loss < state["best"] else state["waited"] + 1
        state["best"] = min(loss, state["best"])
        if state["waited"] >= self._patience:
            state["factor"], state["waited"] = state["factor"] * SHRINKAGE, 0

    def _apply(self) -> None:
        for group, first in zip(self._optimizer.param_groups, self._first, strict=True):
            group["lr"] = first * self._state["factor"]

    def state_dict(self) -> dict[str, Any]:
        return dict(self._state)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._state = dict(state)
        self._apply()

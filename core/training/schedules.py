"""A learning rate that changes as training goes on, and knows when to end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import cos, inf, pi
from typing import Any, Literal

import torch

SMALLEST_RATE = 1e-7  # SpectralNet's: on a plateau the training ends once its rate falls below
SHRINKAGE = 0.1
STEP, LOSS = 10, 0.9  # VaDE's


class Schedule:
    """The learning rate of a stage, and whether the stage is over.

    Parameters
    ----------
    kind
        "constant"; "cosine", which falls to zero over `length`; "stepped", which loses a tenth every `STEP` counts;
        "plateau", which falls to a tenth after `patience` epochs without a lower loss, and ends the stage below
        `SMALLEST_RATE`.
    length, per
        Steps or epochs that a cosine takes, and which of the two it counts.
    tolerance
        The stage ends too once the loss of an epoch differs by less from that of the one before; 0: never.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, kind: str = "constant", *, length: int = 1,
        per: Literal["epoch", "step"] = "epoch", patience: int = 20, tolerance: float = 0.0,
    ) -> None:  # fmt: skip
        self._optimizer = optimizer  # not its groups: they are replaced when its state is loaded
        self._first = [group["lr"] for group in optimizer.param_groups]
        self._kind, self._length, self._per = kind, max(length, 1), per
        self._patience, self._tolerance = patience, tolerance
        self._state: dict[str, Any] = {"count": 0, "factor": 1.0, "best": inf, "waited": 0, "last": inf}

    @property
    def rate(self) -> float:
        """That of the first group of parameters."""
        return float(self._optimizer.param_groups[0]["lr"])

    def after_step(self) -> None:
        if self._per == "step":
            self._advance()

    def after_epoch(self, loss: Callable[[], float]) -> bool:
        """Set the rate of the next epoch; True if there should be none. The loss is read only if it decides anything."""
        if self._per == "epoch":
            self._advance()
        if self._kind != "plateau" and self._tolerance == 0:
            return False
        value, state = loss(), self._state
        still = self._tolerance > 0 and abs(value - state["last"]) < self._tolerance
        state["last"] = value
        if self._kind == "plateau":
            self._wait(value)
        return still or (self._kind == "plateau" and self.rate < SMALLEST_RATE)

    def _advance(self) -> None:
        self._state["count"] += 1
        count = self._state["count"]
        if self._kind == "cosine":
            self._state["factor"] = 0.5 * (1 + cos(pi * min(count / self._length, 1)))
        elif self._kind == "stepped":
            self._state["factor"] = LOSS ** (count // STEP)
        self._apply()

    def _wait(self, loss: float) -> None:
        state = self._state
        state["waited"] = 0 if loss < state["best"] else state["waited"] + 1
        state["best"] = min(loss, state["best"])
        if state["waited"] >= self._patience:
            state["factor"], state["waited"] = state["factor"] * SHRINKAGE, 0
            self._apply()

    def _apply(self) -> None:
        for group, first in zip(self._optimizer.param_groups, self._first, strict=True):
            group["lr"] = first * self._state["factor"]

    def state_dict(self) -> dict[str, Any]:
        return dict(self._state)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._state = dict(state)
        self._apply()

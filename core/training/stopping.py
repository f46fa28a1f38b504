"""Early stopping on held-out samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


class EarlyStopping:
    """Keeps the networks at their best validation loss, and says when to stop waiting for a better one.

    After epoch t (from 1) with a loss below `IMPROVED` times the best so far, the wait goes on at least to epoch
    ``factor`` t; it never ends before ``patience``.
    """

    IMPROVED = 0.998

    def __init__(self, networks: Mapping[str, nn.Module], patience: int, factor: int) -> None:
        self.networks, self.patience, self.factor = dict(networks), patience, factor
        self.lowest, self.epoch = float("inf"), 0
        self.best: dict[str, dict[str, Tensor]] = {}

    def after(self, loss: float) -> bool:
        """Take note of the validation loss of the next epoch; True when it is time to stop."""
        self.epoch += 1
        if loss < self.lowest:
            if loss < self.IMPROVED * self.lowest:
                self.patience = max(self.patience, self.factor * self.epoch)
            self.lowest = loss
            self.best = {
                name: {key: value.detach().clone() for key, value in net.state_dict().items()}
                for name, net in self.networks.items()
            }
        return self.epoch >= self.patience

    def restore(self) -> None:
        """Return the networks to where the validation loss was lowest."""
        for name, state in self.best.items():
            self.networks[name].load_state_dict(state)
        self.best = {}  # they are there now

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "lowest": self.lowest, "patience": self.patience, "best": self.best}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.epoch, self.lowest, self.patience = int(state["epoch"]), float(state["lowest"]), int(state["patience"])
        self.best = {name: dict(own) for name, own in state["best"].items()}

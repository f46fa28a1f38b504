"""The one loop in which anything with gradients is trained: epochs of steps down a sum of terms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.training.descent import Averages, Terms, descend
from core.training.restarts import Restarts
from core.training.schedules import Schedule
from core.training.stages import Arrays, Stages, Step

_TOTAL = "total"


@dataclass(kw_only=True)
class Trainer:
    """Trains networks, in one stage.

    Attributes
    ----------
    networks
        What the optimiser changes, by the name under which it is kept.
    optimizer, schedule
    parts
        What else changes in the stage and must be there again when it is resumed: generators, graphs.
    batches
        The rows of the batches of the next epoch; None stands for all samples at once.
    terms
        The terms of a batch.
    views
        What can be seen after an epoch.
    before
        Called at the beginning of an epoch with its index.
    adjust
        Called between gradients and step.
    stepped
        Called after each step.
    after
        Called at the end of an epoch with the means of its terms; what it returns is reported too, and ``converged`` ends
        the stage.
    finish
        Called once no more steps are made, see `Stages.run`.
    restarts
        Where networks train side by side: is told their losses, and says whose are reported.
    summed
        Terms are sums over samples, so that those of an epoch are sums over its batches, and not means.
    """

    networks: Mapping[str, nn.Module]
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    batches: Callable[[], Iterable[Tensor | None]]
    terms: Callable[[Any], Terms]
    views: Callable[[], Arrays]
    parts: Mapping[str, Any] = field(default_factory=dict)
    before: Callable[[int], None] | None = None
    adjust: Callable[[], None] | None = None
    stepped: Callable[[], None] | None = None
    after: Callable[[Mapping[str, Tensor]], Mapping[str, Any]] | None = None
    finish: Callable[[], None] | None = None
    restarts: Restarts | None = None
    summed: bool = False

    def run(self, stages: Stages, stage: str, epochs: int) -> Iterator[Step]:
        """Up to so many epochs, each a step of the stage."""
        parts = {**self.networks, "optimizer": self.optimizer, "schedule": self.schedule, **self.parts}
        if self.restarts is not None:
            parts["restarts"] = self.restarts
        yield from stages.run(stage, epochs, parts, self.epoch, finish=self.finish)

    def epoch(self, index: int) -> tuple[Mapping[str, Any], Arrays]:
        """One epoch: its scalars, and what can be seen after it."""
        if self.before is not None:
            self.before(index)
        averages, rescued = self._descend()
        values = averages.sums() if self.summed else averages.means()
        total, rate = values.pop(_TOTAL), self.schedule.rate
        scalars: dict[str, Any] = dict(values)
        loss: Callable[[], float] = total.sum().item
        if self.restarts is not None:
            lowest = self.restarts.compare(total, rescued)
            loss = lambda: lowest  # noqa: E731
            chosen = {name: value if value.ndim == 0 else value[self.restarts.best] for name, value in values.items()}
            scalars = {**chosen, "rate": rate, "rescued": int(rescued.sum())}
        if self.after is not None:
            scalars |= self.after(values)
        done = self.schedule.after_epoch(loss)
        return {**scalars, "converged": done or bool(scalars.get("converged", False))}, self.views()

    def _descend(self) -> tuple[Averages, NDArray]:
        """One pass over the batches: their terms, and in how many of them each network was rescued."""
        averages, rescued = Averages(), np.zeros(1)
        for rows in self.batches():
            found = self.terms(rows)
            total = descend(self.optimizer, found.losses, self.adjust)
            self.schedule.after_step()
            if self.stepped is not None:
                self.stepped()
            weight = 1 if rows is None or self.summed else len(rows)
            averages.add({**found.losses, **found.gauges, _TOTAL: total}, weight)
            rescued = rescued + np.array(found.rescued or (0,))
        return averages, rescued

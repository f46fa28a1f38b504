"""How much of the time of a run may go into looking at it."""

from __future__ import annotations

from core.training import Step

FREE_SECONDS = 1.0  # of each stage: nobody waits for that, and short runs are seen whole


class LookingBudget:
    """Decides which of the planned looks at a stage are taken.

    The first and the last one always are. Those between are where, by what the latest one took, looking stays within
    `share` of the time of the stage so far, or within `FREE_SECONDS`.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._looked: dict[str, float] = {}
        self._latest = 0.0

    def allows(self, step: Step, trained: float) -> bool:
        """Whether to look now, after a stage has trained for so many seconds."""
        if step.step in (1, step.total):
            return True
        looked = self._looked.get(step.stage, 0.0)
        return looked + self._latest <= max(FREE_SECONDS, self._share * (trained + looked))

    def charge(self, stage: str, seconds: float) -> None:
        """Count a look that was taken."""
        self._looked[stage] = self._looked.get(stage, 0.0) + seconds
        self._latest = seconds

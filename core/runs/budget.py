"""How much of the time of a run may go into looking at it."""

from __future__ import annotations

from core.training import Step

FREE_SECONDS = 2.0  # of each stage: nobody waits for that, and short runs are seen whole


class LookingBudget:
    """Decides which of the planned looks at a stage are taken.

    The first and the last one always are. Those between are where, by what the latest one took, looking stays within
    `share` of the time of the stage so far, or within `FREE_SECONDS`.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._looked: dict[str, float] = {}
        self._latest = 0.0
        self._sketch = 0.0

    def allows(self, step: Step, trained: float) -> bool:
        """Whether to look now, after a stage has trained for so many seconds."""
        if step.step in (1, step.total):
            return True
        looked = self._looked.get(step.stage, 0.0)
        return looked + self._latest <= self._allowance(trained + looked)

    def allows_sketch(self, step: Step, trained: float) -> bool:
        """Whether to see only where the codes are; half of what looking may take is left to the looks."""
        looked = self._looked.get(step.stage, 0.0)
        return looked + self._sketch <= self._allowance(trained + looked) / 2

    def charge(self, stage: str, seconds: float, *, sketch: bool = False) -> None:
        """Count a look that was taken, or a sketch."""
        self._looked[stage] = self._looked.get(stage, 0.0) + seconds
        if sketch:
            self._sketch = seconds
        else:
            self._latest = seconds

    def _allowance(self, seconds: float) -> float:
        return max(FREE_SECONDS, self._share * seconds)

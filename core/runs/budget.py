"""How much of the time of a run may go into looking at it."""

from __future__ import annotations

from core.training import Step

FREE_SECONDS = 2.0  # of each stage: nobody waits for that, and short runs are seen whole
SKETCHES = 0.25  # of the time for looking


class LookingBudget:
    """Decides which of the planned looks at a stage are taken, and how often the codes are sketched in between.

    The first and the last look always are. Those between are where, by what the latest one took, looking stays within
    `share` of the time of the stage so far, or within that part of `FREE_SECONDS` which is the part of the stage that is done:
    looks at a short stage are spread over it. Sketches count as looking, and a quarter of it is theirs whatever looks took.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._spent: dict[tuple[str, bool], float] = {}
        self._latest = {False: 0.0, True: 0.0}

    def allows(self, step: Step, trained: float) -> bool:
        """Whether to look now, after a stage has trained for so many seconds."""
        looked = self._looked(step.stage)
        return step.step in (1, step.total) or looked + self._latest[False] <= self._allowance(step, trained + looked)

    def allows_sketch(self, step: Step, trained: float) -> bool:
        """Whether to see only where the codes are."""
        sketched = self._spent.get((step.stage, True), 0.0)
        return sketched + self._latest[True] <= SKETCHES * self._allowance(step, trained + self._looked(step.stage))

    def charge(self, stage: str, seconds: float, *, sketch: bool = False) -> None:
        """Count a look that was taken, or a sketch."""
        self._spent[stage, sketch] = self._spent.get((stage, sketch), 0.0) + seconds
        self._latest[sketch] = seconds

    def _looked(self, stage: str) -> float:
        return self._spent.get((stage, False), 0.0) + self._spent.get((stage, True), 0.0)

    def _allowance(self, step: Step, seconds: float) -> float:
        return max(FREE_SECONDS * step.step / step.total, self._share * seconds)

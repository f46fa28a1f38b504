"""How much of the time of a run may go into looking at it."""

from __future__ import annotations

from core.training import Step

FREE_SECONDS = 2.0  # of each stage: nobody waits for that, and short runs are seen whole
SKETCHES = 0.25  # of the time for looking


class LookingBudget:
    """Decides which of the planned looks at a stage are taken, and how often the codes are sketched in between.

    The first and the last look always are. Those between are where, by what the latest one took, looking stays within
    `share` of the time of the stage so far, or within `FREE_SECONDS`; a quarter of that is for sketches.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._spent: dict[tuple[str, bool], float] = {}
        self._latest = {False: 0.0, True: 0.0}

    def allows(self, step: Step, trained: float) -> bool:
        """Whether to look now, after a stage has trained for so many seconds."""
        return step.step in (1, step.total) or self._affords(step.stage, trained, sketch=False)

    def allows_sketch(self, step: Step, trained: float) -> bool:
        """Whether to see only where the codes are."""
        return self._affords(step.stage, trained, sketch=True)

    def charge(self, stage: str, seconds: float, *, sketch: bool = False) -> None:
        """Count a look that was taken, or a sketch."""
        self._spent[stage, sketch] = self._spent.get((stage, sketch), 0.0) + seconds
        self._latest[sketch] = seconds

    def _affords(self, stage: str, trained: float, *, sketch: bool) -> bool:
        looked = sum(seconds for (where, _), seconds in self._spent.items() if where == stage)
        allowance = max(FREE_SECONDS, self._share * (trained + looked))
        part = SKETCHES if sketch else 1 - SKETCHES
        return self._spent.get((stage, sketch), 0.0) + self._latest[sketch] <= part * allowance

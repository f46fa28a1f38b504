"""The diary of a run: progress, history, alarms and clock, written to the store a few times a second."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from core.common import StorageError
from core.runs.handle import RunHandle
from core.runs.looks import Alarm, history_alarms
from core.runs.memory import peak_rss_mb
from core.runs.spec import HistoryRow
from core.training import Step

FLUSH_SECONDS = 0.25
TIMED_STAGES = ("import", "load", "pretrain", "finetune", "watch", "spectral", "score")


class Recorder:
    """Collects what happens and writes it in batches, so that a step of a millisecond is not slowed by the disk."""

    def __init__(self, run: RunHandle) -> None:
        self._run = run
        self.seq = 0
        self.seconds: dict[str, float] = {}
        self._best: dict[str, Any] = {}
        self._alarms: dict[str, Alarm] = {}
        self._troubles: dict[str, Alarm] = {}
        self._rows: list[HistoryRow] = []
        self._progress: dict[str, Any] = {}
        self._flushed = 0.0
        self._began = time.monotonic()
        self._cpu = time.process_time()
        self._stage: tuple[str, int, float] = ("", 0, 0.0)
        self.rescued = 0  # batches whose orthonormalisation was rescued
        self.accuracy: dict[str, float] = {}  # the last one of each stage
        self.unexplained: float | None = None  # relative error of the self-expression, when it was first looked at

    @contextmanager
    def clock(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.charge(stage, time.perf_counter() - started)

    def charge(self, stage: str, seconds: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def include(self, seconds: float, cpu: float) -> None:
        """Count time that was spent, and that a processor worked for it, before this diary was opened."""
        self._began -= seconds
        self._cpu -= cpu

    def announce(self, stage: str) -> None:
        """Say what is going on where there are no steps to count."""
        self._progress = {
            **self._progress,
            "stage": stage,
            "step": 0,
            "total": 0,
            "elapsed": self.elapsed(),
            "remaining": None,
        }
        self.flush()

    def step(self, step: Step, scalars: Mapping[str, float]) -> None:
        self.seq += 1
        self._rows.append(HistoryRow(self.seq, step.stage, step.step, self.elapsed(), dict(scalars)))
        self._progress = {
            "stage": step.stage,
            "step": step.step,
            "total": step.total,
            "seq": self.seq,
            "elapsed": self.elapsed(),
            "remaining": self._remaining(step),
        }
        if step.step in (1, step.total) or time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def note(self, stage: str, scalars: Mapping[str, float]) -> None:
        """Take note of what the alarms speak of, before they are asked for."""
        self.rescued += int(scalars.get("rescued", 0))
        if "acc" in scalars:
            self.accuracy[stage] = scalars["acc"]
        if self.unexplained is None:
            self.unexplained = scalars.get("relative_error")

    def leave_out(self, seconds: float) -> None:
        """Do not count a pause as time of the run."""
        self._began += seconds
        stage, first, since = self._stage
        self._stage = (stage, first, since + seconds)

    def alarms(self, found: Iterable[Alarm]) -> None:
        """Replace the alarms by those of the latest look; one that goes on keeps the step at which it began."""
        self._alarms = {alarm.kind: self._alarms.get(alarm.kind, alarm) for alarm in found}

    def history_alarms(self, scores: Mapping[str, float], stage: str, step: int) -> list[Alarm]:
        """What the course of the run so far says about it."""
        start = self.accuracy.get("pretrain") if stage != "pretrain" else None
        return history_alarms(self.rescued, start, scores, stage, step, unexplained=self.unexplained)

    def consider(self, scores: Mapping[str, float], stage: str, step: int) -> None:
        """Remember the scores of the most accurate snapshot: an oracle's choice, and marked so."""
        if "acc" in scores and scores["acc"] > self._best.get("acc", -1.0):
            where = {"stage": stage, "step": step, "chosen_with_labels": True}
            self._best = {**scores, **where}

    def trouble(self, kind: str, message: str) -> None:
        """An alarm on what befell the run itself; it stays to the end."""
        stage, step = self._progress.get("stage", ""), self._progress.get("step", 0)
        if kind not in self._troubles:
            self._troubles[kind] = Alarm(kind, message, stage, step)
            logging.getLogger(__name__).warning("%s", message)

    @contextmanager
    def lenient(self, kind: str, what: str) -> Iterator[None]:
        """Let training go on where something cannot be written that the result does not need."""
        try:
            yield
        except (OSError, StorageError) as error:
            reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
            self.trouble(kind, f"{what} could not be written ({reason}). The run goes on; the last that was written is kept.")

    def flush(self) -> None:
        """Write what has been collected; what cannot be written now is tried again the next time."""
        self._flushed = time.monotonic()
        alarms = [alarm.to_dict() for alarm in (*self._troubles.values(), *self._alarms.values())]
        with self.lenient("record", "The record"):
            self._run.report(self._progress, self._rows, alarms)
            self._rows = []

    def facts(self) -> dict[str, Any]:
        """Timings (seconds of wall clock by stage, and of CPU in all), peak memory, and the oracle's best."""
        seconds = dict.fromkeys(TIMED_STAGES, 0.0) | self.seconds
        seconds |= {"total": self.elapsed(), "cpu": time.process_time() - self._cpu}
        return {"seconds": seconds, "peak_rss_mb": peak_rss_mb(), "best": self._best, "rescued": self.rescued}

    def state(self) -> dict[str, Any]:
        """What a resumed run needs to go on with this diary."""
        return {
            "seq": self.seq,
            "seconds": dict(self.seconds),
            "best": dict(self._best),
            "elapsed": self.elapsed(),
            "rescued": self.rescued,
            "accuracy": dict(self.accuracy),
            "unexplained": self.unexplained,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.seq, self.seconds, self._best = state["seq"], dict(state["seconds"]), dict(state["best"])
        self.rescued, self.accuracy = state.get("rescued", 0), dict(state.get("accuracy", {}))
        self.unexplained = state.get("unexplained")
        self._began = time.monotonic() - state["elapsed"]

    def elapsed(self) -> float:
        return time.monotonic() - self._began

    def _remaining(self, step: Step) -> float | None:
        """Seconds left in this stage at the pace it has had so far."""
        now = time.monotonic()
        if self._stage[0] != step.stage:
            self._stage = (step.stage, step.step, now)
        _, first, since = self._stage
        done = step.step - first
        return (now - since) / done * (step.total - step.step) if done else None

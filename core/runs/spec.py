"""What a run is: its spec, its record, its status, and the rows of its history."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from core.datasets import DataSpec
from core.runs.owner import Owner


class Status(StrEnum):
    """Where a run is in its life. Compare with ``==``: a reloaded module makes ``is`` false."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    LOST = "lost"
    BROKEN = "broken"  # the record cannot be read: never stored, only told


ACTIVE = (Status.STARTING, Status.RUNNING, Status.PAUSED)
OVER = (Status.DONE, Status.STOPPED, Status.FAILED)
RESUMABLE = (Status.LOST, Status.FAILED)
REQUESTS = ("pause", "step", "stop")
STOPPING = "stopping"
AWAY = "cluster"  # in the progress of a run that trains elsewhere: where
SWEPT = "sweep "  # begins the tag of a run that a sweep has asked for
CHECKPOINT, PREVIOUS = "checkpoint.pt", "checkpoint.previous.pt"
LOOKS = 20  # planned in each stage, if the time for looking allows it


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """What to run: everything that is needed to do it again.

    `params` holds the value of every hyperparameter; `preset` says where they came from, and `modified` whether the user
    changed any (the number of clusters does not count). `snapshots` is the number of times that the clusters are read off
    and scored while a stage trains, as far as that takes no larger share of its time than `looking`. `arithmetic` is how
    exactly matrices are multiplied (`core.runs.arithmetic`). `branch` is where a run began that goes on from the moment of
    another: its id, the steps before, and what was changed there.
    """

    method: str
    data: DataSpec
    params: Mapping[str, Any]
    preset: str = "defaults"
    modified: bool = False
    seed: int = 0
    device: str = "auto"
    snapshots: int = LOOKS
    looking: float = 0.2
    arithmetic: str = "exact"
    branch: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> RunSpec:
        return cls(**{**plain, "data": DataSpec.from_dict(plain["data"])})


@dataclass(frozen=True, kw_only=True)
class Run:
    """One record, as it was when it was read."""

    id: str
    spec: RunSpec
    status: Status
    created: float
    started: float | None = None
    finished: float | None = None
    request: str | None = None
    progress: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None
    alarms: list[dict[str, Any]] = field(default_factory=list)
    pid: int | None = None
    pid_started: float | None = None
    boot: str | None = None
    tags: str = ""
    notes: str = ""
    reference: bool = False

    @property
    def active(self) -> bool:
        return self.status in ACTIVE

    @property
    def over(self) -> bool:
        return self.status in OVER

    @property
    def resumable(self) -> bool:
        """Whether it can be put back into the queue."""
        return self.status in RESUMABLE

    @property
    def away(self) -> bool:
        """Whether the workers of a scheduler train it."""
        return self.active and AWAY in self.progress

    @property
    def waits(self) -> bool:
        """Whether the next free worker may take it."""
        return self.status == Status.QUEUED and not self.held

    @property
    def held(self) -> bool:
        """Whether it waits, and is not to be started until somebody lets it go."""
        return self.status == Status.QUEUED and self.request == "pause"

    @property
    def swept(self) -> bool:
        """Whether it is one of the many of a sweep."""
        return self.tags.startswith(SWEPT)

    @property
    def owner(self) -> Owner | None:
        """The process that claimed it. A record of before boots were noted names one that never lives."""
        return None if self.pid is None or self.pid_started is None else Owner(self.pid, self.pid_started, self.boot or "")


@dataclass(frozen=True)
class HistoryRow:
    """Scalars of one step; `seq` counts steps over all stages."""

    seq: int
    stage: str
    step: int
    seconds: float
    scalars: Mapping[str, float]

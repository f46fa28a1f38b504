"""Questions about runs, and their kept answers.

A question is a task with plain arguments; its answer is one .npz under ``<home>/cache`` named after the question. Pages
ask and poll, a separate process answers (`core.jobs.Analyst`), and nothing here changes a run.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import AffinityLabError, UnknownName, atomic_write
from core.explore.progress import Progress, Stopped, Watch
from core.explore.tasks import _TASKS, _TELLING
from core.runs import RunStore

KEPT_ANSWERS = 300
ERROR_SECONDS = 20.0


@dataclass(frozen=True)
class Question:
    """A task and its arguments, which must be plain data."""

    task: str
    arguments: Mapping[str, Any]

    def to_json(self) -> str:
        return json.dumps({"task": self.task, "arguments": dict(self.arguments)}, sort_keys=True)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Question:
        return cls(plain["task"], plain["arguments"])

    @property
    def key(self) -> str:
        return f"{self.task}-{hashlib.sha256(self.to_json().encode()).hexdigest()[:20]}"


@dataclass(frozen=True)
class Answer:
    """Arrays and facts; or an error in words; or neither yet, with the seconds waited and what was told so far."""

    arrays: Mapping[str, NDArray] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    pending: bool = False
    seconds: float = 0.0
    progress: Progress | None = None


def _path(store: RunStore, question: Question) -> Path:
    return store.home / "cache" / f"{question.key}.npz"


def read_answer(store: RunStore, question: Question) -> Answer | None:
    """The kept answer, or None."""
    path = _path(store, question)
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files if name != "facts"}
        facts = json.loads(str(stored["facts"]))
    if "error" in facts and time.time() - path.stat().st_mtime > ERROR_SECONDS:
        path.unlink(missing_ok=True)  # what went wrong may have passed: worth another try
        return None
    if "error" not in facts:
        os.utime(path)  # the oldest unread answers are dropped first
    return Answer(arrays=arrays, facts=facts, error=facts.get("error"))


def answer(store: RunStore, question: Question) -> None:
    """Work a question out and keep the answer; a failure is an answer too, but not that nobody wants it any more."""
    if _path(store, question).exists():
        return
    started = time.perf_counter()
    arrays: Mapping[str, NDArray] = {}
    watch = Watch(store, question.key)
    try:
        watch.check()
        if question.task not in _TASKS:
            raise UnknownName("task", question.task, _TASKS)
        telling = {"progress": watch.tell} if question.task in _TELLING else {}
        arrays, facts = _TASKS[question.task](store, **question.arguments, **telling)
    except Stopped:
        watch.clear()
        return
    except AffinityLabError as error:
        facts = {"error": str(error)}
    except Exception as error:  # the asking page waits for an answer, whatever went wrong
        facts = {"error": f"{type(error).__name__}: {error}"}
    facts = {**facts, "seconds": time.perf_counter() - started}
    with atomic_write(_path(store, question)) as file:
        np.savez(file, allow_pickle=False, facts=np.array(json.dumps(facts)), **arrays)
    watch.clear()
    _prune(store.home / "cache")


def _prune(folder: Path) -> None:
    answers = sorted(folder.glob("*.npz"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in answers[KEPT_ANSWERS:]:
        path.unlink(missing_ok=True)

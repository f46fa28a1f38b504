"""A home of its own with real processes on it, and what must hold of it in the end."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import psutil

from core.common import RunConflict
from core.datasets import DataSpec
from core.runs import ACTIVE, RunSpec, RunStore, Status, make_spec, process, settle_lost, thread_variables

ROOT = Path(__file__).resolve().parents[3]
OFTEN = '''"""Checkpoints come every 0.4 s."""
from core.runs import execution

execution.CHECKPOINT_SECONDS, execution.CHECKPOINT_PAUSE = 0.4, 0.0
'''
ORPHAN_SECONDS = 3.0
SMALL = {"pretrain_epochs": 300, "epochs": 500, "channels": "4-3", "kernel_sizes": "3-3"}
T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """What a piece found: how often something was tried, and what went wrong, in words."""

    piece: str
    what: str
    tried: int
    failures: list[str] = field(default_factory=list)
    detail: str = ""


class Scene:
    """One home, the environment of its processes, and looks at both."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.store = RunStore(home)
        plugins = home / "plugins"
        plugins.mkdir()
        (plugins / "often.py").write_text(OFTEN)
        own = {"AFFINITY_LAB_HOME": str(home), "AFFINITY_LAB_METHODS": str(plugins), "PYTHONUNBUFFERED": "1"}
        self.environment = {**os.environ, **own, **thread_variables(1), "AFFINITY_LAB_THREADS": "1"}

    def spec(self, seed: int, n: int = 80) -> RunSpec:
        """A run of a few seconds; another seed, another network, so that none is taken over from another run."""
        data = DataSpec("digits", n_samples=n)
        return make_spec("udll", data, preset="defaults", overrides=SMALL, seed=seed, device="cpu")

    def start(self, *command: str, **more: str) -> subprocess.Popen[bytes]:
        """A process of this home: python with these arguments."""
        with open(self.home / "output.txt", "ab") as log:
            return subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, env={**self.environment, **more}, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
            )  # fmt: skip

    def core(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """``python -m core`` to its end."""
        command = [sys.executable, "-m", "core", *arguments]
        environment = {**self.environment, **more}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)

    def processes(self) -> list[psutil.Process]:
        """Every living process of this home but this one."""
        mark, found = f"AFFINITY_LAB_HOME={self.home}", []
        for other in psutil.process_iter():
            try:
                mine = other.pid != os.getpid() and mark in (f"{k}={v}" for k, v in other.environ().items())
            except psutil.Error:
                continue
            if mine and process(other.pid) is not None:
                found.append(other)
        return found

    def resume_lost(self) -> int:
        """Put every run that can be resumed back into the queue."""
        settle_lost(self.store)
        resumed = 0
        for run in self.store.runs(status=[Status.LOST, Status.FAILED], references=False):
            try:
                self.store.requeue(run.id)
            except RunConflict:
                continue  # somebody else was faster
            resumed += 1
        return resumed

    def waiting(self) -> int:
        return len(self.store.runs(status=[*ACTIVE, Status.QUEUED], references=False))

    def faults(self) -> list[str]:
        """What is wrong with the home when nobody works on it any more."""
        if self.core("list").returncode:
            return ["core list fails"]
        found = [f"{run.id} is {run.status}" for run in self.store.runs() if run.status != Status.DONE and not run.reference]
        found += [f"left over: {path.relative_to(self.home)}" for path in self.home.rglob(".*.tmp")]
        found += [f"left over: {path.relative_to(self.home)}" for path in self.home.glob("runs/*/checkpoint*")]
        with sqlite3.connect(self.home / "runs.sqlite") as db:
            verdict = db.execute("PRAGMA integrity_check").fetchone()[0]
        db.close()
        return found if verdict == "ok" else [*found, f"the database: {verdict}"]


@contextmanager
def scene() -> Iterator[Scene]:
    """A scene, at whose end every process of it is killed."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = Scene(Path(folder).resolve() / "home")
        try:
            yield made
        finally:
            for rest in made.processes():
                rest.kill()


def patiently(look: Callable[[], T], seconds: float, every: float = 0.05) -> T:
    """Look until there is something true, or the time is over; returns the last look."""
    deadline = time.monotonic() + seconds
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(every)
    return seen


def told(done: subprocess.CompletedProcess[str]) -> str | None:
    """What is wrong with how a command ended, None if nothing is: what cannot be done is told in a sentence."""
    if done.returncode == 0 or ("error: " in done.stderr and "Traceback" not in done.stderr):
        return None
    return f"ended with {done.returncode}: {done.stderr.strip()[-200:] or 'not a word'}"

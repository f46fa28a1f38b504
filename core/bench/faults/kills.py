"""Kills at random instants: no run is lost for good, no process and no file is left over, and the database is whole."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator

import psutil

from core.bench.faults.scene import ORPHAN_SECONDS, Outcome, Scene, patiently, scene
from core.bench.faults.server import Server
from core.jobs import Analyst
from core.runs import ACTIVE

LATEST_SECONDS = {"worker": 1.5, "standby": 1.5, "analyst": 1.5, "server": 1.5, "command": 5.0}  # of the kill
VICTIMS = tuple(LATEST_SECONDS)
AT_WORK = 2  # runs that wait or train at any time
APPEAR_SECONDS = 20.0
END_SECONDS = 600.0


class Campaign:
    """A server, an analyst and command-line runs on one home, all of which may be killed."""

    def __init__(self, on: Scene, seed: int) -> None:
        self.scene, self.rng = on, random.Random(seed)
        self.server, self.analyst = Server(on), Analyst(on.store)
        self.failures: dict[str, list[str]] = defaultdict(list)
        self.kills: Counter[str] = Counter()
        self.hit = self.resumed = self.seed = 0

    def strike(self, victim: str) -> None:
        """Let there be work, wait for a random moment, kill, and look whether anything lives on that should not."""
        self._provide(0 if victim == "standby" else AT_WORK)  # one stands by where nothing is to be done
        pid = patiently(lambda: self._find(victim), APPEAR_SECONDS)
        if pid is None:
            self.failures[victim].append("there was none to kill")
            return
        time.sleep(self.rng.uniform(0, LATEST_SECONDS[victim]))
        busy = {run.pid for run in self.scene.store.runs(status=ACTIVE)}
        try:
            children = psutil.Process(pid).children(recursive=True)
            os.kill(pid, signal.SIGKILL)
        except (psutil.NoSuchProcess, ProcessLookupError):
            return  # it ended by itself just before
        self.kills[victim] += 1
        self.hit += bool(busy & {pid, *(child.pid for child in children)})
        if victim == "server":
            self.server.end()
        if not patiently(lambda: not any(map(_lives, children)), ORPHAN_SECONDS):
            self.failures[victim].append(f"{sum(map(_lives, children))} children live on after {ORPHAN_SECONDS:g} s")

    def conclude(self) -> list[str]:
        """Let everything come to its end, close the app, and say what is wrong then."""
        if not self.server.alive:
            self.server.start()

        def over() -> bool:
            self.resumed += self.scene.resume_lost()
            return not self.scene.waiting()

        patiently(over, END_SECONDS, every=0.5)
        self.server.end()
        self.analyst.close()
        orphans = not patiently(lambda: not self.scene.processes(), ORPHAN_SECONDS)
        return self.scene.faults() + (["processes live on after the end"] if orphans else [])

    def _provide(self, at_work: int) -> None:
        if not self.server.alive:
            self.server.start()
        self.resumed += self.scene.resume_lost()
        if not at_work:
            patiently(lambda: not self.scene.waiting(), APPEAR_SECONDS)
        while self.scene.waiting() < at_work:
            self.seed += 1
            self.scene.store.create(self.scene.spec(self.seed))

    def _find(self, victim: str) -> int | None:
        assert self.server.process is not None
        if victim == "server":
            return self.server.process.pid
        if victim == "command":
            self.seed += 1
            overrides = (f"--set={key}={value}" for key, value in self.scene.spec(0).params.items() if key.endswith("epochs"))
            seed = ("--seed", str(self.seed))
            run = ("run", "udll", "--dataset", "digits", "--n-samples", "80", "--preset", "defaults")
            return self.scene.start("-m", "core", *run, *seed, *overrides).pid
        if victim == "analyst":
            newest = self.scene.store.runs(references=False)[0].id
            self.analyst.ask("references", run=newest)
            return next((child.pid for child in _children(os.getpid()) if "--analyst" in child.cmdline()), None)
        busy = [run.pid for run in self.scene.store.runs(status=ACTIVE)]
        standbys = [child.pid for child in _children(self.server.process.pid) if "--standby" in child.cmdline()]
        return next((pid for pid in standbys if (pid in busy) == (victim == "worker")), None)


def campaign(*, kills: int, seed: int) -> Iterator[Outcome]:
    """So many kills, dealt out evenly over the victims."""
    with scene() as on:
        at = Campaign(on, seed)
        for number in range(kills):
            at.strike(VICTIMS[number % len(VICTIMS)])
        wrong = at.conclude()
        for victim in VICTIMS[:kills]:
            yield Outcome("kills", f"kill -9 of a {victim}", at.kills[victim], at.failures[victim])
        total, runs = sum(at.kills.values()), len(on.store.runs(references=False))
        detail = f"{runs} runs, {at.hit} of the kills hit one, {at.resumed} resumptions"
        yield Outcome("kills", "in the end: runs done, database whole, nothing left over", total, wrong, detail)


def _children(pid: int) -> list[psutil.Process]:
    try:
        return [child for child in psutil.Process(pid).children(recursive=True) if _lives(child) and child.cmdline()]
    except psutil.NoSuchProcess:
        return []


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False

"""A step of the clock, as a time server or a resumed laptop makes one: seen by a process that looks whether a run is lost."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

from core.bench.faults.scene import Outcome, Scene, patiently, scene
from core.runs import Status

STEPS_SECONDS = (-86_400, -2, 2, 3600)
LOOK = """
import sys, time, psutil
step, now, boot = float(sys.argv[1]), time.time, psutil.boot_time()
time.time = lambda: now() + step
psutil._pslinux.boot_time = lambda: boot + step  # the kernel counts it back from the clock
from core.runs import RunStore, settle_lost, sweep
store = RunStore()
settle_lost(store), sweep(store)
"""


def campaign(*, kills: int, seed: int) -> Iterator[Outcome]:
    """A run that trains while others look by a wrong clock, one after the other."""
    with scene() as on:
        run = on.store.create(on.spec(seed)).id
        worker = on.start("-m", "core", "worker", run)
        patiently(lambda: on.store.get(run).status == Status.RUNNING, 60)
        failures = [told for step in STEPS_SECONDS if (told := _look(on, run, step))]
        code = worker.wait(120)
        ended = [] if code == 0 else [f"the worker ended with {code}"]
        yield Outcome("clock", "steps of -1 day, -2 s, 2 s, 1 h", len(STEPS_SECONDS), failures + ended + on.faults())


def _look(on: Scene, run: str, step: int) -> str | None:
    process: subprocess.Popen[bytes] = on.start("-c", LOOK, str(step))
    process.wait(60)
    status = on.store.get(run).status
    return f"after a step of {step} s the run is {status}" if status in (Status.LOST, Status.STOPPED) else None

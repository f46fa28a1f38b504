"""A disk without room: the kernel refuses every file that grows past a limit, and allows it again later."""

from __future__ import annotations

from collections.abc import Iterator

from core.bench.faults.scene import Outcome, Scene, scene, told
from core.runs import Status

LIMITS_KB = (2000, 900, 120)  # room for the result but not for checkpoints; not for the result; hardly for the database
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]) * 1024,) * 2)
from core.cli import main
sys.exit(main(sys.argv[2:]))
"""
ARGUMENTS = ("run", "udll", "--dataset", "digits", "--n-samples", "500", "--preset", "defaults", "--device", "cpu")
LESS = ("pretrain_epochs=20", "epochs=60", "channels=4-3", "kernel_sizes=3-3")


def campaign(*, kills: int, seed: int) -> Iterator[Outcome]:
    """A run under each limit; what did not end is resumed where there is room again."""
    for limit in LIMITS_KB:
        with scene() as on:
            yield _under(limit, on)


def _under(limit: int, on: Scene) -> Outcome:
    words = [word for setting in LESS for word in ("--set", setting)]
    process = on.start("-c", LIMITED, str(limit), *ARGUMENTS, *words)
    process.wait(300)
    before = on.store.runs()
    how = ", ".join(f"{run.status}, alarms: {' '.join(alarm['kind'] for alarm in run.alarms) or 'none'}" for run in before)
    failures = [] if len(before) == 1 else [f"{len(before)} runs were recorded"]
    on.core("list")  # whoever comes next settles what the process could not say
    for run in on.store.runs(status=[Status.LOST, Status.FAILED]):
        wrong = told(on.core("resume", run.id))
        failures += [f"resume {wrong}"] if wrong else []
    return Outcome("disk", f"files of {limit} kB at most", 1, failures + on.faults(), f"under the limit: {how}")

"""How many threads a run gets: as many wherever it is executed, since sums of floats depend on them."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
CONTROL_GROUP = Path("/sys/fs/cgroup/cpu.max")


def available_cores() -> int:
    """Cores that this process may use: those it is bound to, and no more than its control group grants."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min(bound, _granted())))


def _granted() -> float:
    try:
        quota, period = CONTROL_GROUP.read_text().split()
        return math.inf if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return math.inf


def training_threads() -> int:
    """Threads of a run: ``AFFINITY_LAB_THREADS``, else a share of the cores that depends on nothing else.

    Two runs at once, or more with four cores each, share the cores evenly: the matrix products of most data sets gain
    little from a fifth thread. How many runs do train at the moment, or may, does not change it.
    """
    given = os.environ.get("AFFINITY_LAB_THREADS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    cores = available_cores()
    return cores // max(min(cores, 2), cores // 4)


def thread_variables(threads: int) -> Mapping[str, str]:
    """The environment in which numerical libraries begin with so many threads."""
    return dict.fromkeys(VARIABLES, str(threads))


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Let numerical libraries use so many threads: those that are loaded already, and those that are loaded meanwhile."""
    from threadpoolctl import threadpool_limits

    before = {name: os.environ.get(name) for name in VARIABLES}
    torch = sys.modules.get("torch")
    torch_before = torch.get_num_threads() if torch is not None else None
    os.environ.update(thread_variables(threads))
    if torch is not None:
        torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if torch is not None:
            torch.set_num_threads(torch_before)


@contextmanager
def threads_of_a_run() -> Iterator[None]:
    """As many threads as a run has: whoever reads again what a run has kept finds what it found only with these."""
    with limited_threads(training_threads()):
        yield

"""Many runs through the queue: what a run costs, what a second worker brings, how soon a launch trains."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory

import psutil

from core.bench.around.ratio import Ratio
from core.common import RunConflict
from core.datasets import DataSpec
from core.jobs import JobQueue
from core.runs import Run, RunStore, Status, available_cores, make_spec

RUNS = 12
ALONE = "with the start of the process; 8.2 when each run had a process of its own"


@dataclass(frozen=True)
class _Passed:
    """What so many runs took: CPU seconds of the processes, the pace once every worker was warm, and the cores in use.

    On a machine that others use too, two workers do not get two cores, and the pace says as much of the others.
    """

    cpu_seconds: float
    runs_per_second: float
    cores: float


def measure() -> Iterator[Ratio]:
    with _queue(1) as queue:
        one = _pass_through(queue, 1)
        what = f"CPU seconds a run, {RUNS} of ridge on digits, one worker"
        yield Ratio(what, one.cpu_seconds / RUNS, at_most=3.5, detail=ALONE)
        yield Ratio("seconds from launch to running, warm worker", _launch(queue), at_most=1.0)
    if available_cores() < 2:
        return
    with _queue(2) as queue:
        two = _pass_through(queue, 2)
    paces = (
        f"{one.runs_per_second:.2f} and {two.runs_per_second:.2f} runs a second on {one.cores:.2f} and {two.cores:.2f} cores"
    )
    costs = f"{one.cpu_seconds / RUNS:.1f} and {two.cpu_seconds / RUNS:.1f} CPU seconds a run"
    gain = two.runs_per_second / one.runs_per_second
    yield Ratio("throughput of two workers over that of one", gain, at_least=1.8, detail=f"{paces}, {costs}")


@contextmanager
def _queue(workers: int) -> Iterator[JobQueue]:
    with TemporaryDirectory() as home:
        queue = JobQueue(RunStore(home), cpu_jobs=workers)
        try:
            yield queue
        finally:
            queue.close()


def _pass_through(queue: JobQueue, workers: int) -> _Passed:
    began, spec = time.perf_counter(), make_spec("ridge", DataSpec("digits"))
    ids = [queue.store.create(spec).id for _ in range(RUNS)]
    done = [_once(queue.store, run, lambda run: run.over) for run in ids]
    failed = [run for run in done if run.status != Status.DONE]
    if failed:
        raise RunConflict(f"The run {failed[0].id} is {failed[0].status}, so nothing was measured.")
    ends = sorted(run.finished or 0.0 for run in done)[workers - 1 :]  # the first run of each worker is its cold one
    used = _cpu_of_children()
    return _Passed(used, (len(ends) - 1) / (ends[-1] - ends[0]), used / (time.perf_counter() - began))


def _launch(queue: JobQueue) -> float:
    began = time.perf_counter()
    run = queue.store.create(make_spec("ridge", DataSpec("digits")))
    _once(queue.store, run.id, lambda run: run.over or run.status == Status.RUNNING, pause=0.01)
    return time.perf_counter() - began


def _once(store: RunStore, run_id: str, so: Callable[[Run], bool], pause: float = 0.2) -> Run:
    while not so(run := store.get(run_id)):
        time.sleep(pause)
    return run


def _cpu_of_children() -> float:
    used = [child.cpu_times() for child in psutil.Process().children()]
    return sum(times.user + times.system for times in used)

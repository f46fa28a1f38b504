"""What a sweep costs beside its runs: two workers against one, the overhead of a run, many settings read off one C."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from tempfile import TemporaryDirectory

import numpy as np

from core.bench.around import Ratio
from core.common import RunConflict
from core.datasets import DataSpec
from core.jobs import JobQueue, see_through
from core.runs import Run, RunSpec, RunStore, Status, available_cores, make_spec
from core.sweeps import Sweep, SweepStore, cut_here, parse_axis, recut, start, table

SHORT = {
    "ridge": "strength=0.1:1000:12:log",
    "udll": "gamma=0.1:1000:12:log",
}
CUTS = ("threshold=0.02:0.3:10", "power=1:10:10")
CUT_OF = "coil20"


def bench_sweep(cuts_of: str = CUT_OF) -> Iterator[Ratio]:
    """24 runs of ridge and UDLL on digits by one worker and by two, and a hundred settings of the affinity on one C.

    Raises
    ------
    DataError
        If the data of the second part are not here.
    """
    one, spent = _swept(1)
    yield Ratio("seconds that a run takes beside itself, one warm worker", spent, at_most=0.3)
    if available_cores() >= 2:
        two, _ = _swept(2)
        what = "pace of two workers over that of one, 24 runs of ridge and UDLL on digits"
        yield Ratio(what, one / two, at_least=1.8, detail=f"{one:.1f} and {two:.1f} s")
    yield _cuts(cuts_of)


def _swept(workers: int) -> tuple[float, float]:
    """Seconds from the first start of a run to the last end of one, by warm workers, and what a run took beside itself."""
    with TemporaryDirectory() as home:
        store = RunStore(home)
        queue = JobQueue(store, cpu_jobs=workers)
        try:
            _finished(queue, [queue.submit(_base("udll"), references=False).id for _ in range(workers)])
            ids = [run for method, axis in SHORT.items() for run in start(store, _sweep(method, axis), queue).runs]
            done = _finished(queue, ids)
        finally:
            queue.close()
    span = max(run.finished or 0.0 for run in done) - min(run.started or 0.0 for run in done)
    return span, span * workers / len(done) - float(np.mean([run.result["seconds"]["total"] for run in done]))


def _finished(queue: JobQueue, ids: list[str]) -> list[Run]:
    see_through(queue, ids, lambda run: None)
    done = list(queue.store.some(ids).values())
    failed = [run for run in done if run.status != Status.DONE]
    if failed:
        raise RunConflict(f"The run {failed[0].id} is {failed[0].status}, so nothing was measured.")
    return done


def _base(method: str) -> RunSpec:
    return make_spec(method, DataSpec("digits", n_samples=600), preset="defaults", device="cpu")


def _sweep(method: str, axis: str) -> Sweep:
    return Sweep(base=_base(method), axes=(parse_axis(method, axis),))


def _cuts(data: str) -> Ratio:
    with TemporaryDirectory() as home:
        store = RunStore(home)
        base = make_spec("ridge", DataSpec(data), device="cpu")
        sweep = Sweep(base=base, axes=tuple(parse_axis("ridge", text) for text in CUTS))
        began = time.perf_counter()
        record = start(store, sweep, JobQueue(store, immediate=True))
        recut(store, record, partial(cut_here, store))
        passed = time.perf_counter() - began
        rows = table(store, SweepStore(store.home).get(record.id))
    scored = sum(bool(row.scores) for row in rows)
    what = f"seconds for {scored} settings of the affinity on one C of {data}, its training among them"
    return Ratio(what, passed, at_most=60.0)

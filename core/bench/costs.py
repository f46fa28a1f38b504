"""What is announced before a run, measured: the table of costs, and announced against measured memory and time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from core import datasets, methods
from core.bench.alone import run_apart
from core.common import atomic_write
from core.datasets import DataSpec
from core.runs import Run, RunStore, estimate
from core.runs.costs import COUNTED, IMPORT, MEASURED, MEASURED_ON_GPU, pace, updates, work

SIZES, OF = (500, 2000), "mnist_test"
CHECKED = (
    DataSpec("digits"),
    DataSpec("orl"),
    DataSpec("coil20"),
    DataSpec("usps", n_samples=2000),
    DataSpec("mnist_test", n_samples=8000),
)
STEPS = 3  # of every stage that counts them: the first is slower than those that follow
SECONDS = 300  # that one run may take; what takes longer is left out and said
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "AFFINITY_LAB_THREADS"), "1")


@dataclass(frozen=True)
class Announced:
    """Memory and time of one run: as announced, as measured."""

    method: str
    data: str
    mb: tuple[float, float]
    seconds: tuple[float | None, float]

    @property
    def words(self) -> str:
        told = f"{self.method} on {self.data}: {self.mb[0]:.0f} of {self.mb[1]:.0f} MB ({self.mb[0] / self.mb[1]:.2f})"
        if self.seconds[0] is None:
            return told
        return f"{told}, {self.seconds[0]:.1f} of {self.seconds[1]:.1f} s ({self.seconds[0] / self.seconds[1]:.2f})"


def bench_costs(names: Sequence[str] = (), file: Path = MEASURED) -> Iterator[dict[str, Any]]:
    """A few steps of every method at the sizes of the table, each in a process of its own; written when all are there.

    Seconds are those of the CPU: a stage that waited for other processes is counted without its waiting.
    """
    rows = []
    for name in names or sorted(methods.registered()):
        for n in SIZES:
            run = _run(name, DataSpec(OF, n_samples=n))
            row: dict[str, Any] = {"method": name, "n": n, "seconds": {} if run is None else _per_unit(run)}
            rows += [] if run is None else [row]
            yield row
    if not names:
        with atomic_write(file) as target:
            target.write((json.dumps({"pace": pace(), "of": OF, "rows": rows}, indent=1) + "\n").encode())


def bench_gpu_costs(device: str = "cuda", file: Path = MEASURED_ON_GPU) -> Iterator[dict[str, Any]]:
    """Whole runs on digits of every method that trains on a GPU: seconds of an update, by stage; written when all are there."""
    gpu, rows = "", dict[str, dict[str, float]]()
    for name in sorted(name for name, cls in methods.registered().items() if cls.uses_gpu):
        run = run_apart([name, "--dataset", "digits", "--device", device], {}, SECONDS)
        rows[name] = {} if run is None else _per_update(run)
        gpu = gpu if run is None else run.result.get("gpu", gpu)
        yield {"method": name, "seconds": rows[name]}
    with atomic_write(file) as target:
        measured = {name: seconds for name, seconds in rows.items() if seconds}
        target.write((json.dumps({"gpu": gpu, "of": "digits", "seconds": measured}, indent=1) + "\n").encode())


def _per_update(run: Run) -> dict[str, float]:
    """Seconds for each update of the weights, by stage."""
    counts = {stage: updates(stage, run.result["n_samples"], run.spec.params) for stage in run.result["seconds"]}
    return {stage: float(f"{run.result['seconds'][stage] / count:.3g}") for stage, count in counts.items() if count}


def bench_estimates(names: Sequence[str] = (), data: Sequence[DataSpec] = CHECKED) -> Iterator[Announced]:
    """What is announced for a run of a few steps with its automatic settings, beside what it took."""
    here = pace()
    for spec in data:
        shape = datasets.load(spec).samples.shape
        for name in names or sorted(methods.registered()):
            run = _run(name, spec)
            if run is None:
                continue
            with TemporaryDirectory() as home:
                store = RunStore(home)
                store.notices.post("machine", {"cuda": False, "pace": here})
                told = estimate(store, run.spec, shape)
            seconds = run.result["seconds"]
            took = (seconds["total"] - seconds[IMPORT]) * _share(seconds)
            yield Announced(name, spec.label, (told.bytes / 2**20, run.result["peak_rss_mb"]), (told.seconds, took))


def _run(method: str, data: DataSpec) -> Run | None:
    """A run of a few steps in a process of its own; None if it takes too long."""
    declared = methods.method_class(method).declared()
    words = [method, "--dataset", data.name, "--device", "cpu"]
    for name in dict.fromkeys(COUNTED.values()):
        words += ["--set", f"{name}={STEPS}"] if name in declared else []
    if data.n_samples is not None:
        words += ["--n-samples", str(data.n_samples)]
    return run_apart(words, ONE_THREAD, SECONDS)


def _share(seconds: Mapping[str, float]) -> float:
    """Of the time that a run took, what a processor worked for it: a run that waited for others is not counted as longer."""
    return min(1.0, seconds["cpu"] / seconds["total"])


def _per_unit(run: Run) -> dict[str, float]:
    """Seconds of the CPU for each unit of work, by stage."""
    seconds: Mapping[str, float] = run.result["seconds"]
    share = _share(seconds)
    shape = (run.result["n_samples"], *datasets.entry(OF).shape)
    stages = [name for name, value in seconds.items() if name not in ("total", "cpu") and value > 0]
    units = {stage: work(run.spec.method, stage, shape, run.spec.params) for stage in stages}
    return {stage: float(f"{seconds[stage] * share / units[stage]:.3g}") for stage in stages if units[stage] > 0}

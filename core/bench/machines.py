"""How far results depend on the machine: the same runs with the instructions and threads that other machines have.

Sums of floats depend on their order, and that on the instruction set, on the number of threads and on the library that
multiplies. Variables that the libraries read before they start let one machine do as an older one would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from core.bench.alone import run_apart
from core.common import ParameterError

TASKS = {
    "rgrl-orl": ("rgrl", "orl"),
    "rgrl-mnist_1000": ("rgrl", "mnist_1000"),
    "udll-orl": ("udll", "orl"),
}
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
SSE = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "OPENBLAS_CORETYPE": "Nehalem",
    "MKL_CBWR": "COMPATIBLE",
}
MACHINES: Mapping[str, tuple[Mapping[str, str], str]] = {
    "this one, exact": ({}, "exact"),
    "this one, auto": ({}, "auto"),
    "two threads": ({"AFFINITY_LAB_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}, "exact"),
    "AVX2": (AVX2, "exact"),
    "SSE": (SSE, "exact"),
}


def bench_machines(tasks: Sequence[str] = (), seeds: int = 3) -> Iterator[dict[str, Any]]:
    """ACC of every seed on each of `MACHINES`, a row a machine.

    Yields
    ------
    dict
        ``task``, ``machine``, ``acc`` by seed.

    Raises
    ------
    ParameterError
        If there is no such task.
    """
    for task in tasks or TASKS:
        if task not in TASKS:
            raise ParameterError(f"bench machines runs {', '.join(TASKS)}. Got {task!r} instead.")
        for machine in MACHINES:
            yield {"task": task, "machine": machine, "acc": [_acc(*TASKS[task], seed, machine) for seed in range(seeds)]}


def moved(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """By task: the deviation over seeds, averaged over machines, and the one over machines, averaged over seeds; the widest."""
    told = []
    for task in dict.fromkeys(row["task"] for row in rows):
        acc = np.array([row["acc"] for row in rows if row["task"] == task])  # (machines, seeds)
        told.append(
            {
                "task": task, "over_seeds": float(acc.std(axis=1).mean()), "over_machines": float(acc.std(axis=0).mean()),
                "widest": float(np.ptp(acc, axis=0).max()), "of_means": float(np.ptp(acc.mean(axis=1))),
            }
        )  # fmt: skip
    return told


def _acc(method: str, data: str, seed: int, machine: str) -> float:
    """One whole run in a process of its own, which is where such variables are read."""
    variables, arithmetic = MACHINES[machine]
    words = [method, "--dataset", data, "--seed", str(seed), "--device", "cpu", "--arithmetic", arithmetic, "--snapshots", "1"]
    run = run_apart(words, {"AFFINITY_LAB_THREADS": "1", **variables})
    assert run is not None  # it may take as long as it takes
    return float(run.result["metrics"]["acc"])

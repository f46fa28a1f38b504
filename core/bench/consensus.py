"""What several seeds agree on, beside each of them alone: whole runs in groups, one cut of the mean affinity of each group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any

from core.common import named
from core.datasets import DataSpec
from core.explore import consensus
from core.runs import Run, RunSpec, RunStore, execute, make_spec, this_process

TASKS = {
    "rgrl-orl": ("rgrl", "orl"),
    "udll-orl": ("udll", "orl"),
    "dsc-orl": ("dsc", "orl"),
    "rgrl-mnist_1000": ("rgrl", "mnist_1000"),
    "udll-digits": ("udll", "digits"),
}
MEMBERS = 5


def bench_consensus(tasks: Sequence[str] = (), groups: int = 3) -> Iterator[dict[str, Any]]:
    """ACC of every seed alone, and of what each group of five agrees on, a row a task.

    Yields
    ------
    dict
        ``task``, ``method``, ``data``, ``preset``, ``alone`` (groups x 5 numbers) and ``agreed`` (one a group).

    Raises
    ------
    UnknownName
        If there is no such task.
    """
    chosen = {task: named("task", task, TASKS) for task in tasks or TASKS}  # all are known before the first is run
    for task, (method, data) in chosen.items():
        spec = make_spec(method, DataSpec(data), device="cpu", snapshots=1)
        alone: list[float] = []
        agreed: list[float] = []
        for group in range(groups):
            seeds = range(group * MEMBERS, (group + 1) * MEMBERS)
            of_each, of_all = _group([replace(spec, seed=seed) for seed in seeds])
            alone += of_each
            agreed.append(of_all)
        yield {"task": task, "method": method, "data": data, "preset": spec.preset, "alone": alone, "agreed": agreed}


def _group(specs: Sequence[RunSpec]) -> tuple[list[float], float]:
    """ACC of each run, and of their consensus."""
    with TemporaryDirectory() as home:
        store = RunStore(home)
        runs = [_done(store, spec) for spec in specs]
        _, facts = consensus(store, runs=[run.id for run in runs], pixels=2)
    return [run.result["metrics"]["acc"] for run in runs], facts["scores"]["acc"]


def _done(store: RunStore, spec: RunSpec) -> Run:
    return execute(store, store.create(spec, owner=this_process()).id)

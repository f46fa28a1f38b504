"""What stages of training took where they were measured, brought to other sizes, settings and machines.

The table `MEASURED` is written by ``python -m core bench costs``: a few steps of every method at a few sizes of one data
set, on one thread. How far it is right for other data is what ``python -m core bench estimates`` prints.

On a GPU the networks of this app wait for the processor to start their kernels: an update takes as long on 400 samples as on
7,000 (measured on an H200: 2.5 to 6 ms for most methods, whatever the data). So `MEASURED_ON_GPU`, which ``python -m core bench
gpu-costs`` writes, has the seconds of an update of each method; stages that do not train stay with the processor.
"""

from __future__ import annotations

import json
import math
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from core import methods

MEASURED = Path(__file__).resolve().parents[2] / "assets" / "costs.json"
MEASURED_ON_GPU = MEASURED.with_name("costs-gpu.json")
SIDE, ROUNDS = 768, 150_000  # of the matrices and of the loop that tell how fast a machine is
TRIES = 12
# pattern of a stage's name -> the hyperparameter that says how many steps it has
COUNTED = {
    "pretrain": "pretrain_epochs",
    "finetune|joint": "epochs",
    "start": "start_epochs",
    "head": "head_epochs",
    r"\w+ layer \d+": "layer_epochs",
    r"\w+ path": "path_epochs",
}
BATCHED = {"pretrain": "batch_size", "joint": "batch_size", "finetune": "train_batch_size", "start": "batch_size"}
UPDATE = 2e7
"""Products in the time that an update takes beside them: assumed, about a millisecond of a core, the same for all methods."""
IMPORT = "import"
Points = Sequence[tuple[int, float]]
SLOPES = (0.0, 3.0)  # how steeply a stage may grow with n beyond what was measured


def counter(stage: str) -> str | None:
    """The hyperparameter that says how many steps a stage has; None if nothing does."""
    return next((counter for pattern, counter in COUNTED.items() if re.fullmatch(pattern, stage)), None)


def pace() -> float:
    """Seconds that one thread of this machine takes for a product of two matrices and for a loop of about that length.

    Training is both, products and many small calls around them, and machines differ in the two by other factors.
    """
    A = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)
    with threadpool_limits(1):
        return _best(lambda: A @ A) + _best(lambda: sum(i * i for i in range(ROUNDS)))


def _best(act: Callable[[], object]) -> float:
    took = []
    for _ in range(TRIES):
        began = time.perf_counter()
        act()
        took.append(time.perf_counter() - began)
    return min(took)


@cache
def table() -> tuple[float, Mapping[str, Mapping[str, Points]]]:
    """The pace of the machine that was measured, and for each stage of a method how long it took per unit of `work`, by n."""
    read = json.loads(MEASURED.read_text())
    stages: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for row in sorted(read["rows"], key=lambda row: row["n"]):
        for stage, value in row["seconds"].items():
            stages.setdefault(row["method"], {}).setdefault(stage, []).append((row["n"], value))
    return read["pace"], stages


@cache
def gpu_table() -> Mapping[str, Mapping[str, float]]:
    """Seconds of an update on a GPU, by method and stage."""
    measured: Mapping[str, Mapping[str, float]] = json.loads(MEASURED_ON_GPU.read_text())["seconds"]
    return measured


def expected_seconds(
    method: str, shape: tuple[int, ...], params: Mapping[str, Any], pace_here: float, *, on_gpu: bool = False
) -> float | None:
    """Seconds of a whole run on data of the given shape (n, ...), on one thread; None for a method that the table has not.

    Where it trains on a GPU, that is its updates as they were measured there, and the rest as on the processor. Imports are
    not counted: a worker has them behind it before there is anything to train.
    """
    pace_there, known = table()
    if method not in known:
        return None

    def seconds(stage: str, points: Points) -> float:
        count = updates(stage, shape[0], params) if on_gpu else None
        if count is not None:
            return count * _of_an_update(method, stage)
        return _at(shape[0], points) * work(method, stage, shape, params) * pace_here / pace_there

    return sum(seconds(stage, points) for stage, points in known[method].items() if stage != IMPORT)


def updates(stage: str, n: int, params: Mapping[str, Any]) -> int | None:
    """How often a stage changes its weights on n samples; None for one that does not train."""
    steps = params.get(counter(stage) or "")
    if steps is None:
        return None
    batch = params.get(BATCHED.get(stage, "")) or n
    return int(steps) * math.ceil(n / min(batch, n))


def _of_an_update(method: str, stage: str) -> float:
    """Seconds on a GPU, as measured; of a stage that was not, as long as most take."""
    all_of_them = [value for stages in gpu_table().values() for value in stages.values()]
    return gpu_table().get(method, {}).get(stage, statistics.median(all_of_them))


def work(method: str, stage: str, shape: tuple[int, ...], params: Mapping[str, Any]) -> float:
    """How much a stage has to do, in units that cancel: its steps, times what the network multiplies in one, if it has one.

    How it grows with n besides is what the runs of the table tell.
    """
    counts = counter(stage)
    if counts is None or counts not in params:
        return 1.0
    steps, n = max(params[counts], 0), shape[0]
    products = methods.method_class(method).cost(shape, params).products
    if not products:
        return float(steps)
    batch = params.get(BATCHED.get(stage, "")) or n
    return float(steps * (products + UPDATE / min(batch, n)))


def _at(n: int, points: Points) -> float:
    """A power law through the nearest two of the points (size, seconds)."""
    known = [(size, value) for size, value in points if value > 0]
    if len(known) < 2:
        return known[0][1] if known else 0.0
    later = next((i for i, (size, _) in enumerate(known) if size >= n), len(known) - 1)
    (a, low), (b, high) = known[max(later, 1) - 1], known[max(later, 1)]
    slope = float(np.clip(np.log(high / low) / np.log(b / a), *SLOPES))
    return float((low if n < a else high) * (n / (a if n < a else b)) ** slope)

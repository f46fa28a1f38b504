"""What the presets reach on real data: two quick ones always, the others as a benchmark (`pytest -m slow`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import execute
from core.datasets import DataSpec
from core.processes import this_process
from core.runs import RunStore, Status

QUICK = [("rgrl", "orl", "fast", 0.81), ("lsc", "mnist_test", "defaults", 0.75)]
LONG = [
    ("rgrl", "coil20", "auto", 0.95),
    ("rgrl", "coil20", "fast", 0.95),
    ("rgrl", "mnist_1000", "auto", 0.72),
    ("rgrl", "mnist_1000", "fast", 0.71),
    ("rgrl", "coil40", "fast", 0.80),
    ("rgrl", "yaleb", "fast", 0.94),
    ("rgrl", "usps", "auto", 0.80),
    ("dsc", "coil20", "auto", 0.91),
    ("dsc", "orl", "auto", 0.82),
    ("ssc", "coil20", "auto", 0.86),
    ("edsc", "yaleb", "auto", 0.93),
]


def accuracy(store: RunStore, method: str, dataset: str, preset: str) -> float:
    spec = execute.make_spec(method, DataSpec(dataset), preset=preset, device="cpu", snapshots=1)
    run = execute.execute(store, store.create(spec, owner=this_process()).id)
    assert run.status == Status.DONE, run.error
    found: float = run.result["metrics"]["acc"]
    return found


@pytest.mark.parametrize(("method", "dataset", "preset", "floor"), QUICK)
def test_quick_presets_reach_what_the_readme_says(
    store: RunStore, benchmark_data: Path, method: str, dataset: str, preset: str, floor: float
) -> None:
    assert accuracy(store, method, dataset, preset) >= floor


@pytest.mark.slow
@pytest.mark.parametrize(("method", "dataset", "preset", "floor"), LONG)
def test_presets_reach_what_the_readme_says(
    store: RunStore, benchmark_data: Path, method: str, dataset: str, preset: str, floor: float
) -> None:
    assert accuracy(store, method, dataset, preset) >= floor

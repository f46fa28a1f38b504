"""What the fastest way of multiplying brings, and whether the clusters are the same."""

from __future__ import annotations

from collections.abc import Iterator

from core.bench.alone import run_here
from core.bench.around.ratio import Ratio
from core.datasets import DataSpec
from core.runs import ARITHMETICS, Run, make_spec

RUNS = (("rgrl", "coil20"), ("udll", "coil20"), ("rgrl", "orl"))


def measure() -> Iterator[Ratio]:
    """Seconds of fine-tuning, exact over automatic, and how far apart the two are in ACC."""
    for method, dataset in RUNS:
        auto, exact = (_run(method, dataset, arithmetic) for arithmetic in ARITHMETICS)
        fast, slow = (run.result["seconds"]["finetune"] for run in (auto, exact))
        detail = f"{slow:.1f} and {fast:.1f} s; rounded at most to {auto.result['products']}"
        yield Ratio(f"fine-tuning of {method} on {dataset}, exact over auto", slow / fast, detail=detail)
        first, second = (run.result["metrics"]["acc"] for run in (auto, exact))
        yield Ratio(f"ACC of the two apart, {method} on {dataset}", abs(first - second), at_most=0.01)


def _run(method: str, dataset: str, arithmetic: str) -> Run:
    return run_here(make_spec(method, DataSpec(dataset), device="cpu", looking=0.0, arithmetic=arithmetic))

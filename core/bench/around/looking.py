"""What looking at a run and scoring it takes of its time."""

from __future__ import annotations

from collections.abc import Iterator

from core.bench.alone import run_here
from core.bench.around.ratio import Ratio
from core.datasets import DataSpec
from core.runs import make_spec

RUNS = (("udll", "digits", 0.4), ("rgrl", "digits", 0.4), ("dscdan", "digits", None))


def measure() -> Iterator[Ratio]:
    """Looking and scoring as a share of whole runs."""
    for method, dataset, bound in RUNS:
        run = run_here(make_spec(method, DataSpec(dataset), device="cpu"))
        seconds = run.result["seconds"]
        share = (seconds["watch"] + seconds["score"]) / seconds["total"]
        detail = f"{seconds['watch']:.1f} s and {seconds['score']:.1f} s of {seconds['total']:.1f} s"
        yield Ratio(f"share of looking and scoring in {method} on {dataset}", share, at_most=bound, detail=detail)

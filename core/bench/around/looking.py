"""What looking at a run and scoring it takes of its time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

from core.bench.around.ratio import Ratio
from core.datasets import DataSpec
from core.runs import RunStore, execute, make_spec, this_process

RUNS = (("udll", "digits", 0.4), ("rgrl", "digits", 0.4), ("dscdan", "digits", None))


def measure() -> Iterator[Ratio]:
    """Looking and scoring as a share of whole runs."""
    for method, dataset, bound in RUNS:
        with tempfile.TemporaryDirectory() as home:
            store = RunStore(home)
            run = execute(store, store.create(make_spec(method, DataSpec(dataset), device="cpu"), owner=this_process()).id)
        seconds = run.result["seconds"]
        share = (seconds["watch"] + seconds["score"]) / seconds["total"]
        detail = f"{seconds['watch']:.1f} s and {seconds['score']:.1f} s of {seconds['total']:.1f} s"
        yield Ratio(f"share of looking and scoring in {method} on {dataset}", share, at_most=bound, detail=detail)

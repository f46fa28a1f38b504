"""Tables of results made again: every row is run as it says, and its scores take the place of the old ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from core import methods
from core.bench.alone import run_here
from core.bench.results import Results, Row, Score
from core.common import ParameterError
from core.datasets import DataSpec
from core.runs import Run, make_spec

RUN_BY = frozenset({"method", "preset", "data", "set"})  # what the rows of such a table may say that they are of


def remake(results: Results) -> Iterator[Results]:
    """The table after each of its rows has been run again; the last one is whole, and said to come from its command.

    A row of a method that trains, or ends with k-means, is the mean of whole runs over its seeds; one of any other method
    is a single run, and its deviation that of the repetitions of the last step, if these differ.

    Raises
    ------
    ParameterError
        If a row says something else than ``method``, ``preset``, ``data`` and ``set``, a list of key=value.
    """
    strange = {name for row in results.rows for name in row.of} - RUN_BY
    if strange:
        raise ParameterError(
            f"A row that can be run again is of {', '.join(sorted(RUN_BY))}. Got {', '.join(sorted(strange))}."
        )
    rows = list(results.rows)
    for place, row in enumerate(rows):
        rows[place] = again(row)
        yield replace(results, rows=tuple(rows), origin="command" if place + 1 == len(rows) else results.origin)


def again(row: Row) -> Row:
    """One row with the scores that its runs reach now."""
    cls = methods.method_class(str(row.of["method"]))
    if cls.learns == "deep" or cls.reads == "Z":
        runs = [_run(row.of, seed) for seed in row.seeds]
        found = {name: [run.result["metrics"][name] for run in runs] for name in row.scores}
        told = {name: (float(np.mean(values)), float(np.std(values))) for name, values in found.items()}
        return _scored(row, told, row.seeds)
    run = _run(row.of, 0)
    spread = {name: run.result["spread"][name] for name in row.scores}
    differ = any(score["std"] > 0 for score in spread.values())
    repetitions = range(spread[next(iter(spread))]["n"]) if differ else ()
    return _scored(row, {name: (score["mean"], score["std"]) for name, score in spread.items()}, tuple(repetitions))


def _scored(row: Row, told: Mapping[str, tuple[float, float]], seeds: tuple[int, ...]) -> Row:
    scores = {
        name: Score(round(mean, 4), round(std, 4) if len(seeds) > 1 else None, row.scores[name].paper)
        for name, (mean, std) in told.items()
    }
    return replace(row, scores=scores, seeds=seeds)


def _run(of: Mapping[str, Any], seed: int) -> Run:
    """One whole run."""
    name = str(of["method"])
    declared = methods.method_class(name).declared()
    settings = [setting.split("=", 1) for setting in str(of.get("set", "")).split()]
    changes = {key: declared[key].parse(text, name) for key, text in settings}
    spec = make_spec(
        name, DataSpec(str(of["data"])), preset=str(of["preset"]), overrides=changes, seed=seed, device="cpu", snapshots=1
    )
    return run_here(spec)

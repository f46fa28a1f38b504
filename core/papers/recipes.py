"""Which of our runs is a row of a table, and the run to start where there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core import datasets, methods, runs
from core.datasets import DataSpec
from core.papers.tables import Column, Row, Way
from core.runs import RunSpec

QUICK_SAMPLES = 600  # of data that are larger, where a column does not say


def stands_in(row: Row, column: Column, spec: RunSpec) -> bool:
    """Whether a run is one of this row, on the data of this column whole; one that changed its weights on the way is none."""
    return spec.branch is None and any(_is(way, spec) for way in row.ways) and _is_whole(column, spec.data)


def _is(way: Way, spec: RunSpec) -> bool:
    return way.method == spec.method and all(_holds(wanted, spec.params.get(name)) for name, wanted in way.where.items())


def _holds(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, Mapping):
        return value is not None and value > wanted["above"]
    return bool(value == wanted)


def _is_whole(column: Column, data: DataSpec) -> bool:
    """Whether nothing was taken away from the data, or added; how they are scaled and split is the run's affair."""
    if column.data is None:
        return False
    return replace(data, seed=0, scaling="unit") == DataSpec(**column.data)


def part_of(column: Column, *, quick: bool = False) -> DataSpec:
    """The data of a column: whole, or the part that stands for them where time is short."""
    whole = DataSpec(**(column.data or {}))
    if not quick:
        return whole
    if column.quick:
        return replace(whole, **column.quick)
    return whole if shape_of(whole)[0] <= QUICK_SAMPLES else replace(whole, n_samples=QUICK_SAMPLES)


def spec_for(row: Row, column: Column, *, seed: int = 0, preset: str = "auto", quick: bool = False) -> RunSpec:
    """The run that is this row on this column: its preset, and what makes it this variant."""
    way = row.ways[0]
    known = methods.method_class(way.method).presets
    data = part_of(column, quick=quick)
    ending = f"{data.name}-{row.preset}"
    if preset == "auto" and ending in known:
        preset = ending
    fixed = {name: value for name, value in way.where.items() if not isinstance(value, Mapping)}
    facts = None if preset == methods.RULE else _facts_of(data)  # who asks for rules by name may ask for one of the variance
    return runs.make_spec(way.method, data, preset=preset, overrides=fixed, seed=seed, facts=facts)


def shape_of(data: DataSpec) -> tuple[int, ...]:
    """That of the training samples (n, ...), as the catalogue knows it."""
    entry = datasets.entry(data.name)
    n = data.n_samples or entry.n - (data.n_test or 0)
    if data.per_class is not None:
        n = data.per_class * (data.n_classes or entry.n_classes)
    return (n, *entry.shape)


def _facts_of(data: DataSpec) -> methods.Facts:
    """What rules may look at, without loading the data: a table asks for dozens of runs. Nobody knows the variance."""
    n, *shape = shape_of(data)
    K = data.n_classes or datasets.entry(data.name).n_classes
    return methods.Facts(n=n, shape=tuple(shape), n_clusters=K, variance=math.nan)

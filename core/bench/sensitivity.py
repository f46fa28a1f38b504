"""How a method's result depends on one thing: a hyperparameter, or how many classes, samples or how much noise the data have.

With alpha, ``n_classes`` and ``noise`` of TAGnet these are figures 4 to 6 of its paper.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core import evaluation, methods, runs
from core.common import Diverged, ParameterError, UnknownName, atomic_write
from core.datasets import DataSpec
from core.runs import RunSpec

OF_DATA = {"n_classes": int, "n_samples": int, "noise": float}


def bench_sensitivity(
    method: str,
    data: DataSpec,
    over: str,
    values: Sequence[str],
    *,
    preset: str = "auto",
    changes: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = (0, 1, 2),
) -> Iterator[dict[str, Any]]:
    """Train a method at every value and seed, and score the final labels.

    Parameters
    ----------
    over, values
        A hyperparameter of the method, or one of `OF_DATA`; and its values as text.
    changes
        Of the preset, at all values.

    Yields
    ------
    dict
        ``value``, ``acc``, ``acc_std``, ``nmi_max``, ``nmi_max_std``, ``filled`` (fewest clusters that hold samples),
        ``clusters`` (how many there are), ``seeds``; the scores are None, and ``filled`` 0, where training diverged.

    Raises
    ------
    InvalidInput
        If a name or a value cannot be used, or the data have no classes; before anything is trained.
    """
    if not seeds or not values:
        raise ParameterError(f"Give at least one value and one seed. Got {len(values)} values and {len(seeds)} seeds.")
    points = [_at(method, data, over, text, preset, dict(changes or {})) for text in values]
    return (_summary(value, spec, seeds) for value, spec in points)


def _at(method: str, data: DataSpec, over: str, text: str, preset: str, changes: dict[str, Any]) -> tuple[Any, RunSpec]:
    """The value, and the spec of a run with it, checked as far as it goes without training."""
    declared = methods.method_class(method).declared()
    value: Any
    if over in declared:
        value = declared[over].parse(text, method)
        changes = {**changes, over: value}
    elif over in OF_DATA:
        try:
            value = OF_DATA[over](text)
        except ValueError as error:
            raise ParameterError(f"{over!r} must be {OF_DATA[over].__name__}. Got {text!r} instead.") from error
        data = dataclasses.replace(data, **{over: value})
    else:
        raise UnknownName("thing to vary", over, [*OF_DATA, *declared])
    spec = runs.make_spec(method, data, preset=preset, overrides=changes)
    if runs.prepare(spec).data.y is None:
        raise ParameterError(f"Sensitivity needs classes. The data set {data.name!r} has none.")
    return value, spec


def _summary(value: Any, spec: RunSpec, seeds: Sequence[int]) -> dict[str, Any]:
    row: dict[str, Any] = {"value": value, "clusters": runs.prepare(spec).method.n_clusters, "seeds": len(seeds)}
    try:
        found = [_scores(dataclasses.replace(spec, seed=seed)) for seed in seeds]
    except Diverged:
        return {**row, **dict.fromkeys(("acc", "acc_std", "nmi_max", "nmi_max_std")), "filled": 0}
    for name in ("acc", "nmi_max"):
        values = [scores[name] for scores in found]
        row |= {name: float(np.mean(values)), f"{name}_std": float(np.std(values))}
    return {**row, "filled": min(int(scores["filled"]) for scores in found)}


def _scores(spec: RunSpec) -> dict[str, float]:
    ready = runs.prepare(spec)
    assert ready.data.y is not None
    labels = ready.method.fit(ready.data.samples).labels_
    return {**evaluation.evaluate(ready.data.y, labels), "filled": np.unique(labels).size}


def draw(rows: Sequence[Mapping[str, Any]], over: str, title: str, file: Path) -> Path:
    """Draw ACC and NMI at the values, equally far apart, with their deviation over seeds, as .svg."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 3.4), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(rows))
    for name, shown in (("acc", "ACC"), ("nmi_max", "NMI (max)")):
        axes.errorbar(places, _or_gaps(rows, name), _or_gaps(rows, f"{name}_std"), marker="o", capsize=3, label=shown)
    axes.set_xticks(places, [f"{row['value']:g}" if isinstance(row["value"], float) else str(row["value"]) for row in rows])
    axes.set(xlabel=over, ylim=(0, 1.02))
    axes.set_title(title, fontsize=11)
    axes.legend(frameon=False, loc="lower left")
    axes.spines[["top", "right"]].set_visible(False)
    with atomic_write(file) as target:
        figure.savefig(target, format="svg", metadata={"Date": None})
    return file


def _or_gaps(rows: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    """Values of the rows; none where training diverged."""
    return [math.nan if row[name] is None else row[name] for row in rows]

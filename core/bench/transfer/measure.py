"""How methods fare with settings by rule: accuracy beside that of spectral clustering and of the preset made for the data."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from core import evaluation, methods
from core.bench.transfer.sets import read_set
from core.common import AffinityLabError, ParameterError
from core.datasets import Dataset
from core.runs import facts_of

METHODS = ("ridge", "edsc", "rgrl", "udll", "dsc", "dscdan", "grdnn", "ddae", "tagnet", "dec", "vade")
REFERENCE = "spectral"
Row = dict[str, Any]


def bench_transfer(wanted: Sequence[str], sets: Sequence[str], seeds: Sequence[int], *, tuned: bool = True) -> Iterator[Row]:
    """Rows of every method on every set that is on this machine, as they come.

    A method gets what its rules say of the data, as if no preset had been made for them: the rules see neither the name nor
    the labels, but for the number of classes. With `tuned` the preset that is made for a set is run beside them.

    Yields
    ------
    dict
        ``method``, ``data``, ``acc`` and ``acc_std`` over the seeds, ``spectral`` (of the same seeds), ``tuned`` (None where
        no preset is made for the data), ``seconds`` of a run, ``empty`` (runs with a cluster that holds no sample) and
        ``trouble`` (what ended a run, in words).
    """
    if not seeds:
        raise ParameterError("'seeds' must hold at least one number. Got none.")
    classes = {name: methods.method_class(name) for name in wanted}  # unknown names are refused before anything is run
    for name in sets:
        data = read_set(name)
        if data is None:
            continue
        spectral = np.mean(_accuracies(REFERENCE, {}, data, seeds).found)
        for method, cls in classes.items():
            ours = _accuracies(method, cls.by_rule(facts_of(data)).values, data, seeds)
            row = {"method": method, "data": name, **ours.row(), "spectral": float(spectral), "tuned": None}
            chosen = methods.preset_for(method, name)[1] if tuned else None
            if chosen is not None:
                row["tuned"] = _mean(_accuracies(method, chosen.params, data, seeds).found)
            yield row


class _Found:
    """What the runs of one method on one set reached."""

    def __init__(self) -> None:
        self.found: list[float] = []
        self.seconds: list[float] = []
        self.empty = 0
        self.trouble: list[str] = []

    def row(self) -> Row:
        return {
            "acc": _mean(self.found), "acc_std": float(np.std(self.found)) if self.found else None,
            "seconds": _mean(self.seconds), "empty": self.empty, "trouble": "; ".join(dict.fromkeys(self.trouble)),
        }  # fmt: skip


def _accuracies(name: str, params: Mapping[str, Any], data: Dataset, seeds: Sequence[int]) -> _Found:
    """Whole runs over the seeds; an error that the app would tell its user is told here too."""
    found = _Found()
    assert data.y is not None
    for seed in seeds:
        began = time.perf_counter()
        try:
            method = methods.build(name, **{**params, "n_clusters": data.n_classes}, random_state=seed)
            labels = method.fit_predict(data.samples)
        except (AffinityLabError, np.linalg.LinAlgError) as error:
            found.trouble.append(f"{type(error).__name__}: {error}")
            continue
        found.seconds.append(time.perf_counter() - began)
        found.found.append(float(evaluation.evaluate(data.y, labels)["acc"]))
        found.empty += np.unique(labels).size < (data.n_classes or 0)
    return found


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def summary(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Of each method over its sets: mean and worst distance to spectral clustering, and to the presets, where there are any."""
    told = []
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        reached = [row for row in own if row["acc"] is not None]
        below = {row["data"]: row["acc"] - row["spectral"] for row in reached}
        tuned = {row["data"]: row["acc"] - row["tuned"] for row in reached if row["tuned"] is not None}
        told.append({
            "method": method, "sets": len(reached), "mean": _mean(list(below.values())), "worst": _worst(below),
            "to_tuned": _mean(list(tuned.values())), "worst_to_tuned": _worst(tuned),
            "empty": sum(row["empty"] for row in own), "failed": [row["data"] for row in own if row["trouble"]],
        })  # fmt: skip
    return told


def _worst(distances: Mapping[str, float]) -> tuple[str, float] | None:
    return min(distances.items(), key=lambda item: item[1]) if distances else None

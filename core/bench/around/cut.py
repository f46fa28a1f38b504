"""The last step of a method against the old way: a decomposition for every seed, and dense graphs throughout."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import datasets, methods
from core.affinity import graph_labeller
from core.bench.around.ratio import Ratio, accuracies, cpu_seconds
from core.datasets import Dataset, DataSpec
from core.methods import repeated

REPETITIONS = 10
SOLVED = ("orl", "coil20", "coil40")
DEGENERATE = {"power": 20.0}, {"strength": 0.01}, {"threshold": 0.005}
WHOLE = "coil100"
NEIGHBORS_OF = DataSpec("mnist_test", n_samples=8000)


def measure() -> Iterator[Ratio]:
    """Repetitions of the cut, a whole run beside its fit, spectral clustering of many samples, degenerate affinities."""
    for name in SOLVED:
        yield _repetitions(datasets.load(DataSpec(name)))
    yield from _fallen_apart(datasets.load(DataSpec("coil20", per_class=24)))
    yield _many_neighbors(datasets.load(NEIGHBORS_OF))
    yield _whole_run(datasets.load(DataSpec(WHOLE)))


def old_labels(A: NDArray, n_clusters: int, seed: int) -> NDArray:
    """The old way: scikit-learn decomposes the affinity again for every seed."""
    from sklearn.cluster import spectral_clustering

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = spectral_clustering(
            A, n_clusters=n_clusters, eigen_solver="arpack", assign_labels="discretize", random_state=seed
        )
    return np.asarray(found)


def _ridge(data: Dataset, **changes: Any) -> Any:
    preset = methods.preset_for("ridge", data.name, "auto")[1]
    return methods.build("ridge", **{**(preset.params if preset else {}), **changes, "n_clusters": data.n_classes})


def _repetitions(data: Dataset) -> Ratio:
    A, K = _ridge(data).fit(data.samples).affinity_matrix_, int(data.n_classes or 0)
    graph_labeller(A, K)(0), old_labels(A, K, 0)  # first calls import
    new, ours = cpu_seconds(lambda: repeated(graph_labeller(A, K), 0, REPETITIONS))
    once, theirs = cpu_seconds(lambda: [old_labels(A, K, seed) for seed in range(3)])
    return Ratio(
        f"{REPETITIONS} repetitions of the cut of ridge on {data.name}, old over new",
        REPETITIONS / 3 * once / new,
        at_least=4.0,
        detail=f"{new:.2f} CPU s; mean ACC {np.mean(accuracies(data, ours)):.3f}, old {np.mean(accuracies(data, theirs)):.3f}",
    )


def _fallen_apart(data: Dataset) -> Iterator[Ratio]:
    healthy = _ridge(data).fit(data.samples).affinity_matrix_
    usual, _ = cpu_seconds(lambda: graph_labeller(healthy, int(data.n_classes or 0)))
    for changes in DEGENERATE:
        A = _ridge(data, **changes).fit(data.samples).affinity_matrix_
        taken, _ = cpu_seconds(partial(graph_labeller, A, data.n_classes or 0))
        (name, value), *_ = changes.items()
        yield Ratio(
            f"cut of an affinity that falls apart ({name} {value:g}), times that of a healthy one",
            taken / usual,
            at_most=10.0,
            detail=f"{taken:.3f} CPU s",
        )


def _many_neighbors(data: Dataset) -> Ratio:
    method = methods.build("spectral", n_clusters=data.n_classes)
    fit, _ = cpu_seconds(lambda: method.fit(data.samples))
    again, found = cpu_seconds(lambda: repeated(method.labeller_, 0, REPETITIONS))
    scored, _ = cpu_seconds(lambda: accuracies(data, found))
    return Ratio(
        f"CPU seconds of spectral at n = {data.n_samples:,} in all",
        fit + again + scored,
        at_most=10.0,
        detail=f"fit {fit:.1f}, repetitions {again:.1f}, scores {scored:.1f}",
    )


def _whole_run(data: Dataset) -> Ratio:
    method = _ridge(data)
    fit, _ = cpu_seconds(lambda: method.fit(data.samples))
    rest, _ = cpu_seconds(lambda: accuracies(data, repeated(method.labeller_, method.random_state, REPETITIONS)))
    return Ratio(
        f"fit, repetitions and scores of ridge on {data.name}, times its fit",
        (fit + rest) / fit,
        at_most=1.3,
        detail=f"fit {fit:.1f} CPU s, the rest {rest:.1f}",
    )

"""The spread of k-means against the old way: the whole last step again for every seed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core import datasets, methods
from core.bench.around.ratio import Ratio, accuracies, cpu_seconds
from core.datasets import DataSpec
from core.methods import repeated

REPETITIONS = 10
DATA = DataSpec("mnist_test")


def measure() -> Iterator[Ratio]:
    """k-means on MNIST-test: the fit, and the fit with its spread."""
    data = datasets.load(DATA)
    method = methods.build("kmeans", n_clusters=data.n_classes)
    fit, _ = cpu_seconds(lambda: method.fit(data.samples))
    rest, found = cpu_seconds(lambda: repeated(method.labeller_, 0, REPETITIONS))
    scored, acc = cpu_seconds(lambda: accuracies(data, found))
    again = methods.build("kmeans", n_clusters=data.n_classes)
    old, others = cpu_seconds(lambda: [again.set_params(random_state=seed).fit_predict(data.samples) for seed in (1, 2)])
    detail = f"ACC {np.mean(acc):.3f} ± {np.std(acc):.3f}; fit {fit:.1f} CPU s, scores {scored:.1f}"
    yield Ratio("k-means on MNIST-test with its spread, times its fit", (fit + rest + scored) / fit, at_most=2.5, detail=detail)
    yield Ratio("spread of k-means on MNIST-test, old over new", REPETITIONS * old / len(others) / rest)

"""The clusters of a run under the numbers and names that all its pictures use, and which matrices speak of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core import evaluation, methods
from core.datasets import Dataset
from core.runs import Run, numbered_labels
from pages.ui.state import store


def numbered(run: Run, data: Dataset) -> NDArray[np.int64]:
    """Cluster numbers of the training samples: those of the classes that they match."""
    return numbered_labels(store().files.folder(run.id), _stored(run, "labels"), data.y)


def numbered_test(run: Run, data: Dataset) -> NDArray[np.int64]:
    """The same of the held-out samples; where a method groups these by themselves, by their own classes."""
    found, test = _stored(run, "test_labels"), data.test
    if methods.method_class(run.spec.method).groups_test and test is not None and test.y is not None:
        return evaluation.cluster_numbers(test.y, found)[found]
    return numbers_of(run, data, int(found.max()) + 1)[found]


def numbers_of(run: Run, data: Dataset, count: int) -> NDArray[np.int64]:
    """The number of each of the `count` clusters as they are stored; one without samples keeps a free one."""
    labels, shown = _stored(run, "labels"), numbered(run, data)
    numbers = np.full(max(count, int(labels.max()) + 1), -1, dtype=np.int64)
    numbers[labels] = shown
    free = np.setdiff1d(np.arange(2 * len(numbers)), numbers)
    numbers[numbers < 0] = free[: int((numbers < 0).sum())]
    return numbers


def cluster_name(data: Dataset, number: int) -> str:
    """What a cluster is called: as the class that it matches, if it matches one."""
    return data.classes[number] if data.y is not None and number < len(data.classes) else str(number)


def cluster_names(data: Dataset, labels: NDArray) -> list[str]:
    """The names of all numbers up to the largest one."""
    return [cluster_name(data, number) for number in range(int(labels.max()) + 1)]


def _stored(run: Run, name: str) -> NDArray[np.int64]:
    found: NDArray[np.int64] = store().files.array(run.id, "final", name)
    return found


def held(run: Run, data: Dataset) -> str | None:
    """What C speaks of: "full", "subset", "neighbors" or "anchors"; None where there is no C."""
    stored, cls = set(store().files.array_names(run.id, "final")), methods.method_class(run.spec.method)
    return cls.scope_of(data.n_samples, run.spec.params) if {"C", "C.row"} & stored else None


def matrices_of(run: Run, data: Dataset) -> dict[str, bool]:
    """Which square matrices a run has: C, affinity, graph through anchors, prior graph."""
    stored, form = set(store().files.array_names(run.id, "final")), held(run, data)
    expressed = form in ("full", "subset", "neighbors")
    return {
        "C": expressed,
        "prior": "prior.row" in stored,
        "affinity": expressed or bool({"A", "A.row"} & stored),
        "graph": form == "anchors" or "W.row" in stored,
    }


def affinity_of(run: Run, data: Dataset) -> str | None:
    """Which of these joins the samples: the affinity of all pairs, the graph through anchors, or none."""
    there = matrices_of(run, data)
    return "affinity" if there["affinity"] else "graph" if there["graph"] else None

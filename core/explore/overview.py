"""What data are, before anything is trained on them: means, values, a first picture, neighbours, copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core import evaluation
from core.datasets import Dataset

SHOWN, BINS, NEIGHBORS, MOST_GROUPS = 2000, 60, 12, 20
_MOST_VALUES = 2_000_000


def class_means(data: Dataset) -> NDArray[np.uint8]:
    """The mean picture of each class, (K, h, w[, c]) in 0..255, as pictures of the data are shown.

    Raises
    ------
    DataError
        If the samples are not images.
    """
    assert data.y is not None
    means = [data.images(np.flatnonzero(data.y == k)).mean(axis=0) for k in range(len(data.classes)) if (data.y == k).any()]
    return np.rint(means).astype(np.uint8)


def value_counts(data: Dataset) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """How many values lie in each of 60 steps, and the borders of these; of very many values a random draw."""
    values = data.X.ravel()
    if values.size > _MOST_VALUES:
        values = values[np.random.default_rng(0).integers(0, values.size, _MOST_VALUES)]
    counts, borders = np.histogram(values, BINS)
    return counts, borders


def plane(data: Dataset) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Samples on their two leading principal components, and which ones: a random draw of at most 2,000."""
    shown = np.sort(np.random.default_rng(0).choice(data.n_samples, min(data.n_samples, SHOWN), replace=False))
    return evaluation.pca(data.X[shown], 2).astype(np.float32), shown


@dataclass(frozen=True)
class Near:
    """The nearest other samples of one, nearest first, and how far they are."""

    samples: NDArray[np.int64]
    distances: NDArray[np.float64]


def neighbors_of(data: Dataset, sample: int) -> Near:
    """By Euclidean distance of the values as methods get them."""
    distances = np.linalg.norm(data.X - data.X[sample], axis=1).astype(np.float64)
    distances[sample] = np.inf
    found = np.argsort(distances, kind="stable")[: min(NEIGHBORS, data.n_samples - 1)]
    return Near(found, distances[found])


def copies(data: Dataset) -> list[NDArray[np.int64]]:
    """Groups of samples that are equal in every value, the largest 20 first."""
    _, place, counts = np.unique(data.X, axis=0, return_inverse=True, return_counts=True)
    found = np.flatnonzero(counts > 1)
    largest = found[np.argsort(-counts[found], kind="stable")][:MOST_GROUPS]
    return [np.flatnonzero(place.ravel() == group) for group in largest]

"""What a fitted method makes of the samples that were held out for testing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core import evaluation
from core.common import DataError
from core.datasets import Dataset
from core.methods import Clusterer, repeated
from core.runs.retrieved import retrieval

TEST_SEEDS = 20  # as GR-DNN repeats its k-means


def check(method: Clusterer, test: Dataset) -> None:
    """Refuse, before training, held-out samples that cannot be clustered after it.

    Raises
    ------
    DataError
        If there are fewer of them than clusters, and the method clusters them by themselves.
    """
    if method.groups_test and test.n_samples < (method.n_clusters or 0):
        raise DataError(
            f"n_test must be at least the number of clusters, {method.n_clusters}, for {method.name}, which clusters the "
            f"held-out samples by themselves. Got {test.n_samples}."
        )


def assess(method: Clusterer, test: Dataset) -> tuple[dict[str, NDArray], dict[str, float], dict[str, list[float]]]:
    """Encode the held-out samples, cluster them by `Clusterer.test_labeller`, and score that.

    Returns
    -------
    arrays
        ``test_Z``, ``test_labels`` and, where there are classes, ``test_y`` (-1 where a sample has none).
    scores
        ``test_...`` of the clustering with the seed of the method, and ``test_map_k`` of the codes.
    repeats
        Every score of `TEST_SEEDS` repetitions of the clustering; empty where the seed changes nothing, or without classes.
    """
    Z = np.asarray(method.embed(test.samples))
    Z = Z.reshape(len(Z), -1)
    labeller = method.test_labeller(Z)
    labels = labeller(method.random_state)
    arrays = {"test_Z": Z, "test_labels": labels}
    if test.y is None:
        return arrays, {}, {}
    arrays["test_y"] = test.y
    found = repeated(labeller, method.random_state, TEST_SEEDS if method.groups_test else 1)
    scored = [evaluation.evaluate(*evaluation.known(test.y, labels)) for labels in found]
    repeats = {f"test_{name}": [s[name] for s in scored] for name in scored[0]} if len(scored) > 1 else {}
    scores = {**scored[0], **retrieval(test.y, Z)}
    return arrays, {f"test_{name}": value for name, value in scores.items()}, repeats

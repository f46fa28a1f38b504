"""k-means as a last step: the best of several starts, and how far it varies, from a pool of them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans

from core import methods
from core.datasets import load
from core.methods import repeated
from core.methods.parts.kmeans import BestOfStarts

X = load("digits", per_class=20).X.reshape(200, -1)


def inertia(labels: np.ndarray) -> float:
    means = np.stack([X[labels == k].mean(axis=0) for k in range(labels.max() + 1)])
    return float(np.square(X - means[labels]).sum())


@pytest.mark.parametrize("n_init", [1, 4])
def test_it_is_k_means_with_as_many_starts(n_init: int) -> None:
    labeller = BestOfStarts(X, 7, n_init)
    for seed in (3, 0, 3):  # whatever was asked before
        expected = KMeans(7, n_init=n_init, random_state=seed).fit_predict(X)
        np.testing.assert_array_equal(labeller(seed), expected)
        assert labeller(seed).dtype == np.int64


def test_repetitions_draw_on_a_pool_of_twice_the_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    fit = KMeans.fit
    monkeypatch.setattr(KMeans, "fit", lambda self, Z: made.append(self.n_init) or fit(self, Z))
    labeller = BestOfStarts(X, 7, 5)
    first = labeller(2)
    found = labeller.repeat(2, 9)
    assert made == [1] * 10
    np.testing.assert_array_equal(found[0], first)
    singles = BestOfStarts(X, 7, 1)
    single = np.mean([inertia(singles(seed)) for seed in range(10)])
    assert np.mean([inertia(labels) for labels in found]) < single  # the best of several, not any of them
    assert len({inertia(labels) for labels in found}) > 1
    again = BestOfStarts(X, 7, 5).repeat(2, 9)
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(labeller.repeat(2, 12)) == 12


def test_a_labeller_without_a_pool_is_asked_with_one_seed_after_the_other() -> None:
    assert repeated(lambda seed: np.full(2, seed), 5, 3)[2].tolist() == [7, 7]
    method = methods.build("kmeans", n_clusters=10, n_init=3).fit(X)
    np.testing.assert_array_equal(repeated(method.labeller_, 0, 4)[0], method.labels_)

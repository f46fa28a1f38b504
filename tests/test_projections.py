"""Projections: PCA against scikit-learn, alignment against what was done to the points, options and their bounds."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from core.common import ParameterError, UnknownName
from core.evaluation import PROJECTIONS, align, pca, project

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(60, 9), (12, 200), (300, 400)])
@pytest.mark.parametrize("k", [2, 3])
def test_pca_agrees_with_scikit_learn_up_to_signs(shape: tuple[int, int], k: int) -> None:
    X = RNG.normal(size=shape) * np.linspace(3, 1, shape[1])
    ours, theirs = pca(X, k), PCA(k, svd_solver="full").fit_transform(X)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=2e-3 * np.abs(theirs).max())


def test_components_that_do_not_exist_are_zero() -> None:
    assert pca(RNG.normal(size=(8, 1)), 3)[:, 1:].any() == np.False_
    assert not pca(np.ones((30, 40)), 2).any()


def test_alignment_undoes_a_rotation_and_a_mirror() -> None:
    reference = RNG.normal(size=(40, 2))
    reference -= reference.mean(axis=0)
    turn = np.array([[np.cos(1.0), -np.sin(1.0)], [np.sin(1.0), np.cos(1.0)]]) @ np.diag([1, -1])
    np.testing.assert_allclose(align(reference @ turn + 5, reference), reference, atol=1e-9)


@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=pytest.mark.journey) if k == "umap" else k for k in sorted(PROJECTIONS)]
)
def test_two_groups_stay_apart_in_every_projection(kind: str) -> None:
    X = np.concatenate([RNG.normal(size=(40, 60)), RNG.normal(size=(40, 60)) + 6])
    points = project(X, kind, n_components=2, random_state=0, options={"perplexity": 10} if kind == "tsne" else {})
    assert points.shape == (80, 2) and points.dtype == np.float32
    centres = points[:40].mean(axis=0), points[40:].mean(axis=0)
    nearest_first = np.linalg.norm(points - centres[0], axis=1) < np.linalg.norm(points - centres[1], axis=1)
    assert nearest_first[:40].all() and not nearest_first[40:].any()


def test_options_are_checked() -> None:
    X = RNG.normal(size=(30, 5))
    with pytest.raises(ParameterError, match="'perplexity'"):
        project(X, "tsne", options={"perplexity": -1})
    with pytest.raises(UnknownName, match="perplexity"):
        project(X, "tsne", options={"perplexty": 5})

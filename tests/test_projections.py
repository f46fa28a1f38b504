"""Projections: PCA against scikit-learn, alignment against what was done to the points, options and their bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from core import evaluation
from core.common import DataError, ParameterError, UnknownName
from core.evaluation import PROJECTIONS, align, layouts, pca, project, times_longer

RNG = np.random.default_rng(0)
LAYOUTS = ["tsne", pytest.param("umap", marks=pytest.mark.journey)]  # UMAP compiles for some seconds


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


@pytest.mark.parametrize("kind", ["pca", *LAYOUTS])
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


# ---- t-SNE and UMAP --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("dims", [2, 3])
def test_the_same_seed_gives_the_same_picture(kind: str, dims: int) -> None:
    X = RNG.normal(size=(120, 8))
    first, again = (project(X, kind, n_components=dims, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (120, dims) and np.abs(first - project(X, kind, n_components=dims, random_state=4)).max() > 0


@pytest.mark.parametrize("kind", LAYOUTS)
def test_neighbours_stay_neighbours(kind: str) -> None:
    X, y = load_digits(return_X_y=True)
    points = project(X[:400], kind)
    assert trustworthiness(X[:400], points, n_neighbors=10) > 0.97
    nearest = NearestNeighbors(n_neighbors=5).fit(points).kneighbors(return_distance=False)
    assert (y[nearest] == y[:400, None]).mean() > 0.93


def test_forces_on_a_grid_draw_the_picture_that_forces_of_a_tree_do(monkeypatch: pytest.MonkeyPatch) -> None:
    X = load_digits(return_X_y=True)[0][:400]
    monkeypatch.setattr(layouts, "GRID_FROM", 300)
    on_grid = project(X, "tsne")
    monkeypatch.setattr(layouts, "GRID_FROM", 500)
    assert np.abs(on_grid - project(X, "tsne")).max() > 0, "two ways to work out the forces"
    assert trustworthiness(X, on_grid, n_neighbors=10) > 0.97


def test_umap_is_given_each_row_and_its_nearest_others_by_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    class Recorder:
        def __init__(self, **options: Any) -> None:
            given.update(options)

        def fit_transform(self, Z: NDArray) -> NDArray:
            return Z[:, :2]

    monkeypatch.setattr("umap.UMAP", Recorder)
    X = RNG.normal(size=(60, 4))
    project(X, "umap", options={"n_neighbors": 40})
    nearest, distances, _ = given["precomputed_knn"]
    expected = cdist(X, X)
    np.testing.assert_array_equal(nearest, np.argsort(expected, axis=1)[:, :40])
    nearby = np.sort(expected, axis=1)[:, :40]
    np.testing.assert_allclose(distances / distances.max(), nearby / nearby.max(), atol=1e-5)
    assert given["n_neighbors"] == 40


DEGENERATE = {
    "equal rows": np.ones((60, 64)),
    "few equal rows": np.ones((5, 3)),
    "one row": np.ones((1, 4)),
    "two rows": np.eye(2),
    "eight rows": RNG.normal(size=(8, 3)),
    "wide, few": RNG.normal(size=(9, 100)),
    "one feature": RNG.normal(size=(60, 1)),
    "three rows again and again": np.repeat(RNG.normal(size=(3, 5)), 20, axis=0),
    "dead codes": np.concatenate([np.zeros((50, 10)), RNG.normal(size=(50, 10))]),
    "a square": np.stack(np.meshgrid(range(9), range(9)), axis=-1).reshape(-1, 2),
    "tiny": 1e-25 * RNG.normal(size=(60, 10)),
    "huge": 1e18 * RNG.normal(size=(60, 10)),
    "equidistant": np.eye(40),
    "almost equidistant": np.eye(12) + 1e-3 * RNG.normal(size=(12, 12)),
}


@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("case", sorted(DEGENERATE))
def test_whatever_the_rows_there_is_a_picture_of_them(kind: str, case: str) -> None:
    X = DEGENERATE[case]
    for dims in (2, 3):
        points = project(X, kind, n_components=dims)
        assert points.shape == (len(X), dims) and np.isfinite(points).all()
        places = len(np.unique(points, axis=0))
        assert places == len(np.unique(X.astype(np.float32), axis=0)), "equal rows, and only these, share a place"
        span = np.ptp(points, axis=0).max()
        assert span > 0.1 or places == 1 or case == "equidistant", "different rows do not all fall onto one place"


@pytest.mark.parametrize("kind", sorted(PROJECTIONS))
def test_rows_that_cannot_be_projected_are_refused_in_words(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for shape in ((0, 4), (5, 0)):
        with pytest.raises(DataError, match="nothing to project"):
            project(np.zeros(shape), kind)
    with pytest.raises(DataError, match="finite"):
        project(np.array([[0.0, np.nan]] * 9), kind)
    monkeypatch.setattr(layouts, "MAX_PAIRS", 100)
    if kind != "pca":
        with pytest.raises(DataError, match="30 points with"):
            project(RNG.normal(size=(30, 4)), kind)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_it_is_told_how_far_the_work_is_and_it_can_be_ended(kind: str) -> None:
    class Enough(Exception):
        pass

    told: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        told.append((done, total))
        if done >= enough:
            raise Enough

    X, enough = RNG.normal(size=(1500 if kind == "umap" else 60, 8)), 10_000
    points = project(X, kind, progress=tell)
    assert len(told) > 2 and told == sorted(told) and told[-1][0] == told[-1][1], "up to the last step"
    np.testing.assert_array_equal(points, project(X, kind))
    told, enough = [], told[-1][1] // 2
    with pytest.raises(Enough):
        project(X, kind, progress=tell)
    assert told and told[-1][0] < told[-1][1]


@pytest.mark.parametrize("kind", sorted(PROJECTIONS))
@pytest.mark.parametrize("dims", [2, 3])
def test_more_points_are_expected_to_take_longer(kind: str, dims: int) -> None:
    sizes = [5000, 6000, 20_000, 70_000]
    longer = [times_longer(kind, dims, n, 5000) for n in sizes]
    assert longer[0] == 1 and longer == sorted(set(longer)) and longer[-1] < 200


def test_a_faithful_picture_is_believed_and_a_scrambled_one_is_not() -> None:
    rng = np.random.default_rng(0)
    points = rng.standard_normal((300, 2))
    X = points @ np.linalg.qr(rng.standard_normal((9, 2)))[0].T
    y = (points[:, 0] > 0).astype(int)
    good = evaluation.projection_quality(X, points, y)
    assert good["trustworthiness"] == pytest.approx(1) and good["continuity"] == pytest.approx(1)
    assert good["class_neighbors"] > 0.9
    bad = evaluation.projection_quality(X, points[rng.permutation(300)], y)
    assert bad["trustworthiness"] < 0.6 and bad["continuity"] < 0.6 and 0.4 < bad["class_neighbors"] < 0.6
    folded = evaluation.projection_quality(X, np.abs(points))
    assert folded["trustworthiness"] < 0.99 < folded["continuity"] + 0.05 and "class_neighbors" not in folded
    assert evaluation.projection_quality(X[:15], points[:15]) == {}

"""Projections of many points, in seconds and against scikit-learn's t-SNE, which was used before."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core import datasets
from core.bench.around.ratio import Ratio, cpu_seconds
from core.datasets import DataSpec
from core.evaluation import pca, project, warm_up

DATA = DataSpec("mnist")
WIDTH, FEW, NEIGHBORS = 50, 5000, 10
BOUNDS = {10_000: 40.0, 70_000: 360.0}
UMAP_SECONDS = 15.0


def measure() -> Iterator[Ratio]:
    """t-SNE and UMAP of principal components of MNIST, with what the pictures are worth.

    Raises
    ------
    DataError
        If MNIST is not on this machine.
    """
    data = datasets.load(DATA)
    assert data.y is not None
    codes = pca(data.samples, WIDTH).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(codes))
    few, y = codes[order[:FEW]], data.y[order[:FEW]]
    warm_up("tsne")
    warm_up("umap")
    old, before = cpu_seconds(lambda: by_scikit_learn(few))
    new, after = cpu_seconds(lambda: project(few, "tsne"))
    detail = f"{old:.1f} CPU s, {worth(few, before, y)}; {new:.1f} CPU s, {worth(few, after, y)}"
    yield Ratio(f"t-SNE of {FEW:,} codes, old over new", old / new, at_least=1.5, detail=detail)
    taken, points = cpu_seconds(lambda: project(few, "umap"))
    yield Ratio(f"CPU seconds of UMAP of {FEW:,} codes", taken, at_most=UMAP_SECONDS, detail=worth(few, points, y))
    for n, bound in BOUNDS.items():
        some = order[:n]
        taken, points = cpu_seconds(partial(project, codes[some], "tsne"))
        detail = f"of the nearest {NEIGHBORS}, {same_class(points, data.y[some]):.4f} of the same class"
        yield Ratio(f"CPU seconds of t-SNE of {n:,} codes", taken, at_most=bound, detail=detail)


def by_scikit_learn(Z: NDArray) -> NDArray:
    """The old way."""
    from sklearn.manifold import TSNE

    return np.asarray(TSNE(2, perplexity=30.0, init="pca", random_state=0, n_jobs=1).fit_transform(Z))


def worth(Z: NDArray, points: NDArray, y: NDArray) -> str:
    """How far neighbours in the picture are neighbours, and share their class."""
    from sklearn.manifold import trustworthiness

    trusted = trustworthiness(Z, points, n_neighbors=NEIGHBORS)
    return f"trustworthiness {trusted:.4f}, same class {same_class(points, y):.4f}"


def same_class(points: NDArray, y: NDArray) -> float:
    """Share of the nearest neighbours in the picture that are of the same class."""
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=NEIGHBORS).fit(points).kneighbors(return_distance=False)
    return float((y[nearest] == y[:, None]).mean())

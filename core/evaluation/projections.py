"""Low-dimensional pictures of high-dimensional rows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError, Param, check_all
from core.evaluation.layouts import Progress, tsne, umap

_WIDE = 50  # t-SNE and UMAP start from at most this many principal components, as their authors advise
_FEW = 8  # different rows below which neighbourhoods mean nothing


PROJECTIONS: Mapping[str, tuple[Param, ...]] = {
    "pca": (),
    "tsne": (
        Param(
            name="perplexity", kind="real", default=30.0, symbol=r"\mathrm{perp}", low=2, high=500, soft=(5, 100),
            help="Effective number of neighbours that keep their distance.",
        ),
    ),
    "umap": (
        Param(
            name="n_neighbors", kind="integer", default=15, symbol="k", low=2, high=500, soft=(2, 100),
            help="Neighbours of the graph: few show detail, many show the whole.",
        ),
        Param(
            name="min_dist", kind="real", default=0.1, symbol="d_{min}", low=0, high=0.99, soft=(0, 0.99),
            help="How closely points may be packed.",
        ),
    ),
}  # fmt: skip
"""Each projection with its hyperparameters."""


_SECONDS: Mapping[tuple[str, int], Mapping[int, float]] = {
    ("pca", 2): {5_000: 0.1, 70_000: 0.6},
    ("pca", 3): {5_000: 0.1, 70_000: 0.6},
    ("tsne", 2): {5_000: 12.3, 10_000: 23.0, 20_000: 36.3, 40_000: 49.5, 70_000: 70.3},
    ("tsne", 3): {5_000: 21.8, 20_000: 145.1, 70_000: 840.0},
    ("umap", 2): {5_000: 3.7, 20_000: 8.5, 70_000: 29.6},
    ("umap", 3): {5_000: 3.7, 20_000: 9.0, 70_000: 32.0},
}
"""CPU seconds on one thread by the number of rows, of MNIST; only their ratios matter."""


def project(
    X: NDArray,
    kind: str,
    *,
    n_components: int = 2,
    random_state: int = 0,
    options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Project rows to 2 or 3 dimensions.

    Equal rows share a place: t-SNE and UMAP are of the different rows alone, and where there are only a few of these,
    there are no neighbourhoods to keep and their leading principal components are returned.

    Parameters
    ----------
    X : (n, m)
    kind : {"pca", "tsne", "umap"}
    options
        Hyperparameters of the projection, see `PROJECTIONS`; a neighbourhood larger than the data is cut to it.
    progress
        Told the iterations done and all there are, every now and then; what it raises ends the work.

    Returns
    -------
    (n, n_components) float32

    Raises
    ------
    DataError
        If there is no value or one is not finite, or if neighbours would not fit into memory.
    """
    declared = {param.name: param for param in PROJECTIONS[kind]}
    chosen = {name: param.default for name, param in declared.items()} | check_all(declared, options or {}, kind)
    X = np.asarray(X, dtype=np.float32)
    if not X.size:
        raise DataError(f"There is nothing to project in an array of shape {X.shape}.")
    if not np.isfinite(X).all():
        raise DataError("Rows that are projected must be finite. Got NaN or infinity.")
    X = X.reshape(len(X), -1)
    if kind == "pca":
        return pca(X, n_components).astype(np.float32)
    X, place = _distinct(X)
    Z = pca(X, min(_WIDE, X.shape[1]))
    Z = np.ascontiguousarray(Z / (np.abs(Z).max() or 1), dtype=np.float32)  # squares neither overflow nor vanish
    start = pca(Z, n_components)
    if len(Z) < _FEW:
        points = start
    elif kind == "tsne":
        points = tsne(Z, start, random_state=random_state, progress=progress, **chosen)
    else:
        points = umap(Z, n_components, random_state=random_state, progress=progress, **chosen)
    return points[place].astype(np.float32)


@lru_cache
def warm_up(kind: str) -> None:
    """Pay once for what is imported and compiled late, so that the time of a projection is that of the next one too."""
    if kind != "pca":
        project(np.random.default_rng(0).normal(size=(2 * _FEW, 4)), kind)


def times_longer(kind: str, n_components: int, n: int, than: int) -> float:
    """How many times as long the projection of n rows takes as that of other, fewer rows."""
    rows, seconds = zip(*_SECONDS[kind, n_components].items(), strict=True)
    many, few = np.exp(np.interp(np.log([n, than]), np.log(rows), np.log(seconds)))
    return float(many / few)


def _distinct(X: NDArray) -> tuple[NDArray, NDArray[np.intp]]:
    """The different rows in the order of their first appearance, and for each row of X its place among them."""
    rows = np.ascontiguousarray(X + 0)  # minus zero becomes zero, which it equals
    as_bytes = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    _, first, place = np.unique(as_bytes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return X[first[order]], np.argsort(order)[place]


def pca(X: NDArray, n_components: int) -> NDArray:
    """Scores of the leading principal components, (n, n_components); missing components are zero."""
    from scipy.linalg import svd
    from scipy.sparse.linalg import svds

    X = np.asarray(X, dtype=np.float32).reshape(len(X), -1)
    X = X - X.mean(axis=0)
    shorter = min(X.shape)
    k = min(n_components, shorter)
    if k < shorter / 10 and X.any():  # few of many: Lanczos iterations need no n x n or m x m matrix
        left, values, _ = svds(X, k=k, v0=np.ones(shorter, dtype=np.float32))
        left, values = left[:, ::-1], values[::-1]
    else:
        left, values, _ = svd(X, full_matrices=False)
    scores = left[:, :k] * values[:k]
    signs = np.sign(scores[np.abs(scores).argmax(axis=0), np.arange(k)])
    out = np.zeros((len(X), n_components))
    out[:, :k] = scores * np.where(signs == 0, 1, signs)
    return out


def align(points: NDArray, reference: NDArray) -> NDArray:
    """Rotate or mirror `points` about their mean so that they lie closest to `reference` (orthogonal Procrustes)."""
    from scipy.linalg import orthogonal_procrustes

    centred = points - points.mean(axis=0)
    rotation, _ = orthogonal_procrustes(centred, reference - reference.mean(axis=0))
    return centred @ rotation

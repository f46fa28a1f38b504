"""Low-dimensional pictures of high-dimensional rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import Param, check_all

_WIDE = 50  # t-SNE and UMAP start from at most this many principal components, as their authors advise


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


def project(
    X: NDArray, kind: str, *, n_components: int = 2, random_state: int = 0, options: Mapping[str, Any] | None = None
) -> NDArray[np.float32]:
    """Project rows to 2 or 3 dimensions.

    Parameters
    ----------
    X : (n, m)
    kind : {"pca", "tsne", "umap"}
    options
        Hyperparameters of the projection, see `PROJECTIONS`; a neighbourhood larger than the data is cut to it.

    Returns
    -------
    (n, n_components) float32
    """
    declared = {param.name: param for param in PROJECTIONS[kind]}
    chosen = {name: param.default for name, param in declared.items()} | check_all(declared, options or {}, kind)
    if kind == "pca":
        return pca(X, n_components).astype(np.float32)
    X = pca(X, _WIDE) if X.shape[1] > _WIDE else X
    make = _tsne if kind == "tsne" else _umap
    return make(np.ascontiguousarray(X, dtype=np.float32), n_components, random_state, **chosen).astype(np.float32)


def _tsne(X: NDArray, n_components: int, random_state: int, *, perplexity: float) -> NDArray:
    from sklearn.manifold import TSNE

    perplexity = min(perplexity, (len(X) - 1) / 3)
    return TSNE(n_components, perplexity=perplexity, init="pca", random_state=random_state, n_jobs=1).fit_transform(X)


def _umap(X: NDArray, n_components: int, random_state: int, *, n_neighbors: int, min_dist: float) -> NDArray:
    from umap import UMAP

    reducer = UMAP(
        n_neighbors=min(n_neighbors, len(X) - 1),
        n_components=n_components,
        min_dist=min_dist,
        random_state=random_state,
        n_jobs=1,
    )
    return np.asarray(reducer.fit_transform(X))


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

"""Layouts that keep neighbours together, t-SNE and UMAP, over one search for neighbours.

Both libraries would search by pynndescent, which takes 20 to 60 s to compile in every process and is no faster here.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from math import ceil

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.graphs import ordered_neighbors

Progress = Callable[[int, int], None]
"""Told how many steps are done, and of how many; what it raises ends the work."""

STAGES = (250, 12.0), (500, 1.0)  # iterations and exaggeration, as openTSNE has them
TELL_EVERY = 10
GRID_FROM = 10_000  # rows from which forces on a grid are quicker than a tree of points
MAX_PAIRS = 25_000_000  # neighbours in all: some 2 GB while t-SNE works


def tsne(Z: NDArray, start: NDArray, *, random_state: int, perplexity: float, progress: Progress | None = None) -> NDArray:
    """t-SNE of the rows Z (n, m), all different, from `start` (n, 2 or 3)."""
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.initialization import jitter, rescale
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    k = _within(ceil(3 * perplexity), len(Z), "perplexity")
    found = PrecomputedNeighbors(*ordered_neighbors(Z, k, random_state=random_state))
    affinities = PerplexityBasedNN(knn_index=found, perplexity=min(perplexity, k / 3), n_jobs=1)
    on_grid = start.shape[1] == 2 and len(Z) >= GRID_FROM
    start = jitter(rescale(start), random_state=random_state)  # components that are zero throughout would stay so
    setting = {"negative_gradient_method": "fft" if on_grid else "bh", "random_state": random_state, "n_jobs": 1}
    points, done = TSNEEmbedding(start, affinities, **setting), 0
    for n_iter, exaggeration in STAGES:
        if np.std(points, axis=0).max() < np.std(start, axis=0).max():  # exaggeration pulled all onto one place
            points = TSNEEmbedding(start, affinities, **setting)
        callbacks = None if progress is None else _callback(progress, done)
        points = points.optimize(n_iter, exaggeration=exaggeration, callbacks=callbacks, callbacks_every_iters=TELL_EVERY)
        done += n_iter
    return np.asarray(points)


def _callback(progress: Progress, before: int) -> Callable[[int, float, NDArray], None]:
    total = sum(n_iter for n_iter, _ in STAGES)
    return lambda iteration, error, points: progress(before + iteration, total)


def umap(
    Z: NDArray, n_components: int, *, random_state: int, n_neighbors: int, min_dist: float, progress: Progress | None = None
) -> NDArray:
    """UMAP of the rows Z (n, m), all different."""
    import warnings

    from umap import UMAP

    k = _within(min(n_neighbors, len(Z) - 1) - 1, len(Z), "n_neighbors")
    others, distances = ordered_neighbors(Z, k, random_state=random_state)
    itself = np.arange(len(Z))[:, None]
    told = {} if progress is None else {"disable": False, "file": _Bar(progress), "bar_format": _Bar.FORMAT, "mininterval": 0.2}
    reducer = UMAP(
        n_neighbors=k + 1,
        n_components=n_components,
        min_dist=min_dist,
        random_state=random_state,
        n_jobs=1,
        precomputed_knn=(np.hstack([itself, others]), np.hstack([np.zeros_like(distances[:, :1]), distances]), None),
        tqdm_kwds=told,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(knn_search_index|n_jobs|not fully connected)")
        return np.asarray(reducer.fit_transform(Z))


class _Bar(io.StringIO):
    """A file for the progress bar that is the one way in which UMAP tells how far it is."""

    FORMAT = "{n} {total}"

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def write(self, text: str) -> int:
        if text.strip():
            done, total = map(int, text.split())
            self._progress(done, total)
        return len(text)


def _within(k: int, n: int, name: str) -> int:
    """At least one neighbour, and no more than there are others and than fit into memory."""
    k = min(max(k, 1), n - 1)
    if n * k > MAX_PAIRS:
        raise DataError(f"{n:,} points with {k} neighbours each need too much memory. Lower {name}, or show fewer points.")
    return k

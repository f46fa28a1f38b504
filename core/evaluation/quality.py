"""How far a picture in the plane can be believed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

NEIGHBORS = 10
MOST = 2000


def projection_quality(
    X: NDArray, points: NDArray, y: ArrayLike | None = None, *,
    n_neighbors: int = NEIGHBORS, most: int = MOST, random_state: int = 0,
) -> dict[str, float]:  # fmt: skip
    """What a projection of X (n, m) to `points` (n, 2) keeps of the neighbourhoods, on a random draw of at most `most`.

    Returns
    -------
    dict
        ``trustworthiness``: whether neighbours in the picture are neighbours in X, 1 at best; ``continuity``: whether
        neighbours in X are neighbours in the picture (Venna and Kaski 2001: the same with both exchanged); with classes
        ``class_neighbors``: the share of the neighbours in the picture that are of a point's own class, of the points and
        neighbours that have one (a class below 0 is none). Empty for fewer than twice as many samples as neighbours, where
        the measures are not defined.
    """
    from sklearn.manifold import trustworthiness
    from sklearn.neighbors import NearestNeighbors

    n = len(points)
    if n <= 2 * n_neighbors + 1:
        return {}
    drawn = np.sort(np.random.default_rng(random_state).choice(n, min(n, most), replace=False))
    high, low = np.asarray(X, dtype=np.float64).reshape(n, -1)[drawn], np.asarray(points, dtype=np.float64)[drawn]
    found = {
        "trustworthiness": float(trustworthiness(high, low, n_neighbors=n_neighbors)),
        "continuity": float(trustworthiness(low, high, n_neighbors=n_neighbors)),
    }
    if y is not None:
        classes = np.asarray(y)[drawn]
        near = NearestNeighbors(n_neighbors=n_neighbors).fit(low).kneighbors(return_distance=False)
        known = classes >= 0
        counted = known[near] & known[:, None]
        if counted.any():
            found["class_neighbors"] = float((classes[near] == classes[:, None])[counted].mean())
    return found

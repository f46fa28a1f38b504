"""COIL: objects on a turntable, photographed every 5 degrees, so that the order of the rows tells the pose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.datasets.raw import Attribute, RawData

VIEWS, STEP = 72, 5
_IN_A_SECTOR = 9
_IN_ORDER = 0.85
"""Least share of images whose nearest one is the view before or after: 0.92 to 0.93 in the three sets, at most 0.75 of those
whose views are sorted as text (0, 1, 10, 11, ...), and 0.03 without an order."""


def pose(raw: RawData) -> Attribute | None:
    """In which of 8 sectors of 45 degrees each view lies; None unless the rows are 72 views of each object in their order."""
    n = len(raw.X)
    if raw.y is None or n % VIEWS or (raw.y.reshape(-1, VIEWS) != raw.y[::VIEWS, None]).any():
        return None
    objects = raw.X.reshape(n // VIEWS, VIEWS, -1)
    if np.mean([_share_beside(views) for views in objects]) < _IN_ORDER:
        return None
    sectors = [range(start, start + _IN_A_SECTOR) for start in range(0, VIEWS, _IN_A_SECTOR)]
    names = tuple(f"{STEP * sector[0]}-{STEP * sector[-1]}°" for sector in sectors)
    return Attribute(np.tile(np.arange(VIEWS) // _IN_A_SECTOR, n // VIEWS).astype(np.int64), names)


def _share_beside(views: NDArray) -> float:
    """Share of the views of an object whose nearest other view is the one before or after, round the circle."""
    flat = views.astype(np.float32)
    squares = (flat**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * flat @ flat.T
    np.fill_diagonal(distances, np.inf)
    steps = (distances.argmin(axis=1) - np.arange(VIEWS)) % VIEWS
    return float(np.isin(steps, (1, VIEWS - 1)).mean())

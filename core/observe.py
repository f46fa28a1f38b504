"""What is seen of a method while it trains: scores, alarms and small pictures, taken from the arrays of a step.

Nothing here flows back into training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackError

from core import metrics, projections
from core.base import Arrays, Clusterer, to_host
from core.datasets import Dataset
from core.plots.blocks import block_mean, cluster_order

LIVE_POINTS = 1500
LIVE_PIXELS = 240
LIVE_IMAGES = 8
LIVE_SILHOUETTE = 500
IDENTITY_MASS = 0.5


@dataclass(frozen=True)
class Alarm:
    """Something a user should know about a run: what was seen, and what to try."""

    kind: str
    message: str
    stage: str
    step: int

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "message": self.message, "stage": self.stage, "step": self.step}


@dataclass(frozen=True)
class View:
    """One look at a method: the host arrays of a step, and what can be read off them."""

    arrays: Mapping[str, NDArray]
    labels: NDArray[np.int64] | None = None
    affinity: NDArray | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    failure: str | None = None


def look(method: Clusterer, data: Dataset, arrays: Arrays) -> View:
    """Read the clusters off the arrays of a step and score them."""
    host = to_host(arrays)
    if method.reads not in host or not np.any(host[method.reads]):
        return View(host)
    try:
        affinity = method.affinity(host)
        labels = method.assign(host, affinity, random_state=method.random_state)
    except (ArpackError, LinAlgError) as error:  # a look that fails must not end the training
        return View(host, failure=str(error))
    return View(host, labels, affinity, score(data, host, labels, affinity, max_samples=LIVE_SILHOUETTE))


def score(
    data: Dataset, arrays: Mapping[str, NDArray], labels: NDArray, affinity: NDArray | None, *, max_samples: int = 2000
) -> dict[str, float]:
    """Scores of a clustering: against the classes if there are any, and without them always.

    The silhouette is that of the codes where the method has codes and of the data otherwise, on at most `max_samples`.
    """
    scores = metrics.evaluate(data.y, labels) if data.y is not None else {}
    silhouette = metrics.silhouette(arrays.get("Z", data.X), labels, max_samples=max_samples)
    if silhouette is not None:
        scores["silhouette"] = silhouette
    if "C" in arrays:
        scores["diagonal_mass"] = metrics.diagonal_mass(arrays["C"])
    if affinity is not None:
        scores["block_diagonality"] = metrics.block_diagonality(affinity, labels)
    return scores


def alarms(view: View, n_clusters: int, stage: str, step: int) -> list[Alarm]:
    """Signs of a collapsed solution."""
    found = []
    Z, C = view.arrays.get("Z"), view.arrays.get("C")
    if Z is not None and not np.any(Z):
        found.append(Alarm("zero codes", "Every code is zero: the network is dead. Lower the learning rate.", stage, step))
    elif Z is not None and float(Z.std(axis=0).max()) < 1e-6 * max(float(np.abs(Z).max()), 1e-12):
        text = "All samples have the same code. Lower gamma, or pretrain longer."
        found.append(Alarm("constant codes", text, stage, step))
    if C is not None and metrics.diagonal_mass(C) > IDENTITY_MASS:
        mass = metrics.diagonal_mass(C)
        text = f"C is close to the identity: {mass:.0%} of its mass lies on the diagonal. Forbid the diagonal, or stop earlier."
        found.append(Alarm("identity", text, stage, step))
    if view.failure is not None:
        text = f"The clusters could not be read off: {view.failure}. Often the affinity has fallen apart."
        found.append(Alarm("no clusters", text, stage, step))
    if view.labels is not None and np.unique(view.labels).size < n_clusters:
        filled = np.unique(view.labels).size
        text = f"Only {filled} of {n_clusters} clusters hold samples: the solution has collapsed."
        found.append(Alarm("empty clusters", text, stage, step))
    return found


class LivePicture:
    """Small arrays for the live page: affinity blocks, a 2-D projection of the codes, a few reconstructions."""

    def __init__(self, data: Dataset, random_state: int) -> None:
        n = data.n_samples
        rng = np.random.default_rng(random_state)
        self._shown = np.sort(rng.choice(n, min(n, LIVE_POINTS), replace=False))
        self._images = np.sort(rng.choice(n, min(n, LIVE_IMAGES), replace=False))
        self._data = data
        self._points: NDArray | None = None

    def draw(self, view: View) -> dict[str, NDArray]:
        """The arrays of one frame; codes are rotated onto the last frame, so that points move and do not jump."""
        frame: dict[str, NDArray] = {}
        if view.affinity is not None and view.labels is not None:
            order, borders = cluster_order(view.labels)
            frame["blocks"] = block_mean(view.affinity, order, LIVE_PIXELS)
            frame["borders"] = borders / len(order)
        if "Z" in view.arrays:
            points = projections.pca(view.arrays["Z"][self._shown], 2)
            self._points = points if self._points is None else projections.align(points, self._points)
            frame |= {"points": self._points.astype(np.float32), "shown": self._shown}
        if "X_hat" in view.arrays:
            frame["reconstructions"] = view.arrays["X_hat"][self._images].astype(np.float32)
            frame["originals"] = self._data.samples[self._images]
        if view.labels is not None:
            frame["labels"] = view.labels
        return frame

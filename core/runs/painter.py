"""Pictures of a method while it trains: what a frame of its film holds, made from one look at it.

Nothing here flows back into training.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core import affinity, evaluation
from core.datasets import Dataset
from core.plots.blocks import block_mean, cluster_order, factor_block_mean
from core.plots.palette import log_levels

if TYPE_CHECKING:
    from core.runs.looks import View

SHOWN_POINTS = 2000
PIXELS = 160
IMAGES = 8
FIRST_ITERATIONS, ITERATIONS = 12, 3
SUBSPACE = 6  # more than the two that are shown: components of about the same weight need not be told apart
OUTER = 99.5  # percentile of the distance from the middle that reaches the border of the picture
MARGIN = 1.15


def shown_samples(n: int, most: int = SHOWN_POINTS) -> NDArray[np.int64]:
    """The samples that have a point in the frames of a run: all, or a random draw of `most`, in their order.

    It is the same for all runs on the same data, so that these can be laid beside each other.
    """
    return np.sort(np.random.default_rng(0).choice(n, min(n, most), replace=False))


def n_groups(n_clusters: int, n_classes: int | None) -> int:
    """How many numbers clusters may have: see `cluster_numbers`."""
    return max(n_clusters, n_classes or 0)


class Painter:
    """Makes frames: clusters under numbers that stay, points that turn with the last ones, the affinity in small."""

    def __init__(self, data: Dataset, n_clusters: int) -> None:
        self._data = data
        self._groups = n_groups(n_clusters, data.n_classes)
        self._shown = shown_samples(data.n_samples)
        self._images = shown_samples(data.n_samples, IMAGES)
        self._reference = data.y
        self._plane = FollowingPlane()

    def sketch(self, Z: NDArray) -> dict[str, NDArray]:
        """Where the codes are; nothing else is worked out."""
        return {"points": quantized(framed(self._plane.project(Z[self._shown])))}

    def paint(self, view: View) -> dict[str, NDArray]:
        """The arrays of one frame, as `pack` takes them; those that the method has.

        ``points`` (m, 2) and ``circle`` (m, 2) int16: the codes of the shown samples in the plane, or, of a method without
        codes, the samples if they are points of a plane themselves; and the samples where their affinity pulls them
        (`on_circle`); ``sure`` (m,) uint8: the share of a sample's affinity that stays in its cluster; ``labels`` (n,):
        cluster numbers, those of the classes they match (`cluster_numbers`); ``blocks`` (p, p) uint8: block means of the
        affinity, ordered by these, on a logarithmic scale (`normalized`) under ``top`` (1,).
        """
        seen = view.arrays.get("Z", self._data.X if self._data.X.shape[1] == 2 else None)
        frame = {} if seen is None else self.sketch(seen)
        if view.labels is None:
            return frame
        size = int(view.labels.max()) + 1
        numbers = np.arange(size) if self._reference is None else evaluation.cluster_numbers(self._reference, view.labels)
        labels = numbers[view.labels]
        if self._data.y is None:
            self._reference = labels
        frame["labels"] = labels.astype(np.uint8 if labels.max() < 256 else np.uint16)
        return frame | self._affinity(view, labels) | self._circle(view, numbers, labels)

    def reconstructions(self, view: View) -> dict[str, NDArray]:
        """A few samples and what the decoder makes of them; empty for a method without one."""
        if "X_hat" not in view.arrays:
            return {}
        originals = self._data.samples[self._images]
        return {"reconstructions": view.arrays["X_hat"][self._images].astype(np.float32), "originals": originals}

    def _affinity(self, view: View, labels: NDArray) -> dict[str, NDArray]:
        A, B = view.affinity, view.factor
        if A is None and B is None:
            return {}
        order, _ = cluster_order(labels[view.rows])
        means = block_mean(A, order, PIXELS) if A is not None else factor_block_mean(B, order, PIXELS)
        level, top = log_levels(means)
        return {"blocks": level, "top": np.array([top], dtype=np.float32)}

    def _circle(self, view: View, numbers: NDArray, labels: NDArray) -> dict[str, NDArray]:
        """By the affinity, or where a method has none by its memberships P."""
        size = self._groups
        P, rows = view.arrays.get("P"), view.rows
        if view.affinity is not None:
            shares = affinity.cluster_shares(view.affinity, labels[rows], size)
        elif view.factor is not None:
            shares = affinity.factor_cluster_shares(view.factor, labels, size)
        elif P is not None and P.shape == (len(labels), len(numbers)):
            shares, rows = np.zeros((len(P), size), dtype=np.float32), slice(None)
            shares[:, numbers] = P
        else:
            return {}
        everyone = np.full((len(labels), size), 1 / size, dtype=np.float32)
        everyone[rows] = shares
        mine = everyone[self._shown]
        sure = mine[np.arange(len(mine)), labels[self._shown]]
        return {"circle": quantized(on_circle(mine)), "sure": np.rint(255 * sure).astype(np.uint8)}


class FollowingPlane:
    """The plane of the two leading principal components, from picture to picture.

    Each is found by a few steps of subspace iteration from the one before and turned onto it, so that points move and do
    not jump.
    """

    def __init__(self) -> None:
        self._axes: NDArray | None = None
        self._points: NDArray | None = None

    def project(self, Z: NDArray) -> NDArray[np.float32]:
        """Codes (m, ...) in the plane, (m, 2); those of two numbers are shown as they are, about their mean."""
        X = np.asarray(Z, dtype=np.float32).reshape(len(Z), -1)
        X = X - X.mean(axis=0)
        if X.shape[1] <= 2:
            return np.pad(X, ((0, 0), (0, 2 - X.shape[1])))
        axes, steps = self._axes, ITERATIONS
        if axes is None or len(axes) != X.shape[1]:
            size = (X.shape[1], min(SUBSPACE, *X.shape))
            axes, steps = np.random.default_rng(0).standard_normal(size).astype(np.float32), FIRST_ITERATIONS
        for _ in range(steps):
            axes, _ = np.linalg.qr(X.T @ (X @ axes))
        left, values, right = np.linalg.svd(X @ axes, full_matrices=False)
        points, self._axes = (left * values)[:, :2], axes @ right.T
        self._points = points if self._points is None else evaluation.align(points, self._points)
        return np.asarray(self._points, dtype=np.float32)


def on_circle(shares: NDArray) -> NDArray[np.float32]:
    """Samples inside a circle with a cluster at each of K equal steps: z_i = sum_k s_ik (cos t_k, sin t_k).

    A sample whose affinity all goes to one cluster lies on that cluster's place, one between two on the line between them, and
    one that is joined to all alike in the middle. The first place is at the top, the others follow clockwise. Places never
    move, so pictures of one run, and of several, can be laid over each other.
    """
    angles = 2 * np.pi * np.arange(shares.shape[1]) / shares.shape[1]
    return np.asarray(shares @ np.stack([np.sin(angles), np.cos(angles)], axis=1), dtype=np.float32)


def framed(points: NDArray) -> NDArray[np.float32]:
    """Points moved and scaled into [-1, 1] x [-1, 1]; a few far ones are held at its border."""
    centred = points - np.median(points, axis=0)
    reach = float(np.percentile(np.abs(centred).max(axis=1), OUTER)) * MARGIN
    return np.clip(centred / (reach or 1.0), -1, 1).astype(np.float32)


def quantized(points: NDArray) -> NDArray[np.int16]:
    """Coordinates in [-1, 1] as small whole numbers, as a frame stores them."""
    return np.rint(np.asarray(points) * 32767).astype(np.int16)


def loss_of(scalars: Mapping[str, Any], terms: Mapping[str, str]) -> float | None:
    """The objective: the sum of its terms that a step told; None if it told none."""
    told = [float(value) for name, value in scalars.items() if name in terms]
    return sum(told) if told else None

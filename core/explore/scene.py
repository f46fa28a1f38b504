"""What a browser needs to show a run: what does not change while it trains, its frames, and stills of its last state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import pack
from core.datasets import Dataset
from core.plots.palette import log_levels
from core.plots.sprite import Sprite
from core.runs import Run, RunStore, framed, n_groups, quantized, shown_samples

NO_CLASS = 2**16 - 1
"""The group of samples that have no label: past that of every class."""


def scene(
    name: str, data: Dataset, n_clusters: int, sprite: Sprite | None, *, affinity: bool, rows: NDArray | None = None
) -> bytes:
    """What of a picture does not change: classes, which samples have a point, and which ones the affinity speaks of.

    Parameters
    ----------
    name
        Tells one picture from another; the id of the run.
    affinity
        Whether there is an affinity to show, or will be.
    rows : (s,)
        The samples that the affinity speaks of; None for all.
    """
    facts: dict[str, Any] = {
        "id": name,
        "n": data.n_samples,
        "groups": n_groups(n_clusters, data.n_classes),
        "classes": list(data.classes) if data.y is not None else None,
        "affinity": affinity,
    }
    if sprite is not None:
        facts["sprite"] = {"width": sprite.width, "height": sprite.height, "columns": sprite.columns}
    arrays: dict[str, NDArray] = {"shown": shown_samples(data.n_samples).astype(np.int32)}
    if data.y is not None:
        arrays["y"] = class_groups(data.y)
    if rows is not None:
        arrays["rows"] = rows.astype(np.int32)
    return pack(facts, arrays)


def class_groups(y: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Classes as groups of a picture; samples without one come last, as `NO_CLASS`."""
    return np.where(y < 0, NO_CLASS, y).astype(np.uint16)


def run_scene(store: RunStore, run: Run, data: Dataset, sprite: Sprite | None) -> bytes:
    """`scene` of a run."""
    stored = set(store.files.array_names(run.id, "final"))
    return scene(
        run.id,
        data,
        clusters_of(run, data),
        sprite,
        affinity=bool({"A", "A.row", "C", "C.row", "W.row"} & stored) or not run.over,
        rows=store.files.array(run.id, "final", "rows") if "rows" in stored else None,
    )


def clusters_of(run: Run, data: Dataset) -> int:
    """The number of clusters of a run, before it has begun, too."""
    return int(run.result.get("n_clusters") or run.spec.params.get("n_clusters") or data.n_classes or 1)


def packed_layout(points: NDArray, shown: NDArray) -> bytes:
    """Points of a projection (m, 2) for the browser, and the samples they are of."""
    return pack({}, {"points": quantized(framed(points)), "shown": shown.astype(np.int32)})


def packed_blocks(arrays: Mapping[str, NDArray], order: str, span: list[int] | None = None) -> bytes:
    """An ordered, shrunk matrix for the browser, as small numbers on a logarithmic scale."""
    level, top = log_levels(arrays["blocks"])
    columns = int(arrays["blocks"].shape[1])
    facts: dict[str, Any] = {"order": order, "span": span, "columns": columns, "scores": {}, "place": -1}
    return pack(facts, {"blocks": level, "top": np.array([top], dtype=np.float32)})

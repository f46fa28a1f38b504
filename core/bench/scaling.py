"""How the cost of GR-DNN grows with the number of samples: building the anchor graph, and an epoch of training."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import datasets, methods
from core.common import ParameterError, atomic_write
from core.datasets import DataSpec
from core.training import Stages

SIZES = (5_000, 10_000, 20_000, 40_000)
FIGURE = Path(__file__).resolve().parents[2] / "assets" / "scaling.svg"
TIMED = {"anchors": "Anchors and graph", "joint": "Epoch of GR-DNN", "ddae": "Epoch of D-DAE"}
_EPOCHS = 2  # the first one warms up


def bench_scaling(sizes: Sequence[int] = SIZES, *, dataset: str = "mnist", preset: str = "fast") -> list[dict[str, Any]]:
    """Seconds to build the anchor graph and to train one epoch, on random parts of one data set.

    Returns
    -------
    list of dict
        For each size ``n``, the seconds of each part of `TIMED`, and ``<part>_ratio``: seconds per sample over those at the
        smallest size. Linear cost keeps the ratios near 1, quadratic cost lets them grow like n.

    Raises
    ------
    ParameterError
        If there are fewer than two sizes, or one below 100.
    """
    if len(sizes) < 2 or min(sizes) < 100:
        raise ParameterError(f"'sizes' must be at least two numbers of at least 100. Got {list(sizes)} instead.")
    few = datasets.load(DataSpec(dataset, n_samples=min(sizes))).samples[:100]
    _stage_seconds("grdnn", dataset, preset, few)  # imports and first calls cost seconds of their own
    rows: list[dict[str, Any]] = []
    for n in sorted(sizes):
        X = datasets.load(DataSpec(dataset, n_samples=n)).samples
        rows.append({"n": n, **_stage_seconds("grdnn", dataset, preset, X)})
        rows[-1]["ddae"] = _stage_seconds("ddae", dataset, preset, X)["joint"]
    first = rows[0]
    for row in rows:
        row |= {f"{part}_ratio": (row[part] / row["n"]) / (first[part] / first["n"]) for part in TIMED}
    return rows


def _stage_seconds(name: str, dataset: str, preset: str, X: NDArray) -> dict[str, float]:
    """Seconds of a method's first step, where it has one before training, and of its last epoch."""
    chosen: Any = methods.preset_for(name, dataset, preset)[1]
    method = methods.build(name, **{**chosen.params, "n_clusters": 10, "epochs": _EPOCHS, "n_init": 1})
    seconds: dict[str, float] = {}
    started = time.perf_counter()
    for step in method.iter_fit(X, Stages()):
        seconds[step.stage] = time.perf_counter() - started
        started = time.perf_counter()
    return {stage: value for stage, value in seconds.items() if stage in ("anchors", "joint")}


def draw(rows: Sequence[Mapping[str, Any]], file: Path = FIGURE) -> Path:
    """Draw the seconds against n, each part with the line through the origin and its first point, as .svg."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    n = np.array([row["n"] for row in rows], dtype=float)
    for part, title in TIMED.items():
        seconds = np.array([row[part] for row in rows])
        (line,) = axes.plot(n, seconds, marker="o", label=title)
        axes.plot(n, seconds[0] * n / n[0], color=line.get_color(), linestyle=":", linewidth=1)
    axes.set(xlabel="samples n", ylabel="seconds", xlim=(0, None), ylim=(0, None))
    axes.set_title("Cost of GR-DNN against n (dotted: proportional to n)", fontsize=11)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    with atomic_write(file) as target:
        figure.savefig(target, format="svg", metadata={"Date": None})
    return file

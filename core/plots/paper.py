"""Figures for papers: a picture with axes and legend at a chosen width and type size, as SVG, PDF or PNG.

Data first: each function takes what is to be drawn and returns a Matplotlib figure; `rendered` makes the file. Text in SVG and
PDF stays text.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.plots.palette import colours, full_brightness

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CENTIMETRES = 2.54
DOTS = 300
FORMATS = {"svg": "image/svg+xml", "pdf": "application/pdf", "png": "image/png"}
FEW = 20  # groups that a legend can name


@dataclass(frozen=True)
class Size:
    """Width in centimetres, height as a part of it, and the size of the type in points."""

    width: float = 8.5
    height: float = 0.8
    points: float = 8.0


def rendered(figure: Figure, kind: str) -> bytes:
    """The file of a figure, "svg", "pdf" or "png"."""
    import matplotlib as mpl

    target = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "affinity"}):
        figure.savefig(target, format=kind, dpi=DOTS, metadata={"Date": None} if kind == "svg" else None)
    return target.getvalue()


def _empty(size: Size) -> Figure:
    """A figure without a window or a global state, so that several users can draw at once."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width = size.width / CENTIMETRES
    with mpl.rc_context({"font.size": size.points}):
        figure = Figure(figsize=(width, width * size.height), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
    for item in (axes.title, axes.xaxis.label, axes.yaxis.label, *axes.get_xticklabels(), *axes.get_yticklabels()):
        item.set_fontsize(size.points)
    axes.tick_params(labelsize=size.points - 1)
    return figure


def embedding(points: NDArray, groups: NDArray, names: Sequence[str], size: Size, *, title: str = "") -> Figure:
    """Scatter of points (m, 2), coloured by group; a legend where the groups are few."""
    figure = _empty(size)
    axes = figure.axes[0]
    palette = colours(max(2, len(names)))
    for group, name in enumerate(names):
        here = groups == group
        if here.any():
            x, y = points[here].T
            axes.scatter(x, y, s=6, linewidths=0, alpha=0.85, color=palette[group], label=name, rasterized=len(points) > 5000)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, fontsize=size.points)
    if len(names) <= FEW:
        axes.legend(
            fontsize=size.points - 1,
            frameon=False,
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            markerscale=2,
            handletextpad=0.2,
        )
    return figure


def affinity(blocks: NDArray, borders: Sequence[float], size: Size, *, title: str = "", log: bool = True) -> Figure:
    """Heatmap of an ordered matrix (p, p) with the borders of its blocks, as parts of its side, and a colour bar."""
    from matplotlib.colors import LogNorm, Normalize

    figure = _empty(size)
    axes = figure.axes[0]
    top = full_brightness(np.abs(blocks), log) or 1.0
    scale = LogNorm(top * 1e-4, top, clip=True) if log else Normalize(0, top, clip=True)
    values = np.maximum(np.abs(blocks), top * 1e-4) if log else np.abs(blocks)
    shown = axes.imshow(values, norm=scale, cmap="viridis", interpolation="nearest", extent=(0, 1, 1, 0))
    edges = [0.0, *borders, 1.0]
    for a, b in pairwise(edges):
        axes.plot([a, b, b, a, a], [a, a, b, b, a], color="white", linewidth=0.5)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, fontsize=size.points)
    bar = figure.colorbar(shown, ax=axes, shrink=0.7, label="affinity" + (", log scale" if log else ""))
    bar.ax.tick_params(labelsize=size.points - 1)
    bar.ax.yaxis.label.set_fontsize(size.points)
    return figure


def confusion(table: NDArray, classes: Sequence[str], clusters: Sequence[str], size: Size) -> Figure:
    """Counts of classes (rows) in clusters (columns), shaded by the share of the class."""
    figure = _empty(size)
    axes = figure.axes[0]
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    if max(table.shape) <= FEW:
        for (i, j), count in np.ndenumerate(table):
            if count:
                tone = "white" if share[i, j] > 0.5 else "black"
                axes.text(j, i, str(count), ha="center", va="center", fontsize=size.points - 2, color=tone)
    step = max(1, max(table.shape) // FEW)
    axes.set_xticks(range(0, len(clusters), step), list(clusters)[::step])
    axes.set_yticks(range(0, len(classes), step), list(classes)[::step])
    axes.set_xlabel("cluster", fontsize=size.points)
    axes.set_ylabel("class", fontsize=size.points)
    return figure


def curves(series: Mapping[str, tuple[Sequence[float], Sequence[float]]], size: Size, *, label: str = "") -> Figure:
    """Lines over the steps of a run, name to (steps, values)."""
    figure = _empty(size)
    axes = figure.axes[0]
    for (name, (steps, values)), tone in zip(series.items(), colours(max(2, len(series))), strict=False):
        axes.plot(steps, values, label=name, color=tone, linewidth=1.2)
    axes.set_xlabel("step", fontsize=size.points)
    axes.set_ylabel(label, fontsize=size.points)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(fontsize=size.points - 1, frameon=False)
    return figure

"""Figures of the app: arrays in, Plotly figures out.

Points carry their sample index as ``customdata``, so that a selection can be traced back to samples. Large arrays are
sent as float32, int32 or uint8, which Plotly packs as binary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle, pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from core.plots.palette import BLOCKS, CORRECT, TEN, WRONG, colours, normalized, scale_ticks

FEW_ANCHORS = 200
UNLABELLED, GREY = "no label", "#9aa3ab"
"""The last group of a picture where some samples have no class, and its colour."""
MARGIN: Mapping[str, int] = {"l": 10, "r": 10, "t": 30, "b": 10}


def embedding(
    points: NDArray, samples: NDArray, groups: NDArray, names: Sequence[str], *, axes: Sequence[str] = ()
) -> go.Figure:
    """Scatter of an embedding, one trace per group.

    Parameters
    ----------
    points : (n, 2) or (n, 3)
    samples : (n,)
        Index of each point in the data set.
    groups : (n,)
        Index into `names`.
    axes
        Titles of the axes, where their values mean something; else they are hidden.
    """
    figure = go.Figure()
    spatial = points.shape[1] == 3
    palette = [CORRECT, WRONG] if list(names[:2]) == ["correct", "wrong"] else colours(len(names))
    if names[-1] == UNLABELLED:
        palette = [*palette[: len(names) - 1], GREY]
    points = points.astype(np.float32)
    for group, name in enumerate(names):
        here = groups == group
        if not here.any():
            continue
        shared = {
            "mode": "markers",
            "name": name,
            "customdata": samples[here].astype(np.int32),
            "hovertemplate": "sample %{customdata}<extra>%{fullData.name}</extra>",
        }
        if spatial:
            x, y, z = points[here].T
            figure.add_scatter3d(x=x, y=y, z=z, marker={"size": 3, "color": palette[group]}, **shared)
        else:
            x, y = points[here].T
            size = 6 if len(points) <= 2000 else 4 if len(points) <= 20_000 else 2
            marker = {"size": size, "color": palette[group], "opacity": 0.8}
            figure.add_scattergl(x=x, y=y, marker=marker, **shared)
    figure.update_layout(
        margin=MARGIN,
        height=560,
        dragmode="orbit" if spatial else "lasso",
        legend={"itemsizing": "constant", "title": None},
        uirevision="embedding",
    )
    if axes:
        titles = {f"{axis}axis": {"title": title} for axis, title in zip("xyz", axes, strict=False)}
        figure.update_layout({"scene": titles} if spatial else titles)
    if not spatial:
        figure.update_xaxes(visible=bool(axes))
        figure.update_yaxes(visible=bool(axes), scaleanchor="x")
    return figure


def anchor_map(points: NDArray, samples: NDArray, groups: NDArray, names: Sequence[str], anchors: NDArray | None) -> go.Figure:
    """`embedding` of samples in the plane, with the anchors (p, 2) that they are joined to as open diamonds above them."""
    figure = embedding(points, samples, groups, names)
    if anchors is not None:
        x, y = anchors.astype(np.float32).T
        size = 9 if len(anchors) <= FEW_ANCHORS else 4  # many large ones would hide the samples
        figure.add_scattergl(
            x=x, y=y, mode="markers", name="anchors", text=[f"anchor {j}" for j in range(len(anchors))],
            hovertemplate="%{text}<extra></extra>",
            marker={"size": size, "symbol": "diamond-open", "color": "#888888", "line": {"width": 1.5}}, opacity=0.7,
        )  # fmt: skip
    legend = {"orientation": "h", "y": 0, "yanchor": "top"}
    figure.update_layout(height=440, dragmode="pan", legend=legend, showlegend=len(names) <= len(TEN))
    figure.update_yaxes(scaleanchor=None)
    return figure


def blocks(values: NDArray, borders: NDArray, n: int, *, labels: Sequence[str] = ()) -> go.Figure:
    """Heatmap of an ordered matrix with the borders of its blocks; two buttons choose a logarithmic or a linear scale.

    Both scales are in the figure, so that the choice needs no new data.

    Parameters
    ----------
    values : (m, m)
        Block means of an (n, n) matrix.
    borders : positions in 0..n where a block begins
    labels : one name per block, shown on both axes while there are few
    """
    m = len(values)
    figure = go.Figure([_levels(values, log=True), _levels(values, log=False)])
    edges = np.concatenate([[0], np.asarray(borders), [n]]) * (m / n) - 0.5
    line = {"color": "rgba(255,255,255,0.75)", "width": 1}
    frames = [{"type": "rect", "x0": i, "x1": j, "y0": i, "y1": j, "line": line} for i, j in pairwise(edges)]
    ticks: dict[str, object] = {"visible": False}
    if 0 < len(labels) <= 40:
        centres = (edges[:-1] + edges[1:]) / 2
        ticks = {"tickvals": centres, "ticktext": list(labels), "showgrid": False, "zeroline": False, "tickfont": {"size": 10}}
    figure.update_xaxes(range=[-0.5, m - 0.5], constrain="domain", **ticks)
    figure.update_yaxes(range=[m - 0.5, -0.5], constrain="domain", scaleanchor="x", **ticks)
    figure.update_layout(margin={**MARGIN, "t": 44}, height=560, dragmode="zoom", shapes=frames, updatemenus=[_scale_buttons()])
    return figure


def _levels(values: NDArray, *, log: bool) -> go.Heatmap:
    """A matrix on one scale, as small numbers, with the values they stand for beside the colours."""
    ticks = scale_ticks(values, log=log)
    bar = {"tickvals": [255 * level for level in ticks], "ticktext": list(ticks.values()), "thickness": 12}
    level = np.rint(255 * normalized(values, log=log)).astype(np.uint8)
    return go.Heatmap(z=level, zmin=0, zmax=255, colorscale=BLOCKS, colorbar=bar, hoverinfo="skip", visible=log)


def _scale_buttons() -> dict[str, Any]:
    """Buttons above a figure of `_levels`, log first, that show the one or the other."""
    shown = {"Log": [True, False], "Linear": [False, True]}
    buttons = [{"label": name, "method": "restyle", "args": [{"visible": visible}]} for name, visible in shown.items()]
    place: dict[str, Any] = {"x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "pad": {"b": 6}}
    place |= {"font": {"color": "#1c2733"}, "bgcolor": "#c9d3da"}  # the chosen one is nearly white, whatever the theme
    return {"type": "buttons", "direction": "right", "buttons": buttons, **place}


def confusion(table: NDArray, classes: Sequence[str], clusters: Sequence[str], *, of: str = "class") -> go.Figure:
    """Count table of classes, or of what else a row is, against matched clusters (columns)."""
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    few = max(table.shape) <= 25
    figure = go.Figure(
        go.Heatmap(
            z=share.astype(np.float32),
            customdata=table.astype(np.int32),
            text=np.where(table > 0, table, "").astype(str) if few else None,
            texttemplate="%{text}" if few else None,
            colorscale="Blues",
            zmin=0,
            zmax=1,
            colorbar={"title": f"share of the {of}", "tickformat": ".0%"},
            hovertemplate=of + " %{y}, cluster %{x}: %{customdata}<extra></extra>",
        )
    )
    figure.update_xaxes(title="cluster", ticktext=list(clusters), tickvals=list(range(len(clusters))), showgrid=False)
    figure.update_yaxes(
        title=of, ticktext=list(classes), tickvals=list(range(len(classes))), autorange="reversed", showgrid=False
    )
    figure.update_layout(margin=MARGIN, height=max(420, min(900, 22 * len(classes) + 120)))
    return figure


def curves(
    series: Mapping[str, tuple[NDArray, NDArray]], *, references: Mapping[str, float] | None = None, height: int = 320
) -> go.Figure:
    """Lines over steps, name to (steps, values), with grey reference lines, name to value, which the legend tells apart."""
    figure = go.Figure()
    for (name, (steps, values)), colour in zip(series.items(), colours(len(TEN)), strict=False):
        mode = "lines+markers" if len(steps) < 40 else "lines"
        figure.add_scatter(x=steps, y=values, name=name, mode=mode, line={"color": colour, "width": 2})
    ends = [end(steps) for end in (np.min, np.max) for steps, _ in series.values() if len(steps)]
    for (name, value), dash in zip((references or {}).items(), cycle(("dot", "dash", "longdash", "dashdot")), strict=False):
        line = {"dash": dash, "width": 1.5, "color": "#888888"}
        figure.add_scatter(x=[min(ends), max(ends)], y=[value, value], name=f"{name} {value:.3f}", mode="lines", line=line)
    figure.update_layout(margin=MARGIN, height=height, hovermode="x unified", legend={"orientation": "h", "y": -0.3})
    figure.update_xaxes(title="step")
    return figure


def retrieval_curves(series: Mapping[str, NDArray]) -> go.Figure:
    """Mean average precision of the k nearest neighbours against k = 1, 2, ...; the first line is the one to beat, in grey."""
    figure = go.Figure()
    looks = zip(["#888888", *TEN], cycle(("dot", "solid", "dash", "dashdot", "longdash")), strict=False)
    for (name, values), (colour, dash) in zip(series.items(), looks, strict=False):
        ranks = np.arange(1, len(values) + 1, dtype=np.int32)
        line = {"color": colour, "dash": dash, "width": 2}
        figure.add_scatter(x=ranks, y=values.astype(np.float32), name=name, mode="lines", line=line)
    figure.update_layout(margin=MARGIN, height=340, hovermode="x unified", legend={"orientation": "h", "y": -0.25})
    figure.update_xaxes(title="k nearest neighbours, the query included", type="log", dtick=1)
    figure.update_yaxes(title="mAP@k", hoverformat=".4f")
    return figure


def class_counts(counts: Mapping[str, int]) -> go.Figure:
    """Bars of how many samples each class has."""
    figure = go.Figure(go.Bar(x=list(counts), y=list(counts.values()), marker_color=colours(len(counts))))
    figure.update_layout(margin=MARGIN, height=240, bargap=0.2)
    figure.update_xaxes(type="category", title="class")
    figure.update_yaxes(title="samples")
    return figure


def value_bars(counts: NDArray, borders: NDArray) -> go.Figure:
    """Bars of how many values lie in each step, on a logarithmic scale where some are rare."""
    middles = (borders[1:] + borders[:-1]) / 2
    figure = go.Figure(go.Bar(x=middles, y=counts, width=np.diff(borders), marker_color=TEN[0]))
    figure.update_layout(margin=MARGIN, height=260, bargap=0)
    figure.update_xaxes(title="value")
    figure.update_yaxes(title="how many", type="log" if counts.max() > 100 * max(counts[counts > 0].min(), 1) else "linear")
    return figure


def atom_values(atoms: NDArray) -> go.Figure:
    """Heatmap of atoms (p, m) over features, with zero in the middle of its colours."""
    top = float(np.abs(atoms).max(initial=0)) or 1.0
    heat = go.Heatmap(
        z=atoms.astype(np.float32), zmin=-top, zmax=top, colorscale="RdBu", reversescale=True, colorbar={"thickness": 12},
        hovertemplate="atom %{y}, feature %{x}: %{z:.3g}<extra></extra>",
    )  # fmt: skip
    figure = go.Figure(heat)
    figure.update_layout(margin=MARGIN, height=360)
    figure.update_xaxes(title="feature", showgrid=False)
    figure.update_yaxes(title="atom", autorange="reversed", showgrid=False)
    return figure


def code_bars(codes: Mapping[str, NDArray], *, unit: str = "atom") -> go.Figure:
    """Bars of the codes of one sample, name to (p,), one chart below the other on the same scale, with the share of zeros."""
    titles = [f"{name}: {np.mean(code == 0):.0%} zeros" for name, code in codes.items()]
    figure = make_subplots(len(codes), 1, shared_xaxes=True, shared_yaxes="all", vertical_spacing=0.1, subplot_titles=titles)
    for row, code in enumerate(codes.values(), start=1):
        hover = unit + " %{x}: %{y:.3g}<extra></extra>"
        bars = go.Bar(x=np.arange(len(code), dtype=np.int32), y=code.astype(np.float32), hovertemplate=hover)
        figure.add_trace(bars.update(marker={"color": TEN[0], "line": {"width": 0}}), row, 1)
    top = max(float(np.abs(code).max(initial=0)) for code in codes.values()) or 1.0
    size = max(len(code) for code in codes.values())
    figure.update_xaxes(range=[-1, size], showgrid=False)
    figure.update_xaxes(title=unit, row=len(codes))
    figure.update_yaxes(range=[-1.05 * top, 1.05 * top], zeroline=True, nticks=5)
    figure.update_layout(margin=MARGIN, height=90 + 130 * len(codes), showlegend=False, bargap=0.1)
    return figure


def memberships(values: NDArray, names: Sequence[str], chosen: int) -> go.Figure:
    """Bars of the memberships (K,) of one sample in named clusters, the chosen one coloured."""
    tint = [TEN[0] if cluster == chosen else "#888888" for cluster in range(len(values))]
    hover = "cluster %{x}: %{y:.4f}<extra></extra>"
    figure = go.Figure(go.Bar(x=list(names), y=values.astype(np.float32), marker_color=tint, hovertemplate=hover))
    figure.update_layout(margin=MARGIN, height=260, bargap=0.2)
    figure.update_xaxes(type="category", title="cluster")
    figure.update_yaxes(title="membership", range=[0, 1.02])
    return figure


def nonzero_shares(codes: Mapping[str, NDArray]) -> go.Figure:
    """Bars of the share of entries that are not zero, name to codes (n, p)."""
    shares = [np.count_nonzero(Z) / Z.size for Z in codes.values()]
    bars = go.Bar(
        x=shares, y=list(codes), orientation="h", marker_color=TEN[0], text=[f"{share:.1%}" for share in shares],
        textposition="outside", cliponaxis=False, hoverinfo="skip",
    )  # fmt: skip
    figure = go.Figure(bars)
    figure.update_layout(margin=MARGIN, height=90 + 50 * len(codes), bargap=0.4)
    figure.update_xaxes(range=[0, 1.1], tickvals=[0, 0.25, 0.5, 0.75, 1], tickformat=".0%", title="entries that are not zero")
    figure.update_yaxes(autorange="reversed", type="category")
    return figure

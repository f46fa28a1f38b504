"""Pictures of sweeps as options of ECharts: a score against one axis or two, against another score, and what matters.

A run that failed is a mark, never a hole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.plots.palette import TEN, WRONG, heat_table

LEFT = {"nameTextStyle": {"align": "left", "padding": [0, 0, 0, -24]}}  # centred above its axis, a long name would be cut off
CROSS = "path://M0,0L10,10M10,0L0,10"
FORMAT = "%.3f"
WRITTEN = 8  # values along an axis of a heatmap for which a number fits into a cell


@dataclass(frozen=True)
class Curve:
    """A score along one axis.

    Attributes
    ----------
    labels
        Of the values, in order.
    means, stds
        At each value; None where there is no result, or no second seed.
    points
        Place, score and name of each run.
    failed
        How many runs failed at each value.
    base
        Place of the value that the base run has.
    recommended
        First and last place of the range that a paper recommends.
    """

    labels: Sequence[str]
    means: Sequence[float | None]
    stds: Sequence[float | None]
    points: Sequence[tuple[int, float, str]]
    failed: Sequence[int]
    base: int | None = None
    recommended: tuple[int, int] | None = None


def curve(data: Curve, axis: str, score: str) -> dict[str, Any]:
    """The mean with a band of one deviation over seeds, and every run as a point."""
    known = [(mean, std or 0.0) for mean, std in zip(data.means, data.stds, strict=True) if mean is not None]
    low = min([mean - std for mean, std in known] + [value for _, value, _ in data.points], default=0.0)
    below = [None if m is None else m - (s or 0) for m, s in zip(data.means, data.stds, strict=True)]
    height = [None if m is None else 2 * (s or 0) for m, s in zip(data.means, data.stds, strict=True)]
    band = {
        "type": "line", "stack": "band", "stackStrategy": "all", "symbol": "none", "lineStyle": {"opacity": 0}, "silent": True,
        "tooltip": {"show": False},
    }  # fmt: skip
    mean = {"type": "line", "name": "mean", "data": list(data.means), "itemStyle": {"color": TEN[0]}, "symbolSize": 7}
    if data.base is not None:
        line = {"xAxis": data.base, "label": {"formatter": "base"}}
        mean["markLine"] = {"symbol": "none", "silent": True, "lineStyle": {"type": "dashed"}, "data": [line]}
    if data.recommended is not None:
        first, last = data.recommended
        area = [{"xAxis": first, "name": "recommended"}, {"xAxis": last}]
        mean["markArea"] = {"silent": True, "itemStyle": {"color": TEN[2], "opacity": 0.12}, "data": [area]}
    return {
        **_frame(score),
        "xAxis": {"type": "category", "data": list(data.labels), "name": axis, "nameLocation": "middle", "nameGap": 24},
        "series": [
            {**band, "name": "below", "data": below},
            {**band, "name": "band", "data": height, "areaStyle": {"color": TEN[0], "opacity": 0.18}},
            mean,
            _points("runs", [_named([at, value], name) for at, value, name in data.points], TEN[5]),
            _failures([[at, low] for at, count in enumerate(data.failed) if count]),
        ],
    }


def heatmap(
    xs: Sequence[str], ys: Sequence[str], cells: Sequence[tuple[int, int, float]], failed: Sequence[tuple[int, int]], *,
    x: str, y: str, title: str, base: tuple[int, int] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A value for each pair of values of two axes: (place on x, place on y, value); a ring at the base.

    The values stand in the cells as long as these are few.
    """
    values = [value for *_, value in cells] or [0.0]
    middle = min(values) + 0.6 * (max(values) - min(values))  # above that the map is too bright for white
    written = len(xs) <= WRITTEN and len(ys) <= WRITTEN
    ramp = [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in heat_table()[np.linspace(0, 255, 9).astype(int)].tolist()]
    about = {"nameLocation": "middle", "splitArea": {"show": True}}
    return {
        "animation": False,
        "title": {"text": title, "textStyle": {"fontSize": 13}},
        "grid": {"left": 44, "right": 14, "top": 34, "bottom": 84, "containLabel": True},
        "tooltip": {"valueFormatter": FORMAT},
        "xAxis": {"type": "category", "data": list(xs), "name": x, "nameGap": 24, **about},
        "yAxis": {"type": "category", "data": list(ys), "name": y, "nameGap": 34, **about},
        "visualMap": {
            "min": min(values), "max": max(values) if max(values) > min(values) else min(values) + 1e-3, "precision": 3,
            "calculable": True, "orient": "horizontal", "left": "center", "bottom": 0, "seriesIndex": 0,
            "inRange": {"color": ramp},
        },
        "series": [
            {"type": "heatmap", "name": title, "data": [_cell(*cell, written, cell[2] > middle) for cell in cells]},
            _failures([list(place) for place in failed]),
            _ring([list(base)] if base is not None else []),
        ],
    }  # fmt: skip


def _cell(at: int, up: int, value: float, written: bool, bright: bool) -> dict[str, Any]:
    label = {"show": written, "formatter": f"{value:.3f}", "color": "#111" if bright else "#fff"}
    return {"value": [at, up, value], "label": label}


def surface(
    xs: Sequence[str], ys: Sequence[str], cells: Sequence[tuple[int, int, float]], *, x: str, y: str, title: str
) -> Any:
    """The same as a surface of Plotly, to be turned; a pair without a value is a hole."""
    import plotly.graph_objects as go

    Z = np.full((len(ys), len(xs)), np.nan)
    for at, up, value in cells:
        Z[up, at] = value
    figure = go.Figure(go.Surface(z=Z, colorscale="Viridis", colorbar={"thickness": 12, "len": 0.7}))
    ticks = [{"tickvals": list(range(len(labels))), "ticktext": list(labels)} for labels in (xs, ys)]
    scene = {"xaxis": {"title": x, **ticks[0]}, "yaxis": {"title": y, **ticks[1]}, "zaxis": {"title": ""}}
    figure.update_layout(title={"text": title, "font": {"size": 13}}, scene=scene, margin={"l": 0, "r": 0, "t": 34, "b": 0})
    return figure


def scatter(points: Sequence[tuple[float, float, str]], *, x: str, y: str) -> dict[str, Any]:
    """One score of each run against another."""
    return {
        **_frame(y),
        "xAxis": {"type": "value", "scale": True, "name": x, "nameLocation": "middle", "nameGap": 24},
        "series": [_points("runs", [_named([a, b], name) for a, b, name in points], TEN[0])],
    }


def parallel(axes: Mapping[str, Sequence[Any]], rows: Sequence[tuple[Sequence[Any], bool]], score: str) -> dict[str, Any]:
    """A line for each run through its values on all axes and its score, grey where the run is not among the chosen.

    `axes` has the labels of each axis in order, and none for an axis of numbers.
    """
    columns = [*axes.items(), (score, ())]
    values = [row[-1] for row, _ in rows] or [0.0]
    ramp = {"inRange": {"color": [TEN[5], TEN[1], TEN[3]]}}
    styles = {False: {"width": 1, "opacity": 0.35, "color": "#a3a3a3"}, True: {"width": 2, "opacity": 0.6}}
    return {
        "animation": False,
        "parallel": {"left": _room(columns[0][1]), "right": 60, "top": 40, "bottom": 24},
        "parallelAxis": [
            {"dim": place, "name": name, **_ticked(labels, first=place == 0)} for place, (name, labels) in enumerate(columns)
        ],
        "visualMap": {
            "show": False,
            "min": min(values),
            "max": max(values),
            "dimension": len(columns) - 1,
            "seriesIndex": 1,
            **ramp,
        },
        "series": [
            {"type": "parallel", "data": [list(row) for row, kept in rows if kept is chosen], "lineStyle": style}
            for chosen, style in styles.items()
        ],
    }


def _room(labels: Sequence[Any]) -> int:
    """Pixels that the words at the first axis take."""
    return min(160, 16 + 7 * max([3, *(len(str(label)) for label in labels)]))


def _ticked(labels: Sequence[Any], *, first: bool) -> dict[str, Any]:
    """An axis of words or of numbers; lines leave the first one to the right, so its words stand on the left, others above."""
    words = {"axisLabel": {"align": "right", "margin": -8} if first else {"margin": 5, "verticalAlign": "bottom"}}
    return {"z": 10, **words, **({"type": "category", "data": list(labels)} if labels else {"scale": True})}


def effects(
    names: Sequence[str], found: Sequence[tuple[float, float, float]], seed_spread: float | None, *, score: str, evaluator: str
) -> dict[str, Any]:  # fmt: skip
    """The effect of each axis with its interval, in points of the score, and the deviation over seeds as a line."""
    points = [[100 * value for value in each] for each in found]
    whiskers = [
        {
            "type": "line",
            "data": [[low, place], [high, place]],
            "symbol": "none",
            "silent": True,
            "itemStyle": {"color": TEN[3]},
        }
        for place, (_, low, high) in enumerate(points)
    ]
    reach = max(
        [high for *_, high in points] + [100 * (seed_spread or 0.0), 0.5]
    )  # the line must be seen beside bars of nothing
    bars: dict[str, Any] = {
        "type": "bar", "name": "effect", "data": [effect for effect, *_ in points], "barMaxWidth": 22,
        "itemStyle": {"color": TEN[0]},
    }  # fmt: skip
    if seed_spread is not None:
        line = {"xAxis": 100 * seed_spread, "label": {"formatter": f"over seeds {100 * seed_spread:.1f}"}}
        bars["markLine"] = {"symbol": "none", "silent": True, "lineStyle": {"color": WRONG}, "data": [line]}
    return {
        "animation": False,
        "title": {"text": f"Effect on {score}", "subtext": evaluator, "textStyle": {"fontSize": 13}},
        "grid": {"left": 8, "right": 40, "top": 64, "bottom": 26, "containLabel": True},
        "tooltip": {"trigger": "item", "valueFormatter": "%.2f"},
        "xAxis": {
            "type": "value",
            "min": 0,
            "max": float(f"{1.15 * reach:.2g}"),
            "axisLabel": {"showMaxLabel": False},  # it is no round number
            "name": f"points of {score}",
            "nameLocation": "middle",
            "nameGap": 24,
        },
        "yAxis": {"type": "category", "data": list(names)},
        "series": [bars, *whiskers],
    }


def _frame(score: str) -> dict[str, Any]:
    return {
        "animation": False,
        "grid": {"left": 8, "right": 24, "top": 30, "bottom": 28, "containLabel": True},
        "tooltip": {"trigger": "item", "valueFormatter": FORMAT},
        "yAxis": {"type": "value", "scale": True, "name": score, "axisLabel": {"hideOverlap": True}, **LEFT},
    }


def _named(value: list[float], name: str) -> dict[str, Any]:
    return {"value": value, "name": name}


def _points(name: str, data: list[dict[str, Any]], colour: str) -> dict[str, Any]:
    return {"type": "scatter", "name": name, "data": data, "symbolSize": 7, "itemStyle": {"color": colour, "opacity": 0.8}}


def _ring(places: list[list[Any]]) -> dict[str, Any]:
    return {
        "type": "scatter", "name": "base", "data": places, "symbol": "circle", "symbolSize": 40, "z": 9, "silent": True,
        "itemStyle": {"color": "transparent", "borderColor": "#fff", "borderWidth": 2, "borderType": "dashed"},
    }  # fmt: skip


def _failures(places: list[list[Any]]) -> dict[str, Any]:
    return {
        "type": "scatter", "name": "failed", "data": places, "symbol": CROSS, "symbolSize": 12, "z": 10,
        "itemStyle": {"color": "transparent", "borderColor": WRONG, "borderWidth": 2},
    }  # fmt: skip

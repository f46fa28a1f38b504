"""Small line charts as options of ECharts, which draws many of them quickly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.plots.palette import TEN


def line(steps: Sequence[int], values: Sequence[float | None]) -> dict[str, Any]:
    """One quantity over the steps of a stage, with both axes labelled and nothing cut off."""
    return {
        "animation": False,
        "grid": {"left": 8, "right": 14, "top": 10, "bottom": 4, "containLabel": True},
        "tooltip": {"trigger": "axis", "valueFormatter": "%.4g"},
        "xAxis": {"type": "value", "min": steps[0], "max": max(steps[-1], steps[0] + 1), "axisLabel": _few(10)},
        "yAxis": {"type": "value", "scale": True, "splitNumber": 3, "axisLabel": _few(10)},
        "series": [_series(list(zip(steps, values, strict=True)))],
    }


def lines(series: Mapping[str, Sequence[tuple[float, float]]], colours: Sequence[str], *, title: str = "") -> dict[str, Any]:
    """Several courses of one score over the share of a run that is done, name to points."""
    return {
        "animation": False,
        "color": list(colours),
        "grid": {"left": 8, "right": 14, "top": 34, "bottom": 26, "containLabel": True},
        "legend": {"type": "scroll", "top": 0},
        "tooltip": {"trigger": "axis", "valueFormatter": "%.3f"},
        "xAxis": {"type": "value", "min": 0, "max": 100, "name": "% of the run", "nameLocation": "middle", "nameGap": 22},
        "yAxis": {"type": "value", "scale": True, "name": title},
        "series": [{"type": "line", "name": name, "data": points, "showSymbol": False} for name, points in series.items()],
    }


def signs(series: Mapping[str, Sequence[tuple[int, float]]], chosen: int) -> dict[str, Any]:
    """What speaks for each number of clusters, name to points (K, value), with a line at the chosen K."""
    mark: dict[str, Any] = {"silent": True, "symbol": "none", "label": {"show": False}}
    mark |= {"lineStyle": {"type": "dashed", "color": "#888888"}, "data": [{"xAxis": chosen}]}
    return {
        "animation": False,
        "color": list(TEN),
        "grid": {"left": 8, "right": 14, "top": 28 if len(series) > 1 else 10, "bottom": 22, "containLabel": True},
        "legend": {"top": 0, "show": len(series) > 1},
        "tooltip": {"trigger": "axis", "valueFormatter": "%.3f"},
        "xAxis": {"type": "value", "name": "K", "nameLocation": "middle", "nameGap": 20, "minInterval": 1, "min": 1},
        "yAxis": {"type": "value", "min": 0, "splitNumber": 3, **({"max": 1} if len(series) > 1 else {})},
        "series": [
            {"type": "line", "name": name, "data": points, "symbolSize": 5, **({} if place else {"markLine": mark})}
            for place, (name, points) in enumerate(series.items())
        ],
    }


def _few(size: int) -> Mapping[str, Any]:
    return {"fontSize": size, "hideOverlap": True}


def _series(points: Sequence[tuple[int, float | None]]) -> dict[str, Any]:
    few = len(points) <= 12
    return {"type": "line", "data": points, "showSymbol": few, "lineStyle": {"width": 1.8}, "itemStyle": {"color": TEN[0]}}

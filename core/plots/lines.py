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


def _few(size: int) -> Mapping[str, Any]:
    return {"fontSize": size, "hideOverlap": True}


def _series(points: Sequence[tuple[int, float | None]]) -> dict[str, Any]:
    few = len(points) <= 12
    return {"type": "line", "data": points, "showSymbol": few, "lineStyle": {"width": 1.8}, "itemStyle": {"color": TEN[0]}}

"""A score on two axes of a sweep: a heatmap whose cells open their runs, or a surface to turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from core import sweeps
from core.evaluation import score_title
from core.plots.sweeps import heatmap, surface
from core.sweeps import Axis, Level, Row, SweepRecord
from pages.ui.forms import segments
from pages.ui.sweep_open import pickable
from pages.ui.sweep_words import axis_title, value_label

MOST_COMPARED = 8  # runs that Compare takes
MOST_TICKS = 40  # of a random design, every run has values of its own
HEIGHT = 340


@dataclass(frozen=True)
class _Grid:
    """The levels of two axes, and the place of each on both."""

    x: str
    y: str
    xs: list
    ys: list
    found: list[Level]
    base: tuple[int, int] | None

    @property
    def places(self) -> list[tuple[int, int]]:
        return [(self.xs.index(level.at[0]), self.ys.index(level.at[1])) for level in self.found]

    @property
    def labels(self) -> tuple[list[str], list[str]]:
        return [value_label(value) for value in self.xs], [value_label(value) for value in self.ys]

    def cells(self, what: str) -> list[tuple[int, int, float]]:
        """Place and value of every cell that has one."""
        values = [getattr(level, what) for level in self.found]
        return [(*place, value) for place, value in zip(self.places, values, strict=True) if value is not None]


def two_axes(record: SweepRecord, rows: Sequence[Row], axes: Sequence[Axis], score: str) -> None:
    """Means on two axes, and beside them the spread over seeds."""
    names = [axis.name for axis in axes]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        x, y = names[:2]
        if len(names) > 2:
            x = st.selectbox("Across", names, key=f"sweep_x:{record.id}", format_func=axis_title)
            rest = [name for name in names if name != x]
            y = st.selectbox("Up", rest, key=f"sweep_y:{record.id}", format_func=axis_title)
        grid = _grid(record, rows, x, y, score)
        if len(grid.xs) > MOST_TICKS or len(grid.ys) > MOST_TICKS:
            return
        solid = segments("Two axes", {False: "Heatmap", True: "Surface"}, key=f"sweep_solid:{record.id}")
    if len(names) > 2:
        st.caption("Means over all values of the other axes.")
    for column, what, title in zip(st.columns(2), ("mean", "std"), ("", ": deviation over seeds"), strict=True):
        with column:
            (_surface if solid else _heatmap)(record, grid, what, score_title(score) + title)


def _grid(record: SweepRecord, rows: Sequence[Row], x: str, y: str, score: str) -> _Grid:
    xs, ys = ([level.at[0] for level in sweeps.levels(rows, [name], score)] for name in (x, y))
    base = tuple(sweeps.value_of(record.sweep.base, name) for name in (x, y))
    place = (xs.index(base[0]), ys.index(base[1])) if base[0] in xs and base[1] in ys else None
    return _Grid(x, y, xs, ys, sweeps.levels(rows, [x, y], score), place)


def _heatmap(record: SweepRecord, grid: _Grid, what: str, name: str) -> None:
    cells = grid.cells(what)
    if not cells:
        return
    drawn = [level for level in grid.found if getattr(level, what) is not None]
    failed = [place for place, level in zip(grid.places, grid.found, strict=True) if level.failed]
    options = heatmap(*grid.labels, cells, failed, x=axis_title(grid.x), y=axis_title(grid.y), title=name, base=grid.base)
    pickable(
        options, {name: [_runs_of(level) for level in drawn]}, height=HEIGHT, key=f"sweep_{what}:{record.id}",
        alt=f"{name} on two axes",
    )  # fmt: skip


def _surface(record: SweepRecord, grid: _Grid, what: str, name: str) -> None:
    cells = grid.cells(what)
    if not cells:
        return
    figure = surface(*grid.labels, cells, x=axis_title(grid.x), y=axis_title(grid.y), title=name)
    st.plotly_chart(figure, key=f"sweep_surface_{what}:{record.id}", height=HEIGHT + 60, alt=f"{name} over two axes")


def _runs_of(level: Level) -> list[str]:
    return list(dict.fromkeys(run for _, run in level.points))[:MOST_COMPARED]

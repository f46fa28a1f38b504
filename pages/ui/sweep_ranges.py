"""All axes of a sweep at once, and the runs that lie within a range on each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from core import sweeps
from core.evaluation import score_title
from core.plots.sweeps import parallel
from core.sweeps import Axis, Row, SweepRecord
from pages.ui.sweep_open import offer_runs
from pages.ui.sweep_two import MOST_COMPARED, MOST_TICKS
from pages.ui.sweep_words import axis_title, value_label

MOST_ABREAST = 5
MOST_ENDS = 200


def within_ranges(record: SweepRecord, rows: Sequence[Row], axes: Sequence[Axis], score: str) -> Sequence[Row]:
    """Parallel coordinates with a slider for each axis; returns the rows that are left, all of them at first."""
    done = [row for row in rows if score in row.scores]
    values = {axis.name: [level.at[0] for level in sweeps.levels(done, [axis.name], score)] for axis in axes}
    picture = st.container()
    left = _left(record, done, {name: found for name, found in values.items() if len(found) > 1}, score)
    ticks = {name: [] if _many_numbers(found) else list(map(value_label, found)) for name, found in values.items()}
    inside = set(map(id, left))
    lines = [
        ([*(value_label(row.setting[name]) if ticks[name] else row.setting[name] for name in ticks), row.scores[score]],
         id(row) in inside)
        for row in done
    ]  # fmt: skip
    options = parallel({axis_title(name): labels for name, labels in ticks.items()}, lines, score_title(score))
    picture.echarts_chart(options, height=300, key=f"sweep_all:{record.id}", alt="All axes and the score of each run")
    if len(left) == len(done):
        st.caption("Narrow a range to keep what lies within it, here and in the table below.")
        return rows
    runs = list(dict.fromkeys(row.run for row in left if row.run))
    with st.container(horizontal=True, vertical_alignment="center"):
        what = "settings" if record.cut else "runs"
        below = "; the table below has only them" if left else ""
        st.caption(f"**{len(left)} of {len(done)}** {what} lie within these ranges{below}.", width="content")
        if 0 < len(runs) <= MOST_COMPARED and not record.cut:
            offer_runs(runs, key=f"sweep_ranges:{record.id}")
    return left


def _left(record: SweepRecord, done: Sequence[Row], values: dict[str, list], score: str) -> list[Row]:
    """The rows within the ranges of the sliders."""
    reached = _ends([row.scores[score] for row in done])
    names = [*values, *([score] if len(reached) > 1 else [])]
    columns = st.columns(min(MOST_ABREAST, len(names))) if names else []
    for place, name in enumerate(names):
        key = f"sweep_range:{record.id}:{name}"
        with columns[place % MOST_ABREAST]:
            if name in values:
                kept = _part(axis_title(name), values[name], key)
                done = [row for row in done if row.setting[name] in kept]
            else:
                kept = _part(score_title(name), reached, key, "{:.3f}".format)
                done = [row for row in done if kept[0] <= row.scores[name] <= kept[-1]]
    return list(done)


def _part(label: str, values: list, key: str, told: Callable[[Any], str] = value_label) -> list:
    """The values between two handles; these are places, so that other values are another slider."""
    first, last = st.select_slider(
        label, range(len(values)), (0, len(values) - 1), format_func=lambda place: told(values[place]),
        key=f"{key}:{hash(tuple(values))}", persist_state="session",
    )  # fmt: skip
    return values[first : last + 1]


def _ends(reached: Sequence[float]) -> list[float]:
    """The scores at which a range may end: all of them, or where they are very many some, the least and the largest always."""
    found = sorted(set(reached))
    return [found[round(place)] for place in np.linspace(0, len(found) - 1, min(len(found), MOST_ENDS))]


def _many_numbers(values: Sequence[object]) -> bool:
    """Whether an axis has so many numbers that they are no steps any more."""
    return len(values) > MOST_TICKS and all(isinstance(value, int | float) for value in values)

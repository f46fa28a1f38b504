"""All axes of a sweep at once, and the runs that lie within a range on each."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import sweeps
from core.evaluation import score_title
from core.plots.sweeps import parallel
from core.sweeps import Axis, Row, SweepRecord
from pages.ui.sweep_open import offer_runs
from pages.ui.sweep_two import MOST_COMPARED, MOST_TICKS
from pages.ui.sweep_words import axis_title, value_label

MOST_ABREAST = 5
ROUNDED = 5e-4  # what is lost of a score that is told to three digits


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
        st.caption("Narrow a range to keep the runs within it, here and in the table below.")
        return rows
    runs = list(dict.fromkeys(row.run for row in left if row.run))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"**{len(left)} of {len(done)}** runs lie within these ranges; the table below has only them.", width="content"
        )
        if 0 < len(runs) <= MOST_COMPARED:
            offer_runs(runs, key=f"sweep_ranges:{record.id}")
    return left


def _left(record: SweepRecord, done: Sequence[Row], values: dict[str, list], score: str) -> list[Row]:
    """The rows within the ranges of the sliders."""
    reached = [row.scores[score] for row in done]
    low, high = min(reached), max(reached)
    names = [*values, *([score] if low < high else [])]
    columns = st.columns(min(MOST_ABREAST, len(names))) if names else []
    for place, name in enumerate(names):
        key = f"sweep_range:{record.id}:{name}"
        with columns[place % MOST_ABREAST]:
            if name in values:
                kept = _part(axis_title(name), values[name], f"{key}:{len(values[name])}")
                done = [row for row in done if row.setting[name] in kept]
            else:
                least, most = st.slider(score_title(name), low, high, (low, high), format="%.3f", key=f"{key}:{low}:{high}")
                done = [row for row in done if least - ROUNDED <= row.scores[name] <= most + ROUNDED]
    return list(done)


def _part(label: str, values: list, key: str) -> list:
    first, last = st.select_slider(
        label, range(len(values)), (0, len(values) - 1), format_func=lambda place: value_label(values[place]), key=key
    )
    return values[first : last + 1]


def _many_numbers(values: Sequence[object]) -> bool:
    """Whether an axis has so many numbers that they are no steps any more."""
    return len(values) > MOST_TICKS and all(isinstance(value, int | float) for value in values)

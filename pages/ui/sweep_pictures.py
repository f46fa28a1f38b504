"""The pictures of a sweep, from its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core import sweeps
from core.common import InvalidInput
from core.evaluation import score_title
from core.plots.sweeps import Curve, curve, effects, scatter
from core.sweeps import SEED, Axis, Level, Row, SweepRecord
from pages.ui.sweep_labels import without_labels
from pages.ui.sweep_open import pickable
from pages.ui.sweep_ranges import within_ranges
from pages.ui.sweep_two import MOST_TICKS, two_axes
from pages.ui.sweep_words import axis_title, in_a_sentence, value_label
from pages.ui.text import plain


def pictures(record: SweepRecord, rows: Sequence[Row]) -> Sequence[Row]:
    """One curve an axis, a heatmap for two, all axes at once, and a score without labels against one with them.

    Returns the rows within the ranges that the user has set, all of them at first.
    """
    known = sweeps.scored(rows)
    if not known:
        st.caption("No run has finished yet.")
        return rows
    left, right = st.columns([1, 3], vertical_alignment="bottom")
    with left:
        score = st.selectbox("Score", known, format_func=score_title, key=f"sweep_score:{record.id}")
    right.markdown(in_a_sentence(rows, score))
    axes = [axis for axis in record.sweep.axes if axis.name != SEED]
    if not axes:
        _seeds(rows, score)
        return rows
    places, within = st.columns(2), rows
    for number, axis in enumerate(axes):
        with places[number % 2]:
            _curve(record, rows, axis, score)
    if len(axes) > 1 and record.sweep.design != "one":
        two_axes(record, rows, axes, score)
        within = within_ranges(record, rows, axes, score)
    without_labels(record, rows)
    return within


def _seeds(rows: Sequence[Row], score: str) -> None:
    """One setting over its seeds: the score that was asked for, and all others below it."""
    spreads = sweeps.over_seeds(rows)
    if score in spreads and len(rows) > 1:  # one seed has no spread
        found = spreads[score]
        st.metric(
            score_title(score), f"{found.mean:.3f} ± {found.std:.3f}", f"over {len(found.values)} seeds", delta_color="off"
        )
    table = [
        {"Score": score_title(name), "Mean": s.mean, "Standard deviation": s.std if len(s.values) > 1 else None}
        for name, s in spreads.items()
    ]
    st.dataframe(pd.DataFrame(table), hide_index=True, alt="Mean and standard deviation over seeds")


def one_curve(record: SweepRecord, rows: Sequence[Row], score: str) -> None:
    """A score along the first axis of a sweep, and nothing else."""
    _curve(record, rows, record.sweep.axes[0], score)


def _curve(record: SweepRecord, rows: Sequence[Row], axis: Axis, score: str) -> None:
    base = {a.name: sweeps.value_of(record.sweep.base, a.name) for a in record.sweep.axes}
    shown = sweeps.around(rows, axis.name, base) if record.sweep.design == "one" else rows
    found = sweeps.levels(shown, [axis.name], score)
    if len(found) > MOST_TICKS and all(isinstance(level.at[0], int | float) for level in found):
        points = [(level.at[0], value, run) for level in found for value, run in level.points]
        options = scatter(points, x=axis_title(axis.name), y=score_title(score))
    else:
        about = _along(found, base[axis.name], axis.recommended)
        beside = "" if about.base is not None else f" (base {value_label(base[axis.name])})"
        options = curve(about, axis_title(axis.name) + beside, score_title(score))
    pickable(
        options, {"runs": [[run] for level in found for _, run in level.points]}, height=280,
        key=f"sweep_curve:{record.id}:{axis.name}", alt=f"{score_title(score)} against {axis.name}",
    )  # fmt: skip


def _along(found: Sequence[Level], base: Any, recommended: tuple[float, float] | None) -> Curve:
    values = [level.at[0] for level in found]
    inside = [at for at, value in enumerate(values) if recommended and recommended[0] <= value <= recommended[1]]
    return Curve(
        labels=[value_label(value) for value in values],
        means=[level.mean for level in found],
        stds=[level.std for level in found],
        points=[(place, value, run) for place, level in enumerate(found) for value, run in level.points],
        failed=[level.failed for level in found],
        base=values.index(base) if base in values else None,
        recommended=(inside[0], inside[-1]) if inside else None,
    )


def what_matters(record: SweepRecord, rows: Sequence[Row]) -> None:
    """The effect of each axis on a score, worked out on a click: it takes seconds."""
    axes = [axis for axis in record.sweep.axes if axis.name != SEED]
    if not axes or not st.toggle("What matters", key=f"sweep_matters:{record.id}", help="Fits forests; a few seconds."):
        return
    score = st.session_state.get(f"sweep_score:{record.id}") or sweeps.scored(rows)[0]
    done = tuple(row.run or "" for row in rows if score in row.scores)
    try:
        with st.spinner("Fitting forests …"):
            found = _importance(record.id, score, done, list(rows), axes)
    except InvalidInput as error:
        st.caption(plain(error))
        return
    bars = [(effect.effect, effect.low, effect.high) for effect in found.effects]
    told = f"{found.evaluator}; {found.n_runs} runs"
    options = effects(
        [axis_title(e.axis) for e in found.effects], bars, found.seed_spread, score=score_title(score), evaluator=told
    )
    st.echarts_chart(
        options, height=120 + 40 * len(bars), key=f"sweep_effects:{record.id}", alt=f"Effect of each axis on {score}"
    )
    known = "" if found.seed_spread is not None else " With one seed nothing is known of the spread over seeds."
    st.caption(
        "The standard deviation of the score that an axis causes, alone or with others, with the middle 90 % over bootstraps "
        f"of the runs. It is not shared out to sum to one: an axis that stays below the line matters less than the seed.{known}"
    )


@st.cache_data(show_spinner=False, max_entries=20)
def _importance(sweep_id: str, score: str, done: tuple[str, ...], _rows: list[Row], _axes: list[Axis]) -> Any:
    from core.sweeps.importance import importance

    return importance(_rows, _axes, score)

"""The pictures of a sweep, from its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core import sweeps
from core.common import InvalidInput
from core.plots.sweeps import Curve, curve, effects, heatmap, parallel, scatter
from core.sweeps import LABEL_FREE, SEED, Axis, Level, Row, SweepRecord
from pages.ui.forms import segments
from pages.ui.results import score_title
from pages.ui.sweep_open import pickable
from pages.ui.text import plain

LEFT_TO_DATA = "all"
MOST = 8  # runs that Compare takes
MOST_TICKS = 40  # of a random design, every run has values of its own


def pictures(record: SweepRecord, rows: Sequence[Row]) -> None:
    """One curve an axis, a heatmap for two, all axes at once, and a score without labels against one with them."""
    known = sweeps.scored(rows)
    if not known:
        st.caption("No run has finished yet.")
        return
    score = st.selectbox("Score", known, format_func=score_title, key=f"sweep_score:{record.id}")
    axes = [axis for axis in record.sweep.axes if axis.name != SEED]
    if not axes:
        _seeds(rows, score)
        return
    places = st.columns(2)
    for number, axis in enumerate(axes):
        with places[number % 2]:
            _curve(record, rows, axis, score)
    if len(axes) > 1 and record.sweep.design != "one":
        _two(record, rows, axes, score)
        _all(record, rows, axes, score)
    _against_label_free(record, rows, score)


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
        options = scatter(points, x=_title(axis.name), y=score_title(score))
    else:
        options = curve(_along(found, base[axis.name], axis.recommended), _title(axis.name), score_title(score))
    pickable(
        options, {"runs": [[run] for level in found for _, run in level.points]}, height=280,
        key=f"sweep_curve:{record.id}:{axis.name}", alt=f"{score_title(score)} against {axis.name}",
    )  # fmt: skip


def _along(found: Sequence[Level], base: Any, recommended: tuple[float, float] | None) -> Curve:
    values = [level.at[0] for level in found]
    inside = [at for at, value in enumerate(values) if recommended and recommended[0] <= value <= recommended[1]]
    return Curve(
        labels=[_label(value) for value in values],
        means=[level.mean for level in found],
        stds=[level.std for level in found],
        points=[(place, value, run) for place, level in enumerate(found) for value, run in level.points],
        failed=[level.failed for level in found],
        base=values.index(base) if base in values else None,
        recommended=(inside[0], inside[-1]) if inside else None,
    )


def _two(record: SweepRecord, rows: Sequence[Row], axes: Sequence[Axis], score: str) -> None:
    """Means on two axes, and beside them the spread over seeds."""
    names = [axis.name for axis in axes]
    x, y = names[:2]
    if len(names) > 2:
        with st.container(horizontal=True):
            x = st.selectbox("Across", names, key=f"sweep_x:{record.id}")
            y = st.selectbox("Up", [name for name in names if name != x], key=f"sweep_y:{record.id}")
        st.caption("Means over all values of the other axes.")
    found = sweeps.levels(rows, [x, y], score)
    if len({level.at[0] for level in found}) > MOST_TICKS:
        return
    xs, ys = ([level.at[0] for level in sweeps.levels(rows, [name], score)] for name in (x, y))
    places = [(xs.index(level.at[0]), ys.index(level.at[1])) for level in found]
    failed = [place for place, level in zip(places, found, strict=True) if level.failed]
    about = {"x": _title(x), "y": _title(y)}
    labels = [_label(value) for value in xs], [_label(value) for value in ys]
    for column, what, title in zip(st.columns(2), ("mean", "std"), ("", ": deviation over seeds"), strict=True):
        drawn = [(place, level) for place, level in zip(places, found, strict=True) if getattr(level, what) is not None]
        name = score_title(score) + title
        cells = [(*place, getattr(level, what)) for place, level in drawn]
        if not drawn:
            continue
        with column:
            pickable(
                heatmap(*labels, cells, failed, title=name, **about), {name: [_runs_of(level) for _, level in drawn]},
                height=340, key=f"sweep_{what}:{record.id}", alt=f"{name} on two axes",
            )  # fmt: skip


def _runs_of(level: Level) -> list[str]:
    """As many as Compare takes."""
    return list(dict.fromkeys(run for _, run in level.points))[:MOST]


def _all(record: SweepRecord, rows: Sequence[Row], axes: Sequence[Axis], score: str) -> None:
    """Parallel coordinates: the values of an axis at equal steps, unless there are very many."""
    labels = {axis.name: _ticks(rows, axis.name, score) for axis in axes}
    lines = [
        [*(_label(row.setting[name]) if labels[name] else row.setting[name] for name in labels), row.scores[score]]
        for row in rows
        if score in row.scores
    ]
    options = parallel({_title(name): ticks for name, ticks in labels.items()}, lines, score_title(score))
    st.echarts_chart(options, height=300, key=f"sweep_all:{record.id}", alt="All axes and the score of each run")
    st.caption("Drag along an axis to keep the runs in that range.")


def _ticks(rows: Sequence[Row], name: str, score: str) -> list[str]:
    """The values of an axis as labels, in order; none where they are very many numbers."""
    values = [level.at[0] for level in sweeps.levels(rows, [name], score)]
    numbers = all(isinstance(value, int | float) for value in values)
    return [] if numbers and len(values) > MOST_TICKS else [_label(value) for value in values]


def _against_label_free(record: SweepRecord, rows: Sequence[Row], score: str) -> None:
    """A score without labels beside one with them, and what a choice by it costs."""
    free = [name for name in LABEL_FREE if any(name in row.scores for row in rows)]
    choices = sweeps.what_labels_buy(rows)
    if not choices or not free:
        return
    st.subheader("What labels buy")
    left, right = st.columns(2)
    with left:
        by = segments("Score without labels", {name: score_title(name) for name in free}, key=f"sweep_free:{record.id}")
        points = [(row.scores[by], row.scores["acc"], row.run or "") for row in rows if {by, "acc"} <= set(row.scores)]
        pickable(
            scatter(points, x=score_title(by), y="ACC"), {"runs": [[run] for *_, run in points]}, height=280,
            key=f"sweep_scatter:{record.id}", alt=f"ACC against {score_title(by)}",
        )  # fmt: skip
    with right:
        table = [
            {"Chosen by": "the labels (ACC)" if choice.by == "acc" else score_title(choice.by),
             **{name: _label(value) for name, value in choice.setting.items()},
             "ACC there": f"{choice.reached:.3f}", "costs": f"{100 * choice.cost:.1f} points"}
            for choice in choices
        ]  # fmt: skip
        st.dataframe(pd.DataFrame(table), hide_index=True, alt="What the choice by a score without labels costs")
        st.caption(
            "ACC is the mean over seeds. A silhouette is measured in the codes of its own run, so silhouettes of runs with "
            "different codes are not comparable: one that is larger need not mean better clusters."
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
        [_title(e.axis) for e in found.effects], bars, found.seed_spread, score=score_title(score), evaluator=told
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


def _title(name: str) -> str:
    return name.removeprefix("data.").replace("_", " ")


def _label(value: Any) -> str:
    """A value as it stands at an axis."""
    if value is None:
        return LEFT_TO_DATA
    if isinstance(value, tuple):
        return "-".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)

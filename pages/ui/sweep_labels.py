"""What a score without labels would choose, and what that costs where there are labels to tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core import sweeps
from core.common import read_only
from core.evaluation import score_title
from core.explore import Answer
from core.plots.sweeps import scatter
from core.sweeps import LABEL_FREE, SHARED, Row, SweepRecord
from pages.ui.awaiting import answered
from pages.ui.state import store, take_to_train
from pages.ui.sweep_open import offer_runs, pickable
from pages.ui.sweep_words import axis_title, value_label
from pages.ui.text import OWN_CODES

WHAT = (
    "Pooled silhouette: the clusters of every run in the codes of every run. Stability: how much clusterings of random 80 % of "
    "the samples agree. Relative eigengap: how far the affinity is from one cluster more; left out where it has more pieces "
    "than clusters."
)


def without_labels(record: SweepRecord, rows: Sequence[Row]) -> None:
    """What scores without labels choose; where there are labels, against ACC, and with what the choice costs."""
    if not sweeps.choices(rows):
        return
    st.subheader("What labels buy" if _labelled(rows) else "Chosen without labels")
    runs = [row.run for row in rows if row.run and row.scores]
    if (why_not := _alone(record)) or len(runs) < 2:
        if why_not:
            st.caption(why_not)
        elif any(name in row.scores for row in rows for name in SHARED):  # of a sweep that comes with the app
            st.caption(WHAT)
        _choices(record, rows)
        return
    if not st.toggle("Judge all runs by the same measures", key=f"sweep_shared:{record.id}", help=WHAT, disabled=read_only()):
        _choices(record, rows)
        return

    def draw(answer: Answer) -> None:
        _choices(record, sweeps.judged(rows, answer.facts["scores"]))
        facts = answer.facts
        st.caption(
            f"{WHAT} On {facts['n_samples']:,} samples; runs with empty or tiny clusters are left out: {facts['left_out']}."
        )

    answered("unlabelled", draw, waiting="Judging every run by all", runs=sorted(set(runs)))


def _alone(record: SweepRecord) -> str:
    """Why its runs cannot be judged by each other, in words; empty if they can."""
    if record.cut:
        return (
            "Every setting is a cut of the same runs, so its silhouette and eigengap are one measure for all. Settings that "
            "leave tiny or empty clusters have neither; where the affinity has more pieces than clusters, the gap is left out."
        )
    if not sweeps.can_judge(record):
        return "Its runs are of different samples, so none of them can judge another."
    return ""


def _labelled(rows: Sequence[Row]) -> bool:
    return any("acc" in row.scores for row in rows)


def _choices(record: SweepRecord, rows: Sequence[Row]) -> None:
    labelled = _labelled(rows)
    free = [name for name in LABEL_FREE if any(name in row.scores for row in rows)]
    place = st.container()
    if labelled and free:
        left, place = st.columns(2)
        with left:
            _against(record, rows, free)
    with place:
        found = sweeps.choices(rows)
        event: Any = st.dataframe(
            pd.DataFrame([_line(choice) for choice in found]), hide_index=True, on_select="rerun", selection_mode="single-row",
            key=f"sweep_choices:{record.id}:{len(found)}", alt="What each score chooses, and what that costs",
        )  # fmt: skip
        own = "" if record.cut else f" {OWN_CODES} A larger one need not mean better clusters."
        st.caption(f"ACC is the mean over seeds.{own}" if labelled else f"{sweeps.advice()}{own}")
        picked = [found[place] for place in event.selection.rows if place < len(found)]
        if picked and picked[0].run:
            _take(picked[0], record)


def _line(choice: sweeps.Choice) -> dict[str, str]:
    chosen = {"Chosen by": "the labels (ACC)" if choice.by == "acc" else score_title(choice.by)}
    chosen |= {axis_title(name): value_label(value) for name, value in choice.setting.items()}
    if choice.cost is None:
        return chosen
    return chosen | {"ACC there": f"{choice.reached:.3f}", "costs": f"{100 * choice.cost:.1f} points"}


def _take(choice: sweeps.Choice, record: SweepRecord) -> None:
    """Look at a run of the chosen setting, or go on with it on Train."""
    with st.container(horizontal=True):
        offer_runs([choice.run], key=f"sweep_choices:{record.id}")
        if st.button("Take it to Train", icon=":material/play_circle:", key=f"take:{record.id}"):
            take_to_train(store().get(choice.run).spec, choice.run)


def _against(record: SweepRecord, rows: Sequence[Row], free: Sequence[str]) -> None:
    by = st.selectbox("Score without labels", free, format_func=score_title, key=f"sweep_free:{record.id}")
    points = [(row.scores[by], row.scores["acc"], row.run or "") for row in rows if {by, "acc"} <= set(row.scores)]
    pickable(
        scatter(points, x=score_title(by), y="ACC"), {"runs": [[run] for *_, run in points]}, height=280,
        key=f"sweep_scatter:{record.id}", alt=f"ACC against {score_title(by)}",
    )  # fmt: skip

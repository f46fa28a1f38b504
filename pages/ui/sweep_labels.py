"""What labels buy: what a score without labels would choose, beside the best by the labels."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core import sweeps
from core.common import read_only
from core.evaluation import score_title
from core.explore import Answer
from core.plots.sweeps import scatter
from core.sweeps import LABEL_FREE, Row, SweepRecord
from pages.ui.awaiting import answered
from pages.ui.sweep_open import pickable
from pages.ui.sweep_words import axis_title, value_label
from pages.ui.text import OWN_CODES

WHAT = (
    "Pooled silhouette: the clusters of every run in the codes of every run. Stability: how much clusterings of random 80 % of "
    "the samples agree. Relative eigengap: how far the affinity is from one cluster more; left out where it has more pieces "
    "than clusters."
)


def what_labels_buy(record: SweepRecord, rows: Sequence[Row]) -> None:
    """Scores without labels against ACC, and what a choice by them costs."""
    if not sweeps.what_labels_buy(rows):
        return
    st.subheader("What labels buy")
    runs = [row.run for row in rows if row.run and row.scores]
    if (why_not := _alone(record)) or len(runs) < 2:
        if why_not:
            st.caption(why_not)
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
    if any(axis.name.startswith("data.") for axis in record.sweep.axes):
        return "Its runs are of different samples, so none of them can judge another."
    return ""


def _choices(record: SweepRecord, rows: Sequence[Row]) -> None:
    free = [name for name in LABEL_FREE if any(name in row.scores for row in rows)]
    left, right = st.columns(2)
    if free:
        with left:
            _against(record, rows, free)
    with right:
        table = [
            {"Chosen by": "the labels (ACC)" if choice.by == "acc" else score_title(choice.by),
             **{axis_title(name): value_label(value) for name, value in choice.setting.items()},
             "ACC there": f"{choice.reached:.3f}", "costs": f"{100 * choice.cost:.1f} points"}
            for choice in sweeps.what_labels_buy(rows)
        ]  # fmt: skip
        st.dataframe(pd.DataFrame(table), hide_index=True, alt="What the choice by a score without labels costs")
        own = "" if record.cut else f" {OWN_CODES} A larger one need not mean better clusters."
        st.caption(f"ACC is the mean over seeds.{own}")


def _against(record: SweepRecord, rows: Sequence[Row], free: Sequence[str]) -> None:
    by = st.selectbox("Score without labels", free, format_func=score_title, key=f"sweep_free:{record.id}")
    points = [(row.scores[by], row.scores["acc"], row.run or "") for row in rows if {by, "acc"} <= set(row.scores)]
    pickable(
        scatter(points, x=score_title(by), y="ACC"), {"runs": [[run] for *_, run in points]}, height=280,
        key=f"sweep_scatter:{record.id}", alt=f"ACC against {score_title(by)}",
    )  # fmt: skip

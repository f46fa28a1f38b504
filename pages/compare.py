"""Compare: two to eight runs on the same data, with one selection, one clock and one colour for each cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from core import evaluation
from core.common import InvalidInput
from core.datasets import Dataset
from core.runs import Run
from pages.ui.agreement import agreement
from pages.ui.beside import runs_beside
from pages.ui.clusters import numbered
from pages.ui.comparison import course, differing, group_table, moves, offer_ladder
from pages.ui.lab import Film, film_of, lab
from pages.ui.naming import told_apart
from pages.ui.navigation import presenting, through_app
from pages.ui.problems import told
from pages.ui.state import load_data, store
from pages.ui.text import OWN_CODES, plain

MOST, FIRST = 8, 2


def finished() -> list[Run]:
    return [run for run in store().runs(references=True) if run.over and run.result.get("metrics")]


def asked(known: Sequence[Run]) -> list[Run]:
    """The runs that the link or this user names; else the newest one with its newest neighbour."""
    by_id = {run.id: run for run in known}
    named = st.query_params.get("runs", "").split(",") if "runs" in st.query_params else st.session_state.get("compare", [])
    found = [by_id[run_id] for run_id in named if run_id in by_id]
    if not found and known:
        own = [run for run in known if not run.reference] or list(known)
        found = next((pair for run in own if len(pair := first_pair(run)) == FIRST), own[:1])
    return [run for run in found if run.result["fingerprint"] == found[0].result["fingerprint"]][:MOST]


def first_pair(run: Run) -> list[Run]:
    """A run and another on the same data, if possible one that was asked for and not made as a reference."""
    others = [other for other in runs_beside(run) if other.id != run.id]
    return [run, *sorted(others, key=lambda other: other.reference)][:FIRST]


def choose(start: Sequence[Run]) -> list[Run]:
    """A choice among all runs on the same data."""
    rivals = runs_beside(start[0])
    names = told_apart(rivals)
    key = f"compare:{start[0].result['fingerprint']}"
    st.session_state.setdefault(key, [run.id for run in start])
    if "runs" in st.query_params and st.session_state.get("compare_link") != st.query_params["runs"]:
        st.session_state["compare_link"] = st.query_params["runs"]
        st.session_state[key] = [run.id for run in start]
    chosen = st.multiselect(
        "Runs on the same data", list(names), format_func=lambda run_id: names[run_id], max_selections=MOST, key=key,
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    st.session_state["compare"] = chosen
    by_id = {run.id: run for run in rivals}
    return [by_id[run_id] for run_id in chosen]


def films(runs: Sequence[Run], names: dict[str, str], data: Dataset) -> list[Film]:
    """Films with one number for each cluster: that of its class, or without classes that of the first run."""
    made = [film_of(run, names[run.id], data) for run in runs]
    if data.y is not None:
        return made
    labels = [numbered(run, data) for run in runs]
    return [
        replace(film, renumbered=evaluation.cluster_numbers(labels[0], own).tolist())
        for film, own in zip(made, labels, strict=True)
    ]


through_app()
with st.container(horizontal=True, vertical_alignment="center"):
    st.title("Compare", width="content")
    started = asked(finished())
    if not started:
        st.info("There is no finished run yet.", icon=":material/info:")
        st.page_link("pages/train.py", label="Train one", icon=":material/play_circle:")
        st.stop()
    chosen = choose(started)
if not chosen:
    st.info("Choose two to eight runs.", icon=":material/info:")
    st.stop()
try:
    data = load_data(chosen[0].spec.data)
except InvalidInput as problem:
    st.error(f"The data of these runs cannot be loaded any more. {plain(problem)}", icon=":material/error:")
    st.stop()
names = told_apart(chosen, score=False)
with told():
    ids = [run.id for run in chosen]
    made, link = films(chosen, told_apart(chosen), data), {"runs": ",".join(ids)}
    lab(made, data, key="compare:" + "-".join(ids), present=presenting(), link=link)
    if presenting():
        st.stop()
    offer_ladder(chosen[0])
    tabs = st.tabs(["What differs", "Curves", "Samples that changed cluster", "Over seeds", "Consensus"])
    with tabs[0]:
        columns = {"Silhouette": st.column_config.NumberColumn(help=OWN_CODES)}
        st.dataframe(
            differing(chosen, names),
            hide_index=True,
            column_config=columns,
            alt="What differs between the runs, and what they reached",
        )
    with tabs[1]:
        course(chosen, names)
    with tabs[2]:
        moves([numbered(run, data) for run in chosen], [names[run.id] for run in chosen])
    with tabs[3]:
        st.dataframe(pd.DataFrame(group_table(chosen)), hide_index=True, alt="Mean and spread over training seeds")
    with tabs[4]:
        agreement(chosen, data)

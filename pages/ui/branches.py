"""Branching off: from a moment of a run that is kept, a new run goes on with other weights, rates or noise."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import methods
from core.common import read_only
from core.datasets import Dataset
from core.runs import Moment, Run, branching_points, changeable
from pages.ui.forms import widget
from pages.ui.naming import told_apart
from pages.ui.problems import told
from pages.ui.state import choose_run, queue, store

TURNED_FIRST = 1  # knobs that are there without being asked for


def moments_of(run: Run) -> list[Moment]:
    return branching_points(store(), run)


def branch_view(run: Run, data: Dataset) -> None:
    """Which moment, what changes there, the button, and the branches there are."""
    st.markdown(
        "**Go on from a moment of this run with other values.** The new run shares everything before that moment; "
        "Compare then shows what the change did."
    )
    moments = {moment.seq: moment for moment in moments_of(run)}
    left, right = st.columns([1, 1.6], gap="large")
    with left:
        seq: Any = st.selectbox(
            "From", list(moments), index=_latest_end(list(moments.values())), key=f"branch:{run.id}",
            format_func=lambda place: _told(run, moments[place]),
        )  # fmt: skip
        allowed = changeable(run.spec.method, moments[seq])
        known = list(allowed)
        turned = st.multiselect(
            "What changes", known, default=_weights(run, known)[:TURNED_FIRST], key=f"branch:{run.id}:{seq}:names",
            format_func=lambda name: name.strip("_").replace("_", " "), placeholder="Choose what changes",
            help="What has formed the networks, the graph or the start is part of the moment and cannot change.",
        )  # fmt: skip
    with right:
        values = {
            name: widget(allowed[name], run.spec.params.get(name, allowed[name].default), key=f"branch:{run.id}:{name}")
            for name in turned
        }
        same = all(value == run.spec.params.get(name) for name, value in values.items())
        if st.button("Branch off", type="primary", icon=":material/fork_right:", disabled=same or read_only()):
            with told():
                child = queue().branch(run.id, int(seq), values)
                st.session_state["compare"] = [run.id, child.id]
                choose_run(child.id)
                st.switch_page("pages/train.py", query_params={"run": child.id})
        if same:
            st.caption("Change a value to branch off.")
    _children(run)


def _latest_end(moments: list[Moment]) -> int:
    """Where one sees most of what a change does: the end of what came before the last stage."""
    last = moments[-1].stage
    return max((place for place, moment in enumerate(moments) if moment.stage != last), default=0)


def _weights(run: Run, known: list[str]) -> list[str]:
    """The weights of the terms of the objective, before all else that may change."""
    declared = methods.method_class(run.spec.method).declared()
    return sorted(known, key=lambda name: declared[name].group != "Objective")


def _told(run: Run, moment: Moment) -> str:
    rows = store().history(run.id)[: moment.seq]
    score = next((row.scalars["acc"] for row in reversed(rows) if "acc" in row.scalars), None)
    label = moment.label[:1].upper() + moment.label[1:]
    return label if score is None else f"{label} · ACC {score:.3f}"


def _children(run: Run) -> None:
    """What has branched off this run, and where this one has."""
    origin = run.spec.branch
    others = [other for other in store().runs() if other.spec.branch and other.spec.branch["run"] == run.id]
    if origin is not None and store().has(origin["run"]):
        others.append(store().get(origin["run"]))
    if not others:
        return
    names = told_apart([run, *others])
    st.caption("Branches of this run, and the run it has branched off from")
    for other in others:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(names[other.id], width="content")
            if other.over and other.result.get("metrics"):
                both = {"runs": f"{run.id},{other.id}"}
                st.page_link("pages/compare.py", label="Compare", icon=":material/compare:", query_params=both)

"""Train: pick a method, set it, see what it will cost, launch, and watch, with the pictures beside the knobs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from core import runs, sweeps
from core.common import InvalidInput, read_only
from core.datasets import Dataset
from core.runs import RunSpec, estimate
from pages.ui.awaiting import about
from pages.ui.groups import how_many
from pages.ui.live import live_panel, scope_words
from pages.ui.naming import told_apart
from pages.ui.navigation import through_app
from pages.ui.preview import preview
from pages.ui.settings import choose_method, settings
from pages.ui.state import adopt_linked_run, choose_run, chosen_data, chosen_run, load_data, queue, store
from pages.ui.sweep_form import vary
from pages.ui.text import plain

SHOWN_RUNS = 50
VARY = "Try several values of some of these settings, and see what they do, or choose among them with or without labels."
EARLIER = "scaled from an earlier run on these data."
ELSEWHERE = (
    "measured at other sizes, brought to these and to the speed of one core of this machine; it may be half as long or twice. "
    "After a first run on these data it is known better."
)


def start(spec: RunSpec, seeds: int) -> None:
    """Check the spec against the data at hand, then queue it, with further seeds those that are not there; a bad one leaves
    no record."""
    try:
        if seeds > 1:
            group = sweeps.Sweep(base=spec, seeds=tuple(range(spec.seed, spec.seed + seeds)))
            choose_run(sweeps.start(store(), group, queue(), load_data).runs[0])
            st.rerun()
        runs.check(replace(spec, device="cpu"), load_data(spec.data))
    except InvalidInput as error:
        st.error(plain(error), icon=":material/error:")
        return
    run = queue().submit(spec)
    choose_run(run.id)
    st.rerun()


def cost(spec: RunSpec, data: Dataset) -> None:
    """Memory, parameters and time, as far as they are known before the start: the sums in one line, the parts folded."""
    expected = estimate(store(), spec, data.samples.shape)
    time = "time known after the first run" if expected.seconds is None else about(expected.seconds)
    with st.expander(f"What it will need: {time}, {_megabytes(expected.bytes)}, {expected.cost.parameters:,} parameters"):
        parts = {"process": expected.process, **expected.cost.parts}
        st.caption("; ".join(f"{name}: {_megabytes(size)}" for name, size in parts.items()) + ".")
        if expected.seconds is not None:
            st.caption(f"Time: {EARLIER if expected.measured_on else ELSEWHERE}")
        scope = scope_words(spec, data.n_samples)
        if scope:
            st.caption(f":material/grid_off: {scope}")


def _megabytes(size: int) -> str:
    return f"{size / 2**30:.1f} GB" if size >= 2**30 else f"{size / 2**20:.1f} MB"


def watch(here: list[runs.Run]) -> None:
    """The run on these data that is looked at, and a choice among the others."""
    run = chosen_run(here)
    if run is None:
        st.info(
            "Nothing has been trained on these data yet. **Launch** shows a clustering form.", icon=":material/rocket_launch:"
        )
        return
    newest = here[:SHOWN_RUNS]
    names = told_apart(newest if run in newest else [*newest, run])
    with st.container(horizontal=True, vertical_alignment="center"):
        picked: Any = st.selectbox(
            "Run", list(names), index=list(names).index(run.id), format_func=lambda run_id: names[run_id],
            label_visibility="collapsed", width=380,
        )  # fmt: skip
        if run.over and st.button("Explore this run", type="primary", icon=":material/scatter_plot:"):
            st.switch_page("pages/explore.py", query_params={"run": run.id})
    if picked != run.id:
        choose_run(picked)
        st.rerun()
    live_panel(run.id)


def looks_at_run(spec: RunSpec, here: list[runs.Run]) -> bool:
    """Whether a run was chosen, by a launch, a link or a click, and no knob has been turned since."""
    chosen = st.session_state.get("run")
    if not any(run.id == chosen for run in here):
        return False
    settings_then = st.session_state.setdefault("knobs", {})
    return bool(settings_then.setdefault(chosen, spec) == spec)


through_app()
adopt_linked_run()
try:
    data = load_data(chosen_data())
except InvalidInput as problem:
    st.title("Train")
    st.error(plain(problem), icon=":material/error:")
    st.page_link("pages/data.py", label="Choose other data", icon=":material/database:")
    st.stop()
with st.container(horizontal=True, vertical_alignment="center"):
    st.title("Train", width="content")
    known = f"{data.n_classes} classes" if data.n_classes else "no labels"
    known += f" for {data.n_labelled:,} of them" if data.partly_labelled else ""
    held = f", {data.test.n_samples:,} more are held out for testing" if data.test is not None else ""
    st.caption(f"on **{plain(data.title)}**: {data.n_samples:,} samples, {known}{held}", width="content")
    st.page_link("pages/data.py", label="Other data", icon=":material/database:")
here = [run for run in store().runs(references=False) if run.spec.data == chosen_data()]
left, right = st.columns([1, 2.1], gap="medium")
with left:
    method = choose_method()
    wish = settings(method, data)
if wish.launch and wish.spec is not None:
    with left:
        start(wish.spec, wish.seeds)
with right:
    if data.y is None:
        how_many(chosen_data(), wish.key_of_k)
    if wish.spec is not None:
        with st.container(horizontal=True):
            cost(wish.spec, data)
            about_sweeps: Any = {"icon": ":material/stacked_line_chart:", "help": VARY, "disabled": read_only()}
            if st.button("Vary in a sweep", **about_sweeps):
                vary(wish.spec)
    if wish.follow and wish.spec is not None and not looks_at_run(wish.spec, here):
        if data.y is None and wish.spec.params["n_clusters"] is None:
            st.info("The pictures come once you have said how many clusters there are.", icon=":material/scatter_plot:")
        else:
            preview(wish.spec, data)
    else:
        watch(here)

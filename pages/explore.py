"""Explore: look closely at a run that is over."""

from __future__ import annotations

import streamlit as st

from core.common import InvalidInput
from core.runs import Status
from pages.ui.forms import segments
from pages.ui.live import badge, scope_words, trouble
from pages.ui.navigation import through_app
from pages.ui.offers import offered
from pages.ui.problems import told
from pages.ui.scorecard import score_card
from pages.ui.state import choose_run, chosen_run, load_data, run_name, store
from pages.ui.text import plain

through_app()
st.title("Explore")
with st.container(horizontal=True, vertical_alignment="bottom"):
    references = st.session_state.get("with_references", False)
    runs = [run for run in store().runs(references=True) if run.over and run.result.get("metrics")]
    shown = [run for run in runs if references or not run.reference]
    run = chosen_run(runs, shown)
    if run is None:
        st.info("There is no finished run yet.", icon=":material/info:")
        st.page_link("pages/train.py", label="Train one", icon=":material/play_circle:")
        st.stop()
    names = {other.id: run_name(other) for other in [*shown, run]}
    picked = st.selectbox("Run", list(names), index=list(names).index(run.id), format_func=lambda run_id: names[run_id])
    st.toggle("Reference runs too", key="with_references", help="k-means, spectral and ridge runs made as references.")
if picked != run.id:
    choose_run(picked)
    st.rerun()

try:
    data = load_data(run.spec.data)
except InvalidInput as problem:
    st.error(f"The data of this run cannot be loaded any more. {plain(problem)}", icon=":material/error:")
    st.stop()
with st.container(horizontal=True, vertical_alignment="center"):
    badge(run)
    changed = " with changes" if run.spec.modified else ""
    about = f"**{run.spec.method}** on **{plain(data.title)}**, {data.n_samples:,} samples, K = {run.result['n_clusters']}"
    st.caption(f"{about}, seed {run.spec.seed}, preset {run.spec.preset}{changed}")
scope = scope_words(run.spec, data.n_samples)
if scope:
    st.caption(f":material/grid_off: {scope}")
if data.fingerprint != run.result["fingerprint"]:
    st.error("The data set has changed since this run, so its results cannot be shown beside it.", icon=":material/error:")
    st.stop()
trouble(run)
if run.status == Status.STOPPED:
    st.caption(":material/stop: Stopped on request; these are the results of what was reached.")
with told():
    score_card(run)
    st.divider()
    fitting = offered(run, store().files.array_names(run.id, "final"))
    if "view" not in st.session_state and st.query_params.get("view") in fitting:
        st.session_state["view"] = st.query_params["view"]  # a link by the full name; Streamlit itself knows the titles
    titles = {name: view.label for name, view in fitting.items()}
    fitting[segments("View", titles, key="view", bind="query-params", label_visibility="collapsed")].draw(run, data)

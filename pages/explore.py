"""Explore: look closely at a run that is over."""

from __future__ import annotations

import streamlit as st

from core.common import InvalidInput
from core.runs import Status
from pages.ui import views
from pages.ui.anchors import anchors_view
from pages.ui.atoms import codes_view
from pages.ui.comparison import comparison_view
from pages.ui.confusion import confusion_view
from pages.ui.forms import segments
from pages.ui.live import badge, scope_words, trouble
from pages.ui.navigation import through_app
from pages.ui.newsamples import new_samples_view
from pages.ui.retrieval import retrieval_view
from pages.ui.scorecard import score_card
from pages.ui.state import choose_run, chosen_run, load_data, run_name, store
from pages.ui.text import plain

WORKBENCH, ANCHORS, CODES = "Workbench", "Anchors", "Codes"
VIEWS = {
    "Embedding": views.embedding_view,
    "Affinity": views.affinity_view,
    WORKBENCH: views.workbench_view,
    "Confusion": confusion_view,
    "Reconstructions": views.reconstruction_view,
    "Curves": views.curves_view,
    "Retrieval": retrieval_view,
    ANCHORS: anchors_view,
    CODES: codes_view,
    "New samples": new_samples_view,
    "Compare": comparison_view,
    "Record": views.record_view,
}
TITLES = {"Reconstructions": "Decoder", "New samples": "New", "Record": "Spec"}  # else the views would not fit one row

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
score_card(run)
st.divider()
stored = store().array_names(run.id, "final")  # a run has a graph S, or sparse codes, or C to work on, or none of them
own = ANCHORS if "S.row" in stored else CODES if {"D", "Z1"} & set(stored) else WORKBENCH
offered = {name: TITLES.get(name, name) for name in VIEWS if name == own or name not in (WORKBENCH, ANCHORS, CODES)}
if "view" not in st.session_state and st.query_params.get("view") in TITLES:
    st.session_state["view"] = st.query_params["view"]  # a link by the full name; Streamlit itself knows the titles
view = segments("View", offered, key="view", bind="query-params", label_visibility="collapsed")
VIEWS[view](run, data)

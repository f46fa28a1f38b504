"""Explore: look closely at a run that is over. The pictures come first, everything else stands below them."""

from __future__ import annotations

import streamlit as st

from core.common import InvalidInput
from core.datasets import Dataset
from core.runs import Run, Status
from pages.ui.forms import segments
from pages.ui.headline import about, headline
from pages.ui.lab import Seen, Stills, film_of, lab
from pages.ui.live import badge, trouble
from pages.ui.naming import told_apart
from pages.ui.navigation import presenting, through_app
from pages.ui.offers import offered
from pages.ui.problems import told
from pages.ui.selection import selection
from pages.ui.state import choose_run, chosen_run, load_data, store
from pages.ui.text import plain


def pick() -> Run:
    """The run that is looked at, and a choice among the others."""
    references = st.session_state.get("with_references", False)
    runs = [run for run in store().runs(references=True) if run.over and run.result.get("metrics")]
    shown = [run for run in runs if references or not run.reference]
    run = chosen_run(runs, shown)
    if run is None:
        st.title("Explore")
        st.info("There is no finished run yet.", icon=":material/info:")
        st.page_link("pages/train.py", label="Train one", icon=":material/play_circle:")
        st.stop()
    names = told_apart([*shown, *([] if run in shown else [run])])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("Explore", width="content")
        picked = st.selectbox(
            "Run", list(names), index=list(names).index(run.id), format_func=lambda run_id: names[run_id],
            label_visibility="collapsed", width=360,
        )  # fmt: skip
        badge(run)
        if run.alarms:
            st.badge(
                f"{len(run.alarms)} {'alarm' if len(run.alarms) == 1 else 'alarms'}", icon=":material/warning:", color="orange",
                help=plain(" ".join(alarm["message"] for alarm in run.alarms)),
            )  # fmt: skip
        st.markdown(headline(run), width="content")
    if picked != run.id:
        leave_behind(run, next(other for other in runs if other.id == picked))
        choose_run(picked)
        st.rerun()
    return run


def leave_behind(run: Run, other: Run) -> None:
    """Of what the link holds, moment and parts looked at are of one run; a choice of samples is of its data."""
    alike = run.result["fingerprint"] == other.result["fingerprint"]
    for name in ("at", "span", "near", *(() if alike else ("sel",))):
        st.query_params.pop(name, None)


def data_of(run: Run) -> Dataset:
    """The data of the run, as they were when it was trained."""
    try:
        data = load_data(run.spec.data)
    except InvalidInput as problem:
        st.error(f"The data of this run cannot be loaded any more. {plain(problem)}", icon=":material/error:")
        st.stop()
    if data.fingerprint != run.result["fingerprint"]:
        st.error("The data set has changed since this run, so its results cannot be shown beside it.", icon=":material/error:")
        st.stop()
    return data


through_app()
run = pick()
data = data_of(run)
seen = Seen()
with told():
    films = [film_of(run, run.id, data)]
    seen = lab(films, data, key=f"lab:{run.id}", stills=Stills(run, data), present=presenting(), link={"run": run.id})
if presenting():
    st.stop()
st.caption(about(run, data))
trouble(run)
if run.status == Status.STOPPED:
    st.caption(":material/stop: Stopped on request; these are the results of what was reached.")
with told():
    if seen.chosen or seen.sample is not None:
        selection(run, data, seen)
    fitting = offered(run, store().files.array_names(run.id, "final"))
    titles = {name: view.label for name, view in fitting.items()}
    view = fitting[segments("View", titles, key="view", bind="query-params", label_visibility="collapsed")]
    with st.container(key="view_body"):  # as high as the window: where a view is shorter than the last one, nothing jumps
        view.draw(run, data)

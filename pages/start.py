"""Start: what this app shows, moving, and three doors into it."""

from __future__ import annotations

import streamlit as st

from core import runs
from core.common import read_only
from core.runs import Prepared
from pages.ui.lab import living
from pages.ui.navigation import through_app
from pages.ui.problems import told
from pages.ui.state import choose_run, store

COLUMNS = 3


def doors() -> None:
    """Three ways in."""
    show, bring, redo = st.columns(3)
    with show.container(border=True, height="stretch"):
        st.page_link("pages/lessons.py", label="**Show me**", icon=":material/school:")
        st.caption("Short lessons: predict, then see.")
    with bring.container(border=True, height="stretch"):
        st.page_link("pages/data.py", label="**My data**", icon=":material/database:")
        st.caption("Bring a file, or make data with a known truth.")
    with redo.container(border=True, height="stretch"):
        st.page_link("pages/papers.py", label="**Redo a paper**", icon=":material/article:")
        st.caption("A printed table, ours beside it, and what is missing at a click.")


def picture(shown: Prepared) -> None:
    """A prepared run that moves, one sentence, and the way to it."""
    with st.container(border=True, height="stretch"):
        st.markdown(f"**{shown.title}**")
        living(shown)
        st.caption(shown.sentence)
        known = store().has(shown.run_id)
        if st.button("Explore", key=f"open:{shown.name}", icon=":material/scatter_plot:", disabled=read_only() and not known):
            run = runs.bring(store(), shown.name)
            choose_run(run)
            st.switch_page("pages/explore.py", query_params={"run": run})


through_app()
st.title("Affinity Lab")
st.caption(
    "Deep clustering, watched: each picture is a run as it was trained. Points are samples, their colours the true classes; "
    "the square is the affinity, ordered by cluster."
)
doors()
shown = [prepared for prepared in runs.prepared_runs().values() if prepared.start]
for first in range(0, len(shown), COLUMNS):
    for column, prepared in zip(st.columns(COLUMNS), shown[first : first + COLUMNS]):
        with column, told():
            picture(prepared)

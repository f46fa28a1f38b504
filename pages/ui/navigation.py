"""The pages of the app, and the way to them."""

from __future__ import annotations

import streamlit as st
from streamlit import net_util
from streamlit.navigation.page import StreamlitPage

from pages.ui.firstpaint import STYLE, comes_styled

_IN_APP = "in_app"


def presenting() -> bool:
    """Whether the link asks for the projector: large pictures and type, and nothing beside them."""
    return st.query_params.get("present") == "1"


def navigation() -> StreamlitPage:
    """Configure the app, declare its pages, and return the one that is asked for."""
    net_util._external_ip = ""  # Streamlit asks a service on the internet for it when an origin is foreign to it
    st.set_page_config(page_title="Affinity Lab", page_icon="assets/icon.png", layout="wide")
    if not comes_styled():
        st.html(STYLE)
    return st.navigation(
        [
            st.Page("pages/start.py", title="Start", icon=":material/home:", default=True),
            st.Page("pages/lessons.py", title="Lessons", icon=":material/school:", url_path="lessons"),
            st.Page("pages/data.py", title="Data", icon=":material/database:", url_path="data"),
            st.Page("pages/train.py", title="Train", icon=":material/play_circle:", url_path="train"),
            st.Page("pages/explore.py", title="Explore", icon=":material/scatter_plot:", url_path="explore"),
            st.Page("pages/compare.py", title="Compare", icon=":material/compare:", url_path="compare"),
            st.Page("pages/sweeps.py", title="Sweeps", icon=":material/stacked_line_chart:", url_path="sweeps"),
            st.Page("pages/autoencoders.py", title="Auto-encoders", icon=":material/compress:", url_path="autoencoders"),
            st.Page("pages/papers.py", title="Papers", icon=":material/article:", url_path="papers"),
            st.Page("pages/runs.py", title="Runs", icon=":material/list_alt:", url_path="runs"),
            st.Page("pages/results.py", title="Results", icon=":material/table_chart:", url_path="results"),
        ],
        position="hidden" if presenting() else "sidebar",
    )


def app_runs() -> None:
    """Take note that app.py runs around the page of this visitor."""
    st.session_state[_IN_APP] = True


def through_app() -> None:
    """Make sure that app.py runs around the page.

    Until a server has run app.py once, Streamlit treats every script in pages/ as a page of its own, so a deep link that is
    the first visit of all would show a bare page, and so would one that comes while the first visit is on its way.
    Declaring the navigation and starting over mends that; whoever leaves before it took effect leaves the next visitor
    where he was.
    """
    if _IN_APP not in st.session_state:
        navigation()
        st.rerun()

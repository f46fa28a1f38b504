"""Papers: a table as it is printed, ours beside it, and a click that runs what is missing."""

from __future__ import annotations

import streamlit as st

from pages.ui.navigation import through_app
from pages.ui.paper_table import paper_view
from pages.ui.problems import told

through_app()
st.title("Papers")
with told():
    paper_view()

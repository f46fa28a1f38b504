"""Results: what was measured with this app, each table with the command that makes it."""

from __future__ import annotations

import streamlit as st

from pages.ui.navigation import through_app
from pages.ui.results import results_view

through_app()
st.title("Results")
results_view()

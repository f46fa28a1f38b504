"""Affinity Lab: navigation and the shared sidebar."""

import streamlit as st

from pages.ui.garbage import spare_libraries
from pages.ui.navigation import app_runs, navigation, presenting
from pages.ui.problems import told
from pages.ui.sidebar import sidebar

app_runs()
spare_libraries()
page = navigation()
if not presenting():
    st.logo("assets/logo.svg", size="large")
    sidebar()
with told():
    page.run()

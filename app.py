"""Affinity Lab: navigation and the shared sidebar."""

import streamlit as st

from pages.ui.navigation import navigation, presenting
from pages.ui.problems import told
from pages.ui.sidebar import sidebar

page = navigation()
st.logo("assets/logo.svg", size="large")
if not presenting():
    sidebar()
with told():
    page.run()

"""Lessons."""

from __future__ import annotations

import streamlit as st

from pages.ui.navigation import through_app

through_app()
st.title("Lessons")

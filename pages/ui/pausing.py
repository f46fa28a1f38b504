"""The button that holds something back, and lets it go on."""

from __future__ import annotations

from typing import Any

import streamlit as st

WIDTH = 112  # pixels: room for the longer of its two names


def pause_button(held: bool, *, key: str, **about: Any) -> bool:
    """Draw "Pause", or "Resume" where it is held back; `about` as of ``st.button``. Return whether it was pressed.

    One button of one width, whatever its name: two that replace each other stand side by side until the whole panel is
    drawn, and move what is beside them under the pointer, so that a click begins on one button and ends on another.
    """
    label, icon = ("Resume", ":material/play_arrow:") if held else ("Pause", ":material/pause:")
    return st.button(label, icon=icon, key=key, width=WIDTH, **about)

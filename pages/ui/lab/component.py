"""The component of the lab: plain scripts that are read one after the other, so that there is nothing to build."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit import runtime

BINARY = "application/octet-stream"
_HERE = Path(__file__).parent
_SCRIPTS = ("records", "film", "panel", "closer", "scatter", "matrix", "confusion", "timeline", "pictures", "lab")


@st.cache_resource(show_spinner=False)
def component() -> Callable[..., Any]:
    """The registered component."""
    return st.components.v2.component(
        "affinity_lab",
        html=(_HERE / "lab.html").read_text(),
        css=(_HERE / "lab.css").read_text(),
        js="\n".join((_HERE / f"{name}.js").read_text() for name in _SCRIPTS),
    )


def address(content: bytes, kind: str, place: str) -> str:
    """Where the browser can fetch some bytes: sent once, then known to it by their content.

    Streamlit keeps them as it keeps the pictures of `st.image`, for as long as a page shows them.
    """
    if not runtime.exists():
        return ""  # a page that is tested without a server has nobody to fetch them
    return runtime.get_instance().media_file_mgr.add(content, kind, place)

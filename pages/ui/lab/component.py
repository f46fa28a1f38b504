"""The component of the lab, and where it finds what it shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamlit import runtime

from pages.ui.mounting import registered

BINARY = "application/octet-stream"
HERE = Path(__file__).parent
SCRIPTS = ("records", "film", "panel", "closer", "scatter", "matrix", "confusion", "timeline", "pictures", "lab")


def component() -> Callable[..., Any]:
    """The registered component."""
    return registered("affinity_lab", HERE, "lab", SCRIPTS)


def address(content: bytes, kind: str, place: str) -> str:
    """Where the browser can fetch some bytes: sent once, then known to it by their content.

    Streamlit keeps them as it keeps the pictures of `st.image`, for as long as a page shows them.
    """
    if not runtime.exists():
        return ""  # a page that is tested without a server has nobody to fetch them
    return runtime.get_instance().media_file_mgr.add(content, kind, place)

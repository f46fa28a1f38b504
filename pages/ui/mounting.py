"""Components of our own: plain scripts that are read one after the other, so that there is nothing to build."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

_MOUNT = Path(__file__).parent / "mounting.js"


def script_of(folder: Path, scripts: Sequence[str]) -> str:
    """The module of a component: what all have in common, then its own scripts."""
    return "\n".join(file.read_text() for file in (_MOUNT, *(folder / f"{name}.js" for name in scripts)))


@st.cache_resource(show_spinner=False)
def registered(name: str, folder: Path, page: str, scripts: Sequence[str]) -> Callable[..., Any]:
    """The component of some scripts and of the HTML and CSS called `page` beside them."""
    html, css = ((folder / f"{page}.{kind}").read_text() for kind in ("html", "css"))
    return st.components.v2.component(name, html=html, css=css, js=script_of(folder, scripts))

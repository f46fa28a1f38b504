"""Parts of a page that draw themselves again while the rest of it stands."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import streamlit as st

from pages.ui.problems import told

Given = ParamSpec("Given")


def ticking(draw: Callable[Given, None], seconds: float | None, *args: Given.args, **kwargs: Given.kwargs) -> None:
    """Draw a part of the page again every few seconds; None: only when one of its own widgets is used.

    The container is no ornament. A fragment that runs again before the page was sent takes back what the page had
    queued of it, its own block included. What comes after it on the page would then have a gap before it, on which
    the browser gives up and shows nothing at all. The container belongs to the page, so it stays and fills the gap.

    What it shows may be gone when it draws itself again, a run that another user has deleted, say. No page stands
    around it then to say so, hence it does.
    """

    @wraps(draw)  # by its name the server tells one part from another
    def drawn(*args: Given.args, **kwargs: Given.kwargs) -> None:
        with told():
            draw(*args, **kwargs)

    with st.container():
        st.fragment(drawn, run_every=seconds)(*args, **kwargs)

"""Questions to the analyst, and waiting for their answers without blocking the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.explore import Answer
from pages.ui.state import queue
from pages.ui.text import plain

POLL_SECONDS = 0.5


def answered(task: str, draw: Callable[[Answer], None], *, waiting: str = "Working it out", **arguments: Any) -> None:
    """Ask, and draw the answer; until it is there, show that it is being worked on and look again soon."""
    answer = queue().analyst.ask(task, **arguments)
    if answer.error:
        st.error(plain(answer.error), icon=":material/error:")
    elif answer.pending:
        st.fragment(_wait, run_every=POLL_SECONDS)(task, waiting, arguments)
    else:
        draw(answer)


def _wait(task: str, waiting: str, arguments: dict[str, Any]) -> None:
    answer = queue().analyst.ask(task, **arguments)
    if answer.pending:
        st.caption(f":material/hourglass_top: {waiting} … {answer.seconds:.0f} s")
        st.skeleton(height=240)
    else:
        st.rerun()

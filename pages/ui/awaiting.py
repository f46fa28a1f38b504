"""Questions to the analyst, and waiting for their answers without blocking the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.explore import Answer
from pages.ui.state import queue
from pages.ui.text import plain
from pages.ui.ticking import ticking

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Long:
    """Work of minutes: how many seconds it may take in all, and what else a click on Stop does."""

    seconds: float
    on_stop: Callable[[], None]


def answered(
    task: str, draw: Callable[[Answer], None], *, waiting: str = "Working it out", long: Long | None = None, **arguments: Any
) -> None:
    """Ask, and draw the answer; until it is there, show that it is being worked on and look again soon."""
    answer = queue().analyst.ask(task, **arguments)
    if answer.error:
        st.error(plain(answer.error), icon=":material/error:")
        if long:
            st.button("Back", icon=":material/undo:", key=f"back:{task}", on_click=long.on_stop)
    elif answer.pending:
        ticking(_wait, POLL_SECONDS, task, waiting, long, arguments)
    else:
        draw(answer)


def _wait(task: str, waiting: str, long: Long | None, arguments: dict[str, Any]) -> None:
    if long and st.button("Stop", icon=":material/stop:", key=f"stop:{task}", on_click=_stop, args=(task, long, arguments)):
        st.rerun()  # before the question is asked again
    answer = queue().analyst.ask(task, **arguments)
    if not answer.pending:
        st.rerun()
    st.caption(f":material/hourglass_top: {waiting} … {_so_far(answer, long)}")
    if answer.progress:
        st.progress(answer.progress.done / answer.progress.total)
    st.skeleton(height=240)


def _stop(task: str, long: Long, arguments: dict[str, Any]) -> None:
    queue().analyst.stop(task, **arguments)
    long.on_stop()


def _so_far(answer: Answer, long: Long | None) -> str:
    """Time that went by, iterations that are done, and how long it may take while that is still to be believed."""
    parts = [f"{answer.seconds:.0f} s"]
    if long and answer.seconds < long.seconds:
        parts.append(f"{about(long.seconds)} in all")
    if answer.progress:
        parts.append(f"iteration {answer.progress.done} of {answer.progress.total}")
    return ", ".join(parts)


def about(seconds: float) -> str:
    """An expected time in words, no more precise than it is known."""
    if seconds < 8:
        return "a few seconds"
    if seconds < 90:
        return f"about {round(seconds, -1):.0f} s"
    return f"about {seconds / 60:.0f} min"

"""Lessons: one question each, predict before you see, and a knob that answers at once."""

from __future__ import annotations

import streamlit as st

from core import lessons
from core.lessons import Lesson
from pages.ui.lesson import shown, words
from pages.ui.navigation import through_app
from pages.ui.problems import told

COLUMNS = 2


def contents(known: list[Lesson]) -> None:
    """All lessons, each with its question."""
    st.title("Lessons")
    st.caption("Each takes a few minutes: predict first, then see. A link to a step can be handed out.")
    for first in range(0, len(known), COLUMNS):
        for column, lesson in zip(st.columns(COLUMNS), known[first : first + COLUMNS]):
            with column.container(border=True, height="stretch"):
                st.markdown(f"**{lesson.title}**")
                st.markdown(lesson.question)
                st.button("Begin", key=f"begin:{lesson.name}", on_click=go, args=(lesson.name, 1), icon=":material/school:")


def go(lesson: str | None, step: int = 1) -> None:
    """To a step, or to the contents; the address says where one is."""
    for name in ("lesson", "step"):
        st.query_params.pop(name, None)
    if lesson is not None:
        st.query_params.update({"lesson": lesson, "step": str(step)})


def walk(lesson: Lesson, number: int) -> None:
    """One step: what to think about on the left, what to look at on the right."""
    step, last, key = lesson.steps[number - 1], len(lesson.steps), f"{lesson.name}:{number}"
    st.title(lesson.title)
    st.progress(number / last, text=f"{lesson.question} Step {number} of {last}.")
    left, right = st.columns([1, 2], gap="medium")
    with left:
        answered = words(step, key)
        with st.container(horizontal=True):
            st.button("Back", on_click=go, args=(lesson.name, number - 1), disabled=number == 1, icon=":material/arrow_back:")
            if number < last:
                st.button("Next", on_click=go, args=(lesson.name, number + 1), type="primary", icon=":material/arrow_forward:")
            else:
                st.button("Done", on_click=go, args=(None,), type="primary", icon=":material/check:")
    with right, told():
        shown(step, key, answered)
    if number < last:
        st.button("All lessons", on_click=go, args=(None,), icon=":material/school:", type="tertiary")


def asked_step(lesson: Lesson) -> int:
    """The step that the link asks for, if there is one of that number."""
    asked = st.query_params.get("step", "1")
    return min(max(int(asked), 1), len(lesson.steps)) if asked.isdecimal() else 1


through_app()
every = lessons.lessons()
chosen = every.get(st.query_params.get("lesson", ""))
if chosen is None:
    contents(list(every.values()))
else:
    walk(chosen, asked_step(chosen))

"""How many points a projection shows: some at once, all of them where the user waits for it."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core import evaluation
from core.evaluation import PROJECTIONS
from core.explore import MAX_POINTS, MOST_POINTS, Answer
from pages.ui.awaiting import Long, about


@dataclass(frozen=True)
class Crowd:
    """The points of one picture: what they are of and how they are projected, and how many there could be."""

    picture: str
    kind: str
    n_components: int
    n: int

    @property
    def all_wanted(self) -> bool:
        return self.n > MAX_POINTS and self.picture in _wanted()

    @property
    def most(self) -> int:
        """How many to ask for."""
        return MOST_POINTS if self.all_wanted else MAX_POINTS

    @property
    def long(self) -> Long | None:
        """What to say while waiting for all points."""
        return Long(_wanted()[self.picture], self.fewer) if self.all_wanted else None

    def more(self, seconds: float) -> None:
        _wanted()[self.picture] = seconds

    def fewer(self) -> None:
        _wanted().pop(self.picture, None)

    def expected_seconds(self, answer: Answer) -> float:
        """How long all points may take, by how long the present ones took on this machine."""
        few, many = len(answer.arrays["shown"]), min(self.n, MOST_POINTS)
        longer = evaluation.times_longer(self.kind, self.n_components, many, few) if self.kind in PROJECTIONS else 1.0
        return float(answer.facts["projecting"]) * longer


def crowd_bar(crowd: Crowd, answer: Answer) -> None:
    """How many of the samples are shown, and a click to show all, or a few again."""
    if crowd.n <= MAX_POINTS:
        return
    shown = len(answer.arrays["shown"])
    with st.container(horizontal=True, vertical_alignment="center"):
        words = f"All {crowd.n:,} samples." if shown == crowd.n else f"A random {shown:,} of {crowd.n:,} samples."
        st.caption(words, width="content")
        if crowd.all_wanted:
            st.button(f"Only {MAX_POINTS:,} points", key="e_fewer", on_click=crowd.fewer)
            return
        seconds = crowd.expected_seconds(answer)
        title = f"All {crowd.n:,} points" if crowd.n <= MOST_POINTS else f"{MOST_POINTS:,} points"
        st.button(
            f"{title}, {about(seconds)}",
            key="e_more",
            on_click=crowd.more,
            args=(seconds,),
            help="Worked out beside everything else, and kept. Drawing them takes the browser some seconds more.",
        )


def _wanted() -> dict[str, float]:
    """The pictures that this user wants all points of, and how many seconds each was said to take."""
    wanted: dict[str, float] = st.session_state.setdefault("e_wanted", {})
    return wanted

"""An instant method that follows its knobs: nothing is recorded until it is launched."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import streamlit as st

from core import methods
from core.datasets import Dataset
from core.explore import Answer, scene
from core.runs import RunSpec
from pages.ui.headline import score_words
from pages.ui.lab import Film, codes_of, pictures_of, single_frame
from pages.ui.lab import lab as draw_lab
from pages.ui.state import queue
from pages.ui.text import plain
from pages.ui.ticking import ticking

POLL_SECONDS = 0.15
Draw = Callable[[RunSpec, Answer], None]


def preview(spec: RunSpec, data: Dataset) -> None:
    """The pictures of a spec as soon as they are there; those of the one before, on the same data, stay until then."""
    follow(spec, lambda of, answer: draw(of, data, answer), kept=(spec.method, data.fingerprint))


def follow(spec: RunSpec, drawn: Draw, *, kept: Hashable) -> None:
    """Draw the answer to a spec once it is there, and until then the last one that was drawn under the name `kept`."""
    asked = spec.to_dict()
    answer = queue().analyst.ask("preview", spec=asked)
    if answer.error:
        st.error(plain(answer.error), icon=":material/error:")
        return
    if answer.pending:
        ticking(_wait, POLL_SECONDS, asked)
        before = st.session_state.get("preview", {}).get(kept)
        if before is None:
            st.skeleton(height=320)
            return
        spec, answer = before
    else:
        st.session_state["preview"] = {kept: (spec, answer)}
    drawn(spec, answer)


def draw(spec: RunSpec, data: Dataset, answer: Answer) -> None:
    cls = methods.method_class(spec.method)
    st.markdown(f"**{cls.title}** as it is set  ·  {score_words(answer.facts['scores'], cls)}")
    name = f"preview:{spec.method}"
    draw_lab([film_of_answer(name, spec, data, answer)], data, key=name, brief=True)
    st.caption("Nothing of this is kept. **Launch** makes a run of it, to explore, compare and download.")


def film_of_answer(name: str, spec: RunSpec, data: Dataset, answer: Answer) -> Film:
    """A film of one frame."""
    cls, K = methods.method_class(spec.method), answer.facts["n_clusters"]
    known = scene(name, data, K, pictures_of(data), affinity=cls.reads != "Z")
    frame = single_frame(answer.arrays, answer.facts["scores"])
    return Film(name, cls.title, known, [frame], K, codes=codes_of(cls, data))


def _wait(asked: dict[str, object]) -> None:
    answer = queue().analyst.ask("preview", spec=asked)
    if not answer.pending:
        st.rerun()
    st.caption(f":material/hourglass_top: {answer.seconds:.0f} s …" if answer.seconds > 1 else "")

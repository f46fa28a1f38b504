"""An instant method that follows its knobs: nothing is recorded until it is launched."""

from __future__ import annotations

import streamlit as st

from core import methods
from core.datasets import Dataset
from core.explore import Answer, scene
from core.runs import RunSpec
from pages.ui.headline import score_words
from pages.ui.lab import Film, lab, pictures_of, single_frame
from pages.ui.state import queue
from pages.ui.text import plain

POLL_SECONDS = 0.15


def preview(spec: RunSpec, data: Dataset) -> None:
    """The pictures of a spec as soon as they are there; those of the one before stay until then."""
    asked = spec.to_dict()
    answer = queue().analyst.ask("preview", spec=asked)
    if answer.error:
        st.error(plain(answer.error), icon=":material/error:")
        return
    if answer.pending:
        st.fragment(_wait, run_every=POLL_SECONDS)(asked)
        answer = st.session_state.get("preview", {}).get((spec.method, data.fingerprint), answer)
        if answer.pending:
            st.skeleton(height=320)
            return
    else:
        st.session_state["preview"] = {(spec.method, data.fingerprint): answer}
    draw(spec, data, answer)


def draw(spec: RunSpec, data: Dataset, answer: Answer) -> None:
    cls = methods.method_class(spec.method)
    st.markdown(f"**{cls.title}** as it is set  ·  {score_words(answer.facts['scores'], cls)}")
    K = answer.facts["n_clusters"]
    name = f"preview:{spec.method}"
    known = scene(name, data, K, pictures_of(data), affinity=cls.reads != "Z")
    lab([Film(name, cls.title, known, [single_frame(answer.arrays, answer.facts["scores"])], K)], data, key=name, brief=True)
    st.caption("Nothing of this is kept. **Launch** makes a run of it, to explore, compare and download.")


def _wait(asked: dict[str, object]) -> None:
    answer = queue().analyst.ask("preview", spec=asked)
    if not answer.pending:
        st.rerun()
    st.caption(f":material/hourglass_top: {answer.seconds:.0f} s …" if answer.seconds > 1 else "")

"""How many clusters? Asked where data bring no labels, with a suggestion and the picture that it was read off."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core.datasets import DataSpec
from core.explore import Answer
from core.plots.lines import signs
from pages.ui.awaiting import answered


def how_many(spec: DataSpec, key: str) -> None:
    """The question, and what the data say to it; `key` is that of the field of K, which a click fills."""
    given = st.session_state.get(key)
    with st.expander(f"How many clusters? {f'K = {given}' if given else 'You decide.'}", expanded=not given):
        st.markdown("These data have no labels, so **K is yours to choose**. What they say themselves is advice:")
        answered("clusters", partial(_draw, key), waiting="Looking for groups", data=spec.to_dict())


def _draw(key: str, answer: Answer) -> None:
    facts, arrays = answer.facts, answer.arrays
    with st.container(horizontal=True, vertical_alignment="center"):
        for place, K in enumerate(facts["suggested"]):
            st.button(
                f"Take K = {K}", key=f"take:{key}:{K}", on_click=partial(_take, key, K),
                type="primary" if place == 0 else "secondary",
            )  # fmt: skip
        st.caption("The first is the suggestion.")
    left, right = st.columns(2)
    first = facts["suggested"][0]
    with left:
        st.caption("**Eigenvalues** of the Laplacian: a jump after K says that they fall into K parts; dashed, the suggestion.")
        values = {"eigenvalue": list(enumerate(arrays["eigenvalues"].tolist(), start=1))}
        st.echarts_chart(signs(values, first), height=190, key=f"gaps:{key}", alt="Eigenvalues, with a mark after K")
    with right:
        st.caption("**Both signs** for each K: the relative jump, and whether other samples give the same clusters.")
        values = {
            "relative eigengap": list(zip(arrays["tried"].tolist(), arrays["gaps"].tolist(), strict=True)),
            "stability": list(zip(arrays["tried"].tolist(), arrays["stability"].tolist(), strict=True)),
        }
        st.echarts_chart(signs(values, first), height=190, key=f"signs:{key}", alt="Relative eigengap and stability for each K")
    st.caption(f"Looked at {facts['n_samples']:,} samples. {facts['known']}")


def _take(key: str, K: int) -> None:
    st.session_state[key] = K

"""Beside the knobs of the workbench: what a choice without labels would take, what it tried, and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core.explore import Answer
from core.runs import Run
from pages.ui.awaiting import answered

NAMES = {"dim": "d dimensions", "exponent": "q of the eigenvalues", "kept_neighbors": "k neighbours", "smoothing": "smoothing"}


def suggestions(run: Run, constants: Mapping[str, Any]) -> None:
    """A suggestion for one constant of the graph of neighbours, the others as they are now."""
    with st.expander("Suggest without labels"):
        name: Any = st.selectbox(
            "Constant", list(NAMES), index=None, format_func=NAMES.__getitem__, key=f"suggest:{run.id}",
            placeholder="choose one",
        )  # fmt: skip
        if name is None:
            of = "Of the affinity *neighbors*, or *stochastic* (smoothing)"
            st.caption(f"{of}: its values are tried on this C, and the clusterings compared.")
            return
        others = {key: constants[key] for key in ("dim", "exponent", "power", "kept_neighbors", "n_clusters")}
        answered("suggest", _draw, run=run.id, name=name, **others)


def _draw(answer: Answer) -> None:
    facts, titles = answer.facts, {"value": "Value", "agreement": "Agreement", "acc": "ACC, not looked at"}
    st.dataframe(pd.DataFrame(facts["tried"]).rename(columns=titles), hide_index=True)
    st.markdown(f"Suggested: **{facts['chosen']:g}**, whose clusters agree best with the others'.")
    beside = "Agreement is the mean NMI with the clusters of the other values, and of the samples' and the codes' neighbours."
    st.caption(f"{facts['regret']} {beside}")

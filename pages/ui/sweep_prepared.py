"""A sweep that comes with the app: its pictures at once, and a click that runs it here."""

from __future__ import annotations

import streamlit as st

from core import sweeps
from core.common import read_only
from pages.ui.awaiting import about
from pages.ui.state import load_data, queue, store
from pages.ui.sweep_pictures import pictures, what_matters
from pages.ui.sweep_words import titled
from pages.ui.text import plain


def prepared_panel(name: str) -> None:
    """What there is to see, the pictures, and the runs as a table."""
    figure = sweeps.prepared_sweeps()[name]
    record, rows = sweeps.prepared_sweep(name)
    st.markdown(plain(figure.note))
    seconds = sum(row.scores.get(sweeps.SECONDS, 0.0) for row in rows)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Run it here", type="primary", icon=":material/play_arrow:", disabled=read_only()):
            st.query_params["sweep"] = sweeps.start(store(), figure.sweep(), queue(), load_data).id
            st.rerun()
        words = f"{len(rows)} runs, {about(seconds)} of training: then each point opens its run."
        st.caption(f"{words} The labels were looked at when the settings were chosen.", width="content")
    pictures(record, rows)
    what_matters(record, rows)
    flat = [{name: value for name, value in row.flat().items() if name not in ("status", "error")} for row in rows]
    st.dataframe(titled(flat), hide_index=True, placeholder="–", alt="Table of the runs of the sweep")

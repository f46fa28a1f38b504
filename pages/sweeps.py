"""Sweeps: how a method's result depends on its hyperparameters, the data and the seed."""

from __future__ import annotations

import streamlit as st

from core.common import InvalidInput
from core.sweeps import SweepStore
from pages.ui.navigation import through_app
from pages.ui.problems import told
from pages.ui.state import chosen_data, load_data, store
from pages.ui.sweep_form import new_sweep
from pages.ui.sweep_table import sweep_panel
from pages.ui.text import plain


def choose(known: list[str]) -> str | None:
    """A sweep by the link, or by the list; the newest at first."""
    if not known:
        return None
    wanted = st.query_params.get("sweep")
    kept = SweepStore(store().home)
    titles = {sweep_id: kept.get(sweep_id).title for sweep_id in known}
    return st.selectbox(
        "Sweep", known, index=known.index(wanted) if wanted in known else 0, label_visibility="collapsed",
        key=f"sweep:{wanted}", format_func=lambda sweep_id: f"{titles[sweep_id]} · {sweep_id[:13]}",
    )  # fmt: skip


def begin() -> None:
    """The form, on the chosen data; a sweep that is started is shown."""
    try:
        data = load_data(chosen_data())
    except InvalidInput as problem:
        st.error(plain(problem), icon=":material/error:")
        st.page_link("pages/data.py", label="Choose other data", icon=":material/database:")
        return
    st.caption(f"on **{plain(data.title)}**: {data.n_samples:,} samples")
    started = new_sweep()
    if started is not None:
        st.query_params["sweep"] = started.id
        st.rerun()


through_app()
st.title("Sweeps")
with told():
    known = SweepStore(store().home).ids()
    form = st.expander("New sweep", icon=":material/add:", expanded=not known, key="sweep_new", on_change="rerun")
    if form.open:  # what it will take is worked out anew at every click
        with form:
            begin()
    chosen = choose(known)
    if chosen is None:
        st.info("Nothing has been swept yet.", icon=":material/info:")
    else:
        sweep_panel(chosen)

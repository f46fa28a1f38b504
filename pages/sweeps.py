"""Sweeps: how a method's result depends on its hyperparameters, the data and the seed."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.common import InvalidInput
from core.sweeps import PREFIX, SweepStore, prepared_sweeps
from pages.ui.navigation import through_app
from pages.ui.problems import told
from pages.ui.state import chosen_data, load_data, store
from pages.ui.sweep_form import form_key, new_sweep
from pages.ui.sweep_prepared import prepared_panel
from pages.ui.sweep_table import sweep_panel
from pages.ui.text import plain

CHOICE = "sweep_chosen"


def choose(known: list[str]) -> str:
    """A sweep by the link, or by the list; at first the one looked at last, else the newest; those of the app come last.

    Of one whose file is broken nothing but that is told.
    """
    titles: dict[str, str] = {}
    for sweep_id in known:
        with told():
            titles[sweep_id] = f"{title_of(str(store().home), sweep_id)} · {sweep_id[:13]}"
    titles |= {PREFIX + name: f"{figure.title} · comes with the app" for name, figure in prepared_sweeps().items()}
    wanted = st.query_params.get("sweep") or st.session_state.get("sweep_shown")  # Back comes without it
    # One list whatever is chosen: one that takes the place of another stands beside it until the page is drawn.
    st.session_state[CHOICE] = wanted if wanted in titles else next(iter(titles))
    shown: str = st.selectbox(
        "Sweep", list(titles), label_visibility="collapsed", key=CHOICE, format_func=lambda sweep_id: titles[sweep_id],
        on_change=_linked,
    )  # fmt: skip
    st.session_state["sweep_shown"] = shown
    return shown


def _linked() -> None:
    """What is chosen goes into the link; what is shown by itself does not, or Back would lead to where one is."""
    st.query_params["sweep"] = st.session_state[CHOICE]


@st.cache_data(show_spinner=False)
def title_of(home: str, sweep_id: str) -> str:
    """What a sweep is called, which never changes."""
    return SweepStore(Path(home)).get(sweep_id).title


def begin() -> None:
    """The form, on the chosen data; a sweep that is started is shown."""
    try:
        data = load_data(chosen_data())
    except InvalidInput as problem:
        st.error(plain(problem), icon=":material/error:")
        st.page_link("pages/data.py", label="Choose other data", icon=":material/database:")
        return
    started = new_sweep(data)
    if started is not None:
        st.query_params["sweep"] = started.id
        st.rerun()


through_app()
st.title("Sweeps")
with told():
    known = SweepStore(store().home).ids()
    form = st.expander("New sweep", icon=":material/add:", expanded=False, key=form_key(len(known)), on_change="rerun")
    if form.open:  # what it will take is worked out anew at every click
        with form:
            begin()
    chosen = choose(known)
    if chosen.startswith(PREFIX):
        prepared_panel(chosen.removeprefix(PREFIX))
    else:
        sweep_panel(chosen)

"""A classic that is not on this machine: its terms, then a click that fetches it, and how far that is."""

from __future__ import annotations

import streamlit as st

from core import datasets
from core.common import read_only
from core.datasets import Entry, Errand
from pages.ui.text import plain
from pages.ui.ticking import ticking

POLL_SECONDS = 0.5


@st.cache_resource(show_spinner=False)
def _errands() -> dict[str, Errand]:
    """Those on their way or over, by the file that they get: all users see the same."""
    return {}


def offer(entry: Entry) -> None:
    """What must be known before it is fetched, and the click; or how far it is."""
    st.info(f"**{entry.title} is not on this machine.** {entry.summary}", icon=":material/download:")
    size = datasets.megabytes(entry)
    if size is not None and entry.file is not None:
        errand = _errands().get(entry.file)
        if errand is not None and not errand.told.over:
            ticking(_progress, POLL_SECONDS, entry)
        else:
            _ask(entry, size, errand)
    with st.expander("Get it by hand", expanded=size is None):
        st.markdown(plain(entry.how_to_get))


def recipes() -> None:
    """What of the papers' data nobody may pass on, who has it, and how it is brought."""
    with st.expander("Data that cannot be fetched", icon=":material/menu_book:"):
        for recipe in datasets.RECIPES.values():
            st.markdown(f"**{plain(recipe.title)}.** {plain(recipe.who)} {plain(recipe.how)}")


def _ask(entry: Entry, size: float, before: Errand | None) -> None:
    st.markdown(f"**Terms.** {plain(entry.terms)}")
    label = f"Fetch it under these terms (about {size:.0f} MB)"
    st.button(label, type="primary", icon=":material/cloud_download:", disabled=read_only(), on_click=_start, args=(entry,))
    if before is not None and before.told.error:
        st.error(plain(before.told.error), icon=":material/error:")


def _start(entry: Entry) -> None:
    assert entry.file is not None
    _errands()[entry.file] = Errand(entry.name)


def _progress(entry: Entry) -> None:
    assert entry.file is not None
    errand = _errands()[entry.file]
    told = errand.told
    if told.over:
        st.rerun()
    share = min(told.done / told.total, 1.0) if told.total else 0.0
    far = f": {told.done / 2**20:.1f} of {told.total / 2**20:.1f} MB" if told.total else " …"
    st.progress(share, text=f"{plain(told.words)}{far}")
    if st.button("Stop", icon=":material/stop:", help="What has come is kept: the next click goes on from there."):
        errand.stop()
        st.rerun()

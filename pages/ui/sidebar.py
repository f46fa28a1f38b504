"""The sidebar: what is training now, and where."""

from __future__ import annotations

import streamlit as st

from core.runs import ACTIVE, Status
from pages.ui.state import queue, store


def sidebar() -> None:
    """Queue and machine at a glance, on every page."""
    with st.sidebar:
        _activity()
        machine = store().notices.read("machine")
        if machine:
            where = machine["gpu"] or f"{machine['cores']} CPU cores"
            st.caption(f":material/memory: {where}")


@st.fragment(run_every=3)
def _activity() -> None:
    active = store().runs(status=[*ACTIVE, Status.QUEUED], references=False)
    queue()  # wakes the supervision on the first visit
    if not active:
        st.caption(":material/hotel: Nothing is training.")
    for run in reversed(active):
        progress = run.progress
        total, step = progress.get("total") or 0, progress.get("step") or 0
        st.caption(f"**{run.spec.method}** on {run.spec.data.label} · {run.status}")
        if total:
            st.progress(min(step / total, 1.0), text=f"{progress['stage']} {step} / {total}")

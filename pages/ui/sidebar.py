"""The sidebar: what is training now, and where."""

from __future__ import annotations

import streamlit as st

from core.common import READ_ONLY, read_only
from core.runs import ACTIVE, Status, training_threads
from pages.ui.state import queue, store
from pages.ui.text import plain
from pages.ui.ticking import ticking

WATCH_SECONDS = 3.0


def sidebar() -> None:
    """Queue and machine at a glance, on every page."""
    queue()  # wakes the supervision on the first visit
    with st.sidebar:
        if read_only():
            st.caption(f":material/lock: Only for looking: `{READ_ONLY}` is set, so nothing is launched, changed or deleted.")
        ticking(_activity, WATCH_SECONDS)
        _at_once()
        _place()
        machine = store().notices.read("machine")
        if machine:
            where = machine["gpu"] or f"{machine['cores']} CPU cores"
            st.caption(f":material/memory: {where}")


def _activity() -> None:
    active = store().runs(status=[*ACTIVE, Status.QUEUED], references=True)
    if not active:
        st.caption(":material/hotel: Nothing is training.")
    for run in reversed(active):
        progress = run.progress
        total, step = progress.get("total") or 0, progress.get("step") or 0
        doing = "reference" if run.reference else "on the cluster" if run.away else run.status
        st.caption(f"**{run.spec.method}** on {plain(run.spec.data.label)} · {doing}")
        if total:
            st.progress(min(step / total, 1.0), text=f"{progress['stage']} {step} / {total}")


def _at_once() -> None:
    """How many runs train at the same time, where there is a choice."""
    capacity = queue().capacity
    if capacity.most == 1:
        return
    now = capacity.now
    chosen = st.number_input(
        "Runs at once",
        1,
        max(now, capacity.most),
        now,
        disabled=capacity.fixed or read_only(),
        help=f"How many runs train at the same time, each with {training_threads()} of the cores. The others wait. "
        "The environment variable `AFFINITY_LAB_WORKERS` fixes it.",
    )
    if chosen != now:
        capacity.choose(chosen)


def _place() -> None:
    """Whether sweeps train by a scheduler, where whoever started the app has named one."""
    place = queue().place
    if place.offered is None:
        return
    now = place.address is not None
    chosen = st.toggle(
        "Sweeps on the cluster",
        now,
        disabled=read_only(),
        help=f"The runs of sweeps train by the workers of {place.offered}; single runs, whose pictures move, train here.",
    )
    if chosen != now:
        place.choose(chosen)
    if chosen and queue().away.trouble:
        st.caption(f":material/cloud_off: {plain(queue().away.trouble)} It is tried again and again.")

"""A sweep while it runs and after: where it stands, what can be done with it, its pictures, and its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from core import sweeps
from core.common import read_only
from core.papers import published
from core.runs import Status
from core.sweeps import UNDER_WAY, Row, SweepRecord, SweepStore
from pages.ui.pausing import pause_button
from pages.ui.problems import toasted, told
from pages.ui.state import load_data, queue, store
from pages.ui.sweep_open import offer_runs
from pages.ui.sweep_pictures import pictures, what_matters
from pages.ui.sweep_words import titled
from pages.ui.text import plain
from pages.ui.ticking import ticking

WATCH_SECONDS = 2.0
CUTS_AT_ONCE = 10  # asked of the analyst between two looks
RESUMABLE = (Status.LOST, Status.STOPPED, sweeps.MISSING)


def sweep_panel(sweep_id: str) -> None:
    """The whole of a sweep; it draws itself again and again as long as something trains."""
    active = _under_way(SweepStore(store().home).get(sweep_id))
    ticking(_panel, WATCH_SECONDS if active else None, sweep_id, active)


def _under_way(record: SweepRecord) -> bool:
    """Whether anything of it will change by itself."""
    if record.cut:
        return any(row.status in (*UNDER_WAY, sweeps.UNCUT) for row in sweeps.table(store(), record))
    return store().count(UNDER_WAY, among=record.runs) > 0


def _panel(sweep_id: str, active: bool) -> None:
    record = SweepStore(store().home).get(sweep_id)
    if record.cut and not read_only():
        sweeps.recut(store(), record, _cut, most=CUTS_AT_ONCE)
    if active != _under_way(record):
        st.rerun()  # whether this draws itself again is the page's to say
    rows = sweeps.table(store(), record)
    with told():
        _standing(record, rows)
        within = pictures(record, rows)
        what_matters(record, rows)
        _table(record, within)


def _cut(**question: Any) -> Mapping[str, Any] | None:
    """Have a stored C read again by the analyst; None as long as it works on that."""
    answer = queue().analyst.ask("recluster", **question)
    if answer.pending:
        return None
    return {sweeps.ERROR: answer.error} if answer.error else answer.facts


def _standing(record: SweepRecord, rows: Sequence[Row]) -> None:
    """How far it is, and stop, resume, retry, extend, download."""
    standing = sweeps.statuses(rows)
    done = standing[Status.DONE]
    st.progress(done / len(rows), ", ".join(f"{count} {status}" for status, count in standing.most_common()))
    with st.container(horizontal=True):
        held = standing[Status.PAUSED]
        waits = bool(held or (not _trains(standing) and any(standing[status] for status in RESUMABLE)))
        if waits or _trains(standing):
            pause_button(waits, key="sweep_pause", disabled=read_only(), on_click=_hold, args=(record, not waits))
        if _trains(standing) or held:
            _action("Stop", ":material/stop:", lambda: sweeps.stop(store(), record))
        if standing[Status.FAILED]:
            _action(
                "Retry failed", ":material/replay:",
                lambda: sweeps.go_on(store(), record, queue(), failed=True, load=load_data),
            )  # fmt: skip
        if all(axis.name != sweeps.SEED for axis in record.sweep.axes):
            _action("One more seed", ":material/add:", lambda: _extend(record))
        for suffix, title in zip(sweeps.SUFFIXES, ("CSV", "Parquet"), strict=True):
            st.download_button(
                title, data=partial(sweeps.table_bytes, rows, suffix), file_name=f"{record.id}{suffix}", on_click="ignore",
                key=f"sweep_download:{suffix}", icon=":material/download:",
            )  # fmt: skip
    for found in published(record.sweep.base):
        st.caption(f":material/article: The base is printed. {plain(found.words)}.")
    for error in dict.fromkeys(row.error for row in rows if row.failed):
        st.error(plain(error), icon=":material/error:")


def _trains(standing: Mapping[str, int]) -> bool:
    """Whether anything of it trains or will do so by itself."""
    return any(standing[status] for status in UNDER_WAY if status != Status.PAUSED)


def _action(label: str, icon: str, act: Any) -> None:
    if st.button(label, icon=icon, key=f"sweep_{label}", disabled=read_only()):
        act()
        st.rerun()


def _hold(record: SweepRecord, hold: bool) -> None:
    with toasted():
        if hold:
            sweeps.pause(store(), record)
        else:
            sweeps.go_on(store(), record, queue(), load=load_data)


def _extend(record: SweepRecord) -> None:
    more = sweeps.extended(store(), record, [max(record.sweep.seeds) + 1], load_data)
    sweeps.go_on(store(), more, queue(), load=load_data)


def _table(record: SweepRecord, rows: Sequence[Row]) -> None:
    """A row a run; one that is ticked opens in Explore, two or more in Compare.

    Ticks are places in the table, so that another choice of rows is another table.
    """
    if not rows:
        return
    which = hash(tuple((row.seed, *row.setting.values()) for row in rows))
    event: Any = st.dataframe(
        titled([row.flat() for row in rows]), hide_index=True, on_select="rerun",
        selection_mode="multi-row", key=f"sweep_rows:{record.id}:{which}", placeholder="–",
        alt="Table of the runs of the sweep",
    )  # fmt: skip
    chosen = [rows[place] for place in event.selection.rows if place < len(rows)]
    runs = list(dict.fromkeys(row.run for row in chosen if row.run is not None and row.scores))
    if runs:
        if record.cut:
            st.caption("All settings are cut from the C of one run, which has one of its own; its Workbench cuts it anew.")
        offer_runs(runs, key=f"sweep_rows:{record.id}")
    else:
        st.caption("Tick a finished run to open it, two to compare them; or click a point or a cell of a picture.")

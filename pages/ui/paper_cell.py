"""One cell of a paper's table: every number of it, what stands behind ours, and the way to run what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from core.common import read_only
from core.papers import Cell, Ours, Slot, Table, ask, cells, seconds_for
from pages.ui.forms import segments
from pages.ui.state import queue, store
from pages.ui.text import plain

SCOPES = {"cell": "this cell", "row": "its row", "column": "its column"}


def chosen_cell(found: Table, slots: Sequence[Slot], picked: Mapping[str, str]) -> None:
    """The cell of a row and a column; nothing where the table has none of it."""
    here = [slot for slot in slots if (slot.row.label, slot.column.label) == (picked["row"], picked["column"])]
    if not here:
        return
    slot = here[0]
    with st.container(border=True):
        st.markdown(f"**{plain(slot.row.label)} on {plain(slot.column.label)}**")
        rows = [_line(cell) for cell in cells([slot])]
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt="The numbers of the chosen cell")
        if slot.ours is not None:
            st.caption(behind(slot.ours))
        if slot.absent:
            st.caption(f":material/block: {plain(slot.absent)}")
        for note in dict.fromkeys(
            note for row in rows for note in found.notes_on(slot.row.label, slot.column.label, row["Metric"])
        ):
            st.caption(f":material/info: {plain(note)}")
        if not slot.absent:
            _launch(slots, slot)


def _line(cell: Cell) -> dict[str, str]:
    spread = f" ± {cell.std:.4f}" if cell.std is not None else ""
    ours = "–" if cell.mean is None else f"{cell.mean:.4f}{spread}"
    state = cell.state if cell.state == "cannot be" else cell.why
    return {"Metric": cell.metric, "Paper": f"{cell.paper:.4f}", "Ours": ours, "State": state}


def behind(ours: Ours) -> str:
    """What a reader must know of our numbers."""
    seeds = f"seeds {', '.join(map(str, ours.seeds))}" if len(ours.seeds) > 1 else f"seed {ours.seeds[0]} only"
    told = [f"Preset {plain(ours.preset)}", f"constants: {ours.chosen}", seeds, f"{ours.n_samples:,} samples", ours.device]
    came = "came with the app" if ours.shipped else "in this store"
    return f":material/casino: {', '.join(told)}, {ours.minutes:.1f} minutes a run; {came}."


def _launch(slots: Sequence[Slot], slot: Slot) -> None:
    """Run what is missing of the cell, its row or its column, with the time told before."""
    scope = segments("Run what is missing of", SCOPES, key="paper_scope")
    same = {"cell": _is_cell, "row": _is_row, "column": _is_column}[scope]
    wanted = [other for other in slots if same(other, slot) and other.missing]
    count = sum(len(other.missing) for other in wanted)
    if not count:
        st.caption("Nothing is missing here: the runs are in the store, or on their way.")
        return
    seconds, unknown = seconds_for(store(), wanted)
    told = f"about {max(1, round(seconds / 60))} min" if unknown < count else "nobody has timed them here"
    beside = f", {unknown} never timed here" if 0 < unknown < count else ""
    if st.button(f"Run {count} here ({told}{beside})", icon=":material/rocket_launch:", key="paper_run", disabled=read_only()):
        ask(store(), [replace(other, ours=None) for other in wanted], queue(), load=None)
        st.rerun(scope="app")


def _is_cell(other: Slot, slot: Slot) -> bool:
    return _is_row(other, slot) and _is_column(other, slot)


def _is_row(other: Slot, slot: Slot) -> bool:
    return other.row.label == slot.row.label


def _is_column(other: Slot, slot: Slot) -> bool:
    return other.column.label == slot.column.label

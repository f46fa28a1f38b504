"""A table of a paper with ours in its cells: what is reproduced, what falls short, what nobody has run, what cannot be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.bench.reproduced import kept, with_kept
from core.papers import STATES, Cell, Table, cells, desk, tables
from pages.ui.definitions import NMI
from pages.ui.forms import segments
from pages.ui.paper_cell import chosen_cell
from pages.ui.state import store
from pages.ui.text import plain
from pages.ui.ticking import ticking

WATCH_SECONDS = 3.0
MARKS = {"reproduced": "✓", "short": "↓", "part": "◦", "under way": "…", "not run": "○", "cannot be": "–"}
TINTS = {"reproduced": "rgba(46, 160, 67, 0.20)", "short": "rgba(219, 140, 20, 0.20)"}
FADED = "color: rgba(128, 128, 128, 0.9)"


def paper_view() -> None:
    """Choose a table and a metric; everything below draws itself again while something of it trains."""
    names = {key: f"{found.source}: {found.title}" for key, found in tables().items()}
    wanted = st.query_params.get("table", "rgrl/table4")
    order = list(names)
    key = st.selectbox(
        "Table",
        order,
        index=order.index(wanted) if wanted in names else 0,
        format_func=lambda key: names[key],
        key="paper_table",
    )
    st.query_params["table"] = key
    found = tables()[key]
    st.caption(f"{plain(found.reference)}. {plain(found.protocol)}")
    active = any(slot.under_way for slot in desk(store(), found))
    ticking(_whole, WATCH_SECONDS if active else None, found, active)


def _whole(found: Table, active: bool) -> None:
    slots = with_kept(desk(store(), found))
    if active and not any(slot.under_way for slot in slots):
        st.rerun()
    titles = {name: NMI[found.nmi] if name == "NMI" else name for name in found.metrics}
    metric = segments("Metric", titles, key=f"paper_metric:{found.key}")
    shown = [cell for cell in cells(slots) if cell.metric.split("@")[0] == metric]
    st.markdown(standing(shown))
    picked = _picked(found, shown)
    st.caption(
        f"Ours, final epoch, mean ± standard deviation over whole runs; in brackets the paper. Most constants of ours were "
        f"chosen with the labels, as those of the papers were: each cell says how. {legend()} "
        "**Click a cell** for what stands behind it, and to run it."
    )
    chosen_cell(found, slots, picked)
    _about(found)


def standing(shown: Sequence[Cell]) -> str:
    """How many numbers are in which state, in a line."""
    counts = Counter(cell.state for cell in shown)
    return " · ".join(f"{MARKS[state]} **{counts[state]}** {state}" for state in STATES if counts[state])


def legend() -> str:
    """What the marks mean."""
    return " ".join(f"{MARKS[state]} {meaning}." for state, meaning in STATES.items() if state in ("reproduced", "short"))


def worded(cell: Cell) -> str:
    """A number as it stands in a cell: ours, and the paper's in brackets."""
    printed = f"({cell.paper:.3f})"
    if cell.mean is None:
        return f"{MARKS[cell.state]} {printed}"
    spread = "" if cell.std is None else f" ± {cell.std:.3f}"
    return f"{MARKS[cell.state]} {cell.mean:.3f}{spread} {printed}"


def frame(found: Table, shown: Sequence[Cell]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table in words, and the style of each cell."""
    by_place = {(cell.slot.row.label, cell.slot.column.label): cell for cell in shown}
    rows = [row.label for row in found.rows if any(label == row.label for label, _ in by_place)]
    columns = [column.label for column in found.columns if any(label == column.label for _, label in by_place)]

    def laid_out(of: Any) -> pd.DataFrame:
        values = [[of(by_place[row, column]) if (row, column) in by_place else "" for column in columns] for row in rows]
        return pd.DataFrame(values, index=pd.Index(rows, name=found.short), columns=columns)

    return laid_out(worded), laid_out(_style)


def _style(cell: Cell) -> str:
    if cell.state in TINTS:
        return f"background-color: {TINTS[cell.state]}"
    return FADED if cell.state == "cannot be" else ""


def _picked(found: Table, shown: Sequence[Cell]) -> Mapping[str, str]:
    """Show the table; returns row and column of the cell that was clicked, or that the link names."""
    words, styles = frame(found, shown)
    event: Any = st.dataframe(
        words.style.apply(lambda _: styles, axis=None), on_select="rerun", selection_mode="single-cell", height="content",
        key=f"paper_cells:{found.key}", alt=f"{found.source} with ours beside it",
    )  # fmt: skip
    if event.selection.cells:
        place, column = event.selection.cells[0]
        if column in words.columns:
            return {"row": str(words.index[place]), "column": str(column)}
    return {"row": st.query_params.get("row", ""), "column": st.query_params.get("data", "")}


def _about(found: Table) -> None:
    """How certain the numbers are, and what of ours came with the app."""
    st.caption(f":material/article: {plain(found.certain)}")
    for note in found.notes:
        if not (note.row or note.column):
            st.caption(plain(note.note))
    shipped = kept(found)
    if shipped is not None:
        st.caption(f":material/memory: What came with the app: {plain(shipped.device)}. {plain(shipped.notes[0])}")
        st.code("\n".join(shipped.commands), language="shell", wrap_lines=True)

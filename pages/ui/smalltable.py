"""A table of a few rows, painted with the page: Streamlit's own loads 1.7 MB of scripts, which the pictures would wait for."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import streamlit as st

FILLED = "rgba(42, 140, 190, 0.25)"  # seen on white and on the dark ground
TABLE = "border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums;"
CELL = (
    "padding: 0.3rem 0.8rem; border: 0; border-bottom: 1px solid rgba(128, 128, 128, 0.25); font-weight: 400; text-align: {};"
)


def small_table(rows: Sequence[Mapping[str, str | float | None]], *, bar: str, label: str) -> None:
    """Rows of the same columns, words on the left and numbers on the right; `bar` is a column of shares, drawn as bars too."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f'<th scope="col" style="{_cell(place)}">{_safe(name)}</th>' for place, name in enumerate(columns))
    body = "".join(f"<tr>{''.join(_shown(row, name, place, bar) for place, name in enumerate(columns))}</tr>" for row in rows)
    table = f'<table aria-label="{_safe(label)}" style="{TABLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    st.html(f'<div style="overflow-x: auto">{table}</div>')


def _shown(row: Mapping[str, str | float | None], name: str, place: int, bar: str) -> str:
    value, style = row.get(name), _cell(place)
    if isinstance(value, float):
        if name == bar:
            share = f"{100 * min(1.0, max(0.0, value)):.1f}%"
            style += f" min-width: 9rem; background: linear-gradient(to right, {FILLED} {share}, transparent {share});"
        value = f"{value:.3f}"
    return f'<td style="{style}">{"–" if value is None else _safe(value)}</td>'


def _cell(place: int) -> str:
    return CELL.format("right" if place else "left")


def _safe(text: str) -> str:
    return html.escape(text)

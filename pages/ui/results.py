"""Kept results: tables that the benchmarks wrote, or that were copied from elsewhere, with all that is needed to read them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from core.bench import CHOSEN, Results, Row, Score, load_results, results_files
from core.common import DataError
from core.evaluation import score_title
from pages.ui.text import plain

ORIGINS = {
    "command": "The command below wrote this table.",
    "transcribed": "Copied from an earlier README. The commands below are those that make such numbers.",
}


def results_view() -> None:
    """Choose a table and show it."""
    found: dict[str, Results] = {}
    for name, file in results_files().items():
        try:
            found[name] = load_results(file)
        except DataError as error:
            st.error(plain(error), icon=":material/error:")
    if not found:
        st.info("There are no results here.", icon=":material/info:")
        return
    names = sorted(found, key=lambda name: found[name].title)
    show(found[st.selectbox("Table", names, format_func=lambda name: found[name].title, key="table", bind="query-params")])


def show(results: Results) -> None:
    """The table, how it came to be, and what a reader must know."""
    st.caption(plain(results.protocol))
    st.caption(
        f":material/casino: {spoken_seeds(results.seeds)}, mean ± standard deviation where there are several · "
        f":material/memory: {plain(results.device)} · :material/visibility: {_constants(results)}"
    )
    st.dataframe(table(results), hide_index=True, height="content", alt=results.title)
    for note in results.notes:
        st.markdown(f"- {plain(note)}")
    if results.figure:
        st.image(f"assets/{results.figure}", alt=results.title)
    st.caption(ORIGINS[results.origin])
    st.code("\n".join(results.commands), language="shell", wrap_lines=True)


def table(results: Results) -> pd.DataFrame:
    """One line a row: what it is of, its scores, and what differs from row to row."""
    own_seeds = any(row.seeds != results.seeds for row in results.rows)
    own_chosen = any(row.chosen != results.chosen for row in results.rows)
    return pd.DataFrame([_line(row, seeds=own_seeds, chosen=own_chosen) for row in results.rows]).fillna("")


def _constants(results: Results) -> str:
    """How the constants were chosen; where rows differ, a column says it of each."""
    if any(row.chosen != results.chosen for row in results.rows):
        return "Constants were chosen as each row says."
    return CHOSEN[results.chosen]


def _line(row: Row, *, seeds: bool, chosen: bool) -> dict[str, Any]:
    line: dict[str, Any] = {name: str(value) for name, value in row.of.items()}
    for name, score in row.scores.items():
        title = score_title(name)
        line[title] = spoken(score)
        if score.paper is not None:
            line[f"{title}, paper"] = f"{score.paper:.3f}"
    line |= {name: str(value) for name, value in row.facts.items()}
    if seeds:
        line["Seeds"] = spoken_seeds(row.seeds)
    if chosen:
        line["Constants"] = row.chosen
    return {**line, **({"Note": row.note} if row.note else {})}


def spoken(score: Score) -> str:
    """A score as it stands in a cell."""
    if score.mean is None:
        return "diverged"
    return f"{score.mean:.3f}" + ("" if score.std is None else f" ± {score.std:.3f}")


def spoken_seeds(seeds: tuple[int, ...]) -> str:
    if not seeds:
        return "nothing random"
    if len(seeds) == 1:
        return f"seed {seeds[0]} only"
    return f"seeds {', '.join(map(str, seeds))}"

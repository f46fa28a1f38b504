"""From a picture or a table of a sweep to the runs behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.ui.state import choose_run


def pickable(options: Mapping[str, Any], behind: Mapping[str, Sequence[Sequence[str]]], *, key: str, **about: Any) -> None:
    """Draw a picture whose marks open what is behind them: for each series by name, the runs of every mark.

    The key holds how many marks there are, since a choice is a place among them.
    """
    series = [{**each, "selectedMode": "single"} if each.get("name") in behind else each for each in options["series"]]
    marks = sum(map(len, behind.values()))
    event: Any = st.echarts_chart({**options, "series": series}, key=f"{key}:{marks}", on_select="rerun", **about)
    chosen = picked(event["selection"]["selected"], behind)
    if chosen:
        offer_runs(chosen, key=key)


def picked(selected: Sequence[Mapping[str, Any]], behind: Mapping[str, Sequence[Sequence[str]]]) -> list[str]:
    """The runs behind the chosen marks, each once."""
    found = [
        run
        for group in selected
        for mark in group["data_indices"]
        if group["series_name"] in behind and mark < len(behind[group["series_name"]])
        for run in behind[group["series_name"]][mark]
        if run  # those of a sweep that comes with the app are not here
    ]
    return list(dict.fromkeys(found))


def offer_runs(runs: Sequence[str], *, key: str) -> None:
    """Open one run, or compare several."""
    if len(runs) == 1:
        if st.button("Open in Explore", type="primary", icon=":material/scatter_plot:", key=f"open:{key}"):
            choose_run(runs[0])
            st.switch_page("pages/explore.py", query_params={"run": runs[0]})
    elif st.button(f"Compare {len(runs)} runs", type="primary", icon=":material/compare:", key=f"compare:{key}"):
        st.switch_page("pages/compare.py", query_params={"runs": ",".join(runs)})

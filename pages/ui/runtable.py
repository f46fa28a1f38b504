"""Tables of runs: one row each, or one for all that differ in their seed alone."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from core.explore import by_all_but_seed, over_seeds
from core.runs import Run
from pages.ui.comparison import printed_acc
from pages.ui.definitions import shared_nmi, with_labels
from pages.ui.naming import told_apart
from pages.ui.text import OWN_CODES

LAST_STEP = "± last step"
"""An honest word for that spread: the last step was repeated, not the training."""


def row(run: Run, name: str, nmi: tuple[str, str]) -> dict[str, Any]:
    metrics, spread = run.result.get("metrics", {}), run.result.get("spread", {})
    return {
        "Run": name,
        "Status": str(run.status),
        "n": run.result.get("n_samples"),
        "K": run.result.get("n_clusters"),
        "ACC": metrics.get("acc"),
        LAST_STEP: spread.get("acc", {}).get("std"),
        "Printed ACC": printed_acc(run.spec),
        nmi[1]: metrics.get(nmi[0]),
        "Silhouette": metrics.get("silhouette"),
        "Seconds": run.result.get("seconds", {}).get("total"),
        "Tags": run.tags,
        "Notes": run.notes,
        "Preset": run.spec.preset + (" (modified)" if run.spec.modified else ""),
        "Seed": run.spec.seed,
        "Alarms": len(run.alarms),
        "Created": pd.Timestamp(run.created, unit="s"),
        "Method": run.spec.method,
        "Data": run.spec.data.label,
        "Id": run.id,
    }


def table(runs: list[Run]) -> list[Run]:
    """Show the runs and return those that are ticked."""
    names, nmi = told_apart(runs, score=False), shared_nmi(runs)
    number = st.column_config.NumberColumn
    columns = {name: number(format="%.4f") for name in ("ACC", LAST_STEP, nmi[1])}
    columns["Silhouette"] = number(format="%.4f", help=OWN_CODES)
    columns |= {"Seconds": number(format="%.1f"), "Created": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm:ss")}
    event: Any = st.dataframe(
        pd.DataFrame([row(run, names[run.id], nmi) for run in runs]),
        column_config=columns,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        key=f"table:{hash(tuple(run.id for run in runs))}",  # another list, another selection: rows are positions
        placeholder="–",
        alt="Table of runs",
    )
    return [runs[i] for i in event.selection.rows if i < len(runs)]


def groups(runs: list[Run]) -> None:
    """Runs that differ in their seed alone, as one row each, with mean and spread over training seeds."""
    scored = [run for run in runs if run.result.get("metrics")]
    together, shown = by_all_but_seed(scored), with_labels(scored) | {"silhouette": "Silhouette"}
    names = told_apart([group[0] for group in together], score=False)
    rows = []
    for group in together:
        row: dict[str, Any] = {"Runs like": names[group[0].id], "training seeds": len({run.spec.seed for run in group})}
        for score, title in shown.items():
            found = over_seeds(group, score)
            if found:
                row[title], row[f"± {title}"] = found["mean"], found["std"] if found["n"] > 1 else None
        rows.append(row)
    number = st.column_config.NumberColumn(format="%.3f")
    columns = {name: number for title in shown.values() for name in (title, f"± {title}")}
    st.dataframe(
        pd.DataFrame(rows), column_config=columns, hide_index=True, placeholder="–", alt="Runs grouped by all but the seed"
    )
    st.caption("± is the standard deviation over training seeds: whole runs that differ in nothing else.")

"""What clusters have to do with every column of labels that the data bring."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.runs import Run

OF = {"Z1": "Z1, first layer", "Z2": "Z2, second layer", "result": "the result"}


def columns_table(run: Run) -> None:
    """Scores of the clusters of the result, and of inner layers where these have some, against classes and other labels."""
    rows = run.result.get("columns")
    if not rows:
        return
    st.markdown("**Clusters against every column of labels**")
    shown = {
        "Clusters of": [OF[row["codes"]] for row in rows],
        "how many": [row["clusters"] for row in rows],
        "Labels": [row["column"] or "classes" for row in rows],
        "ACC": [row["acc"] for row in rows],
        "NMI": [row["nmi_geometric"] for row in rows],
    }
    style = {name: st.column_config.NumberColumn(format="%.3f") for name in ("ACC", "NMI")}
    st.dataframe(pd.DataFrame(shown), hide_index=True, column_config=style, alt="Scores of clusters against columns of labels")

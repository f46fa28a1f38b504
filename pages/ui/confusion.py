"""Confusion: clusters against classes, and against every other column of labels that the data bring."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from core import evaluation
from core.datasets import Dataset
from core.datasets.labels import class_titles
from core.plots import figures
from core.runs import Run
from pages.ui.clusters import cluster_name, numbered
from pages.ui.forms import segments
from pages.ui.text import plain, plain_names

OF = {"Z1": "Z1, first layer", "Z2": "Z2, second layer", "result": "the result"}


def confusion_view(run: Run, data: Dataset) -> None:
    """A column of labels against clusters after the best one-to-one match."""
    columns = ([""] if data.y is not None else []) + list(data.attributes)
    if not columns:
        st.info("There are no labels to compare with.", icon=":material/info:")
        return
    column = columns[0]
    if len(columns) > 1:
        titles = class_titles([name or "Classes" for name in columns])  # a column may be called like that, too
        column = segments("Against", {name: plain(title) for name, title in zip(columns, titles, strict=True)}, key="f_column")
    y, values = _labels(data, column)
    labels = numbered(run, data)
    table, rows, clusters = evaluation.confusion(*evaluation.known(y, labels))
    names = [values[row] for row in rows]
    of = "value" if column else "class"
    figure = figures.confusion(table, plain_names(names), plain_names([cluster_name(data, int(c)) for c in clusters]), of=of)
    st.plotly_chart(figure, key="confusion", alt=f"Confusion matrix of {column or 'classes'} and matched clusters")
    pairs = [
        (names[i], cluster_name(data, int(clusters[j])), int(table[i, j]))
        for i, j in zip(*np.nonzero(table), strict=True)
        if i != j
    ]
    if pairs:
        st.caption("The largest confusions")
        worst = sorted(pairs, key=lambda pair: -pair[2])[:10]
        st.dataframe(pd.DataFrame(worst, columns=[of, "cluster", "samples"]), hide_index=True, alt="Largest confusions")
    columns_table(run)


def _labels(data: Dataset, column: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels of a column and the names of its values; those of the classes for "", which no column is called."""
    if column or data.y is None:
        return data.attributes[column].y, data.attributes[column].classes
    return data.y, data.classes


def columns_table(run: Run) -> None:
    """Scores of the clusters of the result, and of inner layers where these have some, against every column of labels."""
    rows = run.result.get("columns")
    if not rows:
        return
    st.markdown("**Clusters against every column of labels**")
    shown = {
        "Clusters of": [OF[row["codes"]] for row in rows],
        "how many": [row["clusters"] for row in rows],
        "Labels": ["the classes" if row["column"] is None else f"label column {row['column']}" for row in rows],
        "ACC": [row["acc"] for row in rows],
        "NMI (geometric)": [row["nmi_geometric"] for row in rows],
    }
    style = {name: st.column_config.NumberColumn(format="%.3f") for name in ("ACC", "NMI (geometric)")}
    st.dataframe(pd.DataFrame(shown), hide_index=True, column_config=style, alt="Scores of clusters against columns of labels")

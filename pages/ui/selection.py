"""The samples that were chosen in the lab: a table, and a card of the one whose picture was clicked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from core.datasets import Dataset
from core.explore import numbered_labels
from core.runs import Run
from pages.ui.lab import Seen
from pages.ui.state import store


def selection(run: Run, data: Dataset, seen: Seen) -> None:
    """What is chosen, as a table to look at and to take along."""
    final = store().files.arrays(run.id, "final", ("labels", "y"))
    labels = numbered_labels(store(), run.id, final["labels"], data.y)
    with st.expander(f"Chosen samples: {len(seen.chosen):,}", icon=":material/highlight_alt:"):
        table = table_of(data, labels, seen.chosen)
        st.download_button(
            "CSV", table.to_csv(index=False).encode(), f"{run.id}-chosen.csv", "text/csv", icon=":material/download:",
            on_click="ignore",
        )  # fmt: skip
        st.dataframe(table, hide_index=True, height=240, alt="Chosen samples")


def table_of(data: Dataset, labels: NDArray, samples: Sequence[int]) -> pd.DataFrame:
    """Number, class, cluster and whether these agree, and every further column of labels."""
    rows = np.asarray(sorted(samples), dtype=np.int64)
    columns: dict[str, object] = {"sample": rows}
    if data.y is not None:
        columns["class"] = [data.classes[c] for c in data.y[rows]]
        columns["cluster"] = [data.classes[c] if c < len(data.classes) else str(c) for c in labels[rows]]
        columns["agrees"] = data.y[rows] == labels[rows]
    else:
        columns["cluster"] = labels[rows]
    for name, attribute in data.attributes.items():
        columns[name] = [attribute.classes[v] for v in attribute.y[rows]]
    return pd.DataFrame(columns)

"""The samples that were chosen in the lab: a table to take along, and a card of the one whose picture was clicked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from core.datasets import Dataset
from core.explore import Answer
from core.plots.montage import montage
from core.runs import Run
from pages.ui.awaiting import answered
from pages.ui.clusters import affinity_of, cluster_name, numbered
from pages.ui.gallery import class_name, value_name
from pages.ui.lab import Seen
from pages.ui.live import reconstruction_sheet
from pages.ui.state import store
from pages.ui.text import plain

SIDE = 64


def selection(run: Run, data: Dataset, seen: Seen) -> None:
    """What is chosen, and the card of one sample."""
    labels = numbered(run, data)
    if seen.chosen:
        with st.expander(f"Chosen samples: {len(seen.chosen):,}", icon=":material/highlight_alt:"):
            _table(run, table_of(data, labels, seen.chosen))
    if seen.sample is not None:
        with st.container(border=True):
            card(run, data, labels, seen.sample)


def _table(run: Run, table: pd.DataFrame) -> None:
    name = f"{run.id}-chosen"
    with st.container(horizontal=True):
        about: dict[str, Any] = {"icon": ":material/download:", "on_click": "ignore"}
        st.download_button("CSV", table.to_csv(index=False).encode(), f"{name}.csv", "text/csv", **about)
        latex = table.to_latex(index=False, escape=True)
        st.download_button("LaTeX", latex.encode(), f"{name}.tex", "text/plain", **about)
    st.dataframe(table, hide_index=True, height=240, alt="Chosen samples")


def table_of(data: Dataset, labels: NDArray, samples: Sequence[int]) -> pd.DataFrame:
    """Number, class, cluster and whether these agree, and every further column of labels."""
    rows = np.asarray(sorted(samples), dtype=np.int64)
    columns: dict[str, object] = {"sample": rows}
    if data.y is not None:
        columns["class"] = [class_name(data, row) for row in rows]
        columns["cluster"] = [cluster_name(data, c) for c in labels[rows]]
        columns["agrees"] = [data.y[row] == labels[row] if data.y[row] >= 0 else None for row in rows]
    else:
        columns["cluster"] = labels[rows]
    for name, attribute in data.attributes.items():
        columns[name] = [value_name(attribute.y, attribute.classes, row) for row in rows]
    return pd.DataFrame(columns)


def card(run: Run, data: Dataset, labels: NDArray, sample: int) -> None:
    """One sample: picture, reconstruction, class and cluster, and the samples that its affinity joins it to most."""
    known = f"class {plain(class_name(data, sample))}, " if data.y is not None else ""
    st.markdown(f"**Sample {sample}**: {known}cluster {plain(cluster_name(data, labels[sample]))}")
    if data.image_shape:
        stored = store().files.arrays(run.id, "final", ("X_hat", "X_hat_rows"))
        row = _row_of(stored, sample)
        if row is None:
            st.image(montage(data.images([sample]), 1, min_side=SIDE), alt=f"Sample {sample}")
        else:
            sheet = reconstruction_sheet(data.samples[[sample]], stored["X_hat"][[row]])
            st.image(sheet, alt=f"Sample {sample} and its reconstruction")
            st.caption("The sample, and below it what the decoder makes of its code.")
    if affinity_of(run, data) is None:
        return

    def draw(answer: Answer) -> None:
        nearest, weights = answer.arrays["nearest"], answer.arrays["weights"]
        if answer.facts["place"] is None:
            st.caption("The affinity does not speak of this sample: it lies outside the subset that was learnt from.")
            return
        st.caption(
            f"Row {answer.facts['place'] + 1:,} of {answer.facts['size']:,} in the matrix ordered by cluster. "
            "Its largest affinities, with their weights:"
        )
        neighbors(data, labels, nearest, weights)

    answered("joined", draw, run=run.id, sample=sample)


def _row_of(stored: dict[str, NDArray], sample: int) -> int | None:
    """Where the reconstruction of a sample stands, of those that were kept."""
    if "X_hat" not in stored or stored["X_hat"].ndim < 3:
        return None
    if "X_hat_rows" not in stored:
        return sample
    found = np.flatnonzero(stored["X_hat_rows"] == sample)
    return int(found[0]) if found.size else None


def neighbors(data: Dataset, labels: NDArray, nearest: NDArray, weights: NDArray) -> None:
    """Samples with the weights that join them to another, as pictures where they are images."""
    if data.image_shape and len(nearest):
        images = [montage(image[None], 1, min_side=SIDE) for image in data.images(nearest.tolist())]
        captions = [
            f"{weight:.2g} · {plain(cluster_name(data, labels[i]))}" for i, weight in zip(nearest, weights, strict=True)
        ]
        st.image(images, caption=captions, width=72, alt=[f"sample {i}" for i in nearest])
        return
    table = table_of(data, labels, nearest.tolist()).set_index("sample").loc[nearest.tolist()].reset_index()
    st.dataframe(table.assign(weight=weights), hide_index=True, alt="The largest affinities of the sample")

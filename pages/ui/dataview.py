"""The data themselves, before any method: classes, values, a map, neighbours, copies, and what simple methods make of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core import explore
from core.datasets import Dataset, DataSpec, in_groups
from core.plots import figures
from core.plots.montage import montage
from pages.ui.baselines import baselines
from pages.ui.forms import segments
from pages.ui.gallery import class_name
from pages.ui.keeping import keeping
from pages.ui.text import plain, plain_names

MEANS_SHOWN, IMAGE_WIDTH, COPIES_SHOWN = 40, 72, 12
SHEET_ROWS, SHEET_COLUMNS = 10, 18
LARGE = 2**28  # bytes beyond which copies are not looked for


def data_views(data: Dataset, spec: DataSpec) -> None:
    """One look at a time; only that one is worked out."""
    offered = {name: view for name, view in VIEWS.items() if name != "Classes" or data.y is not None}
    VIEWS[segments("Look at", {name: name for name in offered}, key="data_view")](data, spec)


def _contents(data: Dataset, spec: DataSpec) -> None:
    """A contact sheet, as methods see the pictures; of a table its first rows."""
    if data.image_shape is None:
        names = list(data.columns[:50]) or None
        st.dataframe(pd.DataFrame(data.X[:20, :50], columns=names), alt="First rows of the data")
        st.caption("The first rows, scaled as methods get them.")
        return
    if data.y is None:
        shown = np.linspace(0, data.n_samples - 1, min(data.n_samples, SHEET_ROWS * SHEET_COLUMNS)).astype(int)
        words = "Samples in their order."
    else:
        classes = np.linspace(0, len(data.classes) - 1, min(len(data.classes), SHEET_ROWS)).astype(int)
        rows = [np.resize(np.flatnonzero(data.y == c), SHEET_COLUMNS) for c in classes if (data.y == c).any()]
        shown = np.concatenate(rows)
        rest = "" if len(classes) == len(data.classes) else " Other classes are not shown."
        words = f"One class per row: {plain(', '.join(data.classes[c] for c in classes))}.{rest}"
    st.image(montage(data.images(shown), SHEET_COLUMNS), width="stretch", alt="Contact sheet")
    st.caption(f"Contact sheet, as methods see the pictures. {words}")


def _classes(data: Dataset, spec: DataSpec) -> None:
    counts = data.class_counts()
    shown = dict(zip(plain_names(list(counts)), counts.values(), strict=True))
    st.plotly_chart(figures.class_counts(shown), key="counts", alt="Bar chart of samples per class")
    if data.image_shape is None:
        return
    st.markdown("**Mean picture of each class**")
    means = explore.class_means(data)
    names = plain_names([name for name, count in counts.items() if count])[:MEANS_SHOWN]
    tiles = [montage(mean[None], 1, min_side=IMAGE_WIDTH) for mean in means[:MEANS_SHOWN]]
    st.image(tiles, caption=names, width=IMAGE_WIDTH, alt=[f"mean of class {name}" for name in names])
    more = f"The first {MEANS_SHOWN} of {len(means)} classes. " if len(means) > MEANS_SHOWN else ""
    st.caption(f"{more}A mean that can be recognised says that the class stands in one place, as k-means takes it to.")


def _values(data: Dataset, spec: DataSpec) -> None:
    counts, borders = explore.value_counts(data)
    st.plotly_chart(figures.value_bars(counts, borders), key="values", alt="Histogram of all values")
    st.caption(f"All values as methods get them, from {data.X.min():g} to {data.X.max():g}; the scaling decides on the left.")


def _map(data: Dataset, spec: DataSpec) -> None:
    points, shown = explore.plane(data)
    if data.y is None:
        groups, names = np.zeros(data.n_samples, np.int64), ["samples"]
    else:
        groups, classes = in_groups(data.y, data.classes)
        names = plain_names(list(classes))
    figure = figures.embedding(points, shown, groups[shown], names)
    figure.update_layout(height=420, showlegend=len(names) > 1)
    event: Any = st.plotly_chart(figure, key="data_map", on_select="rerun", alt="The samples on two principal components")
    part = f"A random {len(shown):,} of {data.n_samples:,} samples" if len(shown) < data.n_samples else "All samples"
    st.caption(f"{part} on their two leading principal components. Choose some with a lasso or a box to see them.")
    chosen = [int(np.ravel(point["customdata"])[0]) for point in event.selection.points if "customdata" in point]
    if chosen:
        _samples(data, np.array(sorted(set(chosen))[:60]))


def _neighbors(data: Dataset, spec: DataSpec) -> None:
    sample = int(st.number_input("Sample", 0, data.n_samples - 1, key=f"near:{spec.name}", width=160))
    near = explore.neighbors_of(data, sample)
    of = f" of class **{plain(class_name(data, sample))}**" if data.y is not None else ""
    st.caption(
        f"Sample {sample}{of}, then its {len(near.samples)} nearest; below each how far it is{', and its class' if of else ''}."
    )
    _samples(data, np.array([sample, *near.samples]), ["itself", *(f"{d:.3g}" for d in near.distances)])
    if data.y is not None and data.y[sample] >= 0:
        known = data.y[near.samples][data.y[near.samples] >= 0]
        st.caption(
            f"{int((known == data.y[sample]).sum())} of {len(known)} are of its class: what a graph of neighbours joins."
        )


def _copies(data: Dataset, spec: DataSpec) -> None:
    if data.X.nbytes > LARGE:
        st.info("There are too many values to compare all samples here.", icon=":material/info:")
        return
    groups = explore.copies(data)
    if not groups:
        st.success("No sample is a copy of another.", icon=":material/check:")
        return
    st.caption(f"Samples that are equal in every value: {len(groups)} groups, the largest first.")
    for group in groups[:5]:
        _samples(data, group[:COPIES_SHOWN])
        classes = {class_name(data, i) for i in group} if data.y is not None else set()
        if len(classes) > 1:
            st.warning(
                f"These copies are of different classes: {plain(', '.join(sorted(classes)))}.", icon=":material/warning:"
            )


def _samples(data: Dataset, samples: np.ndarray, words: list[str] | None = None) -> None:
    """Samples as pictures, else as a table."""
    said = words or [str(i) for i in samples]
    if data.image_shape is not None:
        tiles = [montage(image[None], 1, min_side=IMAGE_WIDTH) for image in data.images(samples)]
        named = [f"{word} · {plain(class_name(data, i))}".removesuffix(" · ") for word, i in zip(said, samples, strict=True)]
        st.image(tiles, caption=named, width=IMAGE_WIDTH, alt=[f"sample {i}" for i in samples])
        return
    names = list(data.columns[:20]) or [f"x{k}" for k in range(min(20, data.X.shape[1]))]
    frame = pd.DataFrame(data.X[samples][:, :20], columns=names)
    frame.insert(0, "sample", samples)
    if words:
        frame.insert(1, "distance", words)
    if data.y is not None:
        frame.insert(1, "class", [class_name(data, i) for i in samples])
    st.dataframe(frame, hide_index=True, alt="Samples")


VIEWS: Mapping[str, Callable[[Dataset, DataSpec], None]] = {
    "Samples": _contents,
    "Classes": _classes,
    "Map": _map,
    "Values": _values,
    "Neighbours": _neighbors,
    "Copies": _copies,
    "Baselines": baselines,
    "Save": keeping,
}

"""Anchors: the graph that GR-DNN reconstructs, which joins samples to anchors or to each other."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from core.datasets import Dataset
from core.explore import ANCHORS_SHOWN, Answer
from core.plots import figures
from core.plots.montage import grey_levels, montage
from core.runs import Run
from pages.ui.awaiting import answered
from pages.ui.clusters import numbered
from pages.ui.gallery import class_name
from pages.ui.state import store
from pages.ui.text import plain
from pages.ui.views import sample_groups

ANCHORS_IN_A_ROW = 25


def anchors_view(run: Run, data: Dataset) -> None:
    """Facts about the graph of a run that has one, a sample with what it is joined to, and all anchors."""
    answered("anchors", partial(_draw, run, data), waiting="Reading the graph", run=run.id)


def _draw(run: Run, data: Dataset, answer: Answer) -> None:
    arrays = answer.arrays
    final = store().files.arrays(run.id, "final", ("anchors",))
    images = _anchor_images(data, final["anchors"]) if "anchors" in final and data.image_shape else None
    _facts(answer, over_anchors="anchors" in final)
    left, right = st.columns(2, gap="large")
    key = f"n_sample:{run.id}"
    with left:
        groups, names = sample_groups("class", numbered(run, data), data)
        shown = arrays["shown"]
        figure = figures.anchor_map(arrays["points"], shown, groups[shown], names, arrays.get("anchor_points"))
        chart = f"anchor_map:{run.id}"
        st.plotly_chart(
            figure, key=chart, on_select=partial(_take, chart, key), selection_mode="points", alt="Samples and anchors, PCA"
        )
        anchored = "Samples, and anchors as diamonds," if "anchor_points" in arrays else "Samples"
        st.caption(f"{anchored} on two principal components, coloured by {'class' if data.y is not None else 'cluster'}.")
    with right:
        sample = int(st.number_input("Sample (or click one)", 0, data.n_samples - 1, key=key, width=180))
        joined = arrays["ends"][sample] >= 0
        _ends(data, sample, arrays["ends"][sample][joined], arrays["weights"][sample][joined], "anchors" in final, images)
    if images is not None:
        _grid(images, arrays["order"], data)


def _facts(answer: Answer, *, over_anchors: bool) -> None:
    facts = answer.facts
    used = facts["n_ends"] - facts["unused"]
    if over_anchors:
        shown = {
            "Anchors": (f"{facts['n_ends']:,}", "What samples are joined to."),
            "Unused": (f"{facts['unused']:,}", "Anchors that no sample is joined to."),
        }
    else:
        meaning = "Those that samples are joined to: all but those held out for early stopping, which none is joined to."
        shown = {"Samples": (f"{used:,}", meaning)}
    shown |= {
        "Each joined to": (f"{facts['per_sample']:.3g}", "On average; a symmetric graph gives some samples more than K."),
        "Mean weight": (f"{facts['mean_weight']:.3f}", "Of the weights that are not zero."),
    }
    if "purity" in facts:
        meaning = "Share of all weight that comes from the commonest class at each end. Uses the labels; the graph does not."
        shown["Purity"] = (f"{facts['purity']:.3f}", meaning)
    with st.container(horizontal=True):
        for title, (value, meaning) in shown.items():
            st.metric(title, value, help=meaning, width=130)


def _take(chart: str, key: str) -> None:
    """Look at the sample that was clicked; an anchor carries no number."""
    chosen: Any = st.session_state[chart].selection.points
    numbers = [int(np.ravel(point["customdata"])[0]) for point in chosen if point.get("customdata") is not None]
    if numbers:
        st.session_state[key] = numbers[0]


def _anchor_images(data: Dataset, anchors: NDArray) -> NDArray[np.uint8]:
    assert data.image_shape is not None
    return grey_levels(anchors.reshape(-1, *data.image_shape), float(data.X.min()), float(data.X.max()))


def _ends(
    data: Dataset, sample: int, ends: NDArray, weights: NDArray, over_anchors: bool, anchors: NDArray[np.uint8] | None
) -> None:
    """A sample, and what it is joined to by falling weight."""
    of = f" of class {plain(class_name(data, sample))}" if data.y is not None else ""
    what = "anchors" if over_anchors else "samples"
    if data.image_shape is None:
        st.caption(f"Sample {sample}{of}, joined to these {what}")
        st.dataframe(pd.DataFrame({what[:-1]: ends, "weight": weights}), hide_index=True, alt=f"The {what} of sample {sample}")
        return
    picture, words = st.columns([1, 2], vertical_alignment="center")
    picture.image(montage(data.images([sample]), 1, min_side=96), width=96, alt=f"Sample {sample}")
    words.caption(f"Sample {sample}{of}, and the {len(ends)} {what} with the largest weights in its row of S")
    pictures = data.images(ends) if anchors is None else anchors[ends]
    captions = [
        f"{weight:.2f}" + (f" · {plain(class_name(data, end))}" if anchors is None and data.y is not None else "")
        for end, weight in zip(ends, weights, strict=True)
    ]
    st.image(
        [montage(picture[None], 1, min_side=56) for picture in pictures],
        caption=captions,
        width=62,
        alt=[f"{what[:-1]} {end}, weight {weight:.2f}" for end, weight in zip(ends, weights, strict=True)],
    )


def _grid(images: NDArray[np.uint8], order: NDArray, data: Dataset) -> None:
    shown = f"The {ANCHORS_SHOWN} most used of {len(images):,}" if len(order) < len(images) else f"All {len(images):,}"
    by = "class" if data.y is not None else "cluster"
    st.markdown("**Anchors**")
    st.caption(f"{shown}, in the order of the commonest {by} of the samples that are joined to each.")
    sheet = montage(images[order], min(ANCHORS_IN_A_ROW, len(order)))
    st.image(sheet, width="stretch", alt=f"{len(order)} anchors as images")

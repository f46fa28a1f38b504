"""Pictures of chosen samples with what is known about each."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from core.datasets import UNLABELLED, Dataset
from core.plots.montage import montage
from pages.ui.clusters import cluster_name
from pages.ui.text import plain

SHOWN = 60


def class_name(data: Dataset, sample: int) -> str:
    """The class of a sample; empty where the data have none."""
    return "" if data.y is None else value_name(data.y, data.classes, sample)


def value_name(y: NDArray, classes: Sequence[str], sample: int) -> str:
    """The value of a sample in a column of labels."""
    return classes[y[sample]] if y[sample] >= 0 else UNLABELLED


def gallery(data: Dataset, samples: Sequence[int], labels: NDArray) -> None:
    """Up to 60 samples: image, index, class, cluster."""
    shown = list(samples)[:SHOWN]
    more = f", the first {SHOWN} shown" if len(samples) > SHOWN else ""
    st.caption(f"{len(samples)} samples chosen{more}.")
    if data.image_shape:
        images = [montage(image[None], 1, min_side=64) for image in data.images(shown)]
        known = [f"{plain(class_name(data, i))} → " if data.y is not None else "→ " for i in shown]
        captions = [f"{i} · {name}{plain(cluster_name(data, labels[i]))}" for i, name in zip(shown, known, strict=True)]
        st.image(images, caption=captions, width=72, alt=[f"sample {i}" for i in shown])
        st.caption("Under each: sample · class → cluster.")
        return
    rows = {
        "sample": shown,
        "class": [class_name(data, i) for i in shown],
        "cluster": [cluster_name(data, c) for c in labels[shown]],
    }
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Chosen samples")

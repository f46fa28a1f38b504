"""Retrieval: the nearest neighbours of a sample in the space of pixels and in those of codes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from core.datasets import Dataset
from core.explore import MAX_QUERIES, NEIGHBORS_SHOWN, Answer, random_rows
from core.plots import figures
from core.plots.montage import marked
from core.runs import Run
from pages.ui.awaiting import answered
from pages.ui.beside import dated_titles, distinct_titles, has_codes, partner, runs_beside
from pages.ui.forms import segments
from pages.ui.gallery import class_name
from pages.ui.text import plain, plain_names

MOST = 6
IMAGE_WIDTH = 62  # a query and 12 neighbours fit beside the sidebar at 1280 pixels


def retrieval_view(run: Run, data: Dataset) -> None:
    """A query, rows of its neighbours, and the mean average precision of all queries."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        held_out = data.test is not None and segments(
            "Among", {True: "Held-out samples", False: "Training samples"}, key="t_among"
        )
        part = data.test if held_out and data.test is not None else data
        drawn = random_rows(part.n_samples, MAX_QUERIES)
        query = int(drawn[_position(run, len(drawn), held_out)])
    shown = _runs(run)
    of = f" of class **{plain(class_name(part, query))}**" if part.y is not None else ""
    st.caption(
        f"Sample {query}{of} and its {NEIGHBORS_SHOWN} nearest neighbours by Euclidean distance among "
        + (f"a random {MAX_QUERIES:,} of " if len(drawn) < part.n_samples else "the ")
        + f"{part.n_samples:,} {'held-out' if held_out else 'training'} samples."
        + (" A check marks the same class, a cross another one." if part.y is not None else "")
    )
    place, curves = int(np.searchsorted(drawn, query)), {}
    for name, source in {"Pixels" if part.image_shape else "Raw samples": None, **shown}.items():

        def draw(answer: Answer, name: str = name) -> None:
            _row(name, part, query, answer.arrays["nearest"][place])
            if "curve" in answer.arrays:
                curves[name] = answer.arrays["curve"]

        run_id, space = (run.id, "raw") if source is None else (source.id, "codes")
        answered(
            "retrieval",
            draw,
            waiting=f"{plain(name)}: looking up the neighbours of all samples",
            held_out=held_out,
            run=run_id,
            source=space,
        )
    if curves:
        _curves(curves)


def _position(run: Run, n: int, held_out: bool) -> int:
    """Which sample is looked up: typed, or another one at random."""
    key = f"t_query:{run.id}:{held_out}"
    position = st.number_input("Query", 0, n - 1, key=key, width=140)
    st.button("Another", icon=":material/casino:", on_click=partial(_draw_another, key, n))
    return int(position)


def _draw_another(key: str, n: int) -> None:
    """Any sample but the one that is shown."""
    st.session_state[key] = (st.session_state[key] + 1 + secrets.randbelow(max(n - 1, 1))) % n


def _runs(run: Run) -> Mapping[str, Run]:
    """Title to run: those whose codes are shown, this one first where it has codes."""
    known = {o.id: o for o in runs_beside(run) if o.spec.data == run.spec.data and has_codes(o)}
    titles = dated_titles(list(known.values()))
    beside = partner(run, list(known.values()))
    start = [i for i in (run.id, beside.id if beside else None) if i in known]
    chosen = st.multiselect(
        "Codes of", list(known), start, format_func=lambda i: titles[i], max_selections=MOST, key=f"t_runs:{run.id}",
        placeholder="runs on the same data",
    )  # fmt: skip
    shown = sorted((known[i] for i in chosen), key=lambda other: other.id != run.id)
    names = distinct_titles(shown, run)
    return {names[other.id]: other for other in shown}


def _row(name: str, data: Dataset, query: int, nearest: NDArray) -> None:
    """The neighbours of a sample in one space."""
    hits = _hits(data, query, nearest)
    counted = [hit for hit in hits if hit is not None]
    precision = f" · precision at {len(hits)}: {sum(counted)} / {len(counted)}" if counted else ""
    st.markdown(f"**{plain(name)}**{precision}")
    if data.image_shape:
        images = [marked(image, hit) for image, hit in zip(data.images([query, *nearest]), [None, *hits], strict=True)]
        names = [f"sample {i} {class_name(data, i)}".strip() for i in nearest]
        st.image(images, width=IMAGE_WIDTH, alt=[f"query, sample {query}", *names])
        return
    rows = {"sample": nearest, "class": [class_name(data, i) for i in nearest]}
    if counted:
        rows["same class"] = hits
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt=f"Nearest neighbours of sample {query}")


def _hits(data: Dataset, query: int, nearest: NDArray) -> list[bool | None]:
    """Whether each neighbour is of the class of the query; None where either has none."""
    if data.y is None or data.y[query] < 0:
        return [None] * len(nearest)
    return [None if y < 0 else bool(y == data.y[query]) for y in data.y[nearest].tolist()]


def _curves(curves: Mapping[str, NDArray]) -> None:
    st.markdown("**Mean average precision of all queries**")
    named = dict(zip(plain_names(list(curves)), curves.values(), strict=True))
    st.plotly_chart(figures.retrieval_curves(named), key="map_curves", alt="mAP@k against k")
    st.caption(
        "mAP@k: Euclidean nearest neighbours, the query left in its list and so a hit at k = 1; the precisions at the ranks of "
        "relevant neighbours are summed and divided by the number of relevant ones among the k."
    )

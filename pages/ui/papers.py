"""Figures of a run for papers, and the run as others can repeat it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import streamlit as st

from core import evaluation
from core.common import unpacked
from core.datasets import Dataset
from core.explore import run_report
from core.plots import paper
from core.runs import Run, as_command, as_script, frame_files, shown_samples
from pages.ui.clusters import affinity_of, cluster_names
from pages.ui.definitions import nmi_of
from pages.ui.state import queue, store

PIXELS = 480


def papers_view(run: Run, data: Dataset) -> None:
    """A figure at a chosen size, and the command, the script and the report of the run."""
    drawn = _figures(run, data)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        what = st.selectbox("Figure", list(drawn), width=240)
        kind = st.segmented_control("As", list(paper.FORMATS), default="pdf", required=True, format_func=str.upper)
        width = st.number_input("Width in cm", 3.0, 40.0, 8.5, step=0.5, width=130)
        height = st.number_input("Height, part of the width", 0.3, 3.0, 0.8, step=0.1, width=180)
        points = st.number_input("Type in points", 4.0, 24.0, 8.0, step=0.5, width=130)
    figure = drawn[what](paper.Size(float(width), float(height), float(points))) if what else None
    if figure is None:
        st.caption("This picture is being worked out; it is here in a moment.")
    else:
        name = f"{run.id}-{what.split(' ')[0].lower()}.{kind}"
        st.download_button(
            f"Download {name}", paper.rendered(figure, str(kind)), name, paper.FORMATS[str(kind)],
            icon=":material/download:", on_click="ignore", type="primary",
        )  # fmt: skip
        st.image(paper.rendered(figure, "png"), width=420, alt=f"{what} as it will be printed")
    _repeat(run, data)


def _repeat(run: Run, data: Dataset) -> None:
    """The run as a command line, as a script and as one page."""
    st.markdown("**To repeat this run**")
    st.code(as_command(run.spec), language="bash", wrap_lines=True)
    script = as_script(run.spec)
    with st.container(horizontal=True):
        about: dict[str, Any] = {"icon": ":material/download:", "on_click": "ignore"}
        st.download_button("Python script", script.encode(), f"{run.id}.py", "text/x-python", **about)
        report = run_report(store(), run, data).encode()
        st.download_button("Report, one HTML file", report, f"{run.id}.html", "text/html", **about)
    with st.expander("The script"):
        st.code(script, language="python")


def _figures(run: Run, data: Dataset) -> Mapping[str, Callable[[paper.Size], Any]]:
    """What there is to draw, by name."""
    frames = frame_files(store().files.folder(run.id))
    last = next(iter(unpacked(frames[-1].read_bytes())))[1] if frames else {}
    found: dict[str, Callable[[paper.Size], Any]] = {}
    if "labels" in last:
        labels = last["labels"][shown_samples(data.n_samples)]
        names = cluster_names(data, last["labels"])
        for name, title in (("circle", "Embedding by affinity"), ("points", "Embedding of the codes")):
            if name in last:
                points = last[name].reshape(-1, 2) / 32767
                found[title] = partial(paper.embedding, points, labels, names)
    which = affinity_of(run, data)
    if which is not None:
        found["Affinity"] = partial(_affinity, run, which)
    final = store().files.arrays(run.id, "final", ("labels",))
    if data.y is not None and "labels" in final:
        table, rows, clusters = evaluation.confusion(*evaluation.known(data.y, final["labels"]))
        names_of = [data.classes[row] for row in rows]
        matched = [names_of[j] if j < len(names_of) else str(c) for j, c in enumerate(clusters)]
        found["Confusion"] = lambda size: paper.confusion(table, names_of, matched, size)
    series = _series(run)
    if series:
        found["Curves of the scores"] = lambda size: paper.curves(series, size, label="score")
    return found


def _affinity(run: Run, which: str, size: paper.Size) -> Any:
    answer = queue().analyst.ask("matrix", run=run.id, which=which, order="cluster", pixels=PIXELS, clusters=None)
    if answer.pending or answer.error:
        return None
    n = len(answer.arrays["order"])
    return paper.affinity(answer.arrays["blocks"], [b / n for b in answer.arrays["borders"]], size)


def _series(run: Run) -> dict[str, tuple[list[float], list[float]]]:
    rows = store().history(run.id)
    series = {}
    nmi, named, _ = nmi_of(run.spec.method)
    for name, title in {"acc": "ACC", nmi: named, "silhouette": "silhouette"}.items():
        points = [(float(row.seq), row.scalars[name]) for row in rows if name in row.scalars]
        if len(points) > 1:
            steps, values = zip(*points, strict=True)
            series[title] = (list(steps), list(values))
    return series

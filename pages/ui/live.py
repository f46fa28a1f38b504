"""The live panel: one run while it trains, read from the store once a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from core import methods
from core.common import AffinityLabError, UnknownName, read_only
from core.plots import figures
from core.plots.montage import grey_levels, montage
from core.plots.palette import heat_image
from core.runs import HistoryRow, Run, RunSpec, RunStore, Status
from pages.ui.problems import told
from pages.ui.state import load_data, queue, run_name, store
from pages.ui.text import plain, plain_names

SCORES = {
    "acc": ("ACC", "Accuracy under the best match of clusters to classes. Uses the labels to score, not to train."),
    "nmi_geometric": ("NMI", "Normalised mutual information, geometric mean. Uses the labels to score."),
    "silhouette": ("Silhouette", "How well clusters are apart in the codes, -1 to 1. Needs no labels."),
    "diagonal_mass": (
        "Diagonal",
        "Diagonal mass: share of C on its diagonal; near 1 means that samples explain only themselves.",
    ),
    "block_diagonality": ("Blocks", "Block-diagonality: share of the affinity inside the clusters. Needs no labels."),
}
BADGES: dict[str, tuple[Any, str]] = {
    Status.QUEUED: ("gray", ":material/schedule:"),
    Status.STARTING: ("blue", ":material/hourglass_top:"),
    Status.RUNNING: ("blue", ":material/sync:"),
    Status.PAUSED: ("orange", ":material/pause:"),
    Status.DONE: ("green", ":material/check:"),
    Status.STOPPED: ("orange", ":material/stop:"),
    Status.FAILED: ("red", ":material/error:"),
    Status.LOST: ("violet", ":material/help:"),
    Status.BROKEN: ("red", ":material/broken_image:"),
}
PARTS = {"dictionary": "Dictionary", "graph": "Graph", "clusters": "First clusters"}  # of a start that is no network
MAX_CURVE_POINTS = 400
CHARTS_A_ROW = 4


def live_panel(run_id: str) -> None:
    """Show a run; polls only while there is something to wait for."""
    run = store().get(run_id)
    waiting = run.active or run.status in (Status.QUEUED, Status.LOST)
    st.fragment(_panel, run_every=1 if waiting else None)(run_id)


def _panel(run_id: str) -> None:
    try:
        run = store().get(run_id)
    except UnknownName:
        st.info("This run was deleted.", icon=":material/delete:")
        return
    st.markdown(f"##### {plain(run_name(run))}")
    status_line(run)
    trouble(run)
    if run.status == Status.BROKEN:
        return
    controls(run)
    rows = store().history(run_id)
    score_row(rows, run)
    with told():
        pictures(store(), run)
        loss_curves(rows, run)
    if run.over:
        st.session_state.setdefault("seen_over", set())
        if run_id not in st.session_state["seen_over"]:  # the page around the panel has to learn of the end, once
            st.session_state["seen_over"].add(run_id)
            st.rerun()


def badge(run: Run) -> None:
    colour, icon = BADGES[run.status]
    st.badge(run.status, color=colour, icon=icon)


def status_line(run: Run) -> None:
    """Stage, step and remaining time, with a progress bar."""
    progress = run.progress
    with st.container(horizontal=True, vertical_alignment="center"):
        badge(run)
        if run.status == Status.QUEUED:
            ahead = queue().position(run.id)
            st.caption("Starts next." if ahead == 0 else f"Runs that start before this one: {ahead}.")
        elif run.over:
            words = scope_words(run.spec, run.result.get("n_samples") or 0)
            st.caption(time_words(run.result.get("seconds", {})) + (f". {words}" if words else ""))
            if any(how["reused"] for how in (run.result.get("pretrained"), *run.result.get("start", {}).values()) if how):
                st.caption(f":material/compress: {start_words(run)}")
        elif progress.get("total"):
            left = progress.get("remaining")
            text = f"Stage **{progress['stage']}**, step {progress['step']:,} of {progress['total']:,}"
            text += f", {progress['elapsed']:.0f} s so far" + (f", about {left:.0f} s left in this stage" if left else "")
            st.caption(text)
        else:
            st.caption(f"Stage **{progress.get('stage', 'starting')}** …" if run.active else "")
    if run.active and progress.get("total"):
        st.progress(min(progress["step"] / progress["total"], 1.0))


def time_words(seconds: Mapping[str, float]) -> str:
    """How long a run took, and how much of that was looking at it."""
    whole, looking = seconds.get("total", 0.0), seconds.get("watch", 0.0)
    share = f", {looking / whole:.0%} of it for looking" if whole and looking >= 0.05 else ""
    return f"{whole:.1f} s in all{share}"


def scope_words(spec: RunSpec, n: int) -> str | None:
    """What a user must know about how a method expresses n samples, if it does not express all by all others."""
    return methods.method_class(spec.method).scope_words(n, spec.params)


def start_words(run: Run) -> str | None:
    """Where the network came from that this run started with, or the parts of another start; None without any."""
    used = run.result.get("pretrained")
    if not used:
        return " ".join(part_words(part, how) for part, how in run.result.get("start", {}).items()) or None
    if used["reused"]:
        return f"Pretrained network `{used['key']}` of the run `{used['run']}`, reused: {used['seconds']:.1f} s saved."
    return f"Pretrained network `{used['key']}`, trained here in {used['seconds']:.1f} s and kept."


def part_words(part: str, how: Mapping[str, Any]) -> str:
    """The same of one part of a start that is no network."""
    name = PARTS.get(part, part.capitalize())
    if how["reused"]:
        return f"{name} of the run `{how['run']}`, reused: {how['seconds']:.1f} s saved."
    return f"{name}, made here in {how['seconds']:.1f} s and kept."


def controls(run: Run) -> None:
    """Pause, one step, stop, resume: requests in the store, which the worker obeys."""
    if run.resumable:
        hint = None if store().files.checkpoints(run.id) else "There is no checkpoint yet, so it begins anew."
        about: Any = {"icon": ":material/play_arrow:", "key": "resume_lost", "disabled": read_only(), "help": hint}
        st.button("Resume from the last checkpoint", on_click=_resume, args=(run.id,), **about)
        return
    if read_only() or not (run.active or run.status == Status.QUEUED):
        return
    with st.container(horizontal=True):
        if run.active:
            paused = run.request in ("pause", "step") or run.status == Status.PAUSED
            if paused:
                st.button("Resume", icon=":material/play_arrow:", key="resume", on_click=_ask, args=(run.id, None))
            else:
                st.button("Pause", icon=":material/pause:", key="pause", on_click=_ask, args=(run.id, "pause"))
            st.button(
                "One step", icon=":material/skip_next:", key="step", on_click=_ask, args=(run.id, "step"), disabled=not paused
            )
        st.button(
            "Stop", icon=":material/stop:", key="stop", on_click=_ask, args=(run.id, "stop"), help="Keeps what was reached."
        )


def _ask(run_id: str, what: str | None) -> None:
    try:
        store().request(run_id, what)
    except AffinityLabError as error:  # it ended between the last look and the click
        st.toast(str(error))


def _resume(run_id: str) -> None:
    try:
        queue().resume(run_id)
    except AffinityLabError as error:
        st.toast(str(error))


def trouble(run: Run) -> None:
    """Alarms and errors, where they cannot be overlooked."""
    for alarm in run.alarms:
        st.warning(f"{plain(alarm['message'])} (seen at {alarm['stage']} {alarm['step']})", icon=":material/warning:")
    if run.status == Status.LOST:
        st.info("The process of this run is gone. This is the last that was seen of it.", icon=":material/help:")
    if run.error:
        st.error(plain(run.error["message"]), icon=":material/error:")
        if run.error.get("traceback"):
            with st.expander("Traceback"):
                st.code(run.error["traceback"])


def score_row(rows: Sequence[HistoryRow], run: Run) -> None:
    """The latest scores with their course so far."""
    scored = {name: [row.scalars[name] for row in rows if name in row.scalars] for name in SCORES}
    final = run.result.get("metrics", {})
    present = {name: values + ([final[name]] if name in final else []) for name, values in scored.items()}
    present = {name: values for name, values in present.items() if values}
    if not present:
        return
    with st.container(horizontal=True):
        for name, values in present.items():
            title, meaning = SCORES[name]
            st.metric(title, f"{values[-1]:.3f}", help=meaning, chart_data=values if len(values) > 1 else None, width=96)


def pictures(records: RunStore, run: Run) -> None:
    """The affinity and the codes as they are now."""
    frame = records.files.arrays(run.id, "live")
    if not frame:
        if run.active:
            st.skeleton(height=300)
        return
    left, right = st.columns(2) if "blocks" in frame else (st.container(), st.container())
    if "blocks" in frame:
        with left:
            st.caption("Affinity, ordered by predicted cluster, log scale")
            scale = max(1, 480 // len(frame["blocks"]))
            st.image(
                heat_image(frame["blocks"], log=True, scale=scale), width="stretch", alt="Affinity heatmap ordered by cluster"
            )
    if "points" in frame:
        with right:
            st.caption("Codes, two principal components" if frame.get("projected", True) else "Codes, both dimensions")
            groups, names = _groups(frame, run)
            figure = figures.embedding(frame["points"], frame["shown"], groups, names)
            legend = {"orientation": "h", "y": 0, "yanchor": "top"}
            figure.update_layout(height=420, showlegend=len(names) <= 12, legend=legend, dragmode="pan")
            figure.update_yaxes(scaleanchor=None)
            st.plotly_chart(figure, key=f"live_{run.id}", alt="Projection of the codes", config={"displayModeBar": False})
    if "reconstructions" in frame and frame["reconstructions"].ndim > 2:
        st.caption("Originals above, reconstructions below")
        st.image(reconstruction_sheet(frame["originals"], frame["reconstructions"]), alt="Originals and reconstructions")


def _groups(frame: Mapping[str, NDArray], run: Run) -> tuple[NDArray, list[str]]:
    """Colours of the points: clusters once there are some, classes before that."""
    if "labels" in frame:
        labels = frame["labels"][frame["shown"]]
        return labels, [f"cluster {c}" for c in range(int(frame["labels"].max()) + 1)]
    try:
        data = load_data(run.spec.data)
    except AffinityLabError:
        return np.zeros(len(frame["shown"]), dtype=int), ["samples"]
    if data.y is None or data.n_samples <= int(frame["shown"].max()):
        return np.zeros(len(frame["shown"]), dtype=int), ["samples"]
    return data.y[frame["shown"]], [f"class {name}" for name in plain_names(list(data.classes))]


def reconstruction_sheet(originals: NDArray, *reconstructions: NDArray) -> NDArray[np.uint8]:
    """A row of images, and a row of what each network makes of them; one grey scale for all, the originals'."""
    grey = grey_levels(np.concatenate([originals, *reconstructions]), float(originals.min()), float(originals.max()))
    return montage(grey, len(originals), min_side=64)


def loss_curves(rows: Sequence[HistoryRow], run: Run) -> None:
    """One small chart for each loss term of each stage, under its symbol, and for what is watched besides."""
    cls = methods.method_class(run.spec.method)
    terms = {name: f"${symbol}$" for name, symbol in cls.symbols.items()}
    for stage in dict.fromkeys(row.stage for row in rows):
        here = [row for row in rows if row.stage == stage]
        if len(here) > 1:
            thin = here[:: max(1, len(here) // MAX_CURVE_POINTS)]
            _small_charts(f"Loss terms, stage {stage}", thin, terms)
            _small_charts(f"Watched besides, stage {stage}", thin, cls.gauges)


def _small_charts(title: str, rows: Sequence[HistoryRow], names: Mapping[str, str]) -> None:
    """Charts of those of the named scalars that the rows have, a few side by side."""
    there = [name for name in names if any(name in row.scalars for row in rows)]
    if not there:
        return
    st.caption(title)
    for first in range(0, len(there), CHARTS_A_ROW):
        for column, name in zip(st.columns(CHARTS_A_ROW if len(there) > 2 else 2), there[first:], strict=False):
            with column:
                st.markdown(names[name])
                values: dict[str, Any] = {"step": [r.step for r in rows], name: [r.scalars.get(name) for r in rows]}
                st.line_chart(pd.DataFrame(values), x="step", y=name, height=150, y_label="", x_label="")

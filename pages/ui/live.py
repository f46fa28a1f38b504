"""The live panel: one run while it trains, read from the store once a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core import methods
from core.common import AffinityLabError, UnknownName, read_only
from core.plots.lines import line
from core.plots.montage import grey_levels, montage
from core.runs import AWAY, HistoryRow, Run, RunSpec, RunStore, Status
from pages.ui.definitions import nmi_of
from pages.ui.lab import film_of, lab
from pages.ui.pausing import pause_button
from pages.ui.problems import toasted, told
from pages.ui.state import load_data, queue, run_name, store
from pages.ui.text import OWN_CODES, plain
from pages.ui.ticking import ticking

SCORES = {
    "acc": ("ACC", "Accuracy under the best match of clusters to classes. Uses the labels to score, not to train."),
    "silhouette": ("Silhouette", f"How well clusters are apart in the codes, -1 to 1. Needs no labels. {OWN_CODES}"),
    "diagonal_mass": (
        "Diagonal of C",
        "Diagonal mass: share of C on its diagonal; near 1 means that samples explain only themselves.",
    ),
    "block_diagonality": ("In clusters", "Block-diagonality: share of the affinity inside the clusters. Needs no labels."),
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
    ticking(_panel, 1 if waiting else None, run_id)


def _panel(run_id: str) -> None:
    try:
        run = store().get(run_id)
    except UnknownName:
        st.info("This run was deleted.", icon=":material/delete:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        controls(run)
        status_line(run)
    if run.active and run.progress.get("total"):
        st.progress(min(run.progress["step"] / run.progress["total"], 1.0))
    trouble(run)
    if run.status == Status.BROKEN:
        return
    rows = store().history(run_id)
    with told():
        pictures(store(), run)
        score_row(rows, run)
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
    """Stage, step and remaining time."""
    progress = run.progress
    with st.container(horizontal=True, vertical_alignment="center", width="content"):
        badge(run)
        if run.status == Status.QUEUED:
            st.caption(waiting_words(run))
        elif run.over:
            words = scope_words(run.spec, run.result.get("n_samples") or 0)
            st.caption(time_words(run.result.get("seconds", {})) + (f". {words}" if words else ""))
        elif progress.get("total"):
            left = progress.get("remaining")
            text = f"Stage **{progress['stage']}**, step {progress['step']:,} of {progress['total']:,}"
            text += f", {progress['elapsed']:.0f} s so far" + (f", about {left:.0f} s left in this stage" if left else "")
            st.caption(text)
        elif run.away:
            st.caption(f"On the cluster, {plain(progress[AWAY])}: what it reaches comes back when it ends.")
        else:
            st.caption(f"Stage **{progress.get('stage', 'starting')}** …" if run.active else "")


def waiting_words(run: Run) -> str:
    """What a run that has not begun waits for."""
    if run.held:
        return "Held back with its sweep, which can be resumed."
    ahead = queue().position(run.id)
    return "Starts next." if ahead == 0 else f"Runs that start before this one: {ahead}."


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
    with st.container(horizontal=True, width="content"):
        if run.active:
            paused = run.request in ("pause", "step") or run.status == Status.PAUSED
            pause_button(paused, key="pause", on_click=_ask, args=(run.id, None if paused else "pause"))
            st.button(
                "One step", icon=":material/skip_next:", key="step", on_click=_ask, args=(run.id, "step"), disabled=not paused
            )
        st.button(
            "Stop", icon=":material/stop:", key="stop", on_click=_ask, args=(run.id, "stop"), help="Keeps what was reached."
        )


def _ask(run_id: str, what: str | None) -> None:
    with toasted():  # it may have ended between the last look and the click
        store().request(run_id, what)


def _resume(run_id: str) -> None:
    with toasted():
        queue().resume(run_id)


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


def scores_of(method: str) -> dict[str, tuple[str, str]]:
    """Scores that are shown of a run: name in records to title and meaning, the NMI being that of the method's paper."""
    nmi, title, meaning = nmi_of(method)
    return {"acc": SCORES["acc"], nmi: (title, f"{meaning} Uses the labels to score."), **SCORES}


def score_row(rows: Sequence[HistoryRow], run: Run) -> None:
    """The latest scores; their course is drawn along the slider."""
    shown = scores_of(run.spec.method)
    scored = {name: [row.scalars[name] for row in rows if name in row.scalars] for name in shown}
    final = run.result.get("metrics", {})
    present = {name: values + ([final[name]] if name in final else []) for name, values in scored.items()}
    present = {name: values for name, values in present.items() if values}
    if not present:
        return
    with st.container(horizontal=True):
        for name, values in present.items():
            title, meaning = shown[name]
            st.metric(title, f"{values[-1]:.3f}", help=meaning, width=118)


def pictures(records: RunStore, run: Run) -> None:
    """Codes, affinity and the course of the run so far, and what the decoder makes of a few samples."""
    try:
        data = load_data(run.spec.data)
    except AffinityLabError as error:
        st.caption(f":material/image_not_supported: {plain(error)}")
        return
    film = film_of(run, run_name(run), data)
    if film.frames:
        lab([film], data, key=f"live:{run.id}", brief=True)
    elif run.active:
        st.skeleton(height=300)
    found = records.files.arrays(run.id, "live")
    if "reconstructions" in found and found["reconstructions"].ndim > 2:
        st.caption("Originals above, reconstructions below")
        st.image(reconstruction_sheet(found["originals"], found["reconstructions"]), alt="Originals and reconstructions")
    if any(how["reused"] for how in (run.result.get("pretrained"), *run.result.get("start", {}).values()) if how):
        st.caption(f":material/compress: {start_words(run)}")


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
            _small_charts(f"Loss terms, stage {stage}", here, terms)
            _small_charts(f"Watched besides, stage {stage}", here, cls.gauges)


def _small_charts(title: str, rows: Sequence[HistoryRow], names: Mapping[str, str]) -> None:
    """Charts of those of the named scalars that the rows have, a few side by side."""
    there = [name for name in names if any(name in row.scalars for row in rows)]
    if not there:
        return
    st.caption(title)
    for first in range(0, len(there), CHARTS_A_ROW):
        for column, name in zip(st.columns(CHARTS_A_ROW if len(there) > 2 else 2), there[first:], strict=False):
            with column:
                symbol = names[name]
                st.markdown(f"{symbol} {name}" if symbol.startswith("$") else symbol)
                drawn = thinned(rows, name)
                chart = line([row.step for row in drawn], [row.scalars[name] for row in drawn])
                st.echarts_chart(chart, height=140, key=f"{title}:{name}", alt=f"{name} over the steps")


def thinned(rows: Sequence[HistoryRow], name: str) -> list[HistoryRow]:
    """The rows that tell a scalar, every so many of them; of what is seen at looks alone, every look."""
    told_at = [row for row in rows if name in row.scalars]
    return told_at[:: max(1, len(told_at) // MAX_CURVE_POINTS)]

"""What of a run the lab is given, and what it hears back."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.common import pack
from core.datasets import Dataset
from core.explore import scene
from core.plots.palette import CORRECT, DECADES, WRONG, colours, heat_table
from core.plots.sprite import Sprite, sprite
from core.runs import Run, frame_files, n_groups
from pages.ui.lab.component import BINARY, address, component
from pages.ui.lab.stills import POLL_SECONDS, Stills
from pages.ui.state import queue, store

MOST_PICTURES = 20_000


@dataclass(frozen=True)
class Seen:
    """What the user has chosen in the lab.

    Attributes
    ----------
    chosen
        Samples, by their number; empty without a choice.
    sample
        The one whose picture was clicked.
    asks
        The layout and the order of the affinity that are looked at.
    """

    chosen: Sequence[int]
    sample: int | None
    asks: Mapping[str, str]


def lab(
    runs: Sequence[Run], titles: Mapping[str, str], data: Dataset, *, key: str, present: bool = False, layout: str = "circle"
) -> Seen:
    """Show runs on the same data side by side, with one selection, one clock and one colour for each cluster."""
    state: Any = st.session_state.get(key) or {}
    asks = dict(state.get("asks") or {})
    stills = Stills(runs[0], data, asks) if len(runs) == 1 and runs[0].over else None
    table = heat_table()
    pictures = _sprite(data.fingerprint, data) if data.image_shape and data.n_samples <= MOST_PICTURES else None
    groups = max(n_groups(run.result.get("n_clusters") or data.n_classes or 1, data.n_classes) for run in runs)
    given = {
        "runs": [_run(run, titles[run.id], data, pictures, place=f"{key}:{run.id}") for run in runs],
        "palette": colours(groups),
        "heat": base64.b64encode(table.tobytes()).decode(),
        "decades": DECADES,
        "right": CORRECT,
        "wrong": WRONG,
        "layout": layout,
        "present": present,
    }
    if stills is not None:
        given["runs"][0] |= stills.addresses(key)
        given["offers"] = stills.offers
    found = component()(
        key=key,
        data=given,
        height="content",
        on_chosen_change=_nothing,
        on_sample_change=_nothing,
        on_asks_change=_nothing,
    )
    if stills is not None and stills.waiting:
        st.fragment(_wait, run_every=POLL_SECONDS)(stills)
    chosen = [int(i) for i in found.get("chosen") or () if isinstance(i, int) and 0 <= i < data.n_samples]
    sample = found.get("sample")
    return Seen(chosen, sample if isinstance(sample, int) and 0 <= sample < data.n_samples else None, asks)


def _wait(stills: Stills) -> None:
    """Look again soon at what is being worked out."""
    if not stills.waiting:
        st.rerun()
    st.caption(f":material/hourglass_top: {stills.words} …")


def _nothing() -> None:
    """Named, so that the state it belongs to is always there."""


def _run(
    run: Run, title: str, data: Dataset, pictures: Sprite | None, *, place: str
) -> dict[str, Any]:
    """Addresses of everything that shows one run."""
    given: dict[str, Any] = {
        "title": title,
        "codes": "Codes, two principal components",
        "scene": address(scene(store(), run, data, pictures), BINARY, f"{place}:scene"),
        "frames": [address(content, BINARY, f"{place}:{i}") for i, content in enumerate(frames_of(run))],
    }
    if pictures is not None:
        given["sprite"] = address(pictures.png, "image/png", f"{place}:sprite")
    return given


def frames_of(run: Run) -> list[bytes]:
    """The frames of a run: in one piece once it is over, one by one while it trains, so that only new ones are sent."""
    files = frame_files(store().files.folder(run.id))
    if not run.over:
        return [content for file in files if (content := _read(file))]
    if files:
        return [_film(run.id, tuple(file.name for file in files))]
    if not run.result.get("metrics"):
        return []
    answer = queue().analyst.ask("still", run=run.id)
    if answer.error or answer.pending:
        return []
    facts = {"place": 0, "stage": "final", "step": 1, "total": 1, "seconds": 0, "scores": answer.facts["scores"]}
    return [pack(facts, answer.arrays)]


def _read(file: Any) -> bytes:
    try:
        content: bytes = file.read_bytes()
    except FileNotFoundError:  # the film was thinned just now
        return b""
    return content


@st.cache_data(show_spinner=False, max_entries=12)
def _film(run_id: str, names: tuple[str, ...]) -> bytes:
    return b"".join(file.read_bytes() for file in frame_files(store().files.folder(run_id)))


@st.cache_resource(show_spinner=False, max_entries=4)
def _sprite(fingerprint: str, _data: Dataset) -> Sprite:
    return sprite(_data.images(range(_data.n_samples)))

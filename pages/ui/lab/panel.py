"""What the lab is given of runs, and what it hears back."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from core import methods
from core.common import DataError, pack
from core.datasets import Dataset
from core.explore import Answer, clusters_of, run_scene
from core.methods import Clusterer
from core.plots.palette import CORRECT, DECADES, WRONG, colours, heat_table
from core.plots.sprite import Sprite, sprite
from core.runs import Run, frame_files, n_groups
from pages.ui.lab.component import BINARY, address, component
from pages.ui.lab.stills import POLL_SECONDS, Stills
from pages.ui.state import queue, store
from pages.ui.ticking import ticking

MOST_PICTURES = 20_000
CODES = "Codes, two principal components"
SAMPLES = "Samples, two principal components"
PLANE = "Samples, as they are"


@dataclass(frozen=True)
class Film:
    """What there is to show of one run: packed records (`core.common.pack`)."""

    name: str
    title: str
    scene: bytes
    frames: Sequence[bytes]
    n_clusters: int
    codes: str = CODES
    """What the plane of the points is called."""
    waiting: bool = False
    """Its last picture is being worked out: a run of an earlier version kept no film."""
    renumbered: Sequence[int] | None = None
    """Other numbers for its clusters, those of the run they are compared with; only where the data have no classes."""


@dataclass(frozen=True)
class Seen:
    """What the user has chosen in the lab: samples by their number, and the one whose picture was clicked."""

    chosen: Sequence[int] = ()
    sample: int | None = None


def lab(
    films: Sequence[Film],
    data: Dataset,
    *,
    key: str,
    stills: Stills | None = None,
    present: bool = False,
    brief: bool = False,
    start: Mapping[str, str] | None = None,
    link: Mapping[str, str] | None = None,
) -> Seen:
    """Show films on the same data side by side, with one selection, one clock and one colour for each cluster.

    Parameters
    ----------
    stills
        Further pictures of the last state, where one run is shown.
    present
        For a projector: larger type.
    brief
        Without confusion and pictures of the chosen samples.
    start
        How it is shown at first, by the keys of a link: ``at``, ``by``, ``colour``, ``order``, ``sel``. There is then
        nothing to choose, and the address is neither read nor written.
    link
        What the address must hold besides what is seen, so that it can be handed on: which run, or which runs.
    """
    pictures = pictures_of(data)
    given = given_to_browser(
        [_addresses(film, pictures, f"{key}:{film.name}") for film in films],
        max(n_groups(film.n_clusters, data.n_classes) for film in films),
    ) | {"layout": "points" if all(film.codes == PLANE for film in films) else "circle"}
    given |= {"present": present, "brief": brief, "start": None if start is None else dict(start), "link": dict(link or {})}
    if stills is not None:
        asks = (st.session_state.get(key) or {}).get("asks") or {}
        stills.choose(asks)
        given["runs"][0] |= stills.addresses(key)
        given["offers"] = stills.offers
    with st.container(key=f"lab_{'brief' if brief else 'whole'}_{key.replace(':', '_')}"):  # holds the place until it is drawn
        found = component()(
            key=key,
            data=given,
            height="content",
            on_chosen_change=_nothing,
            on_sample_change=_nothing,
            on_asks_change=_nothing,
        )
    if stills is not None and stills.quality:
        st.caption(f":material/verified: {stills.quality}")
    if any(film.waiting for film in films):
        ticking(_wait, POLL_SECONDS, partial(_unseen, films), lambda: "Working out the last picture")
    elif stills is not None and stills.waiting:
        ticking(_wait, POLL_SECONDS, lambda: stills.waiting, lambda: stills.words)
    chosen = [i for i in found.get("chosen") or () if isinstance(i, int) and 0 <= i < data.n_samples]
    sample = found.get("sample")
    return Seen(chosen, sample if isinstance(sample, int) and 0 <= sample < data.n_samples else None)


def given_to_browser(films: list[dict[str, Any]], groups: int) -> dict[str, Any]:
    """What the component needs besides the films themselves: colours, and what is shown first."""
    return {
        "runs": films,
        "palette": colours(groups),
        "heat": base64.b64encode(heat_table().tobytes()).decode(),
        "decades": DECADES,
        "right": CORRECT,
        "wrong": WRONG,
    }


def _wait(going_on: Callable[[], bool], words: Callable[[], str]) -> None:
    """Look again soon at what is being worked out."""
    if not going_on():
        st.rerun()
    st.caption(f":material/hourglass_top: {words()} …")


def _unseen(films: Sequence[Film]) -> bool:
    """Whether the last picture of one of these is still being worked out."""
    return any(film.waiting and _asked(film.name).pending for film in films)


def _nothing() -> None:
    """Named, so that the state it belongs to is always there."""


def film_of(run: Run, title: str, data: Dataset) -> Film:
    """The film of a run, as far as it goes."""
    frames = _frames(run)
    known = run_scene(store(), run, data, pictures_of(data))
    codes = codes_of(methods.method_class(run.spec.method), data)
    waiting = not frames and bool(run.result.get("metrics")) and _still(run.id).pending
    return Film(run.id, title, known, frames, clusters_of(run, data), codes, waiting)


def codes_of(cls: type[Clusterer], data: Dataset) -> str:
    """What the plane of the points shows: codes, where a method has any, else samples."""
    if cls.learns == "deep" or "reconstructs" in cls.shows:
        return CODES
    return PLANE if data.X.shape[1] == 2 else SAMPLES


def _still(run_id: str) -> Answer:
    """The last picture of a run.

    Raises
    ------
    DataError
        If it cannot be worked out.
    """
    answer = _asked(run_id)
    if answer.error:
        raise DataError(answer.error)
    return answer


def _asked(run_id: str) -> Answer:
    return queue().analyst.ask("still", run=run_id)


def pictures_of(data: Dataset) -> Sprite | None:
    """All samples as one picture, where they are images and not too many."""
    return _sprite(data.fingerprint, data) if data.image_shape and data.n_samples <= MOST_PICTURES else None


def _addresses(film: Film, pictures: Sprite | None, place: str) -> dict[str, Any]:
    """Where the browser finds everything that shows one run."""
    given: dict[str, Any] = {
        "title": film.title,
        "renumbered": None if film.renumbered is None else list(film.renumbered),
        "codes": film.codes,
        "scene": address(film.scene, BINARY, f"{place}:scene"),
        "frames": [address(content, BINARY, f"{place}:{i}") for i, content in enumerate(film.frames)],
    }
    if pictures is not None:
        given["sprite"] = address(pictures.png, "image/png", f"{place}:sprite")
    return given


def _frames(run: Run) -> list[bytes]:
    """The frames of a run: in one piece once it is over, one by one while it trains, so that only new ones are sent."""
    files = frame_files(store().files.folder(run.id))
    if not run.over:
        return [content for file in files if (content := _read(file))]
    if files:
        return [_whole(run.id, tuple(file.name for file in files))]
    if not run.result.get("metrics"):
        return []
    answer = _still(run.id)
    return [] if answer.pending else [single_frame(answer.arrays, answer.facts["scores"])]


def single_frame(arrays: Mapping[str, Any], scores: Mapping[str, float]) -> bytes:
    """A film of one frame, the last."""
    return pack({"place": 0, "stage": "final", "step": 1, "total": 1, "seconds": 0, "scores": dict(scores)}, arrays)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:  # the film was thinned just now
        return b""


@st.cache_data(show_spinner=False, max_entries=12)
def _whole(run_id: str, names: tuple[str, ...]) -> bytes:
    return b"".join(file.read_bytes() for file in frame_files(store().files.folder(run_id)))


@st.cache_resource(show_spinner=False, max_entries=4)
def _sprite(fingerprint: str, _data: Dataset) -> Sprite:
    return sprite(_data.images(range(_data.n_samples)))

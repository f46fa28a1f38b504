"""Bring your own data, in three looks: what was found, what each part is, what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core import datasets
from core.common import InvalidInput
from core.datasets import Choices, DataSpec
from pages.ui.state import choose_data
from pages.ui.text import plain
from pages.ui.uploading import given_files, stored_upload

FORMATS = (
    "Arrays (.npz, .npy, .mat, .h5ad, IDX), tables (.csv, .tsv, .txt, .csv.gz, .parquet) and pictures (a .zip, or several at "
    "once; folders are classes). Samples are found under names like `X`, `images`, `fea` or `data`; classes under `label`, "
    "`y`, `class`, `target`, `gnd`, `species` and the like. Further columns of labels are named `label_<name>`: they colour "
    "and score, nothing learns from them. Files stay on this machine."
)
GUESSED, NONE = "as found", "none"
TFIDF = "Each word becomes a feature: how often it stands here, and how seldom elsewhere. The 2,000 that weigh most stay."


def bring_data() -> dict[str, Any] | None:
    """Take a file, which is read completely before anything is kept; returns what was found in one that is not kept yet."""
    problem = st.session_state.pop("upload_problem", None)
    with st.expander("Bring your own data", icon=":material/upload:", expanded=problem is not None):
        st.markdown(FORMATS)
        st.file_uploader("File, or several pictures", accept_multiple_files=True, key="upload_file")
        found = _found()
        if found is not None:
            _what_it_is(found)
        shape, span = st.columns(2)
        shape.text_input("Image shape", key="upload_shape", placeholder="28x28, 32x32x3", help="If rows are flattened images.")
        span.text_input("Range", key="upload_range", placeholder="auto", help="Which values become 0 and 1, as 0,255.")
        st.text_input(
            "Written for no label", key="upload_unlabelled", placeholder="an empty cell",
            help="A value among the classes that stands for none, as -1. Samples without a label are clustered and not scored.",
        )  # fmt: skip
        st.checkbox("Samples are columns", key="upload_transpose")
        st.text_input("Name", key="upload_title", placeholder="as the file", max_chars=40)
        if st.button("Read the file"):
            _take()
        if problem is not None:
            st.error(plain(problem), icon=":material/error:")
    return None if found is None or found.get("kept") else found


def what_was_found(found: dict[str, Any]) -> None:
    """The parts of a file with type, range, missing cells, the first values, and what each is taken for."""
    st.subheader("What was found in the file")
    if "problem" in found:
        st.warning(plain(found["problem"]), icon=":material/rule:")
    st.dataframe(found["parts"], hide_index=True, alt="What was found")


def _found() -> dict[str, Any] | None:
    """What the chosen files hold; looked at once."""
    files = st.session_state["upload_file"]
    mark = [file.file_id for file in files]
    if not files:
        return None
    known = st.session_state.get("upload_found")
    if known is None or known["mark"] != mark:
        known = {"mark": mark, **_look(given_files("upload_file"))}
        st.session_state["upload_found"] = known
    if "parts" not in known:
        st.error(plain(known["problem"]), icon=":material/error:")
        return None
    found: dict[str, Any] = known
    return found


def _look(given: Sequence[tuple[str, bytes]]) -> dict[str, Any]:
    with datasets.scratch() as folder:
        try:
            return datasets.look_at(datasets.put_down(given, folder))
        except InvalidInput as error:
            return {"problem": str(error)}


def _what_it_is(found: dict[str, Any]) -> None:
    """What can be changed: the samples of an archive, the label, and what is left out."""
    if found["kind"] == "pictures":
        return
    names = [part["name"] for part in found["parts"]]
    key = st.session_state["upload_key"] = ",".join(found["mark"])
    if found["kind"] == "arrays":
        st.selectbox("Samples", [GUESSED, *names], key=f"data:{key}")
    st.selectbox(
        "Classes", [GUESSED, NONE, *names], key=f"label:{key}", help="Scores are against these; methods never see them."
    )
    st.multiselect("Further labels", names, key=f"further:{key}", help="They colour and score, and nothing learns from them.")
    texts = [part["name"] for part in found["parts"] if part.get("type") == "text"]
    if found["kind"] == "table" and texts:
        st.multiselect("Text, as tf-idf", texts, key=f"text:{key}", help=TFIDF)
    st.multiselect(
        "Leave out", names, _numbering(found), key=f"drop:{key}",
        help="Running numbers and identifiers are ticked: they would be clustered.",
    )  # fmt: skip


def choices() -> Choices:
    """What was decided about the file.

    Raises
    ------
    InvalidInput
        If a shape or a range is not written as one.
    """
    state = st.session_state
    found = state.get("upload_found") or {}
    return Choices(
        **(_roles(found) if "parts" in found and found["kind"] != "pictures" and "upload_key" in state else {}),
        unlabelled=state["upload_unlabelled"].strip() or None,
        image_shape=datasets.parse_image_shape(state["upload_shape"]) if state["upload_shape"].strip() else None,
        range=datasets.parse_range(state["upload_range"] or "auto"),
        transpose=state["upload_transpose"],
    )


def _roles(found: dict[str, Any]) -> dict[str, Any]:
    """What each array or column is, as it was chosen; what was offered to be left out and is not, is kept."""
    state, key = st.session_state, st.session_state["upload_key"]
    label, samples = state.get(f"label:{key}", GUESSED), state.get(f"data:{key}", GUESSED)
    dropped, text, further = (tuple(state.get(f"{role}:{key}", ())) for role in ("drop", "text", "further"))
    roles = {*dropped, *text, *further, label}
    kept = [name for name in _numbering(found) if name not in roles and not text] if samples == GUESSED else [samples]
    return {
        "label": {GUESSED: None, NONE: ""}.get(label, label), "drop": dropped, "text": text, "further": further,
        "keep": tuple(kept),
    }  # fmt: skip


def _numbering(found: dict[str, Any]) -> list[str]:
    return [part["name"] for part in found["parts"] if part.get("role") == "numbering"]


def _take() -> None:
    """Store what was uploaded, with a bar for how far it is, and begin the page again with it."""
    bar = st.progress(0.0, text="Reading")

    def told(done: int, total: int) -> None:
        bar.progress(min(done / max(total, 1), 1.0), text=f"Reading: {done:,} of {total:,}")

    try:
        chosen = choices()
        with datasets.heard_by(told):
            name = stored_upload("upload_file", "upload_problem", chosen, st.session_state["upload_title"].strip() or None)
    except InvalidInput as error:
        st.session_state["upload_problem"], name = str(error), None
    if name is not None:
        st.session_state.get("upload_found", {})["kept"] = True
        st.session_state["data_brought"] = name
        choose_data(DataSpec(name))
    st.rerun()


def provenance(notes: Sequence[str]) -> None:
    """How a file was read: what was taken for what, and what is not used."""
    if not notes:
        return
    if datasets.recommends_standard(notes):
        st.info(plain(next(note for note in notes if datasets.recommends_standard([note]))), icon=":material/straighten:")
    with st.expander("How it was read", icon=":material/fact_check:"):
        for note in notes:
            st.markdown(f"- {plain(note)}")

"""Bring your own data, in three looks: what was found, what each part is, what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core import datasets
from core.common import InvalidInput
from core.datasets import Choices, Dataset, DataSpec
from pages.ui.state import choose_data
from pages.ui.text import plain
from pages.ui.uploading import given_files, held_files, stored_upload

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
        st.caption("Arrays, tables or pictures. What each part is taken for is shown first. Files stay on this machine.")
        st.file_uploader("File, or several pictures", accept_multiple_files=True, key="upload_file", help=FORMATS)
        found = _found()
        looking = found is not None and not found.get("kept")
        if not looking:
            _decisions(None)
        if problem is not None:
            st.error(plain(problem), icon=":material/error:")
    return found if looking else None


def what_was_found(found: dict[str, Any]) -> None:
    """The parts of a file with type, range, missing cells and the first values, what each is, and what can be changed."""
    st.subheader("What was found in the file")
    if "problem" in found:
        st.warning(plain(found["problem"]), icon=":material/rule:")
    st.dataframe(found["parts"], hide_index=True, alt="What was found")
    st.caption("The role is a guess. What you leave as it is stays guessed; nothing is kept before the file is read.")
    _decisions(found)


def _decisions(found: dict[str, Any] | None) -> None:
    """What the user says of a file, and the click that reads it."""
    if found is not None and found["kind"] != "pictures":
        _what_it_is(found)
    first, second, third = st.columns(3) if found is not None else (st, st, st)
    first.text_input("Image shape", key="upload_shape", placeholder="28x28, 32x32x3", help="If rows are flattened images.")
    second.text_input("Range", key="upload_range", placeholder="auto", help="Which values become 0 and 1, as 0,255.")
    third.text_input(
        "Written for no label", key="upload_unlabelled", placeholder="an empty cell",
        help="A value among the classes that stands for none, as -1. Samples without a label are clustered and not scored.",
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Name", key="upload_title", placeholder="as the file", max_chars=40, width=220)
        st.checkbox("Samples are columns", key="upload_transpose")
    kind: Any = "primary" if found is not None else "secondary"
    if st.button("Read the file", type=kind, icon=":material/input:", key="upload_read"):
        _take()


def _found() -> dict[str, Any] | None:
    """What the chosen files hold; looked at once."""
    files = held_files("upload_file")
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
    """What can be changed: the samples of an archive, the labels, texts, and what is left out."""
    names = [part["name"] for part in found["parts"]]
    key = st.session_state["upload_key"] = ",".join(found["mark"])
    texts = [part["name"] for part in found["parts"] if part.get("type") == "text"]
    first, second, third = st.columns(3)
    first.selectbox(
        "Classes", [GUESSED, NONE, *names], key=f"label:{key}", help="Scores are against these; methods never see them."
    )
    second.multiselect(
        "Further labels", names, key=f"further:{key}", help="They colour and score, and nothing learns from them."
    )
    if found["kind"] == "arrays":
        third.selectbox("Samples", [GUESSED, *names], key=f"data:{key}")
    elif texts:
        third.multiselect("Text, as tf-idf", texts, key=f"text:{key}", help=TFIDF)
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


def provenance(data: Dataset) -> None:
    """How a file was read: what was taken for what, what is not used, and what is advised."""
    if not data.notes:
        return
    if datasets.recommends_standard(data.notes) and data.scaling == "unit":
        advice = next(note for note in data.notes if datasets.recommends_standard([note]))
        st.info(plain(advice), icon=":material/straighten:")
        st.button("Scale each feature by itself", icon=":material/straighten:", on_click=_standard, args=(data.name,))
    if any(datasets.MINUS_ONE in note for note in data.notes):  # it would be scored as a class, so this is not folded away
        st.info(f"{datasets.MINUS_ONE} *Written for no label* is where.", icon=":material/label_off:")
    with st.expander("How it was read", icon=":material/fact_check:"):
        for note in data.notes:
            st.markdown(f"- {plain(note)}")


def _standard(name: str) -> None:
    st.session_state[f"{name}:scaling"] = "standard"

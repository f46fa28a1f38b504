"""Data as a file to take along; and of what a user brought, another range or another column to score by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from core import datasets
from core.common import InvalidInput, ReadOnlyError, read_only
from core.datasets import Dataset, DataSpec
from pages.ui.text import plain

SAME = "as now"
RANGE_HELP = "Which values become 0 and 1, as 0,255; auto takes what the values say."


def keeping(data: Dataset, spec: DataSpec) -> None:
    """Export, and what can be changed of an upload."""
    st.caption(
        "The chosen part as methods get it, with its labels. Brought back here, it is the same: its fingerprint says so."
    )
    with st.container(horizontal=True):
        for form, name in ((".npz", "NumPy"), (".parquet", "Parquet")):
            st.download_button(
                f"{name} ({form})", _content(data, form), f"{spec.name}{form}", icon=":material/download:", on_click="ignore",
                key=f"save{form}",
            )  # fmt: skip
    st.caption(f"Fingerprint `{data.fingerprint}`")
    if datasets.is_upload(spec.name):
        _change(data, spec)


def _content(data: Dataset, form: str) -> Callable[[], bytes]:
    """The file, made once it is asked for."""

    def made() -> bytes:
        with datasets.scratch() as folder:
            target = Path(folder) / f"data{form}"
            datasets.export(data, target)
            return target.read_bytes()

    return made


def _change(data: Dataset, spec: DataSpec) -> None:
    st.markdown("**Change what it is**")
    span, scoring = st.columns(2)
    span.text_input("Range", key=f"change_range:{spec.name}", placeholder="as now", help=RANGE_HELP)
    columns = [SAME, *data.attributes]
    scoring.selectbox("Classes", columns, key=f"change_label:{spec.name}", help="Which column of labels scores.")
    st.button("Keep it like this", on_click=_keep, args=(spec,), disabled=read_only())
    st.caption("It gets a name of its own; runs on the set as it was stay as they are.")
    problem = st.session_state.pop("change_problem", None)
    if problem:
        st.error(plain(problem), icon=":material/error:")


def _keep(spec: DataSpec) -> None:
    """Store it once more, and choose that; a callback, so that the select box starts from it."""
    label = st.session_state[f"change_label:{spec.name}"]
    try:
        span = datasets.parse_change(st.session_state[f"change_range:{spec.name}"])
        path = datasets.change_upload(spec.name, range=span, label=None if label == SAME else label)
    except (InvalidInput, ReadOnlyError) as error:
        st.session_state["change_problem"] = str(error)
        return
    st.session_state["data_name"] = path.stem

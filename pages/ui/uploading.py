"""A file that a user brings: stored completely, or refused in words."""

from __future__ import annotations

import streamlit as st

from core import datasets
from core.common import InvalidInput, ReadOnlyError

MISSING = "There is no file yet. Choose one, and wait until all of it has arrived."


def stored_upload(file_key: str, problem_key: str, image_shape: tuple[int, ...] | None) -> str | None:
    """Store what a file uploader holds and return its name; else say under `problem_key` why not."""
    file = st.session_state[file_key]
    if file is None:
        st.session_state[problem_key] = MISSING
        return None
    try:
        return datasets.store_upload(file.name, file.getvalue(), image_shape=image_shape).stem
    except (InvalidInput, ReadOnlyError) as error:
        st.session_state[problem_key] = str(error)
        return None

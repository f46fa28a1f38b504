"""A file that a user brings: stored completely, or refused in words."""

from __future__ import annotations

import streamlit as st

from core import datasets
from core.common import InvalidInput, ReadOnlyError
from core.datasets import Choices

MISSING = "There is no file yet. Choose one, and wait until all of it has arrived."


def given_files(file_key: str) -> list[tuple[str, bytes]]:
    """Names and contents of what a file uploader holds."""
    held = st.session_state[file_key]
    files = held if isinstance(held, list) else [] if held is None else [held]
    return [(file.name, file.getvalue()) for file in files]


def stored_upload(file_key: str, problem_key: str, choices: Choices, name: str | None = None) -> str | None:
    """Store what a file uploader holds and return its name; else say under `problem_key` why not."""
    given = given_files(file_key)
    if not given:
        st.session_state[problem_key] = MISSING
        return None
    try:
        return datasets.store_uploads(given, choices, name).stem
    except (InvalidInput, ReadOnlyError) as error:
        st.session_state[problem_key] = str(error)
        return None

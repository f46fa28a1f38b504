"""A file that a user brings: stored completely, or refused in words."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core import datasets
from core.common import InvalidInput, ReadOnlyError
from core.datasets import Choices

MISSING = "There is no file yet. Choose one, and wait until all of it has arrived."


def held_files(file_key: str) -> list[UploadedFile]:
    """What a file uploader holds; a page that outlived the server still names files that are gone with it."""
    held = st.session_state[file_key]
    return [file for file in (held if isinstance(held, list) else [held]) if isinstance(file, UploadedFile)]


def given_files(file_key: str) -> list[tuple[str, bytes]]:
    """Names and contents of what a file uploader holds."""
    return [(file.name, file.getvalue()) for file in held_files(file_key)]


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

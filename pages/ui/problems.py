"""What has gone wrong in words, in place of what could not be shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core.common import AffinityLabError
from pages.ui.text import plain


@contextmanager
def told() -> Iterator[None]:
    """Show an error that the app knows as a sentence; what stands around it is drawn all the same."""
    try:
        yield
    except AffinityLabError as error:
        st.error(plain(error), icon=":material/error:")

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


@contextmanager
def toasted() -> Iterator[None]:
    """The same of a click that came too late: before the page is drawn there is no place for the sentence but above it."""
    try:
        yield
    except AffinityLabError as error:
        st.toast(plain(error))

"""Pages that are not held up by the looking through of libraries."""

from __future__ import annotations

import gc
import sys

GROWN = 50  # modules: what a page brings with it at its first visit
_seen = [0]


def spare_libraries() -> None:
    """Take what is loaded out of the sight of the garbage collector, whenever libraries have come in.

    Streamlit collects garbage after every run of a page, under the lock that all users share: with these libraries a fifth
    of a second and more, several times what a page takes itself. They are never garbage. What users hold just then is
    freed as before once nothing refers to it, but for circles; so this is done a few times in the life of a server, and
    not at every run.
    """
    if len(sys.modules) >= _seen[0] + GROWN:
        _seen[0] = len(sys.modules)
        gc.collect()
        gc.freeze()

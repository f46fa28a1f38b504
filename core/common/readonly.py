"""An app that only shows what is there: for a talk, a guest, or records that must not change."""

from __future__ import annotations

import os

from core.common.errors import ReadOnlyError

READ_ONLY = "AFFINITY_LAB_READONLY"


def read_only() -> bool:
    """Whether looking is all that is allowed: ``AFFINITY_LAB_READONLY`` is set, and not to 0."""
    return os.environ.get(READ_ONLY, "").strip() not in ("", "0")


def demand_writable(what: str) -> None:
    """Refuse `what`, told as a noun, where looking is all that is allowed.

    Raises
    ------
    ReadOnlyError
    """
    if read_only():
        raise ReadOnlyError(f"{READ_ONLY} is set: everything can be looked at, but {what} is refused. Unset it to allow that.")

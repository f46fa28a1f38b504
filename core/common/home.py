"""Where Affinity Lab keeps its files."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Folder of all records: ``AFFINITY_LAB_HOME``, else ``.affinity_lab`` beside the code (git ignores it)."""
    given = os.environ.get("AFFINITY_LAB_HOME")
    return Path(given).expanduser() if given else Path(__file__).resolve().parents[2] / ".affinity_lab"


def data_folders() -> list[Path]:
    """Folders searched for data sets: ``<home>/data``, then those that ``AFFINITY_LAB_DATA`` names."""
    named = [Path(part).expanduser() for part in os.environ.get("AFFINITY_LAB_DATA", "").split(os.pathsep) if part]
    return [home() / "data", *named]

"""The film of a run: one small file for each frame, thinned as it grows, so that a run can be watched again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from core.common import atomic_write, pack

FOLDER, SUFFIX = "frames", ".frame"
MOST_FRAMES = 80
MOST_BYTES = 16_000_000
FIRST_GAP = 0.1  # seconds between two frames at the start; doubled whenever the film is thinned


class Film:
    """Writes the frames of a run into its folder.

    A film that has grown too long loses every second frame but the first and the last, and goes on at half the pace, so that
    at its end the frames lie about evenly in time, 40 to 80 of them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._gap = FIRST_GAP
        self._latest = float("-inf")

    @property
    def due(self) -> bool:
        """Whether the last frame is old enough for another."""
        return time.monotonic() - self._latest >= self._gap

    def add(self, place: int, facts: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> None:
        """Write the frame of a place in the course of the run, the number of its steps so far.

        Raises
        ------
        OSError
            If it cannot be written; the frames before it stay.
        """
        with atomic_write(self._folder / f"{place:010d}{SUFFIX}") as file:
            file.write(pack({"place": place, **facts}, arrays))
        self._latest = time.monotonic()
        files = frame_files(self._folder.parent)
        if len(files) > MOST_FRAMES or (sum(file.stat().st_size for file in files) > MOST_BYTES and len(files) > 2):
            for file in files[1:-1:2]:
                file.unlink(missing_ok=True)
            self._gap *= 2

    def rewind(self, place: int) -> None:
        """Forget the frames after a place: a run that was lost goes on from its checkpoint."""
        for file in frame_files(self._folder.parent):
            if int(file.stem) > place:
                file.unlink(missing_ok=True)


def frame_files(folder: Path) -> list[Path]:
    """The frames in the folder of a run, in their order."""
    return sorted((folder / FOLDER).glob(f"[0-9]*{SUFFIX}"))

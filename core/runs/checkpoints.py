"""What a run that is interrupted goes on from: its last checkpoint, and the one before in case that cannot be read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.common import StorageError, stored_file
from core.runs.handle import RunHandle
from core.runs.networks import RunShelf
from core.runs.recorder import Recorder
from core.runs.spec import CHECKPOINT, PREVIOUS
from core.training import Stages

CHECKPOINT_VERSION = 2  # raise it when a stage comes to keep other parts, or under other names


@dataclass(frozen=True)
class Restored:
    """What was found: the content of a checkpoint, if one can be read, and words on those that cannot."""

    saved: dict[str, Any] | None = None
    words: list[str] = field(default_factory=list)


def save_checkpoint(run: RunHandle, stages: Stages, record: Recorder, shelf: RunShelf | None = None) -> None:
    """Write the state of the stages and of the diary, if there is anything to go on from, and what the run began with.

    The one before is kept. It gives way only once the new one is complete and on disk, so at every moment one can be read.

    Raises
    ------
    OSError, StorageError
        If it cannot be written; those that are there stay as they are.
    """
    state = stages.state_dict()
    if not state:
        return
    import torch

    saved = {"version": CHECKPOINT_VERSION, "stages": state, "record": record.state()}
    if shelf is not None:
        saved |= {"pretrained": shelf.used, "start": shelf.parts}
    with run.writing(CHECKPOINT) as file:
        try:
            torch.save(saved, file)
        except RuntimeError as error:  # so it tells of a full disk
            raise StorageError(f"torch could not write the checkpoint: {str(error).partition('. ')[0]}") from error
        file.flush()
        os.fsync(file.fileno())
        if (run.folder / CHECKPOINT).exists():
            os.replace(run.folder / CHECKPOINT, run.folder / PREVIOUS)


def load_checkpoint(run: RunHandle) -> Restored:
    """The last checkpoint that can be read, on the CPU."""
    words: list[str] = []
    for name in (CHECKPOINT, PREVIOUS):
        try:
            return Restored(_read(run.folder / name), words)
        except FileNotFoundError:
            continue  # there never was one, or a kill fell between two names
        except StorageError as error:
            words.append(str(error))
    return Restored(None, words)


def _read(path: Path) -> dict[str, Any]:
    import torch

    with stored_file(path):
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(saved, dict) or not {"version", "stages", "record"} <= set(saved):
        raise StorageError(f"The file {path} is no checkpoint.")
    if saved["version"] != CHECKPOINT_VERSION:
        raise StorageError(f"The checkpoint {path} is of an earlier version.")
    return saved

"""What a run that is interrupted goes on from: its last checkpoint, and the one before in case that cannot be read."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.common import StorageError
from core.runs.files import read_tensors
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
    saved = _state(stages, record, shelf)
    if saved is None:
        return
    import torch

    with run.writing(CHECKPOINT) as file:
        try:
            torch.save(saved, file)
        except RuntimeError as error:  # so it tells of a full disk
            raise StorageError(f"torch could not write the checkpoint: {str(error).partition('. ')[0]}") from error
        file.flush()
        os.fsync(file.fileno())
        if (run.folder / CHECKPOINT).exists():
            os.replace(run.folder / CHECKPOINT, run.folder / PREVIOUS)


def contents(stages: Stages, record: Recorder, shelf: RunShelf | None) -> bytes | None:
    """What a checkpoint would hold at this moment, as a file; None if there is nothing to go on from."""
    saved = _state(stages, record, shelf)
    if saved is None:
        return None
    import torch

    buffer = io.BytesIO()
    torch.save(saved, buffer)
    return buffer.getvalue()


def tensor_bytes(state: Any) -> int:
    """What the tensors of a state take, wherever they stand in it."""
    if isinstance(state, Mapping):
        return sum(map(tensor_bytes, state.values()))
    if isinstance(state, list | tuple):
        return sum(map(tensor_bytes, state))
    return int(getattr(state, "nbytes", 0))


def _state(stages: Stages, record: Recorder, shelf: RunShelf | None) -> dict[str, Any] | None:
    state = stages.state_dict()
    if not state:
        return None
    began = {} if shelf is None else {"pretrained": shelf.used, "start": shelf.parts}
    return {"version": CHECKPOINT_VERSION, "stages": state, "record": record.state(), **began}


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
    saved = read_tensors(path)
    if not isinstance(saved, dict) or not {"version", "stages", "record"} <= set(saved):
        raise StorageError(f"The file {path} is no checkpoint.")
    if saved["version"] != CHECKPOINT_VERSION:
        raise StorageError(f"The checkpoint {path} is of an earlier version.")
    return dict(saved)

"""What of a run is too large for the database: arrays, weights, checkpoints, the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from core.common import StorageError, atomic_write, stored_file
from core.runs import shared
from core.runs.spec import CHECKPOINT, PREVIOUS


def read_tensors(path: Path) -> Any:
    """What `torch.save` wrote, on the CPU; of what a disk has changed, nothing is taken.

    torch writes a checksum beside each tensor but does not compare it when it reads.

    Raises
    ------
    StorageError
        If the file is broken. A `FileNotFoundError` is passed on.
    """
    with stored_file(path):
        with ZipFile(path) as archive:
            if (broken := archive.testzip()) is not None:
                raise ValueError(f"{broken} has another checksum")
        import torch  # after the file was found: most runs have no checkpoint to go on from, and some need no torch at all

        return torch.load(path, map_location="cpu", weights_only=True)


class RunFiles:
    """A folder for each run, ``<home>/runs/<id>/``."""

    def __init__(self, home: Path) -> None:
        self._root = home / "runs"
        self._root.mkdir(parents=True, exist_ok=True)
        self.shared = shared.SharedArrays(home)

    def folder(self, run_id: str) -> Path:
        return self._root / run_id

    def checkpoints(self, run_id: str) -> list[Path]:
        """The checkpoints there are, the newer one first."""
        return [path for name in (CHECKPOINT, PREVIOUS) if (path := self.folder(run_id) / name).exists()]

    def forget_checkpoints(self, run_id: str) -> None:
        for path in self.checkpoints(run_id):
            path.unlink(missing_ok=True)

    def save_arrays(self, run_id: str, name: str, arrays: Mapping[str, NDArray]) -> None:
        """Write ``<name>.npz``; a reader sees the old file or the new one, never half of one."""
        with atomic_write(self.folder(run_id) / f"{name}.npz") as file:
            write_arrays(file, arrays)

    def arrays(self, run_id: str, name: str, keys: Iterable[str] | None = None) -> dict[str, NDArray]:
        """Read ``<name>.npz``, or only some of its arrays; empty if the file is not there.

        Raises
        ------
        StorageError
            If it is broken.
        """
        path = self.folder(run_id) / f"{name}.npz"
        if not path.exists():
            return {}
        with stored_file(path), np.load(path, allow_pickle=False) as stored:
            entries = {_plain(entry): entry for entry in stored.files}
            found = {key: stored[entry] for key, entry in entries.items() if keys is None or key in keys}
        for key, value in found.items():
            if entries[key] != key:
                found[key] = shared.read(path.with_name(str(value)))
        return found

    def array(self, run_id: str, name: str, key: str) -> NDArray:
        """The array of ``<name>.npz`` that every such run has.

        Raises
        ------
        StorageError
            If it is broken or not there, as that of a run which somebody deletes while it is shown.
        """
        found = self.arrays(run_id, name, [key])
        if key not in found:
            raise StorageError(f"Run {run_id!r} holds no {key!r}, which every such run has; it may have been deleted just now.")
        return found[key]

    def array_names(self, run_id: str, name: str) -> list[str]:
        path = self.folder(run_id) / f"{name}.npz"
        if not path.exists():
            return []
        with stored_file(path), np.load(path, allow_pickle=False) as stored:
            return [_plain(entry) for entry in stored.files]


def _plain(entry: str) -> str:
    return entry.removesuffix(shared.MARK)


def write_arrays(file: Any, arrays: Mapping[str, NDArray]) -> None:
    np.savez(file, allow_pickle=False, **dict(arrays))

"""A run as the process that works on it sees it: bound to one record, and to the process that owns it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import atomic_write
from core.runs.files import write_arrays
from core.runs.owner import Owner
from core.runs.shared import LEAST, MARK, as_file, named_by
from core.runs.spec import HistoryRow, Run, RunSpec, Status
from core.runs.store import RunStore


@dataclass(frozen=True)
class RunHandle:
    """What may be written to one run, and what is asked of it.

    Attributes
    ----------
    id, spec
        Of the run.
    owner
        The process that claimed it, to which every write is bound; None before.
    home
        Where everything of the store lies.
    """

    id: str
    spec: RunSpec
    owner: Owner | None
    home: Path
    _store: RunStore

    @classmethod
    def open(cls, store: RunStore, run_id: str) -> RunHandle:
        run = store.get(run_id)
        return cls(run.id, run.spec, run.owner, store.home, store)

    def record(self) -> Run:
        """The record as it is now."""
        return self._store.get(self.id)

    # ---- life --------------------------------------------------------------------------------------------------------

    def set_status(self, status: Status) -> None:
        self._store.set_status(self.id, status, owner=self.owner)

    def finish(self, status: Status, result: Mapping[str, Any], error: Mapping[str, Any] | None = None) -> None:
        self._store.finish(self.id, status, result, error, owner=self.owner)

    def asked(self) -> str | None:
        """What the user asks for at the moment.

        Raises
        ------
        RunTaken
            If the run is of another process by now, or over.
        """
        return self._store.requests.asked(self.id, self.owner)

    def grant_step(self) -> None:
        self._store.requests.grant_step(self.id, self.owner)

    def accept_stop(self) -> None:
        self._store.requests.accept_stop(self.id, self.owner)

    # ---- what it tells -----------------------------------------------------------------------------------------------

    def report(
        self, progress: Mapping[str, Any], rows: Iterable[HistoryRow] = (), alarms: list[dict[str, Any]] | None = None
    ) -> None:
        """Write progress and new history in one transaction; refused once the run is over."""
        with self._store.writing(self.id, self.owner) as db:
            db.execute("UPDATE runs SET progress = ? WHERE id = ?", (json.dumps(dict(progress)), self.id))
            if alarms is not None:
                db.execute("UPDATE runs SET alarms = ? WHERE id = ?", (json.dumps(alarms), self.id))
            db.executemany(
                "INSERT OR REPLACE INTO history VALUES (?, ?, ?, ?, ?, ?)",
                [(self.id, r.seq, r.stage, r.step, r.seconds, json.dumps(dict(r.scalars))) for r in rows],
            )

    def rewind(self, seq: int) -> None:
        """Forget the history that a lost run wrote after its checkpoint."""
        with self._store.writing(self.id, self.owner) as db:
            db.execute("DELETE FROM history WHERE run = ? AND seq > ?", (self.id, seq))

    # ---- files -------------------------------------------------------------------------------------------------------

    def save_arrays(self, name: str, arrays: Mapping[str, NDArray], shared: Collection[str] = ()) -> None:
        """Write ``<name>.npz``; large arrays whose names are in `shared`, into files that other runs may have, too."""
        entries = dict(self._entry(key, value, shared) for key, value in arrays.items())
        with self.writing(f"{name}.npz") as file:
            write_arrays(file, entries)

    def _entry(self, key: str, value: NDArray, shared: Collection[str]) -> tuple[str, NDArray]:
        if key not in shared or value.nbytes < LEAST:
            return key, value
        content = as_file(value)
        name = named_by(content)
        self.share(name, content)
        return key + MARK, np.array(name)

    def share(self, name: str, content: bytes) -> None:
        """A file that is named after its content: that of an earlier run, or a new one that later runs will find."""
        known = self._store.files.shared
        if not known.link(name, self.folder):
            with self.writing(name) as file:
                file.write(content)
            known.adopt(self.folder / name)

    @contextmanager
    def writing(self, name: str) -> Iterator[Any]:
        """A file of the run, which appears whole or not at all, and not once the run is of another process."""
        self.asked()
        with atomic_write(self.folder / name) as file:
            yield file
            self.asked()

    @property
    def folder(self) -> Path:
        return self._store.files.folder(self.id)

"""Deleted runs, which can be had back for a while.

The record says when a run was deleted, and hides it; its folder moves to ``<home>/trash``. Both are gone for good when the
time is over. Each step can be done again, so a kill between two of them costs nothing.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from core.common import RunConflict, UnknownName
from core.runs.database import Database
from core.runs.files import RunFiles
from core.runs.spec import ACTIVE, Status

UNDO_SECONDS = 600.0


class Trash:
    """What was deleted from one store.

    Parameters
    ----------
    database, files
        Of the store.
    home : Path
    """

    def __init__(self, database: Database, files: RunFiles, home: Path) -> None:
        self._database, self._files, self._root = database, files, home / "trash"

    def put(self, run_id: str, status: Status) -> None:
        """Delete a run of that status; refused while it is active. No process can be at work on a broken record."""
        busy = () if status == Status.BROKEN else ACTIVE
        marks = ", ".join("?" * len(busy))
        with self._database.connect() as db:  # one statement: a worker may claim a queued run at any moment
            query = f"UPDATE runs SET deleted = ? WHERE id = ? AND deleted IS NULL AND status NOT IN ({marks})"
            deleted = db.execute(query, (time.time(), run_id, *busy)).rowcount
        if not deleted:
            raise RunConflict(f"The run {run_id} is {status}; stop it before deleting it.")
        self._move(self._files.folder(run_id), self._root / run_id)

    def take_back(self, run_id: str) -> None:
        """Let a deleted run be there again as it was.

        Raises
        ------
        UnknownName
            If it was not deleted, or is gone for good.
        """
        if run_id not in self.all():
            raise UnknownName("deleted run", run_id, self.all())
        self._move(self._root / run_id, self._files.folder(run_id))
        with self._database.connect() as db:
            db.execute("UPDATE runs SET deleted = NULL WHERE id = ?", (run_id,))

    def all(self) -> list[str]:
        """The deleted runs that can be had back."""
        return self._older_than(-1e12)

    def sweep(self, seconds: float = UNDO_SECONDS) -> list[str]:
        """Forget for good what was deleted so many seconds ago or more."""
        swept = self._older_than(seconds)
        for run_id in swept:
            for folder in (self._root / run_id, self._files.folder(run_id)):
                shutil.rmtree(folder, ignore_errors=True)
            with self._database.connect() as db:
                db.execute("DELETE FROM runs WHERE id = ? AND deleted IS NOT NULL", (run_id,))
        if swept:
            self._files.shared.sweep()
        return swept

    def _older_than(self, seconds: float) -> list[str]:
        with self._database.connect() as db:
            rows = db.execute("SELECT id FROM runs WHERE deleted <= ? ORDER BY deleted", (time.time() - seconds,))
            return [row["id"] for row in rows]

    def _move(self, here: Path, there: Path) -> None:
        there.parent.mkdir(exist_ok=True)
        if here.exists():
            os.replace(here, there)

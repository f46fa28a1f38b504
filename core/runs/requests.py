"""What a user asks of a run that is on its way: pause, one step, stop, go on."""

from __future__ import annotations

from core.runs.database import Database
from core.runs.spec import STOPPING


class Requests:
    """The one request that each run has at a time; the worker looks at it between two steps."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def asked(self, run_id: str) -> str | None:
        """What is asked of a run at the moment."""
        with self._database.connect() as db:
            row = db.execute("SELECT request FROM runs WHERE id = ?", (run_id,)).fetchone()
        return None if row is None else row["request"]

    def grant_step(self, run_id: str) -> None:
        """Turn a request for one step into a pause after it, unless something else was asked for meanwhile."""
        with self._database.connect() as db:
            db.execute("UPDATE runs SET request = 'pause' WHERE id = ? AND request = 'step'", (run_id,))

    def accept_stop(self, run_id: str) -> None:
        """The worker's word that it has begun to stop; what is left is to conclude from what was reached."""
        with self._database.connect() as db:
            db.execute("UPDATE runs SET request = ? WHERE id = ? AND request = 'stop'", (STOPPING, run_id))

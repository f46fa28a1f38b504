"""What a user asks of a run that is on its way: pause, one step, stop, go on."""

from __future__ import annotations

from core.common import RunTaken
from core.runs.database import Database, owned_by
from core.runs.owner import Owner
from core.runs.spec import ACTIVE, STOPPING, Status

_ACTIVE = ", ".join(f"'{status}'" for status in ACTIVE)
_HELD = f"{_ACTIVE}, '{Status.QUEUED}'"  # a run that waits may be held back, and let go
# Clicks that arrive together may be written in another order than they were made in, and one click twice.
_UNLESS_STOPPED = f"COALESCE(request, '') NOT IN ('stop', '{STOPPING}')"
_WHEN = {"stop": f"COALESCE(request, '') != '{STOPPING}'", "step": f"status = '{Status.PAUSED}' AND {_UNLESS_STOPPED}"}


class Requests:
    """The one request that each run has at a time; the worker looks at it between two steps."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, run_id: str, what: str | None) -> bool:
        """Put a request in the place of the one before, if it makes sense: then True.

        A run that waits can be held back by a pause: no queue starts it until it is let go. A stop is the last word.
        One step is for a run that has paused: asked for again while it is made, it would be two.
        """
        when = _WHEN.get(what or "", _UNLESS_STOPPED)
        where = _HELD if what in ("pause", None) else _ACTIVE
        with self._database.connect() as db:
            query = f"UPDATE runs SET request = ? WHERE id = ? AND status IN ({where}) AND {when}"
            return db.execute(query, (what, run_id)).rowcount > 0

    def asked(self, run_id: str, owner: Owner | None = None) -> str | None:
        """What is asked of a run at the moment.

        Raises
        ------
        RunTaken
            If an owner is given, who asks for himself, and the run is not at work any more, or not his.
        """
        theirs, who = owned_by(owner)
        active = f" AND status IN ({_ACTIVE})" if owner is not None else ""
        with self._database.connect() as db:
            row = db.execute(f"SELECT request FROM runs WHERE id = ?{theirs}{active}", (run_id, *who)).fetchone()
        if row is None and owner is not None:
            raise RunTaken(f"The run {run_id} is no longer at work in the process {owner.pid}.")
        return None if row is None else row["request"]

    def grant_step(self, run_id: str, owner: Owner | None = None) -> None:
        """Turn a request for one step into a pause after it, unless something else was asked for meanwhile."""
        self._replace(run_id, "step", "pause", owner)

    def accept_stop(self, run_id: str, owner: Owner | None = None) -> None:
        """The worker's word that it has begun to stop; what is left is to conclude from what was reached."""
        self._replace(run_id, "stop", STOPPING, owner)

    def _replace(self, run_id: str, one: str, other: str, owner: Owner | None) -> None:
        theirs, who = owned_by(owner)
        with self._database.connect() as db:
            db.execute(f"UPDATE runs SET request = ? WHERE id = ? AND request = ?{theirs}", (other, run_id, one, *who))

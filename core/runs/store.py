"""The run store: the only place where records live.

One SQLite database (WAL) holds specs, status, progress and metric history; a folder per run holds what is large. Every
process opens its own short-lived connection, so pages, workers and the command line can share a home. A run that is
over never changes again, except for its tags and notes.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from core import methods
from core.common import AffinityLabError, InvalidInput, RunConflict, UnknownName
from core.common import home as default_home
from core.datasets import DataSpec
from core.runs.database import Database
from core.runs.files import RunFiles
from core.runs.notices import Notices
from core.runs.requests import Requests
from core.runs.spec import ACTIVE, CHECKPOINT, OVER, REQUESTS, HistoryRow, Run, RunSpec, Status

LAST_SECOND = 253_402_300_800.0  # the year 10000
_JSON = ("progress", "result", "error", "alarms")


class RunStore:
    """Records of runs under one home folder, and their life.

    What is large is in `files`, what users ask of runs in `requests`, words between processes in `notices`.

    Parameters
    ----------
    home : path, optional
        Folder of the database and of ``runs/<id>/``; made when missing. Default: `core.common.home`.
    known_methods : bool
        Tell a finished run of a method that is not installed here as broken: nothing can be shown of it.
    """

    def __init__(self, home: str | Path | None = None, *, known_methods: bool = False) -> None:
        self._known_methods = known_methods
        self.home = Path(home) if home is not None else default_home()
        if self.home.exists() and not self.home.is_dir():
            raise InvalidInput(f"The home of the app must be a folder. {self.home} is a file; see AFFINITY_LAB_HOME.")
        self.files = RunFiles(self.home)
        self._database = Database(self.home / "runs.sqlite")
        self.requests = Requests(self._database)
        self.notices = Notices(self._database)

    @contextmanager
    def writing(self, run_id: str) -> Iterator[sqlite3.Connection]:
        """A transaction on a run that may still change; an error in it undoes it."""
        with self._database.connect() as db:
            db.execute("BEGIN IMMEDIATE")
            row = db.execute("SELECT status FROM runs WHERE id = ?", (run_id,)).fetchone()
            if row is None or row["status"] not in (*ACTIVE, Status.QUEUED):
                db.execute("ROLLBACK")
                raise RunConflict(f"The run {run_id} is {self.get(run_id).status}, so nothing can be written to it.")
            yield db
            db.execute("COMMIT")

    # ---- records -----------------------------------------------------------------------------------------------

    def create(self, spec: RunSpec, *, reference: bool = False, tags: str = "", owner: tuple[int, float] | None = None) -> Run:
        """Record a new run: queued, or already claimed by the process `owner` (its id and start time)."""
        stem = "".join(c if c.isalnum() else "-" for c in f"{spec.method}-{Path(spec.data.name).stem}")[:40]
        run_id = f"{time.strftime('%y%m%d-%H%M%S')}-{stem}-{secrets.token_hex(4)}"  # a sweep makes many in one second
        with self._database.connect() as db:
            db.execute(
                "INSERT INTO runs (id, spec, status, created, started, reference, tags, pid, pid_started) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    run_id, json.dumps(spec.to_dict()), Status.STARTING if owner else Status.QUEUED, time.time(),
                    time.time() if owner else None, int(reference), tags, *(owner or (None, None)),
                ),
            )  # fmt: skip
        self.files.folder(run_id).mkdir(parents=True, exist_ok=True)
        return self.get(run_id)

    def has(self, run_id: str) -> bool:
        """Whether there is such a run."""
        with self._database.connect() as db:
            return db.execute("SELECT 1 FROM runs WHERE id = ?", (run_id,)).fetchone() is not None

    def get(self, run_id: str) -> Run:
        """Read one run.

        Raises
        ------
        UnknownName
            If there is no such run.
        """
        with self._database.connect() as db:
            row = db.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            raise UnknownName("run", run_id, [run.id for run in self.runs()[:20]])
        return _read(row, self._known_methods)

    def runs(self, *, status: Iterable[Status] | None = None, references: bool = True) -> list[Run]:
        """All runs, newest first; with `status` only those of such a status."""
        wanted = set(status) if status is not None else set(Status)
        named = [] if Status.BROKEN in wanted else [str(s) for s in wanted]  # what is broken shows only when it is read
        limit = f"status IN ({', '.join('?' * len(named))}) AND" if named else ""
        query = f"SELECT * FROM runs WHERE {limit} reference <= ? ORDER BY created DESC, rowid DESC"
        with self._database.connect() as db:
            found = [_read(row, self._known_methods) for row in db.execute(query, (*named, int(references)))]
        return [run for run in found if run.status in wanted]

    def raw(self, run_id: str) -> dict[str, Any]:
        """The columns of a record as they are stored, for one that cannot be read."""
        with self._database.connect() as db:
            return dict(db.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone())

    def annotate(self, run_id: str, *, tags: str | None = None, notes: str | None = None) -> None:
        """Change tags or notes, which stay open to the user when a run is over."""
        self.get(run_id)
        with self._database.connect() as db:
            for column, value in (("tags", tags), ("notes", notes)):
                if value is not None:
                    db.execute(f"UPDATE runs SET {column} = ? WHERE id = ?", (value[:2000], run_id))

    def delete(self, run_id: str) -> None:
        """Remove a run and all its files; refused while it is active. No process can be at work on a broken record."""
        run = self.get(run_id)
        busy = () if run.status == Status.BROKEN else ACTIVE
        marks = ", ".join("?" * len(busy))
        with self._database.connect() as db:  # one statement: a worker may claim a queued run at any moment
            deleted = db.execute(f"DELETE FROM runs WHERE id = ? AND status NOT IN ({marks})", (run_id, *busy)).rowcount
        if not deleted:
            raise RunConflict(f"The run {run_id} is {run.status}; stop it before deleting it.")
        self.files.delete(run_id)

    # ---- life of a run -----------------------------------------------------------------------------------------

    def _move(self, run_id: str, allowed: Iterable[Status], to: Status, **values: Any) -> None:
        """Change the status in one statement, so that two processes cannot both do it."""
        names = [str(s) for s in allowed]
        columns = {"status": str(to), **{k: json.dumps(v) if k in _JSON else v for k, v in values.items()}}
        sets = ", ".join(f"{name} = ?" for name in columns)
        marks = ", ".join("?" * len(names))
        with self._database.connect() as db:
            moved = db.execute(
                f"UPDATE runs SET {sets} WHERE id = ? AND status IN ({marks})", (*columns.values(), run_id, *names)
            ).rowcount
        if not moved:
            raise RunConflict(f"The run {run_id} is {self.get(run_id).status}, so it cannot become {to}.")

    def claim(self, run_id: str, pid: int, pid_started: float) -> None:
        """Take a queued run for a process; of several that try, one succeeds."""
        values = {"pid": pid, "pid_started": pid_started, "started": time.time()}
        self._move(run_id, [Status.QUEUED], Status.STARTING, **values)

    def set_status(self, run_id: str, status: Status) -> None:
        """Move between the active states."""
        if status not in ACTIVE:
            raise ValueError(f"Use finish, requeue or mark_lost for {status}.")
        self._move(run_id, ACTIVE, status)

    def finish(self, run_id: str, status: Status, result: Mapping[str, Any], error: Mapping[str, Any] | None = None) -> None:
        """Close a run for good."""
        if status not in OVER:
            raise ValueError(f"A run ends as one of {OVER}, not as {status}.")
        values = {"result": dict(result), "error": error, "finished": time.time(), "request": None}
        self._move(run_id, [*ACTIVE, Status.QUEUED], status, **values)
        (self.files.folder(run_id) / CHECKPOINT).unlink(missing_ok=True)

    def mark_lost(self, run_id: str) -> None:
        """Its process is gone without a word."""
        self._move(run_id, ACTIVE, Status.LOST, request=None)

    def requeue(self, run_id: str) -> None:
        """Put a lost run back into the queue; it goes on from its checkpoint if it has one."""
        self._move(run_id, [Status.LOST], Status.QUEUED, request=None, pid=None, pid_started=None)

    def request(self, run_id: str, what: str | None) -> None:
        """Ask the worker to ``pause``, ``step`` once, ``stop``, or (None) go on."""
        if what is not None and what not in REQUESTS:
            raise RunConflict(f"A request must be one of {', '.join(REQUESTS)}. Got {what!r}.")
        run = self.get(run_id)
        if run.status == Status.QUEUED and what == "stop":
            self.finish(run_id, Status.STOPPED, {})
            return
        if not run.active:
            raise RunConflict(f"The run {run_id} is {run.status}; there is nothing to {what or 'resume'}.")
        with self.writing(run_id) as db:
            db.execute("UPDATE runs SET request = ? WHERE id = ?", (what, run_id))

    def history(self, run_id: str, *, after: int = 0) -> list[HistoryRow]:
        """Scalars of all steps with seq > `after`, in order."""
        query = "SELECT seq, stage, step, seconds, scalars FROM history WHERE run = ? AND seq > ? ORDER BY seq"
        with self._database.connect() as db:
            rows = db.execute(query, (run_id, after)).fetchall()
        return [HistoryRow(r["seq"], r["stage"], r["step"], r["seconds"], json.loads(r["scalars"])) for r in rows]


def _read(row: sqlite3.Row, known_methods: bool) -> Run:
    """A record, or one that says why it cannot be read: of all others nothing is lost."""
    try:
        run = _to_run(row)
        _demand_sense(run)
        if known_methods and run.status in (Status.DONE, Status.STOPPED, Status.LOST):
            methods.method_class(run.spec.method)
        return run
    except (ValueError, TypeError, KeyError, AttributeError, AffinityLabError) as error:
        words = f"This record cannot be read ({type(error).__name__}: {error}). It can be exported or deleted."
        spec = RunSpec(method="unknown", data=DataSpec("unknown"), params={})
        described = {"message": words, "bad_input": False, "traceback": ""}
        return Run(
            id=row["id"], spec=spec, status=Status.BROKEN, created=0.0, reference=bool(row["reference"]), error=described
        )


def _demand_sense(run: Run) -> None:
    """Refuse what pages would stumble over: times beyond all calendars."""
    for time_ in (run.created, run.started, run.finished):
        if time_ is not None and not 0 <= time_ < LAST_SECOND:
            raise ValueError(f"a time of {time_!r}")


def _to_run(row: sqlite3.Row) -> Run:
    plain = dict(row)
    for name in _JSON:
        plain[name] = None if plain[name] is None else json.loads(plain[name])
    spec = RunSpec.from_dict(json.loads(plain.pop("spec")))
    spec = replace(spec, params=methods.current(spec.method, spec.params))  # names change; what was stored is read on
    status = Status(plain.pop("status"))
    return Run(spec=spec, status=status, reference=bool(plain.pop("reference")), **plain)

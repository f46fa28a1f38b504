"""The run store: the only place where records live.

One SQLite database (WAL) holds specs, status, progress and metric history; a folder per run holds what is large. Every
process opens its own short-lived connection, so pages, workers and the command line can share a home. A run that is
over never changes again, except for its tags and notes.
"""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.common import InvalidInput, RunConflict, RunTaken, UnknownName, demand_writable
from core.common import home as default_home
from core.runs.database import OWNER_COLUMNS, Database, owned_by
from core.runs.files import RunFiles
from core.runs.notices import Notices
from core.runs.owner import Owner
from core.runs.requests import Requests
from core.runs.rows import JSON_COLUMNS, read_run
from core.runs.spec import ACTIVE, OVER, REQUESTS, RESUMABLE, SWEPT, HistoryRow, Run, RunSpec, Status
from core.runs.trash import Trash


def _new_id(spec: RunSpec) -> str:
    stem = "".join(c if c.isalnum() else "-" for c in f"{spec.method}-{Path(spec.data.name).stem}")[:40]
    return f"{time.strftime('%y%m%d-%H%M%S')}-{stem}-{secrets.token_hex(4)}"  # a sweep makes many in one second


class RunStore:
    """Records of runs under one home folder, and their life.

    What is large is in `files`, what users ask of runs in `requests`, words between processes in
    `notices`, what was deleted a while ago in `trash`.

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
        self.trash = Trash(self._database, self.files, self.home)

    @contextmanager
    def writing(self, run_id: str, owner: Owner | None = None) -> Iterator[sqlite3.Connection]:
        """A transaction on a run that may still change, and is of that process; an error in it undoes it.

        It is how a run reports several times a second, so it does not wait for the disk.
        """
        theirs, who = owned_by(owner)
        with self._database.connect(waits=False) as db:
            db.execute("BEGIN IMMEDIATE")
            row = db.execute(f"SELECT status FROM runs WHERE id = ?{theirs}", (run_id, *who)).fetchone()
            if row is None or row["status"] not in (*ACTIVE, Status.QUEUED):
                db.execute("ROLLBACK")
                raise self._refusal(run_id, owner, "nothing can be written to it")
            yield db
            db.execute("COMMIT")

    # ---- records -----------------------------------------------------------------------------------------------

    def create(
        self, spec: RunSpec, *, reference: bool = False, tags: str = "", owner: Owner | None = None,
        inherit: Callable[[Path], None] | None = None, history: tuple[str, int] | None = None, named: str | None = None,
    ) -> Run:  # fmt: skip
        """Record a new run: queued, or already claimed by the process `owner`; under a new id, or one that it has elsewhere.

        `inherit` fills its folder before anybody can claim it; `history` names a run whose first steps are its own too, and
        their number.
        """
        demand_writable("a new run")
        run_id = named or _new_id(spec)
        self._furnish(self.files.folder(run_id), inherit)
        with self._database.connect() as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute(
                "INSERT INTO runs (id, spec, status, created, started, reference, tags, pid, pid_started, boot) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    run_id, json.dumps(spec.to_dict()), Status.STARTING if owner else Status.QUEUED, time.time(),
                    time.time() if owner else None, int(reference), tags, *(owner or (None,) * 3),
                ),
            )  # fmt: skip
            if history is not None:
                columns = "seq, stage, step, seconds, scalars"
                query = f"INSERT INTO history (run, {columns}) SELECT ?, {columns} FROM history WHERE run = ? AND seq <= ?"
                db.execute(query, (run_id, *history))
            db.execute("COMMIT")
        return self.get(run_id)

    @staticmethod
    def _furnish(folder: Path, inherit: Callable[[Path], None] | None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if inherit is not None:
            try:
                inherit(folder)
            except BaseException:
                shutil.rmtree(folder)
                raise

    def adopt(self, record: Mapping[str, Any], history: Iterable[Mapping[str, Any]] = ()) -> None:
        """Take in a run that is over, by the columns of its record and its history; one that is here already stays as it is."""
        demand_writable("taking in a run")
        if Status(record["status"]) not in OVER:
            raise RunConflict(f"Only a run that is over can be taken in. {record['id']} is {record['status']}.")
        columns = {name: json.dumps(value) if name in ("spec", *JSON_COLUMNS) else value for name, value in record.items()}
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        rows = [(record["id"], r["seq"], r["stage"], r["step"], r["seconds"], json.dumps(r["scalars"])) for r in history]
        with self._database.connect() as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute(f"INSERT OR IGNORE INTO runs ({names}) VALUES ({marks})", tuple(columns.values()))
            db.executemany("INSERT OR IGNORE INTO history VALUES (?, ?, ?, ?, ?, ?)", rows)
            db.execute("COMMIT")

    def has(self, run_id: str) -> bool:
        """Whether there is such a run."""
        with self._database.connect() as db:
            return db.execute("SELECT 1 FROM runs WHERE id = ? AND deleted IS NULL", (run_id,)).fetchone() is not None

    def get(self, run_id: str) -> Run:
        """Read one run.

        Raises
        ------
        UnknownName
            If there is no such run.
        """
        with self._database.connect() as db:
            row = db.execute("SELECT * FROM runs WHERE id = ? AND deleted IS NULL", (run_id,)).fetchone()
        if row is None:
            raise UnknownName("run", run_id, [run.id for run in self.runs()[:20]])
        return read_run(row, self._known_methods)

    def count(self, status: Iterable[Status], among: Collection[str] | None = None) -> int:
        """How many runs there are of these, references among them, without reading one; with `among` of those alone."""
        named, ids = [str(s) for s in status], list(among or ())
        query = f"SELECT COUNT(*) FROM runs WHERE deleted IS NULL AND status IN ({', '.join('?' * len(named))})"
        if among is not None:
            query += f" AND id IN ({', '.join('?' * len(ids))})"
        with self._database.connect() as db:
            return int(db.execute(query, [*named, *ids]).fetchone()[0])

    def runs(self, *, status: Iterable[Status] | None = None, references: bool = True, method: str | None = None) -> list[Run]:
        """All runs, newest first; with `status` only those of such a status, with `method` only those of it."""
        wanted = set(status) if status is not None else set(Status)
        named = [] if Status.BROKEN in wanted else [str(s) for s in wanted]  # what is broken shows only when it is read
        limit = f"status IN ({', '.join('?' * len(named))}) AND" if named else ""
        values: list[str | int] = [*named, int(references)]
        if method is not None:  # asked of the database: reading a record takes longer
            limit += " CASE WHEN json_valid(spec) THEN json_extract(spec, '$.method') = ? END AND"
            values.insert(len(named), method)
        query = f"SELECT * FROM runs WHERE {limit} deleted IS NULL AND reference <= ? ORDER BY created DESC, rowid DESC"
        with self._database.connect() as db:
            found = [read_run(row, self._known_methods) for row in db.execute(query, values)]
        return [run for run in found if run.status in wanted]

    def waiting(self) -> Iterator[Run]:
        """The runs that may be started, the first first; of a sweep of hundreds only those are read that are looked at."""
        order = "substr(tags, 1, ?) = ?, created, rowid"  # one that was launched alone does not wait for those of a sweep
        query = f"SELECT * FROM runs WHERE status = ? AND deleted IS NULL AND reference = 0 ORDER BY {order}"
        with self._database.connect() as db:
            rows = db.execute(query, (Status.QUEUED, len(SWEPT), SWEPT)).fetchall()
        return (run for run in (read_run(row, self._known_methods) for row in rows) if run.waits)

    def some(self, ids: Collection[str]) -> dict[str, Run]:
        """Those of the named runs that there are, by id."""
        marks = ", ".join("?" * len(ids))
        with self._database.connect() as db:
            rows = db.execute(f"SELECT * FROM runs WHERE deleted IS NULL AND id IN ({marks})", tuple(ids)).fetchall()
        return {row["id"]: read_run(row, self._known_methods) for row in rows}

    def raw(self, run_id: str) -> dict[str, Any]:
        """The columns of a record as they are stored, for one that cannot be read."""
        with self._database.connect() as db:
            return dict(db.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone())

    def annotate(self, run_id: str, *, tags: str | None = None, notes: str | None = None) -> None:
        """Change tags or notes, which stay open to the user when a run is over."""
        demand_writable("a change of tags and notes")
        self.get(run_id)
        with self._database.connect() as db:
            for column, value in (("tags", tags), ("notes", notes)):
                if value is not None:
                    db.execute(f"UPDATE runs SET {column} = ? WHERE id = ?", (value[:2000], run_id))

    def delete(self, run_id: str) -> None:
        """Remove a run and all its files, which `undelete` brings back for ten minutes; refused while it is active."""
        demand_writable("deleting a run")
        self.trash.put(run_id, self.get(run_id).status)

    def undelete(self, run_id: str) -> None:
        """Bring a deleted run back, if it is not gone for good yet."""
        demand_writable("bringing a run back")
        self.trash.take_back(run_id)

    # ---- life of a run -----------------------------------------------------------------------------------------

    def _move(self, run_id: str, allowed: Iterable[Status], to: Status, owner: Owner | None = None, **values: Any) -> None:
        """Change the status in one statement, so that two processes cannot both do it; of that process, if one is given."""
        names = [str(s) for s in allowed]
        columns = {"status": str(to), **{k: json.dumps(v) if k in JSON_COLUMNS else v for k, v in values.items()}}
        sets = ", ".join(f"{name} = ?" for name in columns)
        marks = ", ".join("?" * len(names))
        theirs, who = owned_by(owner)
        with self._database.connect() as db:
            moved = db.execute(
                f"UPDATE runs SET {sets} WHERE id = ? AND deleted IS NULL AND status IN ({marks}){theirs}",
                (*columns.values(), run_id, *names, *who),
            ).rowcount
        if not moved:
            raise self._refusal(run_id, owner, f"it cannot become {to}")

    def _refusal(self, run_id: str, owner: Owner | None, what: str) -> RunConflict:
        """Why something is not done: the run is not where it would have to be, or of another process by now."""
        if owner is None:
            return RunConflict(f"The run {run_id} is {self.get(run_id).status}, so {what}.")
        return RunTaken(f"The run {run_id} is no longer at work in the process {owner.pid}, so {what}.")

    def claim(self, run_id: str, owner: Owner) -> None:
        """Take a queued run for a process; of several that try, one succeeds."""
        demand_writable("training a run")
        columns: dict[str, Any] = dict(zip(OWNER_COLUMNS, owner, strict=True))
        self._move(run_id, [Status.QUEUED], Status.STARTING, started=time.time(), **columns)

    def set_status(self, run_id: str, status: Status, *, owner: Owner | None = None) -> None:
        """Move between the active states."""
        if status not in ACTIVE:
            raise ValueError(f"Use finish, requeue or mark_lost for {status}.")
        self._move(run_id, ACTIVE, status, owner)

    def finish(
        self, run_id: str, status: Status, result: Mapping[str, Any], error: Mapping[str, Any] | None = None, *,
        owner: Owner | None = None,
    ) -> None:  # fmt: skip
        """Close a run; one that failed keeps its checkpoints, since it may be resumed."""
        if status not in OVER:
            raise ValueError(f"A run ends as one of {OVER}, not as {status}.")
        values = {"result": dict(result), "error": error, "finished": time.time(), "request": None}
        self._move(run_id, [*ACTIVE, Status.QUEUED], status, owner, **values)
        if status not in RESUMABLE:
            self.files.forget_checkpoints(run_id)

    def mark_lost(self, run_id: str, *, owner: Owner | None = None) -> None:
        """Its process is gone without a word."""
        self._move(run_id, ACTIVE, Status.LOST, owner, request=None)

    def requeue(self, run_id: str) -> None:
        """Put a run that is lost or has failed back into the queue; it goes on from its checkpoint if it has one."""
        demand_writable("resuming a run")
        nobody: dict[str, Any] = dict.fromkeys(OWNER_COLUMNS)
        self._move(run_id, RESUMABLE, Status.QUEUED, request=None, finished=None, error=None, result={}, **nobody)

    def request(self, run_id: str, what: str | None) -> None:
        """Ask the worker to ``pause``, ``step`` once, ``stop``, or (None) go on."""
        demand_writable("a request to a run")
        if what is not None and what not in REQUESTS:
            raise RunConflict(f"A request must be one of {', '.join(REQUESTS)}. Got {what!r}.")
        if (what == "stop" and self._drop(run_id)) or self.requests.ask(run_id, what):
            return
        run = self.get(run_id)
        if not run.active:
            raise RunConflict(f"The run {run_id} is {run.status}; there is nothing to {what or 'resume'}.")
        if what == "step" and run.request in (None, "pause", "step"):
            raise RunConflict(f"The run {run_id} has not paused yet. One step can be asked for once it has.")

    def _drop(self, run_id: str) -> bool:
        """End a run that still waits; a worker may claim it at any moment, and is then asked instead."""
        try:
            self._move(run_id, [Status.QUEUED], Status.STOPPED, finished=time.time(), request=None, result={})
        except RunConflict:
            return False
        self.files.forget_checkpoints(run_id)
        return True

    def last_scalars(self, ids: Collection[str]) -> dict[str, dict[str, float]]:
        """Of each of the named runs the scalars of the last step that has any."""
        query = "SELECT scalars FROM history WHERE run = ? AND scalars != '{}' ORDER BY seq DESC LIMIT 1"
        with self._database.connect() as db:
            found = {run_id: db.execute(query, (run_id,)).fetchone() for run_id in ids}
        return {run_id: json.loads(row["scalars"]) for run_id, row in found.items() if row is not None}

    def history(self, run_id: str, *, after: int = 0) -> list[HistoryRow]:
        """Scalars of all steps with seq > `after`, in order."""
        known = "JOIN runs ON runs.id = history.run AND deleted IS NULL"
        query = f"SELECT seq, stage, step, seconds, scalars FROM history {known} WHERE run = ? AND seq > ? ORDER BY seq"
        with self._database.connect() as db:
            rows = db.execute(query, (run_id, after)).fetchall()
        return [HistoryRow(r["seq"], r["stage"], r["step"], r["seconds"], json.loads(r["scalars"])) for r in rows]

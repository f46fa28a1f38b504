"""The run store: the only place where records live.

One SQLite database (WAL) holds specs, status, progress and metric history; a folder per run holds what is large. Every
process opens its own short-lived connection, so pages, workers and the command line can share a home. A run that is
over never changes again, except for its tags and notes.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import secrets
import shutil
import sqlite3
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import RunConflict, UnknownName, atomic_write
from core.common import home as default_home
from core.runs.spec import ACTIVE, CHECKPOINT, OVER, REQUESTS, STOPPING, HistoryRow, Run, RunSpec, Status

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, spec TEXT NOT NULL, status TEXT NOT NULL, created REAL NOT NULL, started REAL, finished REAL,
    request TEXT, progress TEXT NOT NULL DEFAULT '{}', result TEXT NOT NULL DEFAULT '{}', error TEXT,
    alarms TEXT NOT NULL DEFAULT '[]', pid INTEGER, pid_started REAL, tags TEXT NOT NULL DEFAULT '',
    notes TEXT NOT NULL DEFAULT '', reference INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS runs_by_time ON runs (created);
CREATE TABLE IF NOT EXISTS history (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, seq INTEGER NOT NULL, stage TEXT NOT NULL,
    step INTEGER NOT NULL, seconds REAL NOT NULL, scalars TEXT NOT NULL, PRIMARY KEY (run, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notices (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


_JSON = ("progress", "result", "error", "alarms")


class RunStore:
    """Records of runs under one home folder.

    Parameters
    ----------
    home : path, optional
        Folder of the database and of ``runs/<id>/``; made when missing. Default: `core.common.home`.
    """

    def __init__(self, home: str | Path | None = None) -> None:
        self.home = Path(home) if home is not None else default_home()
        (self.home / "runs").mkdir(parents=True, exist_ok=True)
        self._database = self.home / "runs.sqlite"
        with self._connect() as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(_SCHEMA)

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self._database, timeout=20, isolation_level=None)
        db.row_factory = sqlite3.Row
        try:
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA synchronous = NORMAL")
            yield db
        finally:
            db.close()

    @contextmanager
    def _open_run(self, run_id: str) -> Iterator[sqlite3.Connection]:
        """A transaction on a run that may still change; an error in it undoes it."""
        with self._connect() as db:
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
        with self._connect() as db:
            db.execute(
                "INSERT INTO runs (id, spec, status, created, started, reference, tags, pid, pid_started) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    run_id, json.dumps(spec.to_dict()), Status.STARTING if owner else Status.QUEUED, time.time(),
                    time.time() if owner else None, int(reference), tags, *(owner or (None, None)),
                ),
            )  # fmt: skip
        self.folder(run_id).mkdir(parents=True, exist_ok=True)
        return self.get(run_id)

    def get(self, run_id: str) -> Run:
        """Read one run.

        Raises
        ------
        UnknownName
            If there is no such run.
        """
        with self._connect() as db:
            row = db.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            raise UnknownName("run", run_id, [run.id for run in self.runs()[:20]])
        return _to_run(row)

    def runs(self, *, status: Iterable[Status] | None = None, references: bool = True) -> list[Run]:
        """All runs, newest first."""
        wanted = [str(s) for s in (status if status is not None else Status)]
        marks = ", ".join("?" * len(wanted))
        query = f"SELECT * FROM runs WHERE status IN ({marks}) AND reference <= ? ORDER BY created DESC, rowid DESC"
        with self._connect() as db:
            return [_to_run(row) for row in db.execute(query, (*wanted, int(references)))]

    def annotate(self, run_id: str, *, tags: str | None = None, notes: str | None = None) -> None:
        """Change tags or notes, which stay open to the user when a run is over."""
        self.get(run_id)
        with self._connect() as db:
            for column, value in (("tags", tags), ("notes", notes)):
                if value is not None:
                    db.execute(f"UPDATE runs SET {column} = ? WHERE id = ?", (value[:2000], run_id))

    def delete(self, run_id: str) -> None:
        """Remove a run and all its files; refused while it is active."""
        run = self.get(run_id)
        marks = ", ".join("?" * len(ACTIVE))
        with self._connect() as db:  # one statement: a worker may claim a queued run at any moment
            deleted = db.execute(f"DELETE FROM runs WHERE id = ? AND status NOT IN ({marks})", (run_id, *ACTIVE)).rowcount
        if not deleted:
            raise RunConflict(f"The run {run_id} is {run.status}; stop it before deleting it.")
        shutil.rmtree(self.folder(run_id), ignore_errors=True)

    # ---- life of a run -----------------------------------------------------------------------------------------

    def _move(self, run_id: str, allowed: Iterable[Status], to: Status, **values: Any) -> None:
        """Change the status in one statement, so that two processes cannot both do it."""
        names = [str(s) for s in allowed]
        columns = {"status": str(to), **{k: json.dumps(v) if k in _JSON else v for k, v in values.items()}}
        sets = ", ".join(f"{name} = ?" for name in columns)
        marks = ", ".join("?" * len(names))
        with self._connect() as db:
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
        (self.folder(run_id) / CHECKPOINT).unlink(missing_ok=True)

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
        with self._open_run(run_id) as db:
            db.execute("UPDATE runs SET request = ? WHERE id = ?", (what, run_id))

    def grant_step(self, run_id: str) -> None:
        """Turn a request for one step into a pause after it, unless something else was asked for meanwhile."""
        with self._connect() as db:
            db.execute("UPDATE runs SET request = 'pause' WHERE id = ? AND request = 'step'", (run_id,))

    def accept_stop(self, run_id: str) -> None:
        """The worker's word that it has begun to stop; what is left is to conclude from what was reached."""
        with self._connect() as db:
            db.execute("UPDATE runs SET request = ? WHERE id = ? AND request = 'stop'", (STOPPING, run_id))

    def requested(self, run_id: str) -> str | None:
        with self._connect() as db:
            row = db.execute("SELECT request FROM runs WHERE id = ?", (run_id,)).fetchone()
        return None if row is None else row["request"]

    def report(
        self,
        run_id: str,
        progress: Mapping[str, Any],
        rows: Iterable[HistoryRow] = (),
        alarms: list[dict[str, Any]] | None = None,
    ) -> None:
        """Write progress and new history in one transaction; refused once the run is over."""
        with self._open_run(run_id) as db:
            db.execute("UPDATE runs SET progress = ? WHERE id = ?", (json.dumps(dict(progress)), run_id))
            if alarms is not None:
                db.execute("UPDATE runs SET alarms = ? WHERE id = ?", (json.dumps(alarms), run_id))
            db.executemany(
                "INSERT OR REPLACE INTO history VALUES (?, ?, ?, ?, ?, ?)",
                [(run_id, r.seq, r.stage, r.step, r.seconds, json.dumps(dict(r.scalars))) for r in rows],
            )

    def history(self, run_id: str, *, after: int = 0) -> list[HistoryRow]:
        """Scalars of all steps with seq > `after`, in order."""
        query = "SELECT seq, stage, step, seconds, scalars FROM history WHERE run = ? AND seq > ? ORDER BY seq"
        with self._connect() as db:
            rows = db.execute(query, (run_id, after)).fetchall()
        return [HistoryRow(r["seq"], r["stage"], r["step"], r["seconds"], json.loads(r["scalars"])) for r in rows]

    def rewind_history(self, run_id: str, seq: int) -> None:
        """Forget what a lost run wrote after its checkpoint."""
        with self._open_run(run_id) as db:
            db.execute("DELETE FROM history WHERE run = ? AND seq > ?", (run_id, seq))

    # ---- notices between processes -------------------------------------------------------------------------------

    def notice(self, name: str) -> Any:
        with self._connect() as db:
            row = db.execute("SELECT value FROM notices WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row["value"])

    def post(self, name: str, value: Any) -> None:
        with self._connect() as db:
            db.execute("INSERT OR REPLACE INTO notices VALUES (?, ?)", (name, json.dumps(value)))

    # ---- files ---------------------------------------------------------------------------------------------------

    def folder(self, run_id: str) -> Path:
        return self.home / "runs" / run_id

    def save_arrays(self, run_id: str, name: str, arrays: Mapping[str, NDArray]) -> None:
        """Write ``<name>.npz``; a reader sees the old file or the new one, never half of one."""
        with atomic_write(self.folder(run_id) / f"{name}.npz") as file:
            np.savez(file, allow_pickle=False, **dict(arrays))

    def arrays(self, run_id: str, name: str, keys: Iterable[str] | None = None) -> dict[str, NDArray]:
        """Read ``<name>.npz``, or only some of its arrays; empty if the file is not there."""
        path = self.folder(run_id) / f"{name}.npz"
        if not path.exists():
            return {}
        with np.load(path, allow_pickle=False) as stored:
            return {key: stored[key] for key in stored.files if keys is None or key in keys}

    def array_names(self, run_id: str, name: str) -> list[str]:
        path = self.folder(run_id) / f"{name}.npz"
        if not path.exists():
            return []
        with np.load(path, allow_pickle=False) as stored:
            return list(stored.files)

    def export(self, run_id: str, target: Path | io.BytesIO) -> None:
        """Write one .zip: spec, result, history, arrays, labels, weights, log.

        A path is written through a temporary name, so that a failed export leaves nothing behind.
        """
        if isinstance(target, Path):
            with atomic_write(target) as file:
                self._export(run_id, file)
        else:
            self._export(run_id, target)

    def _export(self, run_id: str, file: Any) -> None:
        run = self.get(run_id)
        record = dataclasses.asdict(run) | {"spec": run.spec.to_dict()}
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr("spec.json", json.dumps(run.spec.to_dict(), indent=2))
            archive.writestr("run.json", json.dumps(record, indent=2))
            archive.writestr("history.csv", _history_csv(self.history(run_id)))
            final = self.arrays(run_id, "final", ("labels", "y", "indices"))
            if "labels" in final:
                archive.writestr("labels.csv", _labels_csv(final))
            for stored, exported in (("final.npz", "arrays.npz"), ("weights.safetensors",) * 2, ("log.txt",) * 2):
                if (self.folder(run_id) / stored).exists():
                    archive.write(self.folder(run_id) / stored, exported)


def _to_run(row: sqlite3.Row) -> Run:
    plain = dict(row)
    for name in _JSON:
        plain[name] = None if plain[name] is None else json.loads(plain[name])
    spec = RunSpec.from_dict(json.loads(plain.pop("spec")))
    status = Status(plain.pop("status"))
    return Run(spec=spec, status=status, reference=bool(plain.pop("reference")), **plain)


def _history_csv(rows: list[HistoryRow]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row.scalars))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["seq", "stage", "step", "seconds", *names])
    for row in rows:
        writer.writerow([row.seq, row.stage, row.step, row.seconds, *(row.scalars.get(name, "") for name in names)])
    return text.getvalue()


def _labels_csv(final: Mapping[str, NDArray]) -> str:
    columns = {"sample": final["indices"], "cluster": final["labels"]} | ({"class": final["y"]} if "y" in final else {})
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()

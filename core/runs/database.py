"""The database of one home: its schema and version, and short-lived connections to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.common import StorageError
from core.runs.owner import Owner

SCHEMA_VERSION = 2  # raise it when a table changes, and say in `_migrate` how an older one becomes it
OWNER_COLUMNS = ("pid", "pid_started", "boot")  # of an `Owner`, in its order
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, spec TEXT NOT NULL, status TEXT NOT NULL, created REAL NOT NULL, started REAL, finished REAL,
    request TEXT, progress TEXT NOT NULL DEFAULT '{}', result TEXT NOT NULL DEFAULT '{}', error TEXT,
    alarms TEXT NOT NULL DEFAULT '[]', pid INTEGER, pid_started REAL, boot TEXT, deleted REAL,
    tags TEXT NOT NULL DEFAULT '', notes TEXT NOT NULL DEFAULT '', reference INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS runs_by_time ON runs (created);
CREATE TABLE IF NOT EXISTS history (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, seq INTEGER NOT NULL, stage TEXT NOT NULL,
    step INTEGER NOT NULL, seconds REAL NOT NULL, scalars TEXT NOT NULL, PRIMARY KEY (run, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notices (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Database:
    """One SQLite file (WAL). Every caller gets a connection of its own, so that processes can share it.

    Raises
    ------
    StorageError
        Whenever the file cannot be read or written, or was written by a newer version of the app.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self.connect() as db:
            found = db.execute("PRAGMA user_version").fetchone()[0]
            if found > SCHEMA_VERSION:
                raise StorageError(
                    f"The database {path} was written by a newer version of Affinity Lab (format {found}, this one knows "
                    f"{SCHEMA_VERSION}). Update the app, or name another folder in AFFINITY_LAB_HOME."
                )
            db.execute("PRAGMA journal_mode = WAL")
            if found < SCHEMA_VERSION:
                _migrate(db)
        self._open = self._kept_open()

    def _kept_open(self) -> sqlite3.Connection:
        """A connection that nobody uses: when the last one is closed, SQLite writes its log back and waits for the disk.

        A page reads the store some thirty times, and each time would be the last one.
        """
        with self._told():
            kept = sqlite3.connect(self._path, timeout=20, isolation_level=None, check_same_thread=False)
            kept.execute("PRAGMA user_version").fetchone()  # it is open from the first look on
            return kept

    @contextmanager
    def connect(self, *, waits: bool = True) -> Iterator[sqlite3.Connection]:
        """A connection; what it writes survives a power cut, or, if it does not wait for the disk, all but that."""
        with self._told():
            db = sqlite3.connect(self._path, timeout=20, isolation_level=None)
            db.row_factory = sqlite3.Row
            try:
                db.execute("PRAGMA foreign_keys = ON")
                db.execute(f"PRAGMA synchronous = {'FULL' if waits else 'NORMAL'}")
                yield db
            finally:
                db.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What SQLite complains of, as an error of the app."""
        try:
            yield
        except sqlite3.Error as error:
            raise StorageError(
                f"The database {self._path} cannot be used: {error}. Look whether its disk is full or read-only; if the file "
                "is broken, move it away, and a new one is made beside the runs that lie in its folder."
            ) from error


def owned_by(owner: Owner | None) -> tuple[str, tuple[int | float | str, ...]]:
    """The end of a condition that holds for runs of one process, and its values; without one it holds for all."""
    if owner is None:
        return "", ()
    return " AND pid = ? AND pid_started = ? AND COALESCE(boot, '') = ?", tuple(owner)


def _migrate(db: sqlite3.Connection) -> None:
    """Make the tables, or add to earlier ones what they lack; those of before there was a version are of version 1.

    Processes of one home may come here at once: the first to get the write lock does it.
    """
    db.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA.split(";"):  # `executescript` would make each a transaction of its own, and wait for the disk
        db.execute(statement)
    present = {row["name"] for row in db.execute("PRAGMA table_info(runs)")}
    for column, kind in (("boot", "TEXT"), ("deleted", "REAL")):
        if column not in present:
            db.execute(f"ALTER TABLE runs ADD COLUMN {column} {kind}")
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    db.execute("COMMIT")

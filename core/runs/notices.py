"""Short messages between the processes of one home."""

from __future__ import annotations

import json
from typing import Any

from core.runs.database import Database


class Notices:
    """One value under each name; the last word counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, name: str) -> Any:
        with self._database.connect() as db:
            row = db.execute("SELECT value FROM notices WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row["value"])

    def post(self, name: str, value: Any) -> None:
        with self._database.connect() as db:
            db.execute("INSERT OR REPLACE INTO notices VALUES (?, ?)", (name, json.dumps(value)))

    def withdraw(self, name: str) -> None:
        with self._database.connect() as db:
            db.execute("DELETE FROM notices WHERE name = ?", (name,))

"""A record as it stands in the database, read as a run."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

from core import methods
from core.common import AffinityLabError
from core.datasets import DataSpec
from core.runs.spec import Run, RunSpec, Status

LAST_SECOND = 253_402_300_800.0  # the year 10000
JSON_COLUMNS = ("progress", "result", "error", "alarms")


def read_run(row: sqlite3.Row, known_methods: bool) -> Run:
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
    del plain["deleted"]  # whoever is given a run that was deleted has asked for it
    for name in JSON_COLUMNS:
        plain[name] = None if plain[name] is None else json.loads(plain[name])
    spec = RunSpec.from_dict(json.loads(plain.pop("spec")))
    params = methods.current(spec.method, spec.params)  # names change; what was stored is read on
    preset, changed = methods.current_preset(spec.method, spec.preset, params)
    spec = replace(spec, params=params, preset=preset, modified=spec.modified or changed)
    status = Status(plain.pop("status"))
    return Run(spec=spec, status=status, reference=bool(plain.pop("reference")), **plain)

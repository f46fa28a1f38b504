"""Sweeps that come with the app: run before, so that one sees at once what a hyperparameter does, and read here.

``assets/sweeps/prepared.toml`` says what each is, in the form of the papers' figures; ``python -m core sweeps prepared`` runs
them and writes a .json for each: the sweep, its rows, and with what they were made.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from core.common import atomic_write, named, stored_file
from core.evaluation import score_title
from core.runs import Status
from core.sweeps.choosing import LABEL_FREE, SHARED, choices
from core.sweeps.cuts import SECONDS
from core.sweeps.designs import Setting
from core.sweeps.figures import Figure, read_figures
from core.sweeps.records import SweepRecord
from core.sweeps.spec import Cell, Sweep
from core.sweeps.table import Row

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "sweeps"
PREFIX = "prepared-"
KEPT = ("acc", "nmi_geometric", "ari", "silhouette", "block_diagonality", "code_norm", "relative_error", *SHARED, SECONDS)
DIGITS = 4


@cache
def prepared_sweeps() -> Mapping[str, Figure]:
    """What each of them is, by name."""
    return read_figures(FOLDER / "prepared.toml")


def prepared_on(knob: str) -> str | None:
    """The id of the one in which a hyperparameter is varied, if there is one."""
    return next((PREFIX + name for name, each in prepared_sweeps().items() if each.over[0].partition("=")[0] == knob), None)


@cache
def known_costs() -> Mapping[str, tuple[float, ...]]:
    """How much ACC a choice by each score without labels costs in those sweeps whose labels are known: the names of scores
    to a cost for each sweep that has it."""
    found: dict[str, list[float]] = {}
    for name in prepared_sweeps():
        for choice in choices(prepared_sweep(name)[1]):
            if choice.cost is not None and choice.by in LABEL_FREE:
                found.setdefault(choice.by, []).append(choice.cost)
    return {by: tuple(costs) for by, costs in found.items()}


def advice() -> str:
    """How far choices without labels may be trusted, in a sentence: their `known_costs`."""
    told = "; ".join(
        f"{score_title(by).lower()} {100 * np.mean(costs):.0f} points on average and {100 * max(costs):.0f} at most"
        for by, costs in known_costs().items()
    )
    return f"Advice, no more: where labels are known, in sweeps that come with the app, such a choice cost in ACC: {told}."


def prepared_sweep(name: str) -> tuple[SweepRecord, list[Row]]:
    """One of them as it was run.

    Raises
    ------
    UnknownName
        If there is none of that name.
    StorageError
        If its file is broken.
    """
    named("prepared sweep", name, prepared_sweeps())
    path = FOLDER / f"{name}.json"
    with stored_file(path):
        plain = json.loads(path.read_text(encoding="utf-8"))
        sweep = Sweep.from_dict(plain["sweep"])
        rows = [_row(row) for row in plain["rows"]]
    cells = tuple(Cell(row.setting, row.seed) for row in rows)
    return SweepRecord(id=PREFIX + name, created=0.0, sweep=sweep, cells=cells), rows


def write_prepared(name: str, sweep: Sweep, rows: Sequence[Row]) -> Path:
    """Keep what a prepared sweep came to, as a file of the project."""
    command = f"python -m core sweeps prepared {name}"
    made = {"command": command, "machine": platform.machine(), "python": platform.python_version()}
    plain = {"made": made, "sweep": sweep.to_dict(), "rows": [_plain(row) for row in rows]}
    path = FOLDER / f"{name}.json"
    with atomic_write(path) as file:
        file.write((json.dumps(plain, indent=1) + "\n").encode())
    return path


def _plain(row: Row) -> dict[str, Any]:
    scores = {score: round(row.scores[score], DIGITS) for score in KEPT if score in row.scores}
    return {"setting": row.setting, "seed": row.seed, "scores": scores}


def _row(plain: Mapping[str, Any]) -> Row:
    setting: Setting = {name: tuple(value) if isinstance(value, list) else value for name, value in plain["setting"].items()}
    return Row(run=None, setting=setting, seed=plain["seed"], status=str(Status.DONE), scores=plain["scores"])

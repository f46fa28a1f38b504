"""Laboratory results as files: a table, the command that made it, and how far its numbers spread over seeds.

A file of ``assets/results/`` is JSON::

    {
     "title": "DSCDAN: its ablation on mnist_test",
     "commands": ["python -m core bench ablation mnist_test --results FILE"],
     "origin": "command",              # or "transcribed", where somebody copied the numbers
     "protocol": "What was trained and scored, in sentences.",
     "device": "x86_64 CPU, 1 thread",
     "seeds": [0, 1, 2],
     "chosen": "with labels",          # how the constants were chosen: a key of CHOSEN
     "notes": ["What else a reader must know."],
     "figure": "scaling.svg",          # a drawing in assets/, or none
     "rows": [{"of": {"row": "ConvAE"}, "scores": {"acc": {"mean": 0.641, "std": 0.017, "paper": 0.781}}}]
    }

A row may have ``facts`` (what is no score), a ``note``, and ``seeds`` and ``chosen`` of its own. Without seeds nothing in it is
random; with two or more, every score has its deviation. A mean of null is a training that diverged.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.common import DataError, atomic_write

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "results"
ORIGINS = ("command", "transcribed")
CHOSEN = {
    "published": "Constants as published, where they were chosen with the labels.",
    "with labels": "Constants were chosen with the labels: what is within reach, not an unsupervised result.",
    "carried over": "Constants were chosen with the labels of other data.",
    "untuned": "No constant was chosen on these data.",
}


@dataclass(frozen=True)
class Score:
    """Mean of a score over the seeds, its standard deviation, and what the paper reports.

    Without a mean training diverged.
    """

    mean: float | None
    std: float | None = None
    paper: float | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: what it is `of`, its scores, and `facts` that are no scores."""

    of: Mapping[str, str | float]
    scores: Mapping[str, Score]
    seeds: tuple[int, ...]
    chosen: str
    facts: Mapping[str, str | float] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        if not self.of or not self.scores:
            raise ValueError("a row says what it is of, and has a score")
        if self.chosen not in CHOSEN:
            raise ValueError(f"'chosen' is one of {', '.join(CHOSEN)}, not {self.chosen!r}")
        for name, score in self.scores.items():
            if (score.std is not None) != (len(self.seeds) > 1 and score.mean is not None):
                raise ValueError(f"{name!r} of {dict(self.of)} has a deviation where there are several seeds, and only there")


@dataclass(frozen=True, kw_only=True)
class Results:
    """A table of results with all that is needed to read it and to make it again; see the module."""

    title: str
    commands: tuple[str, ...]
    origin: str
    protocol: str
    device: str
    seeds: tuple[int, ...]
    chosen: str
    notes: tuple[str, ...] = ()
    figure: str = ""
    rows: tuple[Row, ...] = ()

    def __post_init__(self) -> None:
        missing = [name for name in ("title", "commands", "protocol", "device", "rows") if not getattr(self, name)]
        if missing:
            raise ValueError(f"{', '.join(missing)} must not be empty")
        if self.origin not in ORIGINS:
            raise ValueError(f"'origin' is one of {', '.join(ORIGINS)}, not {self.origin!r}")

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Results:
        """Results from what a file holds.

        Raises
        ------
        KeyError, TypeError, ValueError
            If something is missing, unknown or contradictory.
        """
        shared = {"seeds": plain["seeds"], "chosen": plain["chosen"]}
        lists = {name: tuple(plain.get(name, ())) for name in ("commands", "seeds", "notes")}
        return cls(**{**plain, **lists, "rows": tuple(_row({**shared, **row}) for row in plain["rows"])})

    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` reads; a row says only what differs from the table."""
        shared = {"seeds": self.seeds, "chosen": self.chosen, "facts": {}, "note": ""}
        plain = _without(dataclasses.asdict(self), {"notes": (), "figure": ""})
        for row in plain["rows"]:
            row["scores"] = {name: _without(score, {"std": None, "paper": None}) for name, score in row["scores"].items()}
        return {**plain, "rows": [_without(row, shared) for row in plain["rows"]]}


def _row(plain: Mapping[str, Any]) -> Row:
    scores = {name: Score(**score) for name, score in plain["scores"].items()}
    return Row(**{**plain, "scores": scores, "seeds": tuple(plain["seeds"])})


def _without(plain: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in plain.items() if name not in defaults or value != defaults[name]}


def load_results(file: Path) -> Results:
    """Read a file of results.

    Raises
    ------
    DataError
        Naming the file, if it is not complete and consistent.
    """
    try:
        return Results.from_dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{file.name} holds no results that can be read: {type(error).__name__}, {error}.") from error


def save_results(results: Results, file: Path) -> Path:
    """Write results as a file that `load_results` reads: a line for every command, note and row."""
    lines = ",\n".join(f" {json.dumps(name)}: {_text(name, value)}" for name, value in results.to_dict().items())
    with atomic_write(file) as target:
        target.write(f"{{\n{lines}\n}}\n".encode())
    return file


def _text(name: str, value: Any) -> str:
    if name not in ("commands", "notes", "rows"):
        return json.dumps(value, ensure_ascii=False)
    return "[\n" + ",\n".join(f"  {json.dumps(item, ensure_ascii=False)}" for item in value) + "\n ]"


def results_files(folder: Path = FOLDER) -> dict[str, Path]:
    """The files of results, by name."""
    return {file.stem: file for file in sorted(folder.glob("*.json"))}

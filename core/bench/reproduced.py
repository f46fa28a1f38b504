"""Tables of papers with ours beside them, as results that are kept: ``assets/results/papers-<paper>-<table>.json``."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from core.bench.results import FOLDER, Results, Row, Score, load_results, save_results
from core.papers import Ours, Slot, Table

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn")
DIGITS = 5
OTHERWISE = {"part", "preset"}  # what sets a row apart from the whole data under the automatic preset


def file_of(table: Table, folder: Path = FOLDER) -> Path:
    """Where the results of a table are kept."""
    return folder / f"papers-{table.paper}-{table.name}.json"


def kept(table: Table, folder: Path = FOLDER) -> Results | None:
    """What is kept of a table; None where nothing is."""
    file = file_of(table, folder)
    return load_results(file) if file.is_file() else None


def keep(table: Table, slots: Sequence[Slot], command: str, folder: Path = FOLDER) -> Path | None:
    """Write what these slots came to into the results of the table, in place of what stood there of the same cells.

    Returns
    -------
    path or None
        None where none of them has been run; then nothing is written.
    """
    made = [_row(slot, slot.ours) for slot in slots if slot.ours is not None and not slot.ours.shipped]
    if not made:
        return None
    before = kept(table, folder)
    rows = {_place(row.of): row for row in (*(before.rows if before else ()), *made)}
    results = Results(
        title=f"{table.source}: ours beside the paper's",
        commands=tuple(dict.fromkeys((*(before.commands if before else ()), command))),
        origin="command",
        protocol=f"{table.title}. The paper: {table.protocol} Ours: whole runs, final epoch, one a seed.",
        device=f"{platform.machine()} {platform.system()}, {os.cpu_count()} cores; each row names its device",
        seeds=max((row.seeds for row in rows.values()), key=len),
        chosen=made[0].chosen,
        notes=(_versions(), *dict.fromkeys(note.note for note in table.notes)),
        rows=tuple(sorted(rows.values(), key=lambda row: _order(table, row))),
    )
    return save_results(results, file_of(table, folder))


def with_kept(slots: Sequence[Slot], folder: Path = FOLDER) -> list[Slot]:
    """The slots with what is kept where this store has nothing of them."""
    found: dict[str, dict[tuple[str, str], Ours]] = {}
    for table in {slot.table.key: slot.table for slot in slots}.values():
        found[table.key] = dict(_read(kept(table, folder)))
    return [
        slot if slot.ours else replace(slot, ours=found[slot.table.key].get((slot.row.label, slot.column.label)))
        for slot in slots
    ]


def _row(slot: Slot, ours: Ours) -> Row:
    printed = slot.row.values[slot.column.label]
    paper = {slot.table.score(metric, slot.column): slot.table.fraction(value) for metric, value in printed.items()}
    scores = {
        name: Score(round(ours.scores[name][0], DIGITS), _rounded(ours.scores[name][1]), value if ours.whole else None)
        for name, value in paper.items()
        if name in ours.scores
    }
    of = {"row": slot.row.label, "data": slot.column.label}
    of |= {} if slot.preset == "auto" else {"preset": slot.preset}
    of |= {} if ours.whole else {"part": f"{ours.n_samples:,} samples"}
    facts: dict[str, str | float] = {
        "preset": ours.preset,
        "device": ours.device,
        "minutes": round(ours.minutes, 2),
        "samples": ours.n_samples,
    }
    return Row(of=of, scores=scores, seeds=ours.seeds, chosen=ours.chosen, facts=facts)


def _rounded(std: float | None) -> float | None:
    return None if std is None else round(std, DIGITS)


def _read(results: Results | None) -> Iterator[tuple[tuple[str, str], Ours]]:
    for row in results.rows if results else ():
        if not row.of.keys() & OTHERWISE:
            scores = {name: (score.mean, score.std) for name, score in row.scores.items() if score.mean is not None}
            yield (
                (str(row.of["row"]), str(row.of["data"])),
                Ours(
                    scores=scores, seeds=row.seeds, preset=str(row.facts["preset"]), chosen=row.chosen,
                    device=str(row.facts["device"]), minutes=float(row.facts["minutes"]),
                    n_samples=int(row.facts["samples"]), shipped=True,
                ),
            )  # fmt: skip


def _place(of: Mapping[str, str | float]) -> tuple[str, ...]:
    return tuple(str(of.get(name, "")) for name in ("row", "data", "preset", "part"))


def _order(table: Table, row: Row) -> tuple[int, int, str, str]:
    """As the table is printed; what it no longer has comes last."""
    rows, columns = [r.label for r in table.rows], [c.label for c in table.columns]
    label, column, preset, part = _place(row.of)
    return (
        rows.index(label) if label in rows else len(rows),
        columns.index(column) if column in columns else len(columns),
        preset,
        part,
    )


def _versions() -> str:
    told = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"Python {platform.python_version()}, {told}."

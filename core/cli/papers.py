"""The papers' tables: list them, and do one again."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core import datasets
from core.cli.commands import Add
from core.cli.exits import EXIT_DONE, EXIT_FAILED
from core.cli.records import settled_store
from core.common import InvalidInput, ParameterError, UnknownName, demand_writable
from core.papers import Cell, Column, Row, Slot, Table, ask, cells, desk, seconds_for, table, tables
from core.runs import RunStore, Status

WAYS = "PAPER/TABLE[/DATASET[/METHOD]]"


def add(command: Add) -> None:
    command("papers", _papers, "List the published tables that the app knows.")
    reproduce = command("reproduce", _reproduce, "Run what is missing of a published table, and print ours beside the paper's.")
    reproduce.add_argument("what", metavar=WAYS, help=f"as rgrl/table4/orl/rgrl; tables: {', '.join(tables())}")
    reproduce.add_argument("--seeds", type=int, default=3, help="whole runs of each cell, from seed 0 on")
    reproduce.add_argument("--preset", default="auto", help="constants, as in run: 'paper' and 'code' are the published ones")
    reproduce.add_argument("--quick", action="store_true", help="on a part of large data, which is not held against the paper")
    reproduce.add_argument("--stored", action="store_true", help="run nothing: show what the store has")
    reproduce.add_argument(
        "--write", nargs="?", type=Path, const=Path(), metavar="FOLDER",
        help="keep what was reached as a table of results, in assets/results or in this folder",
    )  # fmt: skip
    reproduce.add_argument("--workers", type=int, help="how many train at once; by default as the settings have it")


def _papers(options: argparse.Namespace) -> int:
    if options.json:
        print(json.dumps([_described(found) for found in tables().values()]))
        return EXIT_DONE
    for found in tables().values():
        print(f"{found.key}: {found.source}. {found.title}. [{found.reference}]")
        print(f"    rows: {', '.join(row.label + ('' if row.ways else ' (quoted)') for row in found.rows)}")
        print(f"    data: {', '.join(column.label + (' (absent)' if column.absent else '') for column in found.columns)}")
        print(f"    {found.protocol} {found.certain}")
    return EXIT_DONE


def _described(found: Table) -> dict[str, Any]:
    return {
        "table": found.key, "source": found.source, "title": found.title, "reference": found.reference, "page": found.page,
        "metrics": list(found.metrics), "protocol": found.protocol, "certain": found.certain,
        "nmi": found.nmi, "unit": found.unit,
        "columns": [{"label": c.label, "dataset": (c.data or {}).get("name"), "absent": c.absent} for c in found.columns],
        "rows": [
            {"label": r.label, "method": r.ways[0].method if r.ways else None, "absent": r.absent, "values": dict(r.values)}
            for r in found.rows
        ],
        "notes": [vars(note) for note in found.notes],
    }  # fmt: skip


def _reproduce(options: argparse.Namespace) -> int:
    if options.seeds < 1:
        raise ParameterError(f"--seeds must be at least 1. Got {options.seeds} instead.")
    folder = _folder(options.write)
    store, failed = settled_store(), 0
    slots = _slots(store, options)
    if not options.stored and any(slot.missing for slot in slots):
        demand_writable("a new run")
        _announce(store, slots)
        failed = _train(store, slots, options.workers)
        slots = _slots(store, options)
    found = list(cells(slots))
    if folder is not None:
        _keep(folder, slots, options.words)
    if options.json:
        print(json.dumps({"cells": [_plain(cell) for cell in found]}))
    else:
        for cell in found:
            print(_line(cell))
    return EXIT_FAILED if failed else EXIT_DONE


def _slots(store: RunStore, options: argparse.Namespace) -> list[Slot]:
    paper, _, rest = options.what.partition("/")
    name, _, rest = rest.partition("/")
    data, _, method = rest.partition("/")
    found = table(f"{paper}/{name}".rstrip("/"))
    columns = _column(found, data) if data else [""]
    rows = _rows(found, method) if method else [""]
    about = {"seeds": options.seeds, "preset": options.preset, "quick": options.quick, "load": datasets.load}
    return [slot for column in columns for row in rows for slot in desk(store, found, column=column, row=row, **about)]


def _column(found: Table, asked: str) -> list[str]:
    """The column of a data set, by our name or the table's."""

    def names(column: Column) -> set[str]:
        return {_bare(column.label), _bare((column.data or {}).get("name", ""))}

    labels = [column.label for column in found.columns if _bare(asked) in names(column)]
    if not labels:
        known = [(column.data or {}).get("name", column.label) for column in found.columns]
        raise UnknownName(f"data set in {found.key}", asked, known)
    return labels


def _rows(found: Table, asked: str) -> list[str]:
    """The rows of a method, or the one with that label."""

    def is_it(row: Row) -> bool:
        return _bare(asked) == _bare(row.label) or any(way.method == asked for way in row.ways[:1])

    labels = [row.label for row in found.rows if is_it(row)]
    if not labels:
        raise UnknownName(
            f"method in {found.key}", asked, [row.ways[0].method if row.ways else row.label for row in found.rows]
        )
    return labels


def _bare(name: str) -> str:
    """Without what people write differently."""
    return "".join(c for c in name.lower() if c.isalnum() or c == "+")


def _announce(store: RunStore, slots: Sequence[Slot]) -> None:
    seconds, unknown = seconds_for(store, slots)
    count = sum(len(slot.missing) for slot in slots)
    told = f"about {seconds / 60:.1f} minutes of one worker" if unknown < count else "nobody has timed them here yet"
    beside = f", and {unknown} that nobody has timed here yet" if 0 < unknown < count else ""
    print(f"{count} runs are missing: {told}{beside}", file=sys.stderr)


def _train(store: RunStore, slots: Sequence[Slot], workers: int | None) -> int:
    """Train what is missing; returns how many runs did not end well."""
    from tqdm import tqdm

    from core.cli.signals import interrupted_by_sigterm
    from core.jobs import JobQueue, checked_workers, see_through
    from core.runs import Run

    queue, asked, ends = JobQueue(store, cpu_jobs=checked_workers(workers)), list[Run](), list[Run]()
    try:
        with interrupted_by_sigterm():
            asked = ask(store, slots, queue)
            with tqdm(total=len(asked), desc="runs", file=sys.stderr) as bar:

                def told(run: Run) -> None:
                    bar.update()
                    ends.append(run)
                    if run.error:
                        bar.write(f"{run.id}: {run.error['message']}", file=sys.stderr)

                see_through(queue, {run.id for run in asked if not run.over}, told)
    except KeyboardInterrupt:
        for run in store.some([run.id for run in asked]).values():
            if not run.over:
                store.request(run.id, "stop")
        print("stopped; the same command goes on", file=sys.stderr)
        raise
    finally:
        queue.close(forget=False)
    return sum(run.status != Status.DONE for run in ends)


def _folder(asked: Path | None) -> Path | None:
    """Where results are to be kept, refused before anything is trained if it is not there."""
    from core.bench.results import FOLDER

    folder = FOLDER if asked == Path() else asked
    if folder is not None and not folder.is_dir():
        raise InvalidInput(f"The folder {folder} does not exist.")
    return folder


def _keep(folder: Path, slots: Sequence[Slot], words: Sequence[str]) -> None:
    from core.bench.reproduced import keep

    given = [word for word in words if word not in ("--json", "--stored")]
    file = keep(slots[0].table, slots, shlex.join(["python", "-m", "core", *given]), folder)
    print(file or "nothing was run, so nothing is kept", file=sys.stderr)


def _plain(cell: Cell) -> dict[str, Any]:
    slot, ours = cell.slot, cell.slot.ours
    return {
        "table": slot.table.key, "row": slot.row.label, "method": slot.row.ways[0].method if slot.row.ways else None,
        "dataset": (slot.column.data or {}).get("name", slot.column.label), "metric": cell.metric, "paper": cell.paper,
        "ours_mean": cell.mean, "ours_std": cell.std, "seeds": list(ours.seeds) if ours else [], "state": cell.state,
        "why": cell.why, "protocol": slot.table.protocol, "score": slot.table.score(cell.metric, slot.column),
        "preset": ours.preset if ours else None, "chosen": ours.chosen if ours else None,
        "device": ours.device if ours else None, "minutes": ours.minutes if ours else None,
        "n_samples": ours.n_samples if ours else None,
        "notes": slot.table.notes_on(slot.row.label, slot.column.label, cell.metric),
    }  # fmt: skip


def _line(cell: Cell) -> str:
    slot, ours = cell.slot, cell.slot.ours
    told = f"{slot.column.label:16s} {slot.row.label:18s} {cell.metric:9s} paper {cell.paper:.4f}   ours "
    if cell.mean is None or ours is None:
        return f"{told}{'–':16s} {cell.why.split(': ')[0]}"
    spread = f" ± {cell.std:.4f}" if cell.std is not None else ""
    seeds = f"{len(ours.seeds)} seed{'s' if len(ours.seeds) > 1 else ''}"
    return (
        f"{told}{cell.mean:.4f}{spread:9s} {cell.why:16s} ({seeds}, {ours.minutes:.1f} min each, {ours.preset}, {ours.chosen})"
    )

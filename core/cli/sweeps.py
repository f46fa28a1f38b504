"""Sweeps: vary things around a run, and look at what was swept."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from core.cli.commands import Add, check_target, target_arguments
from core.cli.engine import Crew, asked_crew, carry_out, crew_arguments, exit_code
from core.cli.exits import EXIT_DONE
from core.cli.records import settled_store
from core.cli.training import asked_spec, run_arguments
from core.common import ParameterError, StorageError, demand_writable, named
from core.explore import unlabelled
from core.runs import RunStore, Status
from core.sweeps import (
    DESIGNS,
    LOSS,
    SECONDS,
    Row,
    Sweep,
    SweepRecord,
    SweepStore,
    advice,
    by_setting,
    can_judge,
    choices,
    export_table,
    figure,
    figures,
    judged,
    keep,
    over_seeds,
    parse_axis,
    pause,
    prepared_sweeps,
    statuses,
    stop,
    table,
    write_prepared,
)

SHOWN = ("acc", "nmi_max", "silhouette")
ACTIONS = ("list", "show", "pause", "stop", "resume", "export", "choose", "figure", "prepared")
ASKED = {"pause": pause, "stop": stop}


def add(command: Add) -> None:
    sweep = command("sweep", _sweep, "Vary hyperparameters, the data or the seed around a run.")
    run_arguments(sweep)
    sweep.add_argument(
        "--over", action="append", default=[], metavar="NAME=VALUES", required=True,
        help="v1,v2,... or low:high[:count][:log] of a hyperparameter, seed, data.n_classes, data.per_class, data.n_samples or "
        "data.noise; up to four times",
    )  # fmt: skip
    sweep.add_argument("--design", default="grid", choices=DESIGNS, help="one: each axis alone, around the base")
    sweep.add_argument("--runs", type=int, default=16, help="settings that a random or Sobol design tries")
    sweep.add_argument("--seeds", type=int, default=1, help="each setting with so many seeds, from --seed on")
    sweep.add_argument("--name", default="", help="for people")
    crew_arguments(sweep)
    kept = command(
        "sweeps", _sweeps,
        "List, show, pause, stop, resume or export sweeps, choose without labels, sweep for a figure of a paper, or make those "
        "again that come with the app.",
    )  # fmt: skip
    kept.add_argument("action", choices=ACTIONS)
    kept.add_argument("sweep_id", nargs="?", help=f"figure: one of {', '.join(figures())}")
    kept.add_argument("file", nargs="?", type=Path, help="export: a .csv or .parquet")
    kept.add_argument("--write", action="store_true", help="figure: keep what it came to in assets/results/")
    kept.add_argument("--failed", action="store_true", help="resume: try what has failed again, too")
    crew_arguments(kept)
    target_arguments(kept)


def _sweep(options: argparse.Namespace) -> int:
    demand_writable("a sweep")
    base = asked_spec(options)
    sweep = Sweep(
        base=base, axes=tuple(parse_axis(options.method, text) for text in options.over), design=options.design,
        seeds=tuple(range(base.seed, base.seed + options.seeds)), points=options.runs, name=options.name,
    )  # fmt: skip
    return _begin(sweep, asked_crew(options), as_json=options.json)


def _begin(sweep: Sweep, crew: Crew, *, as_json: bool) -> int:
    store = settled_store()
    record = keep(store, sweep)
    print(f"{record.id}: {record.title}, {len(record.cells)} runs", file=sys.stderr)
    return _told(*carry_out(store, record, crew), as_json=as_json)


def _told(record: SweepRecord, rows: list[Row], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"sweep_id": record.id, "runs": [_plain(row) for row in rows]}))
        return exit_code(rows)
    print(f"{record.id}: {record.title}")
    for group in by_setting(rows):
        print(f"    {_setting(group[0]):40s} {_scores(group)}")
    return exit_code(rows)


def _plain(row: Row) -> dict[str, Any]:
    losses = {name.removeprefix(LOSS): value for name, value in row.scores.items() if name.startswith(LOSS)}
    metrics = {name: value for name, value in row.scores.items() if name != SECONDS and not name.startswith(LOSS)}
    return {
        "run_id": row.run, "params": row.setting, "seed": row.seed, "status": row.status, "metrics": metrics,
        "losses": losses,
        "seconds": row.scores.get(SECONDS), "error": row.error or None,
    }  # fmt: skip


def _setting(row: Row) -> str:
    return ", ".join(f"{name} = {value}" for name, value in row.setting.items()) or "base"


def _scores(group: list[Row]) -> str:
    spreads = over_seeds(group)
    several = any(len(spread.values) > 1 for spread in spreads.values())
    told = [f"{name} {spreads[name].mean:.3f}" + f" ± {spreads[name].std:.3f}" * several for name in SHOWN if name in spreads]
    open_ = [f"{count} {status}" for status, count in statuses(group).items() if status != "done"]
    return "   ".join([*told, f"({', '.join(open_)})" if open_ else f"({len(group)} {'seeds' if several else 'seed'})"])


def _sweeps(options: argparse.Namespace) -> int:
    if options.action == "list":
        return _list(options)
    if options.action == "prepared":
        return _prepared(options)
    if options.sweep_id is None and options.action == "figure":
        raise ParameterError(f"sweeps figure takes the name of one: {', '.join(figures())}.")
    if options.sweep_id is None:
        raise ParameterError(f"sweeps {options.action} takes the id of a sweep; sweeps list shows them.")
    if options.action == "figure":
        return _figure(options)
    store = settled_store()
    record = SweepStore(store.home).get(options.sweep_id)
    if options.action == "resume":
        demand_writable("a sweep")
        return _told(*carry_out(store, record, asked_crew(options), failed=options.failed), as_json=options.json)
    if options.action in ASKED:  # of whatever trains it, here or in another process
        ASKED[options.action](store, record)
    rows = table(store, record)
    if options.action == "choose":
        return _choose(store, record, rows, as_json=options.json)
    if options.action in ("show", *ASKED):
        _told(record, rows, as_json=options.json)
        return EXIT_DONE
    if options.file is None:
        raise ParameterError("sweeps export takes a sweep and a file that ends in .csv or .parquet.")
    check_target(options.file, force=options.force)
    export_table(rows, options.file)
    print(json.dumps({"sweep_id": record.id, "file": str(options.file)}) if options.json else options.file)
    return EXIT_DONE


def _figure(options: argparse.Namespace) -> int:
    """Sweep for a figure of a paper; with --write its results are a file of the project."""
    demand_writable("a sweep")
    asked, store = figure(options.sweep_id), settled_store()
    record, rows = carry_out(store, keep(store, asked.sweep()), asked_crew(options))
    code = _told(record, rows, as_json=options.json)
    if options.write and code == EXIT_DONE:
        from core.bench.swept import keep_figure

        print(keep_figure(options.sweep_id, asked, rows), file=sys.stderr)
    return code


def _choose(store: RunStore, record: SweepRecord, rows: list[Row], *, as_json: bool) -> int:
    """What scores without labels would choose, and what that costs."""
    found = choices(_by_the_same(store, record, rows))
    if as_json:
        print(json.dumps([asdict(choice) for choice in found]))
        return EXIT_DONE
    if not found:
        print("Nothing to choose by: no run has finished with a score.")
    for choice in found:
        setting = ", ".join(f"{name} = {value}" for name, value in choice.setting.items()) or "base"
        price = "" if choice.cost is None else f" acc {choice.reached:.3f}   costs {100 * choice.cost:.1f} points"
        print(f"{choice.by:20s} {setting:40s}{price}")
    if any(choice.cost is None for choice in found):
        print(advice())
    return EXIT_DONE


def _by_the_same(store: RunStore, record: SweepRecord, rows: list[Row]) -> list[Row]:
    """The rows with the measures that all of their runs share, where there are any."""
    done = [row.run for row in rows if row.run and row.scores]
    return judged(rows, unlabelled(store, runs=done)[1]["scores"]) if can_judge(record) and done else rows


def _prepared(options: argparse.Namespace) -> int:
    """Run sweeps that come with the app again, in a store of their own, and write assets/sweeps/."""
    crew, told = asked_crew(options), []
    for name in [options.sweep_id] if options.sweep_id else prepared_sweeps():
        sweep = named("prepared sweep", name, prepared_sweeps()).sweep()
        with TemporaryDirectory() as home:
            store = RunStore(Path(home))
            record, rows = carry_out(store, keep(store, sweep), crew)
            rows = _by_the_same(store, record, rows)
        failed = [row.error for row in rows if row.status != Status.DONE]
        if failed:
            raise StorageError(f"{name}: {len(failed)} of {len(rows)} runs did not finish ({failed[0]}); nothing is written.")
        told.append({"name": name, "runs": len(rows), "file": str(write_prepared(name, sweep, rows))})
        if not options.json:
            print(f"{name}: {len(rows)} runs, {told[-1]['file']}", flush=True)
    if options.json:
        print(json.dumps(told))
    return EXIT_DONE


def _list(options: argparse.Namespace) -> int:
    store = settled_store()
    found: list[dict[str, Any]] = []
    for record in SweepStore(store.home).all():
        standing = dict(statuses(table(store, record)))
        found.append({"sweep_id": record.id, "title": record.title, "created": record.created, "statuses": standing})
    if options.json:
        print(json.dumps(found))
        return EXIT_DONE
    for row in found:
        print(f"{row['sweep_id']:36s} {row['title']:50s} {', '.join(f'{n} {status}' for status, n in row['statuses'].items())}")
    return EXIT_DONE

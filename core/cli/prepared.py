"""Train the runs that come with the app again."""

from __future__ import annotations

import argparse
import json

from core.cli.commands import Add
from core.cli.exits import EXIT_DONE


def add(command: Add) -> None:
    sub = command("prepared", _prepared, "Train the runs of the pages Start and Lessons again and write assets/prepared/.")
    sub.add_argument("names", nargs="*", help="some of them; all by default")


def _prepared(options: argparse.Namespace) -> int:
    from core.explore import build_prepared
    from core.runs import prepared_run, prepared_runs

    rows = []
    for name in options.names or prepared_runs():
        chosen = prepared_run(name)
        run = build_prepared(chosen)
        row = {"name": name, "acc": run.result["metrics"].get("acc"), "seconds": run.result["seconds"]["total"]}
        rows.append(row | {"bytes": chosen.file.stat().st_size})
        print(f"{name}: ACC {row['acc']:.3f}, {row['seconds']:.1f} s, {chosen.file.stat().st_size / 2**10:.0f} kB", flush=True)
    if options.json:
        print(json.dumps(rows))
    return EXIT_DONE

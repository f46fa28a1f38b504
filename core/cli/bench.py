"""Measure: speed, cost, what parts of an objective add, what runs survive."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

from core.cli.benches import TASKS
from core.cli.commands import Add, check_target
from core.cli.exits import EXIT_DONE, EXIT_FAILED


def add(command: Add) -> None:
    bench = command("bench", _bench, "Measure speed, as ratios within one process, or what the parts of an objective add.")
    bench.add_argument(
        "what",
        choices=tuple(TASKS),
        help="a step against the published programs; what a user waits for beside the training; cost against n, drawn into "
        "assets/; what the parts of DSCDAN add; a table of assets/results, made again; methods with settings by rule on "
        "data that nobody tuned them for, what choices without labels cost, and how often a suggested K is right; how far "
        "results depend on the machine; what several seeds agree on; what large files of users take; what runs survive; what a "
        "user waits for in the browser, and over many runs; what a sweep costs beside its runs; the tables of what methods "
        "cost, on a GPU too; memory and time as announced before a run, beside what it takes",
    )
    bench.add_argument(
        "tasks",
        nargs="*",
        help="epoch, machines, consensus: method and data, as udll-orl; around, faults: pieces, as cut; ui: lab, large; "
        "scaling: values of n; all by default; ablation: data sets; table: files",
    )
    bench.add_argument("--steps", type=int, default=15, help="epoch: measured steps of each side")
    bench.add_argument("--n-samples", type=int, help="ablation: random subset of that size")
    bench.add_argument(
        "--methods", nargs="+", help="transfer: which, by default one or two of each family; costs, estimates: by default all"
    )
    bench.add_argument(
        "--sets", nargs="+", help="transfer, regret, clusters, estimates: on which data, by default all that are here"
    )
    bench.add_argument("--preset", default="auto", help="ablation: constants, as in run")
    bench.add_argument(
        "--seeds", type=int, default=3, help="ablation, transfer, machines: how many seeds; consensus: groups of five of them"
    )
    bench.add_argument("--kills", type=int, default=100, help="faults: how many processes are killed")
    bench.add_argument(
        "--quick", action="store_true", help="faults: 10 kills; transfer: one seed, the small sets, no presets; import: a tenth"
    )
    bench.add_argument("--results", type=Path, metavar="FILE", help="write the rows to this .json, as those in assets/results/")


def _bench(options: argparse.Namespace) -> int:
    if options.results is not None:
        check_target(options.results, force=True)
    rows = TASKS[options.what](options)
    if options.results is not None:
        print(_keep(options, rows))
    if options.json:
        print(json.dumps(rows))
    return EXIT_FAILED if any(row.get("failures") for row in rows) else EXIT_DONE


def _keep(options: argparse.Namespace, rows: list[dict[str, Any]]) -> Path:
    from core.bench import save_results
    from core.bench.tables import Asked, tabulate

    asked = Asked(
        command=shlex.join(["python", "-m", "core", *options.words]),
        tasks=options.tasks,
        preset=options.preset,
        seeds=range(1 if options.what == "transfer" and options.quick else options.seeds),
    )
    return save_results(tabulate(options.what, rows, asked), options.results)

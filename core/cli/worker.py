"""Work for the app: one run, those that are sent, or questions."""

from __future__ import annotations

import argparse
import signal

from core.cli.commands import Add
from core.cli.exits import EXIT_DONE, EXIT_FAILED, EXITS
from core.cli.signals import interrupt
from core.common import InvalidInput
from core.jobs import serve_analyst, serve_standby, work
from core.runs import RunStore


def add(command: Add) -> None:
    worker = command("worker", _worker, "Work on a queued run; this is what the app starts.")
    worker.add_argument("run_id", nargs="?")
    worker.add_argument("--standby", action="store_true", help="import first, then train the runs that standard input names")
    worker.add_argument("--analyst", metavar="KIND", help="answer questions of a kind about runs, one JSON line each")


def _worker(options: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, interrupt)
    store = RunStore()
    if options.analyst:
        serve_analyst(store, options.analyst)
        return EXIT_DONE
    if not options.standby and options.run_id is None:
        raise InvalidInput("worker takes a RUN_ID, --standby or --analyst.")
    if options.standby:
        serve_standby(store)
    return EXITS.get(work(store, options.run_id).status, EXIT_FAILED)

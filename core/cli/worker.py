"""Work for the app: one run, the one that is sent, or questions."""

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
    worker.add_argument("--standby", action="store_true", help="import first, then read the run from standard input")
    worker.add_argument("--analyst", action="store_true", help="answer questions about runs, one JSON line each")


def _worker(options: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, interrupt)
    store = RunStore()
    if options.analyst:
        serve_analyst(store)
        return EXIT_DONE
    if not options.standby and options.run_id is None:
        raise InvalidInput("worker takes a RUN_ID, --standby or --analyst.")
    run = serve_standby(store) if options.standby else work(store, options.run_id)
    return EXIT_DONE if run is None else EXITS.get(run.status, EXIT_FAILED)

"""Many runs at once from the command line: by workers of its own, with one bar for all."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from core.cli.exits import EXIT_DONE, EXIT_FAILED, EXIT_STOPPED
from core.cli.signals import interrupted_by_sigterm
from core.common import ClusterLost, ParameterError
from core.jobs import JobQueue, checked_scheduler, checked_workers, see_through
from core.runs import Run, RunStore, Status
from core.sweeps import Row, SweepRecord, cut_here, go_on, recut, stop, table


@dataclass(frozen=True)
class Crew:
    """Who trains: so many workers here (None: as the settings have it), or those of a scheduler."""

    workers: int | None = None
    scheduler: str | None = None


def crew_arguments(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--workers", type=int, help="how many train at once; by default as the settings have it")
    sub.add_argument(
        "--scheduler", metavar="ADDRESS",
        help="train by the workers of this Dask scheduler (tcp://host:port), which may execute code here: name only your own",
    )  # fmt: skip


def asked_crew(options: argparse.Namespace) -> Crew:
    """Who is to train, once it is known to be able to.

    Raises
    ------
    InvalidInput
        If there are no cores for so many workers, or no scheduler answers there.
    """
    if options.scheduler is not None and options.workers is not None:
        raise ParameterError("The workers of a scheduler are as many as it has: give --workers or --scheduler, not both.")
    return Crew(checked_workers(options.workers), checked_scheduler(options.scheduler))


def carry_out(store: RunStore, record: SweepRecord, crew: Crew, *, failed: bool = False) -> tuple[SweepRecord, list[Row]]:
    """Train what a sweep has not, with `failed` what has failed too; returns it with its rows.

    Ctrl-C and SIGTERM stop the runs that wait or train, and are passed on.
    """
    queue = JobQueue(store, cpu_jobs=crew.workers, scheduler=crew.scheduler)
    try:
        with interrupted_by_sigterm():
            record = go_on(store, record, queue, failed=failed)
            _watch(store, queue, record)
            if record.cut:
                recut(store, record, partial(cut_here, store))
    except KeyboardInterrupt:
        stop(store, record)
        print(f"stopped; python -m core sweeps resume {record.id} goes on", file=sys.stderr)
        raise
    except ClusterLost as error:
        raise ClusterLost(f"{error} What has ended is kept; python -m core sweeps resume {record.id} goes on.") from error
    finally:
        queue.close(forget=False)
    return record, table(store, record)


def _watch(store: RunStore, queue: JobQueue, record: SweepRecord) -> None:
    from tqdm import tqdm

    over = {run.id for run in store.some(record.runs).values() if run.over}
    with tqdm(total=len(record.runs), initial=len(over), desc="runs", file=sys.stderr) as bar:

        def told(run: Run) -> None:
            bar.update()
            if run.error:
                bar.write(f"{run.id}: {run.error['message']}", file=sys.stderr)

        see_through(queue, set(record.runs) - over, told)


def exit_code(rows: Sequence[Row]) -> int:
    """Done if all are; stopped if one was stopped; else failed."""
    found = {row.status for row in rows}
    if found <= {Status.DONE}:
        return EXIT_DONE
    return EXIT_STOPPED if Status.STOPPED in found else EXIT_FAILED

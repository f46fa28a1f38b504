"""The command line: the same stores, specs and workers as the app, for scripts and other programs.

Results go to stdout, progress to stderr. Exit codes: 0 done, 1 failed, 2 bad arguments or data, 3 the run was taken over by
another process, 4 refused because this app only shows what is there, 130 stopped.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from core.cli import bench, clusters, consensus, importing, listing, papers, prepared, records, sweeps, training, worker
from core.cli.commands import Command
from core.cli.exits import EXIT_BAD_INPUT, EXIT_DONE, EXIT_FAILED, EXIT_READ_ONLY, EXIT_STOPPED, EXIT_TAKEN
from core.common import AffinityLabError, InvalidInput, ReadOnlyError, RunTaken

_EXITS_OF_ERRORS: dict[type[AffinityLabError], int] = {RunTaken: EXIT_TAKEN, ReadOnlyError: EXIT_READ_ONLY}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    options.words = sys.argv[1:] if arguments is None else arguments
    command: Command = options.command
    try:
        return command(options)
    except InvalidInput as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except AffinityLabError as error:
        print(f"error: {error}", file=sys.stderr)
        return _EXITS_OF_ERRORS.get(type(error), EXIT_FAILED)
    except KeyboardInterrupt:
        return EXIT_STOPPED
    except BrokenPipeError:  # the reader of our output has gone, as in ``... | head``
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    except OSError as error:  # a disk that is full, a folder that cannot be written
        print(f"error: {error.filename or 'The file system'}: {error.strerror or error}", file=sys.stderr)
        return EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m core", description="Affinity Lab from the command line.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Command, help: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help, description=help)
        sub.add_argument("--json", action="store_true", help="print one JSON value on the last line")
        sub.set_defaults(command=run)
        return sub

    for group in (listing, importing, clusters, training, sweeps, papers, records, consensus, worker, bench, prepared):
        group.add(command)
    return parser

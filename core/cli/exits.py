"""Exit codes of the command line."""

from __future__ import annotations

from core.runs import Status

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_TAKEN = 3
EXIT_READ_ONLY = 4
EXIT_STOPPED = 130
EXITS = {Status.DONE: EXIT_DONE, Status.STOPPED: EXIT_STOPPED}

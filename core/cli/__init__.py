"""The command line, one module a group of commands.

Holds `main`, and what each group adds to it. Uses every room.
"""

from core.cli.exits import EXIT_BAD_INPUT, EXIT_DONE
from core.cli.main import main

__all__ = ["EXIT_BAD_INPUT", "EXIT_DONE", "main"]

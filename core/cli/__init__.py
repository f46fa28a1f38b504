"""The command line, one module a group of commands.

Uses every room.
"""

from core.cli.main import EXIT_BAD_INPUT, EXIT_DONE, main

__all__ = ["EXIT_BAD_INPUT", "EXIT_DONE", "main"]

"""``python -m core``."""

import sys


def run() -> int:
    """Do what the arguments say; what works for the app watches over that first, for the imports take seconds."""
    if sys.argv[1:2] == ["worker"]:
        from core.common import lifeline

        lifeline.watch()
    from core.cli import main

    return main()


sys.exit(run())

"""The process that fetches one data set for the app: ``python -m core.datasets.fetcher NAME``, started by `errand` alone.

It says on its standard output, a line at a time, how far it is, and ends with the process that started it.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from core.common import AffinityLabError
from core.common.lifeline import watch
from core.datasets.fetch import fetch

_EVERY = 0.2


class _Teller:
    """Says how far it is, a few times a second."""

    def __init__(self) -> None:
        self._words, self._said = "", 0.0

    def __call__(self, words: str, done: int, total: int) -> None:
        if words != self._words or time.monotonic() - self._said > _EVERY:
            self._words, self._said = words, time.monotonic()
            say(words=words, done=done, total=total)


def say(**told: Any) -> None:
    print(json.dumps(told), flush=True)


def main(name: str) -> int:
    watch()
    try:
        path = fetch(name, _Teller())
    except (AffinityLabError, OSError) as error:
        say(error=str(error))
        return 1
    say(file=str(path))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

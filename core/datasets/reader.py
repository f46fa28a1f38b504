"""The process that reads one file: ``python -m core.datasets.reader FOLDER``, started by `apart` and by nothing else.

It reads the request in the folder, bounds its own memory and time, and leaves arrays or a sentence there. Whatever a file
does to it, the process that asked goes on. It ends with the one that asked, whose end of the pipe it watches.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from core.common import DataError
from core.common.lifeline import watch
from core.datasets.choices import Choices
from core.datasets.handover import ABOUT, PROGRESS, hand_over, write_clean
from core.datasets.looking import look
from core.datasets.readers import read_here
from core.datasets.telling import heard_by

_EVERY = 0.2


def main(folder: Path) -> int:
    """Answer the request of a folder."""
    watch()
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    _bound(request["memory"], request["seconds"])
    try:
        with heard_by(_Teller(folder)):
            _answer(request, folder)
    except (DataError, MemoryError) as error:
        words = str(error) or "It takes more memory than a file may while it is read."
        (folder / ABOUT).write_text(json.dumps({"error": words}), encoding="utf-8")
    return 0


def _answer(request: dict[str, Any], folder: Path) -> None:
    path, choices = Path(request["path"]), Choices.from_dict(request["choices"])
    if request["look"]:
        (folder / ABOUT).write_text(json.dumps(look(path, choices)), encoding="utf-8")
        return
    raw = read_here(path, choices)
    if request["store"] is None:
        hand_over(raw, folder)
        return
    write_clean(raw, Path(request["store"]))
    (folder / ABOUT).write_text("{}", encoding="utf-8")


class _Teller:
    """Leaves in the folder how far it is, a few times a second."""

    def __init__(self, folder: Path) -> None:
        self._path, self._said = folder / PROGRESS, 0.0

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._said > _EVERY:
            self._said = time.monotonic()
            draft = self._path.with_suffix(".draft")
            draft.write_text(json.dumps([done, total]), encoding="utf-8")
            draft.replace(self._path)


def _bound(memory: int, seconds: int) -> None:
    """Ask the system to refuse more memory and time; a system that knows no such bounds has only the clock of `apart`."""
    if sys.platform != "linux":
        return
    import resource

    for kind, most in (("DATA", memory), ("CPU", seconds), ("CORE", 0)):
        which = getattr(resource, f"RLIMIT_{kind}")
        hard = resource.getrlimit(which)[1]
        resource.setrlimit(which, (most if hard < 0 else min(most, hard), hard))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

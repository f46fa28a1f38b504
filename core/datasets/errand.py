"""A download that goes on while pages come and go: a process of its own, which ends with the app."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Told:
    """What an errand said last: what it does and how far it is (0 in all: unknown); or what went wrong; or that it is done."""

    words: str = "Starting"
    done: int = 0
    total: int = 0
    error: str = ""
    over: bool = False


class Errand:
    """Fetches one data set; ask `told` how far it is."""

    def __init__(self, name: str) -> None:
        self.told = Told()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "core.datasets.fetcher", name], cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._listen, daemon=True).start()

    def stop(self) -> None:
        """End it; what has come stays, and the next errand goes on from there."""
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said: dict[str, Any] = json.loads(line)
            self.told = Told(over=True) if "file" in said else Told(over="error" in said, **said)
        code = self._process.wait()
        if not self.told.over:
            self.told = Told(error=f"It was ended before it was done (exit code {code}).", over=True)

"""A child process that works for the app, and how many threads it gets."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from core.runs import RunStore, process_started
from core.runs.threads import thread_variables

ROOT = Path(__file__).resolve().parents[2]


class WorkerProcess:
    """A ``python -m core worker`` child that takes one line at a time on its standard input.

    It ends itself when that pipe closes, so that no orphan outlives the server, however the server ends.
    """

    def __init__(self, store: RunStore, *arguments: str, threads: int) -> None:
        own = {"AFFINITY_LAB_HOME": str(store.home.resolve()), "PYTHONUNBUFFERED": "1"}
        env = {**os.environ, **own, **thread_variables(threads)}
        log = store.home / "logs"
        log.mkdir(exist_ok=True)
        with open(log / f"{arguments[-1].strip('-')}.txt", "ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "core", "worker", *arguments],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=stderr, cwd=ROOT, env=env, start_new_session=True,
            )  # fmt: skip
        self.pid = self._process.pid
        self.started = process_started(self.pid) or time.time()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def close(self, timeout: float = 5.0) -> None:
        """Let it end by closing its input; kill it if it does not."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass  # it was gone before
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

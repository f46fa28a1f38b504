"""A child process that works for the app, and how many threads it gets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

from core.common import Lifeline
from core.runs import Owner, RunStore, process
from core.runs.threads import thread_variables

ROOT = Path(__file__).resolve().parents[2]


def stamp(home: Path) -> tuple[int, ...]:
    """What a process that was started now would find: the state of the code, and the folder of the records."""
    own = [Path(folder) for folder in os.environ.get("AFFINITY_LAB_METHODS", "").split(os.pathsep) if folder]
    code = (path.stat().st_mtime_ns for folder in (ROOT / "core", *own) for path in folder.rglob("*.py"))
    return max(code, default=0), home.stat().st_ino


class WorkerProcess:
    """A ``python -m core worker`` child that takes one line at a time on its standard input.

    It ends when that pipe closes, so that no orphan outlives the server, however the server ends.
    """

    def __init__(self, store: RunStore, *arguments: str, threads: int) -> None:
        own = {"AFFINITY_LAB_HOME": str(store.home.resolve()), "PYTHONUNBUFFERED": "1"}
        self._lifeline = Lifeline()
        env = {**os.environ, **own, **thread_variables(threads), **self._lifeline.environment}
        log = store.home / "logs"
        log.mkdir(exist_ok=True)
        with open(log / f"{arguments[-1].strip('-')}.txt", "ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "core", "worker", *arguments],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=stderr, cwd=ROOT, env=env, start_new_session=True,
                pass_fds=[self._lifeline.theirs],
            )  # fmt: skip
        self._lifeline.handed_on()
        self.pid = self._process.pid
        self.owner = process(self.pid) or Owner(self.pid, -1.0, "")  # it has ended already: nobody will take it for alive
        self.stamp = stamp(store.home)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def rss_mb(self) -> float:
        """Resident memory; 0 when it is gone."""
        try:
            return float(psutil.Process(self.pid).memory_info().rss / 2**20)
        except psutil.NoSuchProcess:
            return 0.0

    def send(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def dismiss(self) -> None:
        """Let it end by closing its input."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass  # it was gone before
        self._lifeline.cut()

    def close(self, timeout: float = 5.0) -> None:
        """Let it end by closing its input; kill it if it does not."""
        self.dismiss()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

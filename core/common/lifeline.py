"""How a process that works for the app hears from it, and ends with it, whatever it is doing.

The app holds the writing end of two pipes. One is the standard input of the process: a line at a time, and its end is the
end of the process. But the thread that reads it needs the interpreter, which a long computation or an import may hold for
seconds. So on Linux there is a second pipe, on which nothing is ever said: when the app has gone, the kernel ends the process.

Nothing here may import anything heavy: it is at work before the first import of the process.
"""

from __future__ import annotations

import os
import queue
import select
import stat
import sys
import threading
from functools import cache
from typing import BinaryIO

VARIABLE = "AFFINITY_LAB_LIFELINE"  # the number of the second pipe
GONE = 130  # exit code of a process whose app has gone


def watch() -> None:
    """Watch both pipes from now on; a terminal or a batch system has neither."""
    second = os.environ.pop(VARIABLE, "")
    if second:
        _end_with(int(second))
    if sys.stdin is not None and stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        lines()


@cache
def lines() -> queue.Queue[str]:
    """What the app says, line by line; the process ends with the pipe.

    A run keeps its active record without a process then, so it will be shown as lost.
    """
    heard: queue.Queue[str] = queue.Queue()

    def read() -> None:
        with open(os.dup(sys.stdin.fileno()), "rb", buffering=0) as pipe:  # a buffer's lock would be held at the end
            for line in pipe:
                heard.put(line.decode().strip())
        os._exit(GONE)

    threading.Thread(target=read, daemon=True).start()
    return heard


class Lifeline:
    """The app's end of the second pipe. Where the system has no such thing, nothing is handed on."""

    def __init__(self) -> None:
        self.theirs, ours = os.pipe()
        self._ours: BinaryIO = os.fdopen(ours, "wb", buffering=0)
        self.environment = {VARIABLE: str(self.theirs)} if sys.platform == "linux" else {}

    def handed_on(self) -> None:
        """The process has it: this one needs only its own end."""
        os.close(self.theirs)

    def cut(self) -> None:
        self._ours.close()


def _end_with(pipe: int) -> None:
    """Let the kernel signal the end of a pipe on which nothing is said; unless it is caught, that ends the process."""
    import fcntl

    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([pipe], [], [], 0)[0]:  # it ended before anybody watched
        os._exit(GONE)

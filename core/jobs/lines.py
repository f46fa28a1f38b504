"""What the app says to a process that works for it, one line at a time."""

from __future__ import annotations

import os
import queue
import sys
import threading

GONE = 130  # exit code of a process whose app has gone


def listen(heard: queue.Queue[str]) -> None:
    """Hand over every line from now on; the process ends with the pipe of the app, whatever it is working on.

    A run keeps its active record without a process then, so it will be shown as lost.
    """

    def read() -> None:
        with open(os.dup(sys.stdin.fileno()), "rb", buffering=0) as pipe:  # a buffer's lock would be held at the end
            for line in pipe:
                heard.put(line.decode().strip())
        os._exit(GONE)

    threading.Thread(target=read, daemon=True).start()

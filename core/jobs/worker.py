"""What a worker process does: import what training needs, wait for a run, train it, and end with the app."""

from __future__ import annotations

import os
import stat
import sys
import threading

from core import methods
from core.runs import Run, RunStore, claim_for_this_process, execute

GONE = 130  # exit code of a process whose app has gone


def serve_standby(store: RunStore) -> Run | None:
    """Warm up, then work on the run that the app sends; None if the app has gone before it had work."""
    _warm_up(store)
    run_id = sys.stdin.readline().strip()
    return work(store, run_id) if run_id else None


def work(store: RunStore, run_id: str) -> Run:
    """Train one run to its end, with its log in its folder."""
    run = store.get(run_id)
    if run.pid != os.getpid():  # the app claims a run for the worker it sends it to
        claim_for_this_process(store, run_id)
    _end_with_the_app()
    log = os.open(store.files.folder(run_id) / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, sys.stderr.fileno())
    return execute(store, run_id)


def _warm_up(store: RunStore) -> None:
    """Pay for imports and first calls before there is work, by training on noise, and tell the app about the machine."""
    import numpy as np
    import torch

    noise = np.random.default_rng(0).random((32, 8, 8), dtype=np.float32)
    methods.build("udll", n_clusters=2, pretrain_epochs=2, epochs=2).fit(noise)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    store.notices.post("machine", {"cuda": gpu is not None, "gpu": gpu, "cores": os.cpu_count()})


def _end_with_the_app() -> None:
    """End this process when the pipe from the app closes; a terminal or a batch system has no such pipe."""
    if not stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        return

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):  # unbuffered: a buffer's lock would be held while the process ends
            pass
        os._exit(GONE)  # the record stays active without a process, so it will be shown as lost

    threading.Thread(target=watch, daemon=True).start()

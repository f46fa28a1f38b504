"""What a worker process does: train the runs that it is sent, one after the other, and end with the app.

While it waits it imports what the next run may need, a step at a time, so that a run that is sent meanwhile waits for one
step and not for all. Whatever escapes from a run ends the process: a record that nobody closed is then settled as lost,
and the runs that wait go to another worker.
"""

from __future__ import annotations

import gc
import logging
import os
import queue
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from core import datasets, methods
from core.common import lines
from core.jobs.lastdata import LastData
from core.runs import Run, RunStore, announce_machine, claim_for_this_process, execute, forget_peak, this_process

WARM_PAUSE = 0.5  # the next run of several is sent sooner


def serve_standby(store: RunStore) -> NoReturn:
    """Train what the app sends until the app has gone, or has no more use for this process."""
    sent, data = lines(), LastData()
    to_warm = [_warm_readout, _warm_torch, _warm_training]
    while True:
        try:
            run_id = sent.get(timeout=WARM_PAUSE if to_warm else None)
        except queue.Empty:
            _attempt(to_warm.pop(0), store)
            continue
        _claim(store, run_id)
        _train(store, run_id, data)
        _give_back()


def work(store: RunStore, run_id: str) -> Run:
    """Train one run to its end."""
    _claim(store, run_id)
    return _train(store, run_id, LastData())


def _claim(store: RunStore, run_id: str) -> None:
    if store.get(run_id).owner != this_process():  # the app claims a run for the worker it sends it to
        claim_for_this_process(store, run_id)


def _train(store: RunStore, run_id: str, data: LastData) -> Run:
    with _log_of(store, run_id):
        return execute(store, run_id, load=data.load)


@contextmanager
def _log_of(store: RunStore, run_id: str) -> Iterator[None]:
    """Let what is said on the way, by native libraries too, go to a file in the folder of the run."""
    own = os.dup(sys.stderr.fileno())
    with open(store.files.folder(run_id) / "log.txt", "ab") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(own, sys.stderr.fileno())
        os.close(own)


def _give_back() -> None:
    """Let go of what the run held: other processes may need the memory."""
    gc.collect()  # networks and optimizers hold each other
    gc.freeze()  # what is left is mostly libraries: looking through those after each run took longer than a short run
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    forget_peak()


# ---- paid for before there is work -----------------------------------------------------------------------------------


def _attempt(warm: Callable[[RunStore], None], store: RunStore) -> None:
    try:
        warm(store)
    except Exception:  # the run that needs it will say in its record what is wrong
        logging.getLogger(__name__).exception("The worker goes on without %s.", warm.__name__)


def _warm_readout(_: RunStore) -> None:
    """Import what every run needs, by the cheapest one."""
    digits = datasets.load("digits", n_samples=60)
    methods.build("spectral", n_clusters=2).fit(digits.samples)


def _warm_torch(store: RunStore) -> None:
    announce_machine(store)


def _warm_training(_: RunStore) -> None:
    """Make the first optimizer, which imports for a second, and the first steps, by training on noise."""
    import numpy as np

    noise = np.random.default_rng(0).random((32, 8, 8), dtype=np.float32)
    methods.build("udll", n_clusters=2, pretrain_epochs=2, epochs=2).fit(noise)

"""Runs on the workers of a `dask.distributed` scheduler, through its `concurrent.futures` executor.

Whoever runs the scheduler, or can write on its connection, may execute code here and on the workers: Dask unpickles what it
receives. An address that begins with ``tls://`` is encrypted and asks for certificates, as the configuration of Dask has them.
"""

from __future__ import annotations

import logging
import tempfile
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from core.common import ClusterError
from core.datasets import Dataset
from core.jobs.parcel import Order, Parcel, code_here, train_away

CONNECT_SECONDS = 5
COUNT_SECONDS = 2.0
AHEAD = 2  # runs for each worker: one that trains, and one that need not wait for us
FEWEST = 4  # even without a worker: schedulers that start workers do so when something waits
DATA_KEPT = 4
INSTALL = "python -m pip install --requirement requirements-cluster.txt --constraint constraints.txt"


class DaskCluster:
    """A connection to a scheduler.

    Parameters
    ----------
    address : str
        As Dask has it: ``tcp://host:port``, ``tls://host:port``, or ``host:port``.

    Raises
    ------
    ClusterError
        If Dask is not installed here, nothing answers there, or the workers have not this state of the code.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ModuleNotFoundError as error:
            raise ClusterError(f"A scheduler needs dask.distributed, which is not installed here: {INSTALL}") from error
        for name in ("distributed", "distributed.client", "distributed.utils"):  # what is lost is told in our own words
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            self._client: Any = Client(address, timeout=CONNECT_SECONDS, set_as_default=False, name="affinity-lab")
        except (OSError, ValueError, TypeError) as error:
            raise ClusterError(
                f"No Dask scheduler answers at {address!r} ({str(error) or type(error).__name__}). "
                "An address is tcp://HOST:PORT, tls://HOST:PORT or HOST:PORT, as `dask scheduler` prints it."
            ) from error
        self._executor = self._client.get_executor(pure=False)
        self._data: dict[tuple[str, str], Any] = {}
        self._counted, self._slots = 0.0, FEWEST
        try:
            self._demand_same_code()
        except BaseException:
            self.close()
            raise

    def _demand_same_code(self) -> None:
        """Refuse workers that would train something else, before anything is sent."""
        found = self._client.run(code_here, on_error="return")
        for worker, code in found.items():
            if isinstance(code, Exception):
                why = f"cannot import this app ({type(code).__name__}: {code})"
            elif code != code_here():
                why = f"has another state of its code ({code} instead of {code_here()})"
            else:
                continue
            raise ClusterError(f"The worker {worker} {why}. Start it in a checkout of the same version: PYTHONPATH=.")

    @property
    def alive(self) -> bool:
        """Whether the scheduler is still there."""
        return bool(self._client.status == "running")

    @property
    def slots(self) -> int:
        """How many runs it may have at a time."""
        if time.monotonic() > self._counted + COUNT_SECONDS:
            self._counted = time.monotonic()
            self._slots = max(FEWEST, AHEAD * len(self._client.nthreads()))
        return self._slots

    def submit(self, order: Order, data: Dataset) -> Future[Parcel]:
        """Have a run trained. Its data travel to a worker once, whatever runs it trains on them."""
        return self._executor.submit(_train, order, self._sent(data), key=f"{order.run}-{time.time_ns()}")

    def _sent(self, data: Dataset) -> Any:
        content = (data.fingerprint, "" if data.test is None else data.test.fingerprint)
        held = self._data.pop(content, None)
        if held is None or held.status != "finished":  # else every worker that had it is gone
            held = self._client.scatter(data, hash=False)
        self._data[content] = held
        while len(self._data) > DATA_KEPT:
            del self._data[next(iter(self._data))]  # runs that wait for it keep it until they end
        return held

    def ask(self, run_id: str, what: str | None) -> None:
        """Pass on what is asked of a run: ``pause``, ``stop``, or None to go on."""
        _word(run_id, self._client).set(what)

    def close(self) -> None:
        """Take the leave; what trains there for us is not waited for."""
        self._client.close(timeout=CONNECT_SECONDS)


def _word(run_id: str, client: Any) -> Any:
    """What workers and we both see of a run while it trains."""
    from distributed import Variable

    return Variable(f"affinity-lab-{run_id}", client=client)


def _train(order: Order, data: Dataset) -> Parcel:
    """On the worker."""
    from distributed import get_client, get_worker

    word = _word(order.run, get_client())

    def asked() -> str | None:
        try:
            return word.get(timeout=0.1)
        except TimeoutError:
            return None  # nothing was ever asked

    room = Path(get_worker().local_directory or tempfile.gettempdir()) / "affinity-lab"  # Dask clears it after a kill, too
    room.mkdir(exist_ok=True)
    logging.getLogger(__name__).info("Training %s.", order.run)
    return train_away(order, data, asked, room)

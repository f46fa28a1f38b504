"""How many threads a run gets: as many wherever it is executed, since sums of floats depend on them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def training_threads() -> int:
    """Threads of a run: ``AFFINITY_LAB_THREADS``, else all cores but one.

    One core stays free for the pages: threads of a matrix product wait for the slowest, so a page that takes turns with
    one of them would slow them all.
    """
    given = os.environ.get("AFFINITY_LAB_THREADS", "")
    return int(given) if given.isdigit() and int(given) > 0 else max(1, (os.cpu_count() or 2) - 1)


def thread_variables(threads: int) -> Mapping[str, str]:
    """The environment in which numerical libraries begin with so many threads."""
    return dict.fromkeys(VARIABLES, str(threads))


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Let numerical libraries use so many threads: those that are loaded already, and those that are loaded meanwhile."""
    from threadpoolctl import threadpool_limits

    before = {name: os.environ.get(name) for name in VARIABLES}
    torch = sys.modules.get("torch")
    torch_before = torch.get_num_threads() if torch is not None else None
    os.environ.update(thread_variables(threads))
    if torch is not None:
        torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if torch is not None:
            torch.set_num_threads(torch_before)

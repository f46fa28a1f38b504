"""What a run leaves behind in its process, and how the next is kept from it."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Begin with the same global state in every process, so that equal seeds give equal labels whatever ran before here.

    No method of this package draws from a global generator. Those of users, or a library that they call, may. That of
    torch is seeded where torch is loaded, as it is for every method that uses a GPU.
    """
    python, legacy = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    torch = sys.modules.get("torch")
    grad, torch_random = (torch.is_grad_enabled(), torch.get_rng_state()) if torch is not None else (True, None)
    if torch is not None:
        torch.set_grad_enabled(True)
        torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)
        if torch is not None:
            torch.set_grad_enabled(grad)
            torch.set_rng_state(torch_random)

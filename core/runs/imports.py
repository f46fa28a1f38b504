"""What a run imports, before its clock counts anything else."""

from __future__ import annotations

import time
from importlib import import_module

from core.methods import Clusterer

READOUT = ("scipy.sparse.linalg", "sklearn.cluster", "sklearn.metrics", "sklearn.datasets")


def import_for(cls: type[Clusterer]) -> float:
    """Import what a run of the method needs, and no more; returns the seconds, which are next to none the second time.

    Torch is for methods that train networks. It takes a second, and its first optimizer, which imports a compiler that
    is not used here, another one.
    """
    began = time.perf_counter()
    for module in READOUT:
        import_module(module)
    if cls.uses_gpu:
        import torch

        torch.optim.SGD([torch.zeros(1, requires_grad=True)])
    return time.perf_counter() - began

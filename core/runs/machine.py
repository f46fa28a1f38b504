"""What this machine is, as its workers see it: the app asks no GPU itself, which would import torch into the server."""

from __future__ import annotations

from core.runs.costs import pace
from core.runs.store import RunStore
from core.runs.threads import available_cores

_NOTICE = "machine"


def announce_machine(store: RunStore) -> None:
    """Tell the app whether there is a GPU, which, how many cores and how fast they are; imports torch."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    store.notices.post(_NOTICE, {"cuda": gpu is not None, "gpu": gpu, "cores": available_cores(), "pace": pace()})


def gpu_seen(store: RunStore) -> bool:
    """Whether a process that trains here has found a CUDA GPU."""
    return bool((store.notices.read(_NOTICE) or {}).get("cuda"))

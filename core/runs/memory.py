"""The most memory that this process has held, here and on its GPU, of which a run is told afterwards."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Any

_PROC = Path("/proc/self")


def peak_rss_mb() -> float:
    """Largest resident memory of this process so far, in MB.

    Linux: the high-water mark of the process's own address space. ``getrusage`` would not do there: a process inherits
    through fork and exec the peak of the one that started it, so that a worker of a large server looks as large as the server.
    Other systems have only ``getrusage`` (macOS counts in bytes).
    """
    if (_PROC / "status").is_file():
        for line in (_PROC / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def gpu_facts() -> dict[str, Any]:
    """Which GPU this process trains on, by which torch, and the most of its memory that tensors held, in MB."""
    import torch

    peak = torch.cuda.max_memory_allocated() / 2**20
    return {"gpu": f"{torch.cuda.get_device_name()}, torch {torch.__version__}", "peak_gpu_mb": peak}


def forget_peak() -> None:
    """Let both peaks begin anew with what is held now, for a process that goes on with another run.

    That of main memory does so on Linux only.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()
    try:
        (_PROC / "clear_refs").write_text("5")
    except OSError:
        pass  # the peak is then that of all runs of the process so far

"""How exactly a run multiplies matrices: as torch does by default, or in the fastest way the machine has.

With "auto" a processor whose instructions include bfloat16 may round what it multiplies to that, and still sums in float32;
a GPU may round to TF32. Which of the two a library does is its own choice: where only the AVX-512 instructions are there,
oneDNN multiplies in float32, and is about twice as fast as the default, which takes AVX2 on processors of AMD.

Neither makes labels the same on every machine: the order of a sum depends on the instructions and on the number of threads
too. How much that moves, ``python -m core bench machines`` measures: less than the seed does (MNIST-1000 by RGRL, three seeds:
.752 with one thread, .739 with two, the same seed by up to .04).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

ARITHMETICS = ("auto", "exact")
FLOAT32, BFLOAT16, TF32 = "float32", "bfloat16", "TF32"
INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}  # as Linux calls them, those of ARM last
PROCESSOR = Path("/proc/cpuinfo")


def products(arithmetic: str, device: str) -> str:
    """What products may be rounded to: "float32" is as torch does by default."""
    if arithmetic == "exact":
        return FLOAT32
    if device.startswith("cuda"):
        return TF32
    return BFLOAT16 if _instructions() & INSTRUCTIONS else FLOAT32


@cache
def _instructions() -> frozenset[str]:
    try:
        lines = PROCESSOR.read_text().splitlines()
    except OSError:
        return frozenset()  # no Linux: nothing is known
    return frozenset(word for line in lines if line.lower().startswith(("flags", "features")) for word in line.split())


@contextmanager
def multiplying(rounded_to: str) -> Iterator[None]:
    """Let torch round what it multiplies, and put everything back."""
    if rounded_to == FLOAT32:
        yield
        return
    kinds = _kinds(rounded_to)
    before = [kind.fp32_precision for kind in kinds]
    for kind in kinds:
        kind.fp32_precision = {BFLOAT16: "bf16", TF32: "tf32"}[rounded_to]
    try:
        yield
    finally:
        for kind, value in zip(kinds, before, strict=True):
            kind.fp32_precision = value


def _kinds(rounded_to: str) -> list[Any]:
    import torch

    backends: Any = torch.backends
    if rounded_to == TF32:
        return [backends.cuda.matmul, backends.cudnn.conv]
    return [backends.mkldnn.matmul, backends.mkldnn.conv]

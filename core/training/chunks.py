"""Functions of many samples without gradients, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

CHUNK = 8192  # samples encoded at a time when nothing is trained: bounds the memory of the activations


def in_chunks(f: Callable[[Tensor], Any], X: Tensor) -> Tensor:
    """f(X) without gradients, so many rows at a time that the activations stay small."""
    import torch

    with torch.no_grad():
        whole: Tensor = f(X) if len(X) <= CHUNK else torch.cat([f(part) for part in X.split(CHUNK)])
        return whole

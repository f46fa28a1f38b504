"""Fully connected paths that mirror each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.nets import Path


def mirrored(layers: Sequence[int], activation: Any, seed: int, device: str) -> tuple[Path, Path]:
    """An encoder with units as listed, those of the input first, and the decoder that mirrors it; drawn on the CPU."""
    import torch

    from core.nets import Path

    generator = torch.Generator().manual_seed(seed)
    encoder, decoder = (Path(units, activation, generator=generator) for units in (list(layers), list(layers)[::-1]))
    return encoder.to(device), decoder.to(device)


def mirrored_parameters(layers: Sequence[int]) -> int:
    """Weights and biases of both."""
    return sum(2 * a * b + a + b for a, b in pairwise(layers))

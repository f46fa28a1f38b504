"""The layers of an encoder and of the decoder that mirrors it, with weights of its own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from core.nets.perceptron import _drawn, _linear


def mirrored_layers(
    sizes: Sequence[int], generator: torch.Generator
) -> tuple[list[nn.Module], list[nn.Module], tuple[int, ...]]:
    """Dense layers down the sizes and back up, and the shape between them."""
    down = [_linear(a, b, generator) for a, b in pairwise(sizes)]
    up = [_linear(a, b, generator) for a, b in pairwise(sizes[::-1])]
    return down, up, (sizes[-1],)


def mirrored_convolutions(
    sample_shape: tuple[int, ...],
    channels: Sequence[int],
    kernel_sizes: Sequence[int],
    strides: Sequence[int],
    generator: torch.Generator,
) -> tuple[list[nn.Module], list[nn.Module], tuple[int, ...]]:
    """Convolutions and the transposed ones that lead back to the very same sizes, and the shape of the last map.

    Parameters
    ----------
    sample_shape : (channels, height, width)
    channels, kernel_sizes, strides
        Of the encoder; kernels are odd, so that a stride of 1 keeps the size.
    """
    before, *sides = sample_shape
    down: list[nn.Module] = []
    up: list[nn.Module] = []
    for after, kernel, stride in zip(channels, kernel_sizes, strides, strict=True):
        convolution = nn.utils.skip_init(nn.Conv2d, before, after, kernel, stride, kernel // 2)
        spare = [(side - 1) % stride for side in sides]  # rows that the stride leaves over
        transposed = nn.utils.skip_init(
            nn.ConvTranspose2d, after, before, kernel, stride, kernel // 2, output_padding=(spare[0], spare[1])
        )
        down.append(_drawn(convolution, generator))
        up.insert(0, _drawn(transposed, generator))
        before, sides = after, [-(-side // stride) for side in sides]
    return down, up, (before, *sides)

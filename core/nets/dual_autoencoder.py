"""Networks of the dual auto-encoder (DSCDAN): a Gaussian encoder, its decoder and two discriminators.

Images are (b, channels, height, width) here, vectors (b, m).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.nets.mirrored import mirrored_convolutions, mirrored_layers
from core.nets.perceptron import _linear, perceptron

SLOPE = 0.2


class Encoding(NamedTuple):
    """What the encoder says of a batch.

    Attributes
    ----------
    mean, log_variance : (b, d)
        Of the Gaussian p(z | x).
    first : (b, c, h, w)
        Feature map after the first block, of which local mutual information speaks.
    last : (b, p)
        The last feature map, flattened; it stands for x in the global one.
    """

    mean: Tensor
    log_variance: Tensor
    first: Tensor
    last: Tensor


class DualAutoEncoder(nn.Module):
    """Encoder p(z | x) = N(mu, diag(v)) and decoder g(z), convolutional for images and fully connected for vectors.

    Leaky rectifiers (slope .2) after every layer but the two linear heads, mu and log v, the dense layer of the decoder
    and its output. The decoder mirrors the encoder with transposed convolutions.

    Parameters
    ----------
    sample_shape : (channels, height, width) or (m,)
    channels, kernel_sizes, strides
        Of the convolutions of the encoder.
    widths
        Hidden layers for vectors.
    code_size
        d.
    bounded
        The data lie in [0, 1], so the output goes through a sigmoid; else it is linear.
    """

    bounded: Tensor

    def __init__(
        self, sample_shape: tuple[int, ...], channels: Sequence[int], kernel_sizes: Sequence[int], strides: Sequence[int],
        widths: Sequence[int], code_size: int, *, bounded: bool, generator: torch.Generator,
    ) -> None:  # fmt: skip
        super().__init__()
        self.register_buffer("bounded", torch.tensor(bounded))
        if len(sample_shape) == 1:
            blocks, mirror, self.map_shape = mirrored_layers([sample_shape[0], *widths], generator)
        else:
            blocks, mirror, self.map_shape = mirrored_convolutions(sample_shape, channels, kernel_sizes, strides, generator)
        self.blocks, self.mirror = nn.ModuleList(blocks), nn.ModuleList(mirror)
        size = prod(self.map_shape)
        self.mean, self.log_variance = _linear(size, code_size, generator), _linear(size, code_size, generator)
        self.unfold = _linear(code_size, size, generator)
        self.rectifier = nn.LeakyReLU(SLOPE)

    def encode(self, X: Tensor) -> Encoding:
        """Gaussian codes of a batch, and the feature maps on the way."""
        h = X
        first: Tensor | None = None
        for block in self.blocks:
            h = self.rectifier(block(h))
            first = h if first is None else first
        assert first is not None
        last = h.flatten(1)
        return Encoding(self.mean(last), self.log_variance(last), first if first.ndim == 4 else first[..., None, None], last)

    def decode(self, z: Tensor) -> Tensor:
        """Samples of codes (b, d), in the shape that `encode` takes."""
        h = self.unfold(z).view(len(z), *self.map_shape)
        *inner, output = self.mirror
        for layer in inner:
            h = self.rectifier(layer(h))
        h = output(h)
        return torch.where(self.bounded, torch.sigmoid(h), h)

    def forward(self, X: Tensor) -> Tensor:
        """g(mu(x)), without noise."""
        return self.decode(self.encode(X).mean)


class Discriminators(nn.Module):
    """T1 of (x, z) and T2 of (feature vector, z) at each position, whose logits tell true pairs from shuffled ones.

    Parameters
    ----------
    first, last
        Channels of the first map, and numbers in the last one.
    code_size
        d.
    width
        Units of the hidden layers: two of T1, three of T2.
    released
        T1 sees (z, z') with three hidden layers, as in the published program, not the last map of x and z.
    """

    def __init__(
        self, first: int, last: int, code_size: int, *, width: int, released: bool, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.released = released
        depth = 3 if released else 2
        known = code_size if released else last
        self.whole = perceptron([known + code_size, *[width] * depth, 1], generator)
        self.entrance, *tail = perceptron([first + code_size, *[width] * 3, 1], generator)
        self.parts = nn.Sequential(*tail)

    def overall(self, encoding: Encoding, z: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """T1 of pairs that belong together and of pairs with another sample's code, (b, 1) each."""
        known = z if self.released else encoding.last
        return self.whole(torch.cat([known, z], 1)), self.whole(torch.cat([known, other], 1))

    def local(self, features: Tensor, z: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """T2 at positions of the first map, (b, p, 1) each, from their feature vectors (b, p, c).

        The first layer is linear in (feature vector, z), so the part of z is worked out once for all positions.
        """
        layer = self.entrance
        assert isinstance(layer, nn.Linear)
        channels = features.shape[2]
        seen = features @ layer.weight[:, :channels].T + layer.bias

        def logits(code: Tensor) -> Tensor:
            told = code @ layer.weight[:, channels:].T
            value: Tensor = self.parts(seen + told[:, None])
            return value

        return logits(z), logits(other)

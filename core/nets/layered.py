"""An auto-encoder that shows all its layers, for methods that reconstruct more than the samples (DEPICT)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import torch
from torch import Tensor, nn

from core.nets.mirrored import mirrored_convolutions, mirrored_layers

SLOPE = 0.01  # of the leaky rectifiers
STRIDE = 2


class LayeredAutoEncoder(nn.Module):
    """Convolutions of stride 2 for images, then dense layers down to the code; the decoder mirrors them.

    Leaky rectifiers after every layer but the code, which is a tanh, and the output, which is linear. Images are
    (b, channels, height, width) here, vectors (b, m).

    Parameters
    ----------
    sample_shape : (channels, height, width) or (m,)
    channels, kernel_sizes
        Of the convolutions; kernels are odd.
    widths
        Of the dense layers, the code last.
    """

    def __init__(
        self, sample_shape: tuple[int, ...], channels: Sequence[int], kernel_sizes: Sequence[int], widths: Sequence[int],
        *, generator: torch.Generator,
    ) -> None:  # fmt: skip
        super().__init__()
        maps: list[nn.Module] = []
        back: list[nn.Module] = []
        self.map_shape = sample_shape
        if len(sample_shape) == 3:
            strides = [STRIDE] * len(channels)
            maps, back, self.map_shape = mirrored_convolutions(sample_shape, channels, kernel_sizes, strides, generator)
        dense, up, _ = mirrored_layers([prod(self.map_shape), *widths], generator)
        self.encoder, self.decoder = nn.ModuleList([*maps, *dense]), nn.ModuleList([*up, *back])
        self.n_maps, self.code_size = len(maps), widths[-1]
        self.rectifier = nn.LeakyReLU(SLOPE)

    def activations(self, X: Tensor, noise: Callable[[Tensor], Tensor] | None = None) -> list[Tensor]:
        """z^0 = X, z^1, ..., z^L of a batch: what every layer gives, the code last.

        Parameters
        ----------
        noise
            What is done to the samples and to every layer before the next one sees it; the code is left alone.
        """
        found, h = [X], X
        for place, layer in enumerate(self.encoder):
            h = h if noise is None else noise(h)
            h = layer(h.flatten(1) if place == self.n_maps else h)
            h = torch.tanh(h) if place == len(self.encoder) - 1 else self.rectifier(h)
            found.append(h)
        return found

    def reconstructions(self, Z: Tensor) -> list[Tensor]:
        """z_hat^0, ..., z_hat^(L-1) of codes (b, d): what every layer of the decoder gives, in the order of the encoder."""
        found: list[Tensor] = []
        h = Z
        for place, layer in enumerate(self.decoder):
            h = layer(h)
            if place == len(self.decoder) - self.n_maps - 1:
                h = h.view(len(h), *self.map_shape)
            h = h if place == len(self.decoder) - 1 else self.rectifier(h)
            found.insert(0, h)
        return found

    def encode(self, X: Tensor) -> Tensor:
        """Codes (b, d), without noise."""
        return self.activations(X)[-1]

    def decode(self, Z: Tensor) -> Tensor:
        """Samples of codes, in the shape that `encode` takes."""
        return self.reconstructions(Z)[0]

    def forward(self, X: Tensor) -> Tensor:
        """Reconstruction decode(encode(X))."""
        return self.decode(self.encode(X))

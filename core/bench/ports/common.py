"""What the ports share: the convolutional auto-encoder of the published programs, channels first, as plain torch layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Program(nn.Module):
    """Variables and forward pass of one script; a subclass adds its losses.

    Parameters
    ----------
    images : (n, 1, h, w)
    channels, kernel_sizes
        Of the encoder.
    initial : float
        Every entry of C at the start.
    """

    def __init__(self, images: Tensor, channels: tuple[int, ...], kernel_sizes: tuple[int, ...], initial: float) -> None:
        super().__init__()
        self.images = images
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        maps, (height, width) = 1, images.shape[-2:]
        for filters, k in zip(channels, kernel_sizes, strict=True):
            self.encoder.append(nn.Conv2d(maps, filters, k, stride=2, padding=k // 2))
            spare = (_spare(height, k), _spare(width, k))
            self.decoder.insert(0, nn.ConvTranspose2d(filters, maps, k, 2, k // 2, output_padding=spare))
            maps, height, width = filters, -(-height // 2), -(-width // 2)
        n = len(images)
        self.Coef = nn.Parameter(torch.full((n, n), initial))

    def forward(self) -> tuple[Tensor, Tensor, Tensor]:
        """Codes, their self-expression, and the images decoded from it."""
        hidden = self.images
        for layer in self.encoder:
            hidden = F.relu(layer(hidden))
        latent = torch.reshape(hidden, (len(hidden), -1))
        latent_c = torch.matmul(self.Coef, latent)
        hidden = torch.reshape(latent_c, hidden.shape)
        for layer in self.decoder:
            hidden = F.relu(layer(hidden))
        return latent, latent_c, hidden

    def losses(self) -> Mapping[str, Tensor]:
        """The weighted terms; their sum is what the script minimises."""
        raise NotImplementedError

    def fetched(self) -> Tensor:
        """The coefficients that the script returns."""
        return self.Coef


class Session:
    """The loop body of a script: one `sess.run` of the optimiser, the losses and the coefficients."""

    def __init__(self, program: Program, learning_rate: float = 1e-3) -> None:
        self.program = program
        self.optimizer = torch.optim.Adam(program.parameters(), lr=learning_rate)

    def step(self) -> tuple[dict[str, float], np.ndarray[Any, Any]]:
        """One update; the values of the losses and a host copy of the coefficients."""
        terms = self.program.losses()
        coefficients = self.program.fetched().detach().numpy().copy()
        self.optimizer.zero_grad()
        sum(terms.values(), torch.zeros(())).backward()
        self.optimizer.step()
        return {name: float(term.detach()) for name, term in terms.items()}, coefficients


def _spare(side: int, kernel: int) -> int:
    """Rows that a mirrored convolution must add to come back to `side`."""
    return side - ((-(-side // 2) - 1) * 2 - 2 * (kernel // 2) + kernel)

"""The head that turns codes into a class posterior or a spectral embedding (SpectralNet, DSCDAN)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.nets.perceptron import perceptron


class SpectralHead(nn.Module):
    """Dense layers from codes to K outputs: a class posterior (softmax) or free coordinates (tanh)."""

    centre: Tensor
    scale: Tensor

    def __init__(self, sizes: Sequence[int], output: str, generator: torch.Generator) -> None:
        super().__init__()
        self.layers = perceptron(sizes, generator)
        self.output = output
        self.register_buffer("centre", torch.zeros(sizes[0]))
        self.register_buffer("scale", torch.ones(()))

    def standardize(self, Z: Tensor) -> None:
        """See codes like Z (n, d) about their mean and with a mean variance of 1, which the start weights are made for."""
        self.centre.copy_(Z.mean(0))
        self.scale.copy_(Z.var(0).mean().sqrt().clamp_min(torch.finfo(torch.float32).tiny))

    def logits(self, z: Tensor) -> Tensor:
        """Outputs (b, K) before the last function."""
        h: Tensor = self.layers((z - self.centre) / self.scale)
        return h

    def forward(self, z: Tensor) -> Tensor:
        """Outputs (b, K): rows of probabilities, or coordinates in (-1, 1)."""
        return self.activate(self.logits(z))

    def activate(self, logits: Tensor) -> Tensor:
        """The last function."""
        return torch.tanh(logits) if self.output == "tanh" else torch.softmax(logits, 1)

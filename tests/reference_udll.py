"""Plain port of the published UDLL fine-tuning program, the baseline for speed and the oracle for gradients.

It computes what the TensorFlow graphs of UDLL_ORL and UDLL_Coil20 compute, in their order and with their shapes:
channels first, every matrix dense, the trace formed from the full d x d product, C fetched to the host at each step.
Only the padding differs (symmetric, as everywhere in this project). It shares no code with the package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Constants:
    """Architecture and weights of one published script."""

    channels: tuple[int, ...]
    kernel_sizes: tuple[int, ...]
    reconstruction: float
    self_expression: float
    regularization: float
    trace: float
    initial: float
    symmetric: bool


ORL = Constants((3, 3, 5), (3, 3, 3), 0.5, 10 * 0.5, 1.0, 8.0, 0.0, False)
COIL20 = Constants((15,), (3,), 1.0, 1000.0, 1.0, 2 * 9.0, 1e-8, True)


class Program(nn.Module):
    """Variables, forward pass and losses of one script.

    Parameters
    ----------
    images : (n, 1, h, w)
    L : (n, n)
        Dense Laplacian of the frozen graph.
    constants : Constants
    """

    def __init__(self, images: Tensor, L: Tensor, constants: Constants) -> None:
        super().__init__()
        self.images, self.L, self.constants = images, L, constants
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        maps, size = 1, images.shape[-2:]
        for channels, k in zip(constants.channels, constants.kernel_sizes, strict=True):
            self.encoder.append(nn.Conv2d(maps, channels, k, stride=2, padding=k // 2))
            coarse = tuple(-(-side // 2) for side in size)
            extra = tuple(s - ((c - 1) * 2 - 2 * (k // 2) + k) for s, c in zip(size, coarse, strict=True))
            self.decoder.insert(0, nn.ConvTranspose2d(channels, maps, k, 2, k // 2, output_padding=extra))
            maps, size = channels, coarse
        n = len(images)
        self.Coef = nn.Parameter(torch.full((n, n), constants.initial))

    def losses(self) -> dict[Literal["reconstruction", "self_expression", "regularization", "locality"], Tensor]:
        """The four weighted terms; their sum is what the script minimises."""
        weights = self.constants
        hidden = self.images
        for layer in self.encoder:
            hidden = F.relu(layer(hidden))
        latent = torch.reshape(hidden, (len(hidden), -1))
        latent_c = torch.matmul(self.Coef, latent)
        hidden = torch.reshape(latent_c, hidden.shape)
        for layer in self.decoder:
            hidden = F.relu(layer(hidden))
        penalised = self.fetched()
        return {
            "reconstruction": weights.reconstruction * torch.sum(torch.pow(hidden - self.images, 2.0)),
            "self_expression": weights.self_expression * torch.sum(torch.pow(latent_c - latent, 2.0)),
            "regularization": weights.regularization * torch.sum(torch.pow(penalised, 2.0)),
            "locality": weights.trace * torch.trace(torch.matmul(latent.T, torch.matmul(self.L, latent))),
        }

    def fetched(self) -> Tensor:
        """The coefficients that the script penalises and returns: Coef, or its symmetric part without diagonal."""
        if not self.constants.symmetric:
            return self.Coef
        symmetric = 0.5 * (self.Coef + self.Coef.T)
        return symmetric - torch.diag(torch.diag(symmetric))


class Session:
    """The loop body of the script: one `sess.run` of the optimiser, the losses and the coefficients."""

    def __init__(self, program: Program, learning_rate: float = 1e-3) -> None:
        self.program = program
        self.optimizer = torch.optim.Adam(program.parameters(), lr=learning_rate)

    def step(self) -> tuple[dict[str, float], np.ndarray]:
        """One update; the values of the losses and a host copy of the coefficients."""
        terms = self.program.losses()
        coefficients = self.program.fetched().detach().numpy().copy()
        self.optimizer.zero_grad()
        sum(terms.values(), torch.zeros(())).backward()
        self.optimizer.step()
        return {name: float(term.detach()) for name, term in terms.items()}, coefficients

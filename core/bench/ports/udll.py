"""Plain port of the published UDLL fine-tuning program, the baseline for speed and the oracle for gradients.

It computes what the TensorFlow graphs of UDLL_ORL and UDLL_Coil20 compute, in their order and with their shapes:
channels first, every matrix dense, the trace formed from the full d x d product, C fetched to the host at each step.
Only the padding differs (symmetric, as everywhere in this project). It shares no code with the package.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.bench.ports import common


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


class Program(common.Program):
    """Variables and losses of one script.

    Parameters
    ----------
    images : (n, 1, h, w)
    constants : Constants
    L : (n, n)
        Dense Laplacian of the frozen graph.
    """

    def __init__(self, images: Tensor, constants: Constants, L: Tensor) -> None:
        super().__init__(images, constants.channels, constants.kernel_sizes, constants.initial)
        self.L, self.constants = L, constants

    def losses(self) -> dict[str, Tensor]:
        weights = self.constants
        latent, latent_c, decoded = self()
        penalised = self.fetched()
        return {
            "reconstruction": weights.reconstruction * torch.sum(torch.pow(decoded - self.images, 2.0)),
            "self-expression": weights.self_expression * torch.sum(torch.pow(latent_c - latent, 2.0)),
            "penalty": weights.regularization * torch.sum(torch.pow(penalised, 2.0)),
            "locality": weights.trace * torch.trace(torch.matmul(latent.T, torch.matmul(self.L, latent))),
        }

    def fetched(self) -> Tensor:
        """The coefficients that the script penalises and returns: Coef, or its symmetric part without diagonal."""
        if not self.constants.symmetric:
            return self.Coef
        symmetric = 0.5 * (self.Coef + self.Coef.T)
        return symmetric - torch.diag(torch.diag(symmetric))

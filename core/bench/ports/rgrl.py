"""Plain port of the published RGRL fine-tuning program, the baseline for speed and the oracle for gradients.

It computes what the TensorFlow graph of AEnet computes, in its order and with its shapes: channels first, the Laplacian
from products with diagonal matrices, the trace from the full m x m product, gradients through the Laplacian, C fetched
to the host at each step. Only the padding differs (symmetric, as everywhere in this project). It shares no code with
the package.
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
    alpha: float
    beta: float
    gamma: float
    norm: int
    initial: float = 1e-5


ORL = Constants((3, 3, 5), (3, 3, 3), 1e-4, 5.0, 0.5, 2)
COIL20 = Constants((15,), (3,), 1e-4, 100.0, 10.0, 1)


class Program(common.Program):
    """Variables and losses of one script.

    Parameters
    ----------
    images : (n, 1, h, w)
    constants : Constants
    """

    def __init__(self, images: Tensor, constants: Constants, L: Tensor | None = None) -> None:
        super().__init__(images, constants.channels, constants.kernel_sizes, constants.initial)
        self.constants = constants

    def losses(self) -> dict[str, Tensor]:
        weights, C = self.constants, self.Coef
        latent, latent_c, decoded = self()
        flat, decoded = self.images.flatten(1), decoded.flatten(1)
        S = 0.5 * (torch.abs(C) + torch.abs(C).T) + torch.eye(len(C), dtype=C.dtype)
        D = torch.diag(torch.sum(S, 1) ** -0.5)
        L = torch.eye(len(C), dtype=C.dtype) - torch.matmul(torch.matmul(D, S), D)
        trace = torch.trace(torch.matmul(torch.matmul(flat.T, L), decoded))
        own = torch.diagonal(C)
        if weights.norm == 1:
            penalty = torch.sum(torch.abs(C)) + torch.sum(torch.abs(own))
        else:
            penalty = torch.sum(torch.pow(C, 2.0)) + torch.sum(torch.pow(own, 2.0))
        return {
            "reconstruction": torch.sum(torch.pow(flat - decoded, 2.0)) + 2 * trace,
            "penalty": weights.alpha * penalty,
            "self-expression": weights.beta * 0.5 * torch.sum(torch.pow(latent_c - latent, 2.0)),
            "raw self-expression": weights.gamma * 0.5 * torch.sum(torch.pow(torch.matmul(C, flat) - flat, 2.0)),
        }

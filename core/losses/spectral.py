"""A spectral embedding as the output of a network: orthonormal columns, and a graph's cut as loss."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from core.graphs.batches import Edges

JITTER = 1e-12  # of the mean eigenvalue, added always; in double precision far less is needed than the published 1e-7
RESCUE_JITTER = 1e-4
SMALLEST_PIVOT = 1e-3  # of the mean deviation of a column: below, columns count as linearly dependent
SMALLEST_SCALE = 1e-12  # of the mean square of the outputs, so that even zeros have a factor


class Orthonormal(NamedTuple):
    """Columns made orthonormal.

    Attributes
    ----------
    Y : (b, K)
        Y^T Y / b = I.
    rescued : bool
        The outputs were rank deficient, and Y^T Y / b is I only on their span.
    """

    Y: Tensor
    rescued: bool


def orthonormalize(outputs: Tensor) -> Orthonormal:
    """Y = sqrt(b) U (L^-1)^T with L L^T = U^T U + eps I (Cholesky), as SpectralNet and DSCDAN have it.

    The factor is worked out in double precision, as U^T U squares the condition of U. Where it fails, or has next to
    vanishing pivots, the outputs are rank deficient: Y would consist of rounding errors and its gradient would explode. L
    then comes from the QR decomposition of U with sqrt(eps) I below, with a larger eps; this factor always exists, and the
    missing directions stay small.

    Parameters
    ----------
    outputs : (b, K)
        U, finite.
    """
    U = outputs.double()
    b, K = U.shape
    eye = torch.eye(K, dtype=U.dtype, device=U.device)
    gram = U.T @ U / b
    scale = gram.diagonal().mean().detach().clamp_min(SMALLEST_SCALE)
    L, failed = torch.linalg.cholesky_ex(gram + JITTER * scale * eye)
    rescued = bool((failed != 0) | (L.diagonal().detach().min() < SMALLEST_PIVOT * scale.sqrt()))
    if rescued:
        R = torch.linalg.qr(torch.cat([U / b**0.5, (RESCUE_JITTER * scale).sqrt() * eye])).R
        L = R.T * R.diagonal().sign()  # the factor with positive pivots
    Y = torch.linalg.solve_triangular(L, U.T, upper=False).T
    return Orthonormal(Y.to(outputs.dtype), rescued)


def spectral_loss(Y: Tensor, edges: Edges) -> Tensor:
    """(1 / 2b) sum_ij W_ij ||y_i - y_j||^2 = tr(Y^T L Y) / b with L = D - W (DSCDAN Eq. 16 with SpectralNet's scale).

    Over Y with Y^T Y / b = I its minimum is the sum of the K smallest eigenvalues of L.
    """
    apart = (Y[:, None] - Y[edges.nearest]).square().sum(2)
    return (edges.weights * apart).sum() / (2 * len(Y))

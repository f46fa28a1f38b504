"""Loss terms that the methods share, as functions of tensors.

They are SUMS over entries and samples, as the papers weigh them; a mean would change the meaning of every coefficient.
Only `divergence` and `contraction` are means over the samples, as GR-DNN's are. Terms that are quadratic in a large matrix
carry their own gradient: one temporary instead of three. What multiplies by the n x n matrix C is in `core.losses.expression`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import binary_cross_entropy_with_logits


def _sum_of_squares(x: Tensor) -> Tensor:
    """sum x^2 without a temporary when memory is dense, in whatever order of axes."""
    order = sorted(range(x.ndim), key=x.stride, reverse=True)
    flat = x.permute(order).reshape(-1)
    return torch.dot(flat, flat)


class _SquaredDistance(torch.autograd.Function):
    """weight ||A - B||_F^2 with gradients +-2 weight (A - B)."""

    @staticmethod
    def forward(ctx: Any, A: Tensor, B: Tensor, weight: float) -> Tensor:
        difference = A - B
        ctx.save_for_backward(difference)
        ctx.weight = weight
        return weight * _sum_of_squares(difference)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (difference,) = ctx.saved_tensors
        slope = 2 * ctx.weight * gradient
        to_A = difference * slope if ctx.needs_input_grad[0] else None
        to_B = difference * -slope if ctx.needs_input_grad[1] else None
        return to_A, to_B, None


class _SymmetricNorm(torch.autograd.Function):
    """||S||_F^2 of the symmetric part S of C without its diagonal, with gradient 2 S."""

    @staticmethod
    def forward(ctx: Any, C: Tensor) -> Tensor:
        S = symmetric_part(C)
        ctx.save_for_backward(S)
        return _sum_of_squares(S)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (S,) = ctx.saved_tensors
        return S * (2 * gradient)


class _Locality(torch.autograd.Function):
    """2 Tr(Z^T L Z) with gradient 4 L Z; the product L Z serves both."""

    @staticmethod
    def forward(ctx: Any, Z: Tensor, L: Tensor) -> Tensor:
        LZ = L @ Z
        ctx.save_for_backward(LZ)
        return 2 * (Z * LZ).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (LZ,) = ctx.saved_tensors
        return LZ * (4 * gradient), None


def reconstruction(X: Tensor, X_hat: Tensor) -> Tensor:
    """0.5 ||X - X_hat||_F^2, summed over samples and features."""
    return _SquaredDistance.apply(X, X_hat, 0.5)


def self_expression(Z: Tensor, Z_hat: Tensor) -> Tensor:
    """||Z - Z_hat||_F^2 for codes Z (n, d) and their self-expression Z_hat = C Z."""
    return _SquaredDistance.apply(Z, Z_hat, 1.0)


def symmetric_part(C: Tensor) -> Tensor:
    """(C + C^T)/2 with a zero diagonal, the matrix that UDLL penalises and clusters on COIL-20; carries no gradient."""
    S = (C.detach() + C.detach().T).mul_(0.5)
    return S.fill_diagonal_(0)


def symmetric_norm(C: Tensor) -> Tensor:
    """||S||_F^2 of S = `symmetric_part` (C)."""
    return _SymmetricNorm.apply(C)


def locality(Z: Tensor, L: Tensor) -> Tensor:
    """sum_ij ||z_i - z_j||^2 a_ij = 2 Tr(Z^T L Z), with L = D - (A + A^T)/2 of the weights A.

    Parameters
    ----------
    Z : (n, d)
        Codes.
    L : (n, n)
        Symmetric Laplacian, dense or sparse CSR; constant.
    """
    return _Locality.apply(Z, L)


def divergence(T: Tensor, logits: Tensor) -> Tensor:
    """Binary cross-entropy to soft targets above its floor, summed over units, mean over samples.

    (1/n) sum_ij -[t log o + (1 - t) log(1 - o)] - H(t), with o = sigmoid(logits) and H(t) the entropy of the target, below
    which the cross-entropy cannot fall. It is the Kullback-Leibler divergence of o from t: 0 where o = t, and its gradient
    is that of the cross-entropy (GR-DNN section 4.1).

    Parameters
    ----------
    T : (n, p)
        Targets in [0, 1]; constant.
    logits : (n, p)
    """
    floor = torch.special.entr(T).sum() + torch.special.entr(1 - T).sum()
    return (binary_cross_entropy_with_logits(logits, T, reduction="sum") - floor) / len(T)


def contraction(W: Tensor, slopes: Tensor) -> Tensor:
    """Mean over samples of the squared Frobenius norm of a layer's Jacobian, sum_j s_j^2 sum_i W_ji^2 (Rifai et al. 2011).

    Parameters
    ----------
    W : (p, m)
        Weights of the layer.
    slopes : (n, p)
        Derivatives s of its activation, h (1 - h) for sigmoid units h.
    """
    return slopes.square().mean(0) @ W.square().sum(1)

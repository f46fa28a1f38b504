"""Self-expression as training needs it: everything that multiplies by the n x n matrix C, with its gradients.

A step of a deep subspace method costs a few products with C and little else, and its memory is a few copies of C. So
the terms that read C share one gradient buffer, the graph of |C| is built in place, and the products can be taken in
bfloat16 where the processor has them (sums stay in float32 inside a product; results and weights are float32).

Samples are rows. Codes and images of `core.nets` are transposed views of feature-major memory, so products are formed
as (Z^T C^T)^T and stay in that order.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from core.graphs import scales

_BLOCK = 512  # rows handled at a time where a whole n x n temporary is not wanted


def product(A: Tensor, B: Tensor, precision: str = "float32") -> Tensor:
    """A B, in bfloat16 if asked for and A is float32."""
    if precision == "bfloat16" and A.dtype == torch.float32:
        return (A.bfloat16() @ B.bfloat16()).float()
    return A @ B


def flat(X: Tensor) -> Tensor:
    """Images (n, h, w[, c]) as rows (n, m) without copying batch-last memory; the features are then in the order c, h, w."""
    if X.ndim == 2:
        return X
    maps = X.permute(1, 2, 0)[None] if X.ndim == 3 else X.permute(3, 1, 2, 0)
    return maps.reshape(-1, len(X)).T


class _Expression(torch.autograd.Function):
    """(C, Z) -> C Z, ||C||_p, 0.5 ||X - C X||_F^2, one gradient buffer for all three."""

    @staticmethod
    def forward(
        ctx: Any, C: Tensor, Z: Tensor, norm: str, doubled: bool, raw: Tensor | None, gram: bool, precision: str
    ) -> tuple[Tensor, Tensor, Tensor]:
        Z_hat = product(Z.T, C.T, precision).T
        residual, error = None, C.new_zeros(())
        if raw is not None:
            residual = raw - product(C, raw, precision)  # (I - C) G or (I - C) X
            error = 0.5 * (residual.diagonal().sum() - _inner(residual, C)) if gram else 0.5 * _inner(residual, residual)
        ctx.save_for_backward(C, Z, residual, None if gram else raw)
        ctx.settings = norm, doubled, gram, precision
        return Z_hat, _norm(C, norm, doubled), error

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_Z_hat: Tensor, to_penalty: Tensor, to_error: Tensor) -> tuple[Tensor | None, ...]:
        C, Z, residual, raw = ctx.saved_tensors
        norm, doubled, gram, precision = ctx.settings
        dC = product(to_Z_hat, Z.T, precision)
        if residual is not None:
            if gram:
                dC.sub_(residual.mul_(to_error))
            elif precision == "float32":
                dC.addmm_(residual * to_error, raw.T, alpha=-1)  # in place: no second n x n matrix
            else:
                dC.sub_(product(residual * to_error, raw.T, precision))
        _add_norm_gradient(dC, C, norm, doubled, to_penalty)
        dZ = product(to_Z_hat.T, C, precision).T if ctx.needs_input_grad[1] else None
        return dC, dZ, None, None, None, None, None


def _inner(A: Tensor, B: Tensor) -> Tensor:
    """<A, B>, whatever the order of their axes in memory."""
    if A.T.is_contiguous() and B.T.is_contiguous():
        A, B = A.T, B.T
    return torch.dot(A.reshape(-1), B.reshape(-1))


def _norm(C: Tensor, norm: str, doubled: bool) -> Tensor:
    if norm == "l1":
        value = torch.linalg.vector_norm(C, 1)
        return value + C.diagonal().abs().sum() if doubled else value
    value = _inner(C, C)
    return value + C.diagonal().square().sum() if doubled else value


def _add_norm_gradient(dC: Tensor, C: Tensor, norm: str, doubled: bool, slope: Tensor) -> None:
    scale = float(slope)
    if norm == "l1":
        for rows in range(0, len(C), _BLOCK):
            dC[rows : rows + _BLOCK].add_(C[rows : rows + _BLOCK].sign(), alpha=scale)
        own = C.diagonal().sign()
    else:
        dC.add_(C, alpha=2 * scale)
        own = 2 * C.diagonal()
    if doubled:
        dC.diagonal().add_(own, alpha=scale)


def express(
    C: Tensor,
    Z: Tensor,
    *,
    norm: str = "l2",
    doubled: bool = False,
    raw: Tensor | None = None,
    gram: bool = False,
    precision: str = "float32",
) -> tuple[Tensor, Tensor, Tensor]:
    """All that the objectives read off C, in one function because their gradients share one buffer.

    Parameters
    ----------
    C : (n, n)
        Self-expression.
    Z : (n, d)
        Codes.
    norm : {"l1", "l2"}
        sum |C_ij|, or sum C_ij^2.
    doubled : bool
        Count the diagonal twice in the norm, as the published RGRL program does instead of forbidding it.
    raw : (n, m) or (n, n), optional
        What C has to express besides Z, a constant: the samples X, or with ``gram`` their Gram matrix G = X X^T. For
        n < 2m the Gram matrix is cheaper: 0.5 ||X - CX||_F^2 = 0.5 tr((I - C) G (I - C)^T), with gradient -(I - C) G.

    Returns
    -------
    Z_hat : (n, d)
        C Z.
    penalty : scalar
        ||C||_1 or ||C||_F^2.
    error : scalar
        0.5 ||X - C X||_F^2, or 0 without `raw`.
    """
    Z_hat, penalty, error = _Expression.apply(C, Z, norm, doubled, raw, gram, precision)
    return Z_hat, penalty, error


def combine(C: Tensor, Z: Tensor) -> Tensor:
    """C Z, (n, n) x (n, d) -> (n, d), in the memory order of the codes."""
    return (Z.T @ C.T).T


# ---- the graph of |C| ------------------------------------------------------------------------------------------------


def absolute_graph(C: Tensor, self_loops: bool, out: Tensor | None = None) -> Tensor:
    """S = (|C| + |C|^T)/2, plus I with `self_loops`; block by block, so that S is the only n x n memory it takes."""
    S = torch.empty_like(C) if out is None else out
    n = len(C)
    for i in range(0, n, _BLOCK):
        for j in range(i, n, _BLOCK):
            block = 0.5 * (C[i : i + _BLOCK, j : j + _BLOCK].abs() + C[j : j + _BLOCK, i : i + _BLOCK].abs().T)
            S[i : i + _BLOCK, j : j + _BLOCK] = block
            S[j : j + _BLOCK, i : i + _BLOCK] = block.T
    if self_loops:
        S.diagonal().add_(1)
    return S


def _scales(degrees: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    """(l, r) with S_n^T = diag(l) S diag(r): D^-1/2 on both sides, or D^-1 on the right; a lonely sample gets 0."""
    if kind == "symmetric":
        _, root = scales(degrees, "normalized")
        return root, root
    some = degrees > 0
    return torch.ones_like(degrees), some / torch.where(some, degrees, 1)


class _Relation(torch.autograd.Function):
    """||X - Xr||_F^2 + 2 Tr(X^T L Xr) = ||Xr - T||_F^2 + ||X||_F^2 - ||T||_F^2 with T = S_n^T X."""

    @staticmethod
    def forward(
        ctx: Any, C: Tensor, X: Tensor, Xr: Tensor, kind: str, self_loops: bool, through: bool,
        work: Tensor | None, precision: str,
    ) -> Tensor:  # fmt: skip
        S = absolute_graph(C, self_loops, work)
        left, right = _scales(S.sum(1), kind)
        T = product(X.T * right, S, precision).T * left[:, None]  # S is symmetric: T = diag(l) S diag(r) X
        difference = Xr - T
        value = _inner(difference, difference) + _inner(X, X) - _inner(T, T)
        if through:
            ctx.save_for_backward(difference, C, X, Xr, S, left, right)
        else:
            ctx.save_for_backward(difference)
        ctx.settings = kind, through, precision
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        kind, through, precision = ctx.settings
        difference, *rest = ctx.saved_tensors
        dC = None
        if through and ctx.needs_input_grad[0]:
            dC = _graph_gradient(kind, precision, *rest).mul_(-2 * slope)
        return dC, None, difference.mul_(2 * slope), None, None, None, None, None


def _graph_gradient(
    kind: str, precision: str, C: Tensor, X: Tensor, Xr: Tensor, S: Tensor, left: Tensor, right: Tensor
) -> Tensor:
    """d<T, Xr>/dC = 0.5 sign(C) (H + H^T + q 1^T + 1 q^T), H = diag(l) Xr X^T diag(r), q the slope through the degrees."""
    H = product((Xr.T * left).T, X.T * right, precision)
    forward = (H * S).sum(1)  # <T_i, xr_i>
    backward = (H * S).sum(0)  # <(S_n Xr)_i, x_i>
    q = -0.5 * left.square() * (forward + backward) if kind == "symmetric" else -right * backward
    total = H + H.T
    total.add_(q[:, None]).add_(q)
    return total.mul_(C.sign()).mul_(0.5)


def relation(
    C: Tensor,
    X: Tensor,
    Xr: Tensor,
    *,
    kind: str = "symmetric",
    self_loops: bool = True,
    through: bool = False,
    work: Tensor | None = None,
    precision: str = "float32",
) -> Tensor:
    """||X - Xr||_F^2 + 2 Tr(X^T L Xr), RGRL Eq. 6: reconstructions follow the graph of C.

    L = I - S_n with S = (|C| + |C|^T)/2 [+ I], D its degrees, and S_n = D^-1/2 S D^-1/2 or D^-1 S. Completing the square
    gives ||Xr - S_n^T X||_F^2 + ||X||_F^2 - ||S_n^T X||_F^2: the decoder is pulled to images smoothed over the graph. One
    n x n by n x m product, no n x n temporary besides S, no m x m matrix.

    Parameters
    ----------
    C : (n, n)
    X, Xr : (n, m)
        Samples, a constant, and their reconstructions decoder(C Z).
    kind : {"symmetric", "random_walk"}
        D^-1/2 S D^-1/2, or D^-1 S.
    self_loops : bool
        Add I to S.
    through : bool
        Let the gradient reach C through L, as the published program does; else L is treated as a constant.
    work : (n, n), optional
        Memory for S; it is overwritten.
    """
    value: Tensor = _Relation.apply(C, X, Xr, kind, self_loops, through, work, precision)
    return value

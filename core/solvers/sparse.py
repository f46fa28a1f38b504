"""Sparse self-expression: the lasso and the elastic net of every sample on all others, solved together.

Each row c of C solves, with c_ii = 0,

    min_c  1/2 ||x_i - c X||^2 + w_i (r ||c||_1 + (1 - r)/2 ||c||^2).

Only the Gram matrix G = X X^T enters, so a kernel's may stand in its place. ADMM splits c into a, which fits, and z,
which is sparse: with u the scaled multipliers and P = (G + rho I)^-1, for all rows at once

    A <- I - rho (I - Z + U) P,    Z <- prox(A + U),    U <- U + A - Z,

one n x n product per iteration. Rows are handled in blocks, so P, Z and U are the only n x n matrices that it needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.common import DataError, ParameterError
from core.solvers.progress import Progress

BLOCK = 256  # rows of C handled at a time
EVERY = 5  # iterations between two reports
RELAXATION = 1.7  # over-relaxation of A; 1.5 to 1.8 are usual
LEAST_CODE = 0.01  # norm of a code below which its error counts as if it were this long
# rho = STIFFNESS sqrt(mean(w) mean(diag G)): within a factor of two of the best on every data set and weight tried, so that
# balancing the residuals on the way, and with it another factorisation, gains nothing.
STIFFNESS = 10.0


def penalty_weights(G: NDArray, alpha: float, *, l1_ratio: float = 1.0, per_sample: bool = False) -> NDArray[np.float64]:
    """w_i = mu / (alpha r), where mu is a coherence: a sample gets a code other than zero if and only if alpha > 1.

    mu_i = max_{j != i} |G_ij| is the sample's own (`per_sample`, You et al. 2016); otherwise all share the least one of
    the data, which leaves no sample without a code (Elhamifar and Vidal 2013).

    Raises
    ------
    DataError
        If no two samples correlate at all.
    """
    coherence = np.array([np.abs(np.delete(row, i)).max(initial=0) for i, row in enumerate(G)])
    return weights_of(coherence, alpha, l1_ratio=l1_ratio, per_sample=per_sample)


def weights_of(coherence: NDArray, alpha: float, *, l1_ratio: float, per_sample: bool) -> NDArray[np.float64]:
    """`penalty_weights` of samples of given coherence (n,); one that is 0 (a sample of zeros) counts for none but itself."""
    positive = coherence[coherence > 0]
    if not positive.size:
        raise DataError("No sample can be expressed by the others: they are all orthogonal to each other, or zero.")
    least = float(positive.min())
    mu = np.where(coherence > 0, coherence, least) if per_sample else np.full(len(coherence), least)
    return np.asarray(mu / (alpha * l1_ratio))


class _Sums(NamedTuple):
    """What one pass over the rows adds up."""

    fit: float
    penalty: float
    primal: float  # ||A - Z||^2 / ||Z||^2, with a floor so that codes of zero end too
    dual: float  # ||Z - Z_before||^2 / ||U||^2, both times rho


def sparse_representation(
    G: NDArray,
    alpha: float,
    *,
    l1_ratio: float = 1.0,
    per_sample: bool = False,
    tolerance: float = 2e-3,
    max_iter: int = 200,
) -> Iterator[Progress]:
    """Lasso (`l1_ratio` = 1) or elastic net of every sample on the others, by ADMM on the Gram matrix.

    Stops when ||A - Z|| <= tolerance ||Z|| and rho ||Z - Z_before|| <= tolerance ||rho U|| (Frobenius; Boyd et al. 2011,
    3.3), or after `max_iter` iterations. At the default the objective is within 1 % of its least.

    P is computed in float64 and the products are taken in float32, which moves the objective by less than 1e-8 of its
    value.

    Parameters
    ----------
    G : (n, n)
        Gram matrix, symmetric and positive semi-definite.
    alpha : float
        Weight of the fit; see `penalty_weights`. Larger gives denser codes.
    l1_ratio : float
        r in (0, 1]: share of the l1 norm in the penalty.
    per_sample : bool
        See `penalty_weights`.

    Yields
    ------
    Progress
        Every few iterations, and at the end: the terms ``fit`` and ``penalty`` of the objective, the relative residuals
        ``primal`` and ``dual``, and C (n, n) float32 with exact zeros, on the diagonal too.

    Raises
    ------
    ParameterError
        If `alpha` is not positive or `l1_ratio` not in (0, 1].
    DataError
        If G is not square and finite, or no two samples correlate.
    """
    if not (alpha > 0 and 0 < l1_ratio <= 1):
        raise ParameterError(f"'alpha' must be positive and 'l1_ratio' in (0, 1]. Got {alpha!r} and {l1_ratio!r} instead.")
    if G.ndim != 2 or G.shape[0] != G.shape[1] or not np.isfinite(G).all():
        raise DataError(f"The Gram matrix must be square and finite. Got shape {G.shape}.")
    G = np.asarray(G, dtype=np.float64)
    n, weights = len(G), penalty_weights(G, alpha, l1_ratio=l1_ratio, per_sample=per_sample)
    Z, U = np.zeros((n, n), np.float32), np.zeros((n, n), np.float32)
    rho = STIFFNESS * float(np.mean(weights) * np.mean(np.diagonal(G))) ** 0.5
    P = _smoother(G, rho)
    del G
    for step in range(1, max_iter + 1):
        sums = _iterate(P, Z, U, rho, weights, l1_ratio)
        done = step == max_iter or max(sums.primal, sums.dual) <= tolerance**2
        if done or step % EVERY == 0:
            scalars = {"fit": sums.fit, "penalty": sums.penalty, "primal": sums.primal**0.5, "dual": sums.dual**0.5}
            yield Progress(step, step if done else max_iter, scalars, Z)
        if done:
            return


def _smoother(G: NDArray[np.float64], rho: float) -> NDArray[np.float32]:
    """rho (G + rho I)^-1, whose norm is at most 1."""
    from scipy.linalg import inv

    K = G.copy()
    K[np.diag_indices_from(K)] += rho
    P = inv(K, assume_a="pos", overwrite_a=True)
    P *= rho
    return np.asarray(P, dtype=np.float32)


def _iterate(
    P: NDArray[np.float32], Z: NDArray[np.float32], U: NDArray[np.float32], rho: float, weights: NDArray, l1_ratio: float
) -> _Sums:
    """One iteration, in place."""
    n = len(Z)
    fit = penalty = gap = code = change = multiplier = 0.0
    for start in range(0, n, BLOCK):
        z, u = Z[start : start + BLOCK], U[start : start + BLOCK]
        w = weights[start : start + BLOCK, None]
        own = np.arange(len(z)), np.arange(start, start + len(z))
        bound, shrink = (w * l1_ratio / rho).astype(np.float32), (1 + w * (1 - l1_ratio) / rho).astype(np.float32)

        target = z - u
        target[own] -= 1
        a = target @ P
        # (I - A) G = rho (A - Z + U), so the residual costs no product.
        fit -= 0.5 * rho * float(np.vdot(a, a - target))
        a[own] += 1

        a *= RELAXATION
        a += (1 - RELAXATION) * z
        u += a
        new = u - np.clip(u, -bound, bound)
        if l1_ratio < 1:
            new /= shrink
        new[own] = 0
        u -= new
        a -= new
        z -= new

        gap += float(np.vdot(a, a))
        code += float(np.vdot(new, new))
        change += float(np.vdot(z, z))
        multiplier += float(np.vdot(u, u))
        penalty += float((w * (l1_ratio * np.abs(new) + 0.5 * (1 - l1_ratio) * np.square(new))).sum())
        z[:] = new
    tiny = float(np.finfo(np.float32).tiny)
    return _Sums(fit, penalty, gap / max(code, n * LEAST_CODE**2), change / max(multiplier, tiny))

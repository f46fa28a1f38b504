"""Low-rank representation with corrupted samples: nuclear norm and l2,1 norm (Liu, Lin and Yu 2010, 2013)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.solvers.progress import Progress

GROWTH = 1.1  # of the penalty mu from one iteration to the next
START, END = 0.1, 1e8  # mu; below 1 almost nothing passes the threshold 1/mu


def low_rank_representation(X: NDArray, strength: float, *, tolerance: float = 1e-5, max_iter: int = 300) -> Iterator[Progress]:
    """min_{C, E} ||C||_* + lambda ||E||_{2,1}, X = C X + E, by the inexact augmented Lagrangian method.

    With the skinny SVD X = U S V^T the optimal C has the form W U^T, and the norms of C and of the rows of E do not see
    the rotation V. So the problem is solved for W (n, r), r the rank of X, with the diagonal constraint
    U S = W S + E: the only costly part of an iteration is one singular value thresholding of an (n, r) matrix.

    Parameters
    ----------
    X : (n, m)
    strength : float
        lambda, for samples scaled to a mean norm of 1. For large values E = 0 and C = U U^T.
    tolerance : float
        Stops when both constraints, X = C X + E and W = J, hold to this share of ||X||_F and of ||W||_F.
    max_iter : int

    Yields
    ------
    Progress
        Every iteration: ``nuclear`` norm, weighted ``outliers`` term, relative ``residual`` of the constraint, ``rank``
        of C, and C (n, n) float32 as a function.

    Raises
    ------
    DataError
        If X is zero or not finite.
    """
    from scipy.linalg import svd

    X = np.asarray(X, dtype=np.float64)
    if not np.isfinite(X).all() or not X.any():
        raise DataError("Low-rank representation needs finite data that is not all zero.")
    U, s, _ = svd(X / np.linalg.norm(X, axis=1).mean(), full_matrices=False, check_finite=False)
    r = int(np.sum(s > s[0] * max(X.shape) * np.finfo(np.float64).eps))
    U, s = U[:, :r], s[:r]
    data = U * s
    size = float(np.linalg.norm(s))
    W, E = np.zeros_like(U), np.zeros_like(U)
    fits, agrees = np.zeros_like(U), np.zeros_like(U)  # scaled multipliers of the two constraints
    mu = START
    for step in range(1, max_iter + 1):
        J, values = _threshold_values(W + agrees, 1 / mu)
        W = ((data - E + fits) * s + J - agrees) / (s**2 + 1)
        left = data - W * s
        E, norms = _threshold_rows(left + fits, strength / mu)
        left -= E
        apart = W - J
        fits += left
        agrees += apart
        residual = float(np.linalg.norm(left)) / size
        disagreement = float(np.linalg.norm(apart)) / max(float(np.linalg.norm(W)), 1e-12)
        done = step == max_iter or (values.size > 0 and max(residual, disagreement) <= tolerance)
        scalars = {
            "nuclear": float(values.sum()),
            "outliers": strength * float(norms.sum()),
            "residual": residual,
            "rank": float(values.size),
        }
        yield Progress(step, step if done else max_iter, scalars, lambda J=J: (J @ U.T).astype(np.float32))
        if done:
            return
        growth = min(GROWTH, END / mu)
        mu *= growth
        fits /= growth
        agrees /= growth


def _threshold_values(M: NDArray, threshold: float) -> tuple[NDArray, NDArray]:
    """The prox of the nuclear norm: singular values reduced by `threshold`, and those that stay.

    It goes through the small matrix M^T M; what that loses in the smallest singular values is below any threshold.
    """
    from scipy.linalg import eigh

    squares, V = eigh(M.T @ M, subset_by_value=(threshold**2, np.inf), driver="evr", overwrite_a=True, check_finite=False)
    values = np.sqrt(squares)
    return (M @ V) * (1 - threshold / values) @ V.T, values - threshold


def _threshold_rows(M: NDArray, threshold: float) -> tuple[NDArray, NDArray]:
    """The prox of the l2,1 norm: rows shortened by `threshold`, and their lengths then."""
    norms = np.linalg.norm(M, axis=1)
    kept = np.maximum(norms - threshold, 0)
    return M * (kept / np.where(norms > 0, norms, 1))[:, None], kept

"""The doubly stochastic affinity that is nearest to |C| (A-DSSC: Lim, Vidal and Haeffele, arXiv 2011.14859, 2020).

A = argmin_A  -<W, A> + eta/2 ||A||_F^2    over A >= 0, A = A^T, A 1 = 1,     W = (|C| + |C|^T) / 2,

the Euclidean projection of W / eta. Every sample then gives and takes as much as any other, so that none is a hub and none is
lonely, and many entries are exactly 0: the smaller eta, the more. The paper projects |C| and takes the symmetric part of the
result; here the symmetric matrices are projected onto, which has one multiplier a sample instead of two. And eta there is in
units of the C of its own solver; here W is first scaled to a mean row sum of 1, so that the scale of C does not matter and
eta = 1 changes W no more than it must.

A = [W - u 1^T - 1 u^T]_+ / eta, where the multipliers u minimise the convex, piecewise quadratic

phi(u) = 1/4 ||[W - u 1^T - 1 u^T]_+||_F^2 + eta sum_i u_i,      its gradient eta - (row sums of [...]_+).

A damped Newton iteration finds u: its matrix is diag(M 1) + M with M the pattern of the positive entries, plus a multiple of I
that goes to 0 with the gradient; halving the step until phi falls makes it converge from anywhere, and a quadratic piece is
left by one step, so that ten to twenty are enough. It is given up after `STEPS`, in words.
"""

from __future__ import annotations

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array

from core.affinity.representation import checked_square, symmetrized

STEPS = 100
TOLERANCE = 1e-9  # of the row sums, which are 1
DAMPING = 1e-3  # of the gradient's size: what the matrix gets on its diagonal
HALVINGS = 40
DESCENT = 1e-4  # of what the slope promises, that a step must keep (Armijo)


def stochastic_affinity(C: NDArray, smoothing: float) -> csr_array:
    """The symmetric doubly stochastic matrix nearest to |C| / smoothing, as the head of this module has it.

    Parameters
    ----------
    C : (n, n)
        Of any sign and scale.
    smoothing : float
        eta > 0: the smaller, the fewer neighbours; towards infinity all entries go to 1/n.

    Returns
    -------
    (n, n) csr_array
        Symmetric, non-negative, rows and columns sum to 1. Of a C that is zero, 1/n everywhere.

    Raises
    ------
    DataError
        If C is not square or not finite.
    LinAlgError
        If the iteration has not converged.
    """
    W = symmetrized(checked_square(C), "absolute").astype(np.float64)
    if total := W.sum():
        W *= len(W) / total
    A = _excess(W, _multipliers(W, smoothing))
    A += A.T.copy()  # sums are taken in another order on the two sides of the diagonal
    A *= 0.5 / smoothing
    return csr_array(A)


def _excess(W: NDArray, u: NDArray) -> NDArray:
    """[W - u 1^T - 1 u^T]_+."""
    excess = W - u
    excess -= u[:, None]
    return np.maximum(excess, 0, out=excess)


def _multipliers(W: NDArray, eta: float) -> NDArray:
    """u at the minimum of phi; it starts where all entries would be positive."""
    n = len(W)
    rows = W.sum(axis=1)
    u = (rows - eta - (rows.sum() - n * eta) / (2 * n)) / n
    excess = _excess(W, u)
    value = _phi(excess, u, eta)
    for _ in range(STEPS):
        gradient = eta - excess.sum(axis=1)
        size = np.abs(gradient).max()
        if size <= TOLERANCE * eta:
            return u
        step = _newton(excess, gradient, min(DAMPING * size / eta, 1.0))
        slope, length = float(gradient @ step), 1.0
        for _ in range(HALVINGS):
            there = u + length * step
            excess = _excess(W, there)
            reached = _phi(excess, there, eta)
            if reached <= value + DESCENT * length * slope or size <= 1e-6 * eta:  # nearer than phi can tell
                break
            length /= 2
        u, value = there, reached
    raise LinAlgError(f"no doubly stochastic affinity was found in {STEPS} steps; rows are {size / eta:.1e} off")


def _phi(excess: NDArray, u: NDArray, eta: float) -> float:
    return float(0.25 * np.vdot(excess, excess) + eta * u.sum())


def _newton(excess: NDArray, gradient: NDArray, damping: float) -> NDArray:
    H = (excess > 0).astype(np.float64)
    H[np.diag_indices(len(H))] += H.sum(axis=1) + damping + np.finfo(float).eps * len(H)
    return np.asarray(cho_solve(cho_factor(H, overwrite_a=True, check_finite=False), -gradient, check_finite=False))

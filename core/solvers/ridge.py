"""Self-expression in closed form: one factorisation of the Gram matrix G = X X^T."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def ridge_representation(X: NDArray, strength: float, *, zero_diagonal: bool = True) -> NDArray[np.float64]:
    """Closed-form self-expression of the rows of X: min_C ||X - C X||_F^2 + lambda ||C||_F^2.

    Parameters
    ----------
    X : (n, m)
    strength : float
        lambda relative to the mean squared norm of a sample, mean(diag(G)).
    zero_diagonal : bool
        Forbid a sample to explain itself.

    Returns
    -------
    (n, n) float64
        C with X ~ C X.
    """
    from scipy.linalg import inv

    X = np.asarray(X, dtype=np.float64)
    G = X @ X.T
    penalty = strength * float(np.mean(np.diagonal(G)))
    G[np.diag_indices_from(G)] += penalty
    P = inv(G, assume_a="pos", overwrite_a=True)
    if zero_diagonal:
        P /= -np.diagonal(P)[:, None].copy()  # in place from here: P becomes C
        np.fill_diagonal(P, 0.0)
        return np.asarray(P)
    P *= -penalty
    P[np.diag_indices_from(P)] += 1
    return np.asarray(P)


def low_rank_projection(X: NDArray, tau: float) -> NDArray[np.float64]:
    """Closed-form low-rank self-expression: min_C ||C||_* + tau/2 ||X - C X||_F^2, C symmetric.

    With G = U diag(s^2) U^T the solution is C = U_1 (I - diag(s_1^-2) / tau) U_1^T over the eigenpairs with s^2 > 1/tau
    (Vidal and Favaro 2014): directions with little energy are dropped, the others shrunk.

    Parameters
    ----------
    X : (n, m)
    tau : float
        Weight of the residual, relative to 1 / mean(diag(G)).

    Returns
    -------
    (n, n) float64
        C with X ~ C X; zero where no direction is strong enough.
    """
    from scipy.linalg import eigh

    X = np.asarray(X, dtype=np.float64)
    G = X @ X.T
    least = float(np.mean(np.diagonal(G))) / tau
    energy, U = eigh(G, subset_by_value=(least, np.inf), driver="evr", overwrite_a=True)
    return np.asarray((U * (1 - least / energy)) @ U.T)

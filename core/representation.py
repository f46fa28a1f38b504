"""Self-expression in closed form: rows of X as combinations of the other rows, X ~ C X."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def ridge_representation(X: NDArray, strength: float, *, zero_diagonal: bool = True) -> NDArray[np.float64]:
    """Closed-form self-expression of the rows of X.

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
        C = -P / np.diagonal(P)[:, None]
        np.fill_diagonal(C, 0.0)
        return C
    return np.eye(len(P)) - penalty * P

"""Gram matrices: all that the sparse solvers see of the data, so that a kernel changes nothing else."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kernel = Literal["linear", "polynomial", "gaussian"]


def gram_matrix(
    X: NDArray, kernel: Kernel = "linear", *, degree: int = 2, offset: float = 0.0, bandwidth: float = 1.0
) -> NDArray[np.float64]:
    """k(x_i, x_j) between the rows of X.

    - linear: <x, y>
    - polynomial: (<x, y> + offset)^degree
    - gaussian: exp(-||x - y||^2 / (2 sigma^2)), sigma = bandwidth times the root mean squared distance of two samples

    Parameters
    ----------
    X : (n, m)

    Returns
    -------
    (n, n) float64
        Symmetric, positive semi-definite.
    """
    X = np.asarray(X, dtype=np.float64)
    G = X @ X.T
    if kernel == "polynomial":
        G += offset
        np.power(G, degree, out=G)
    elif kernel == "gaussian":
        energy = np.diagonal(G).copy()
        G *= -2
        G += energy[:, None]
        G += energy
        np.maximum(G, 0, out=G)
        np.fill_diagonal(G, 0)
        mean = float(G.mean())
        G /= -2 * bandwidth**2 * (mean if mean > 0 else 1.0)
        np.exp(G, out=G)
    return G

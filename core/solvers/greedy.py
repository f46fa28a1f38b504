"""Orthogonal matching pursuit of every sample over all others, at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from core.solvers.progress import Progress

UNRELATED = 1e-10  # correlation with the residual, relative to the sample's squared norm, that counts as none


def pursuit_representation(X: NDArray, n_nonzero: int, *, tolerance: float = 1e-3) -> Iterator[Progress]:
    """Greedy sparse codes: min ||x_i - c X||^2 with at most `n_nonzero` entries in c and c_ii = 0.

    Each iteration adds to every support the sample that correlates most with the residual, then fits all coefficients
    anew. The correlations come from the Gram matrix (batch OMP, Rubinstein et al. 2008), G - C G with a sparse C, and the
    fits are n small linear systems solved together.

    Parameters
    ----------
    X : (n, m)
    n_nonzero : int
        Largest support of a sample.
    tolerance : float
        A sample whose residual has at most this share of its squared norm gets no further entries.

    Yields
    ------
    Progress
        After each entry: the mean relative ``residual``, and C (n, n), float32.
    """
    X = np.asarray(X, dtype=np.float64)
    G = X @ X.T
    n, energy = len(G), np.diagonal(G).copy()
    total = min(n_nonzero, n - 1)
    everyone = np.arange(n)
    supports = np.zeros((n, 0), dtype=np.int64)
    used = np.zeros((n, 0), dtype=bool)  # entries that belong to the support; a finished sample's go on unused
    coefficients = np.zeros((n, 0))
    growing = energy > 0
    for step in range(1, total + 1):
        correlation = _as_rows(supports, coefficients, n) @ G
        np.subtract(G, correlation, out=correlation)
        np.abs(correlation, out=correlation)
        correlation[everyone, everyone] = -1
        for entry in range(step - 1):
            correlation[everyone[used[:, entry]], supports[used[:, entry], entry]] = -1
        best = correlation.argmax(axis=1)
        growing &= correlation[everyone, best] > UNRELATED * energy
        supports = np.column_stack((supports, best))
        used = np.column_stack((used, growing))

        system = np.where(used[:, :, None] & used[:, None, :], G[supports[:, :, None], supports[:, None, :]], np.eye(step))
        right = np.where(used, G[everyone[:, None], supports], 0)
        coefficients = np.linalg.solve(system, right[:, :, None])[:, :, 0]
        residual = np.maximum(energy - (coefficients * right).sum(axis=1), 0)
        growing &= residual > tolerance * energy
        mean = float(np.mean(residual / np.where(energy > 0, energy, 1)))
        last = step == total or not growing.any()
        C = _as_rows(supports, coefficients, n).toarray().astype(np.float32)
        yield Progress(step, step if last else total, {"residual": mean}, C)
        if last:
            return


def _as_rows(supports: NDArray[np.int64], coefficients: NDArray, n: int) -> csr_array:
    """The codes as a sparse (n, n) matrix; unused entries are zeros that add nothing."""
    starts = np.arange(0, supports.size + 1, max(supports.shape[1], 1)) if supports.size else np.zeros(n + 1, dtype=np.int64)
    return csr_array((coefficients.ravel(), supports.ravel(), starts), shape=(n, n))

"""Laplacians of sparse graphs."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, diags_array


def laplacian(A: csr_array) -> csr_array:
    """D - A with the degrees D = diag(A 1) of a symmetric graph; sparse and positive semi-definite."""
    return csr_array(diags_array(A.sum(axis=1)) - A)


def laplacian_of(W: csr_array, kind: str = "normalized") -> csr_array:
    """The same as a sparse matrix, from symmetric weights without a diagonal."""
    degrees = np.asarray(W.sum(axis=1)).ravel()
    if kind == "plain":
        return csr_array((diags_array(degrees) - W) / max(float(degrees.max()), 1e-12))
    root = np.where(degrees > 0, 1 / np.sqrt(np.where(degrees > 0, degrees, 1)), 0)
    return csr_array(diags_array((degrees > 0).astype(float)) - diags_array(root) @ W @ diags_array(root))

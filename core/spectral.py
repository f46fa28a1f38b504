"""From a self-expression matrix to clusters: the affinity post-processing that the subspace papers share.

The chain (DSC-Net, RGRL Alg. 1, UDLL): threshold the columns of C, symmetrise, factorise, normalise the rows, keep
positive cosines, sharpen by a power, cut the graph. Its constants matter more than most training choices, so each
link is a function of its own and the expensive one, the eigen-decomposition, can be kept and reused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from core.errors import DataError, ParameterError

AssignLabels = Literal["discretize", "cluster_qr", "kmeans"]
Symmetrize = Literal["signed", "absolute"]


def threshold_columns(C: NDArray, threshold: float) -> NDArray:
    """Keep, in every column, the fewest largest entries whose absolute sum exceeds `threshold` of the column's.

    Entries keep their sign; a column of zeros stays zero. `threshold` >= 1 keeps everything.
    """
    if threshold >= 1:
        return C
    magnitude = np.abs(C)
    order = np.argsort(-magnitude, axis=0, kind="stable")
    cumulative = np.cumsum(np.take_along_axis(magnitude, order, axis=0), axis=0)
    kept_in_order = np.ones_like(order, dtype=bool)
    kept_in_order[1:] = cumulative[:-1] <= threshold * cumulative[-1]  # the entry that crosses the bound is kept
    kept = np.empty_like(kept_in_order)
    np.put_along_axis(kept, order, kept_in_order, axis=0)
    return np.where(kept, C, 0)


def symmetrized(C: NDArray, how: Symmetrize = "signed", unit_diagonal: bool = False) -> NDArray:
    """(C + C^T)/2 of the signed entries (the code of the papers) or of their absolute values (their text)."""
    if how not in ("signed", "absolute"):
        raise ParameterError(f"'symmetrize' must be 'signed' or 'absolute'. Got {how!r} instead.")
    S = np.abs(C) if how == "absolute" else C
    S = 0.5 * (S + S.T)
    if unit_diagonal:
        np.fill_diagonal(S, 1.0)
    return S


@dataclass(frozen=True)
class Decomposition:
    """Eigenpairs of a symmetric matrix, sorted by decreasing absolute eigenvalue (its singular values)."""

    values: NDArray  # (n,)
    vectors: NDArray  # (n, n)


def decompose(S: NDArray) -> Decomposition:
    """Singular values and vectors of a symmetric matrix through its eigen-decomposition.

    For symmetric S the singular values are |lambda| and the left singular vectors are the eigenvectors, so this equals
    a truncated SVD (up to signs, which the affinity does not see) and has no random start.
    """
    values, vectors = eigh(S.astype(np.float32, copy=False), check_finite=False, overwrite_a=False)
    order = np.argsort(-np.abs(values), kind="stable")
    return Decomposition(np.abs(values[order]), vectors[:, order])


def affinity_from_decomposition(parts: Decomposition, *, n_clusters: int, dim: int, power: float) -> NDArray:
    """Cosine affinity of the rank-r factor: steps 3 to 5 of the post-processing.

    r = min(dim * n_clusters + 1, n - 1); M = U_r diag(sigma_r)^(1/2) with unit rows; A = max(M M^T, 0)^power,
    scaled to maximum 1 and symmetric.
    """
    rank = min(dim * n_clusters + 1, len(parts.values) - 1)
    M = parts.vectors[:, :rank] * np.sqrt(parts.values[:rank])
    norms = np.linalg.norm(M, axis=1, keepdims=True)
    M /= np.where(norms > 0, norms, 1)
    A = np.maximum(M @ M.T, 0)
    A **= power
    peak = A.max()
    if peak > 0:
        A /= peak
    return 0.5 * (A + A.T)


def affinity_from_representation(
    C: NDArray,
    *,
    n_clusters: int,
    dim: int,
    power: float,
    threshold: float,
    unit_diagonal: bool = False,
    symmetrize: Symmetrize = "signed",
) -> NDArray:
    """The published post-processing of a self-expression matrix (common to DSC-Net, RGRL and UDLL).

    Parameters
    ----------
    C : (n, n)
        Self-expression, Z ~ C Z.
    n_clusters : int
        K; with `dim` it sets the rank r = min(dim K + 1, n - 1).
    dim : int
        Assumed dimension d of each subspace.
    power : float
        Exponent that sharpens the cosines.
    threshold : float
        rho: share of each column's absolute sum that is kept; 1 or more keeps all.
    unit_diagonal : bool
        Set diag(S) = 1 before the decomposition (DSC-Net and UDLL do so on COIL-20).
    symmetrize : {"signed", "absolute"}
        See `symmetrized`.

    Returns
    -------
    (n, n) array
        Symmetric, non-negative, maximum 1.

    Raises
    ------
    DataError
        If C is not square or not finite.
    """
    if C.ndim != 2 or C.shape[0] != C.shape[1]:
        raise DataError(f"The representation matrix must be square. Got shape {C.shape}.")
    if not np.isfinite(C).all():
        raise DataError("The representation matrix must be finite. Got NaN or infinity.")
    S = symmetrized(threshold_columns(C, threshold), symmetrize, unit_diagonal)
    return affinity_from_decomposition(decompose(S), n_clusters=n_clusters, dim=dim, power=power)


def spectral_labels(
    A: NDArray, n_clusters: int, *, assign_labels: AssignLabels = "discretize", random_state: int = 0
) -> NDArray[np.int64]:
    """Normalised-cut spectral clustering of a precomputed affinity (scikit-learn, ARPACK).

    A sample with no affinity to anyone gets a 1 on its diagonal, so that its degree is not zero.
    """
    from sklearn.cluster import spectral_clustering

    if not 1 <= n_clusters <= len(A):
        raise ParameterError(f"'n_clusters' must be between 1 and the number of samples, {len(A)}. Got {n_clusters} instead.")
    lonely = np.flatnonzero(A.sum(axis=1) == 0)
    if lonely.size:
        A = A.copy()
        A[lonely, lonely] = 1.0
    labels = spectral_clustering(
        A, n_clusters=n_clusters, eigen_solver="arpack", assign_labels=assign_labels, random_state=random_state
    )
    return labels.astype(np.int64)

"""From a self-expression matrix to an affinity: the post-processing that the subspace papers share.

The chain (DSC-Net, RGRL Alg. 1, UDLL): threshold the columns of C, symmetrise, factorise, normalise the rows, keep
positive cosines, sharpen by a power. Its constants matter more than most training choices, so each link is a function
of its own and the expensive one, the eigen-decomposition, can be kept and reused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse import csr_array, diags_array, issparse
from scipy.sparse.linalg import eigsh

from core.common import DataError, ParameterError

Symmetrize = Literal["signed", "absolute"]
_CHUNK_ENTRIES = 4_000_000  # of a matrix, handled at a time where whole temporaries of its size are not wanted
LANCZOS_SHARE = 6  # below one sixth of the spectrum Lanczos wins clearly (measured at n = 400 to 1,800)


def form(C: Any) -> Literal["dense", "sparse", "anchors"]:
    """How a self-expression matrix is held: (n, n) dense, (n, n) SciPy sparse, or (n, p) over p anchors."""
    if issparse(C):
        return "sparse"
    return "dense" if C.shape[0] == C.shape[1] else "anchors"


def threshold_columns(C: NDArray, threshold: float) -> NDArray:
    """Keep, in every column, the fewest largest entries whose absolute sum exceeds `threshold` of the column's.

    Entries keep their sign; a column of zeros stays zero. `threshold` >= 1 keeps everything.
    """
    if threshold >= 1:
        return C
    kept = np.empty_like(C)
    chunk = max(1, _CHUNK_ENTRIES // max(len(C), 1))
    for start in range(0, C.shape[1], chunk):
        kept[:, start : start + chunk] = _threshold_few(C[:, start : start + chunk], threshold)
    return kept


def _threshold_few(C: NDArray, threshold: float) -> NDArray:
    """`threshold_columns` of some of the columns; its temporaries are several times their size."""
    magnitude = np.abs(C)
    columns = np.ascontiguousarray(magnitude.T)  # each column in one run of memory: sorting it is several times faster
    falling = np.sort(columns, axis=1)[:, ::-1]
    cumulative = np.cumsum(falling, axis=1)
    kept = np.sum(cumulative <= threshold * cumulative[:, -1:], axis=1)  # entries before the one that crosses the bound
    kept = np.minimum(kept, len(C) - 1)
    smallest = np.take_along_axis(falling, kept[:, None], axis=1).ravel()
    keep = (magnitude >= smallest) & (magnitude > 0)
    for j in np.flatnonzero(keep.sum(axis=0) > kept + 1):  # equal entries at the bound: keep the first of them
        order = np.argsort(-columns[j], kind="stable")
        keep[order[kept[j] + 1 :], j] = False
    return np.where(keep, C, 0)


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
    """Leading eigenpairs of a symmetric matrix, sorted by decreasing absolute eigenvalue (its singular values)."""

    values: NDArray  # (r,)
    vectors: NDArray  # (n, r)


def is_small_share(rank: int, n: int) -> bool:
    """Whether so few of n eigenpairs come from Lanczos iterations."""
    return rank <= n / LANCZOS_SHARE


def decompose(S: NDArray, rank: int | None = None) -> Decomposition:
    """Singular values and vectors of a symmetric matrix through its eigen-decomposition.

    For symmetric S the singular values are |lambda| and the left singular vectors are the eigenvectors, so this equals
    a truncated SVD (up to signs, which the affinity does not see) and has no random start.

    Parameters
    ----------
    S : (n, n)
        Symmetric.
    rank : int, optional
        How many pairs are needed; all by default. A small share of them comes from Lanczos iterations, which are then
        an order of magnitude faster than the full decomposition.
    """
    S = S.astype(np.float32, copy=False)
    n = len(S)
    if rank is not None and is_small_share(rank, n) and S.any():
        # A start vector alone is not enough: where the iteration breaks down (equal blocks) ARPACK draws another.
        start = np.ones(n, dtype=np.float32)
        values, vectors = eigsh(S, k=rank, which="LM", v0=start, rng=np.random.default_rng(0))
    else:
        values, vectors = eigh(S, check_finite=False)
    order = np.argsort(-np.abs(values), kind="stable")[:rank]
    return Decomposition(np.abs(values[order]), vectors[:, order])


def kept_rank(n: int, n_clusters: int, dim: int) -> int:
    """r = min(d K + 1, n - 1), the number of components that the affinity is made of."""
    return min(dim * n_clusters + 1, n - 1)


def factor_rows(parts: Decomposition, rank: int, exponent: float, *, unit_rows: bool) -> NDArray:
    """M = U_r diag(sigma_r)^q, an (n, r) factor; with `unit_rows` products of its rows are cosines."""
    M = parts.vectors[:, :rank] * parts.values[:rank] ** exponent
    if unit_rows:
        norms = np.linalg.norm(M, axis=1, keepdims=True)
        M /= np.where(norms > 0, norms, 1)
    return M


def affinity_from_decomposition(
    parts: Decomposition, *, n_clusters: int, dim: int, power: float, exponent: float = 0.5, unit_rows: bool = True
) -> NDArray:
    """Cosine affinity of the rank-r factor: steps 3 to 5 of the post-processing.

    r = min(dim * n_clusters + 1, n - 1); M = U_r diag(sigma_r)^q, q = 1/2 as published, with unit rows; A = max(M M^T,
    0)^power, scaled to maximum 1 and symmetric.
    """
    M = factor_rows(parts, kept_rank(len(parts.vectors), n_clusters, dim), exponent, unit_rows=unit_rows)
    A = M @ M.T
    np.maximum(A, 0, out=A)
    A **= power
    peak = A.max()
    if peak > 0:
        A /= peak
    A += A.T.copy()
    A *= 0.5
    return A


def affinity_from_representation(
    C: NDArray,
    *,
    n_clusters: int,
    dim: int,
    power: float,
    threshold: float,
    unit_diagonal: bool = False,
    symmetrize: Symmetrize = "signed",
    exponent: float = 0.5,
    unit_rows: bool = True,
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
    exponent, unit_rows
        See `affinity_from_decomposition`.

    Returns
    -------
    (n, n) array
        Symmetric, non-negative, maximum 1.

    Raises
    ------
    DataError
        If C is not square or not finite.
    """
    S = symmetrized(threshold_columns(checked_square(C), threshold), symmetrize, unit_diagonal)
    parts = decompose(S, kept_rank(len(S), n_clusters, dim))
    return affinity_from_decomposition(
        parts, n_clusters=n_clusters, dim=dim, power=power, exponent=exponent, unit_rows=unit_rows
    )


def checked_square(C: NDArray) -> NDArray:
    """C itself.

    Raises
    ------
    DataError
        If it is not square or not finite.
    """
    if C.ndim != 2 or C.shape[0] != C.shape[1]:
        raise DataError(f"The representation matrix must be square. Got shape {C.shape}.")
    if not np.isfinite(C).all():
        raise DataError("The representation matrix must be finite. Got NaN or infinity.")
    return C


def affinity_from_magnitudes(C: Any, *, threshold: float = 1.0) -> Any:
    """A = (W + W^T)/2 of W = |C| with rows scaled to maximum 1, the affinity of sparse subspace clustering.

    Parameters
    ----------
    C : (n, n)
        Dense or SciPy sparse.
    threshold : float
        As in `threshold_columns`, but within each row, the coefficients of one sample; 1 keeps all. Dense C only.

    Returns
    -------
    (n, n), dense or CSR as C
        Symmetric, non-negative, maximum 1, zero diagonal.
    """
    if form(C) == "sparse":
        W = abs(csr_array(C))
        peaks = W.max(axis=1).toarray().ravel()
        W = csr_array(diags_array(1 / np.where(peaks > 0, peaks, 1)) @ W)
        A = csr_array(0.5 * (W + W.T))
        own = A.diagonal()
        if own.any():
            A = csr_array(A - diags_array(own))
        A.eliminate_zeros()
        return A
    W = np.abs(threshold_columns(C.T, threshold).T).astype(np.float32)
    peaks = W.max(axis=1, keepdims=True)
    W /= np.where(peaks > 0, peaks, 1)
    A = 0.5 * (W + W.T)
    np.fill_diagonal(A, 0)
    return A

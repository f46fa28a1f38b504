"""Self-expression of many samples: over each one's nearest neighbours, or over a few anchors; never n x n.

A sample of a subspace is explained by others of that subspace, and those that explain it best are among its nearest
neighbours. So each row of C may be solved over k candidates alone (n small problems of k unknowns, a sparse C), or over
p anchors that stand for all samples (one p x p factorisation, an (n, p) C).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from core.common import ParameterError

_CHUNK_ENTRIES = 4_000_000  # float64 values of a temporary: 32 MB
_MAX_SWEEPS = 1000


def neighbors_representation(
    X: NDArray, candidates: NDArray[np.int64], *, l1: float | NDArray = 0.0, l2: float | NDArray = 0.0, tol: float = 1e-6
) -> csr_array:
    """Elastic net of every sample over its candidates.

    min_c 0.5 ||x_i - sum_j c_j x_(N_i(j))||^2 + l1 ||c||_1 + (l2 / 2) ||c||^2 for each i. Without l1 this is a ridge
    and solved in closed form; with it, by cyclic coordinate descent on the k x k Gram matrices, all samples of a chunk
    at once, until no coefficient moves by more than `tol`.

    Parameters
    ----------
    X : (n, m)
    candidates : (n, k)
        Indices of the samples that each one may use, without itself (`core.graphs.nearest_neighbors`).
    l1, l2 : float or (n,)
        Weights, of all samples or of each; with l2 = 0 and l1 = 0 the least-squares solution of least norm.

    Returns
    -------
    (n, n) csr_array of float64
        C with X ~ C X; without l1 all candidates are stored, with it those that are not 0.
    """
    X = np.asarray(X, dtype=np.float64)
    n, k = candidates.shape
    values = np.empty((n, k))
    first, second = (np.broadcast_to(np.asarray(weight, dtype=np.float64), n) for weight in (l1, l2))
    sparse = bool(first.any())
    for rows, gram, products in _local_grams(X, candidates):
        if sparse:
            values[rows] = _elastic_nets(gram, products, first[rows], second[rows], tol)
        else:
            values[rows] = _ridges(gram, products, second[rows])
    columns = candidates.astype(np.int32).ravel()  # a copy: sorting the matrix must not sort the caller's
    C = csr_array((values.ravel(), columns, np.arange(0, n * k + 1, k, dtype=np.int32)), shape=(n, n))
    if sparse:
        C.eliminate_zeros()
    C.sort_indices()
    return C


def largest_product(X: NDArray, candidates: NDArray[np.int64]) -> NDArray[np.float64]:
    """max_j |x_i . x_j| over the candidates of each sample: from this l1 on, its elastic net is 0."""
    X = np.asarray(X, dtype=np.float64)
    largest = np.empty(len(candidates))
    for rows, _, products in _local_grams(X, candidates):
        largest[rows] = np.abs(products).max(axis=1)
    return largest


def _local_grams(X: NDArray, candidates: NDArray) -> Iterator[tuple[slice, NDArray, NDArray]]:
    """Chunks of samples with the Gram matrices of their candidates (., k, k) and the products with these (., k)."""
    n, k = candidates.shape
    chunk = max(1, _CHUNK_ENTRIES // (k * max(X.shape[1], k)))
    for start in range(0, n, chunk):
        rows = slice(start, min(start + chunk, n))
        neighbors = X[candidates[rows]]
        yield rows, neighbors @ neighbors.transpose(0, 2, 1), (neighbors @ X[rows, :, None])[..., 0]


def _ridges(gram: NDArray, products: NDArray, l2: NDArray) -> NDArray:
    if not l2.all():
        return np.asarray((np.linalg.pinv(gram, hermitian=True) @ products[..., None])[..., 0])
    diagonal = np.arange(gram.shape[1])
    gram[:, diagonal, diagonal] += l2[:, None]
    return np.asarray(np.linalg.solve(gram, products[..., None])[..., 0])


def _elastic_nets(gram: NDArray, products: NDArray, l1: NDArray, l2: NDArray, tol: float) -> NDArray:
    k = gram.shape[1]
    found = np.zeros_like(products)
    open_rows = np.arange(len(products))  # samples whose coefficients still move
    C, residual = np.zeros_like(products), products.copy()  # residual = products - gram C
    lengths = np.maximum(gram[:, np.arange(k), np.arange(k)], np.finfo(np.float64).tiny)
    for _ in range(_MAX_SWEEPS):
        moved = np.zeros(len(open_rows))
        for j in range(k):
            pull = residual[:, j] + lengths[:, j] * C[:, j]
            new = np.sign(pull) * np.maximum(np.abs(pull) - l1, 0) / (lengths[:, j] + l2)
            step = new - C[:, j]
            C[:, j] = new
            residual -= gram[:, j] * step[:, None]
            np.maximum(moved, np.abs(step), out=moved)
        found[open_rows] = C
        going = moved > tol
        if not going.any():
            break
        if going.sum() < 0.5 * len(going):
            open_rows, C, residual = open_rows[going], C[going], residual[going]
            gram, lengths, l1, l2 = gram[going], lengths[going], l1[going], l2[going]
    return found


def neighbors_ridge(X: NDArray, candidates: NDArray[np.int64], strength: float) -> csr_array:
    """Ridge self-expression over candidates: with all other samples as candidates it is `ridge_representation`.

    Parameters
    ----------
    strength : float
        lambda relative to the mean squared norm of a sample.
    """
    return neighbors_representation(X, candidates, l2=strength * mean_square(X))


def anchored_ridge(X: NDArray, anchors: NDArray, strength: float) -> NDArray[np.float32]:
    """Ridge expression of samples by anchors, C = X A^T (A A^T + lambda I)^-1.

    Minimises ||X - C A||_F^2 + lambda ||C||_F^2.

    Parameters
    ----------
    X, anchors : (n, m), (p, m)
    strength : float
        lambda relative to the mean squared norm of an anchor.

    Returns
    -------
    (n, p) float32
    """
    from scipy.linalg import cho_factor, cho_solve

    if len(anchors) >= len(X):
        raise ParameterError(f"There must be fewer anchors than samples, {len(X)}. Got {len(anchors)} instead.")
    A = np.asarray(anchors, dtype=np.float64)
    gram = A @ A.T
    gram[np.diag_indices_from(gram)] += strength * max(mean_square(A), np.finfo(np.float64).tiny)
    factor = cho_factor(gram, overwrite_a=True)
    C = np.empty((len(X), len(A)), dtype=np.float32)
    chunk = max(1, _CHUNK_ENTRIES // max(A.shape))
    for start in range(0, len(X), chunk):
        C[start : start + chunk] = cho_solve(factor, A @ np.asarray(X[start : start + chunk], dtype=np.float64).T).T
    return C


def mean_square(X: NDArray) -> float:
    """Mean squared norm of the rows."""
    return float(np.einsum("ij,ij->", X, X, dtype=np.float64)) / len(X)


def expression_residual(X: NDArray, C: csr_array | NDArray, basis: NDArray | None = None) -> float:
    """||X - C B||_F^2 in chunks of rows; B is X itself, or the anchors."""
    B = X if basis is None else basis
    chunk = max(1, _CHUNK_ENTRIES // X.shape[1])
    return float(sum(np.square(X[i : i + chunk] - C[i : i + chunk] @ B).sum() for i in range(0, len(X), chunk)))

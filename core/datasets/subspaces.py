"""A union of linear subspaces whose angles are known: the model that subspace clustering assumes, made to measure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.common import DataError

_LEAST_ANGLE = 1e-6  # degrees: beyond it the subspaces are one


def subspace_bases(n_subspaces: int, dim: int, ambient: int, angle: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Orthonormal bases (n_subspaces, ambient, dim) of which any two have all principal angles equal to `angle`, in degrees.

    Unit vectors v_s in R^n with all inner products cos(angle) exist for every angle up to 90 degrees: the rows of the
    Cholesky factor of their Gram matrix. The basis of subspace s is v_s (x) e_1, ..., v_s (x) e_dim, turned at random.

    Raises
    ------
    DataError
        If the space is too small for subspaces so far apart.
    """
    if ambient < n_subspaces * dim:
        raise DataError(
            f"{n_subspaces} subspaces of dimension {dim} with one angle between all of them need an ambient dimension of at "
            f"least {n_subspaces * dim}. Got ambient={ambient}."
        )
    if angle < _LEAST_ANGLE:
        raise DataError(f"Subspaces at an angle of {angle:g} degrees are one subspace. Give an angle above 0.")
    cosine = np.cos(np.deg2rad(angle))
    gram = np.full((n_subspaces, n_subspaces), cosine)
    np.fill_diagonal(gram, 1.0)
    vectors = np.linalg.cholesky(gram)
    turned = np.linalg.qr(random.standard_normal((ambient, n_subspaces * dim)))[0]
    frame = turned.reshape(ambient, n_subspaces, dim)
    return np.einsum("st,atd->sad", vectors, frame)


def subspace_points(
    bases: NDArray[np.float64], n_points: int, noise: float, outliers: float, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
    """Unit vectors of each subspace, a share of them replaced by unit vectors of no subspace, then noise on every value.

    Returns
    -------
    X : (n_subspaces * n_points, ambient)
    y
        The subspace that each was drawn for, also of those that were replaced.
    outlying
        Those that were replaced.
    """
    count, ambient, dim = bases.shape
    coefficients = _unit(random.standard_normal((count, n_points, dim)))
    X = np.einsum("sad,spd->spa", bases, coefficients).reshape(-1, ambient)
    y = np.repeat(np.arange(count), n_points)
    outlying = np.zeros(len(X), dtype=bool)
    outlying[random.choice(len(X), round(outliers * len(X)), replace=False)] = True
    X[outlying] = _unit(random.standard_normal((int(outlying.sum()), ambient)))
    X += noise * random.standard_normal(X.shape)
    return X.astype(np.float32), y, outlying


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return found


def principal_angles(U: NDArray, V: NDArray) -> NDArray[np.float64]:
    """Principal angles between the spans of two orthonormal bases (m, p) and (m, q), in degrees, ascending.

    Cosines tell large angles apart and sines small ones, as Bjorck and Golub (1973) have it; each angle is taken from the
    one that knows it better.
    """
    U, V = (U, V) if U.shape[1] >= V.shape[1] else (V, U)
    overlap = U.T @ V
    cosines = np.linalg.svd(overlap, compute_uv=False)
    sines = np.linalg.svd(V - U @ overlap, compute_uv=False)[::-1]
    found = np.where(cosines**2 < 0.5, np.arccos(np.clip(cosines, -1, 1)), np.arcsin(np.clip(sines, -1, 1)))
    return np.rad2deg(found)

"""Orthogonal matching pursuit of all samples at once: over atoms, or of every sample over all others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from core.solvers.progress import Progress

UNRELATED = 1e-10  # cosine with what is left of a sample, as a share of its norm, that counts as none
DEPENDENT = 1e-14  # squared sine between an atom and the span of those that were chosen that counts as none
CHUNK = 512  # samples that are coded together: their correlations stay near the processor


class Grown(NamedTuple):
    """Codes of n samples after one more entry each.

    Attributes
    ----------
    supports, coefficients : (n, k)
        Atoms and what they count; an entry of a sample that was done before is a zero.
    residual : (n,)
        What is left of the squared norm.
    growing : (n,)
        Who is not done.
    """

    supports: NDArray[np.int64]
    coefficients: NDArray[np.float64]
    residual: NDArray[np.float64]
    growing: NDArray[np.bool_]

    def rows(self, p: int) -> csr_array:
        """The codes as a sparse (n, p) matrix; unused entries are zeros that add nothing."""
        n, k = self.supports.shape
        return csr_array((self.coefficients.ravel(), self.supports.ravel(), np.arange(n + 1) * k), shape=(n, p))


def pursuit(
    drive: NDArray, gram: NDArray, energy: NDArray, n_nonzero: int, *, tolerance: float = 0.0, own: bool = False
) -> Iterator[Grown]:
    """Greedy sparse codes: min ||x - a D||^2 with at most `n_nonzero` entries in a, for all samples x together.

    Each iteration adds to every support the atom that correlates most with the residual, then fits all coefficients anew.
    It is batch OMP (Rubinstein, Zibulevsky and Elad 2008): correlations with the residual are X D^T - A D D^T, no residual
    is ever made; and the Cholesky factor R of the chosen atoms' products grows by a row an entry. What is kept of it is its
    inverse, whose rows make the chosen atoms orthonormal: a new one then adds its part to the coefficients, and none of the
    systems is solved again.

    Parameters
    ----------
    drive : (n, p)
        X D^T.
    gram : (p, p)
        D D^T; atoms of any norm.
    energy : (n,)
        Squared norms of the samples.
    n_nonzero : int
        Largest support of a sample.
    tolerance : float
        A sample whose residual has at most this share of its squared norm gets no further entries.
    own : bool
        Whether atom i is sample i itself, which may then not be used for it.

    Yields
    ------
    Grown
        After each entry, until all samples are done.
    """
    n, squares, everyone = len(drive), np.diagonal(gram), np.arange(len(drive))
    inverse = np.zeros((n, 0, 0))
    grown = Grown(np.zeros((n, 0), dtype=np.int64), np.zeros((n, 0)), energy.astype(np.float64), np.full(n, True))
    for _ in range(n_nonzero):
        best = _most_related(drive, gram, grown, own)
        products = gram[grown.supports, best[:, None]]
        related = drive[everyone, best] - (grown.coefficients * products).sum(axis=1)
        shares = np.matmul(inverse, products[:, :, None])[:, :, 0]  # of the new atom along the orthonormal ones
        beyond = squares[best] - np.square(shares).sum(axis=1)
        growing = grown.growing & (np.abs(related) > UNRELATED * np.sqrt(squares[best] * energy))
        growing &= beyond > DEPENDENT * squares[best]

        scale = np.where(growing, 1 / np.sqrt(np.where(growing, beyond, 1)), 0)
        direction = np.column_stack((-scale[:, None] * np.matmul(shares[:, None], inverse)[:, 0], scale))
        inverse = _bordered(inverse, direction)
        length = scale * related
        coefficients = np.column_stack((grown.coefficients, np.zeros(n))) + length[:, None] * direction
        residual = np.maximum(grown.residual - np.square(length), 0)
        growing &= residual > tolerance * energy
        grown = Grown(np.column_stack((grown.supports, best)), coefficients, residual, growing)
        yield grown
        if not growing.any():
            return


def _most_related(drive: NDArray, gram: NDArray, grown: Grown, own: bool) -> NDArray[np.int64]:
    """The atom outside its support that correlates most with the residual of each sample."""
    related = np.asarray(grown.rows(len(gram)) @ gram)
    np.subtract(drive, related, out=related)
    np.abs(related, out=related)
    if own:
        np.fill_diagonal(related, -1)
    np.put_along_axis(related, grown.supports, -1, axis=1)
    return np.asarray(related.argmax(axis=1))


def _bordered(inverse: NDArray, row: NDArray) -> NDArray:
    """Lower triangles (n, k, k) with one more row (n, k + 1) each."""
    n, k = inverse.shape[:2]
    grown = np.zeros((n, k + 1, k + 1))
    grown[:, :k, :k], grown[:, k] = inverse, row
    return grown


def pursuit_codes(X: NDArray, D: NDArray, n_nonzero: int) -> NDArray[np.float64]:
    """Codes (n, p) of samples (n, m) over atoms (p, m) by orthogonal matching pursuit with `n_nonzero` of them each.

    A sample that fewer atoms explain has fewer.
    """
    gram, A = D @ D.T, np.zeros((len(X), len(D)))
    for start in range(0, len(X), CHUNK):
        rows = slice(start, start + CHUNK)
        part = X[rows]
        for grown in pursuit(part @ D.T, gram, np.square(part).sum(axis=1), min(n_nonzero, len(D))):
            last = grown
        np.put_along_axis(A[rows], last.supports, last.coefficients, axis=1)
    return A


def pursuit_representation(X: NDArray, n_nonzero: int, *, tolerance: float = 1e-3) -> Iterator[Progress]:
    """Greedy sparse codes over the other samples: min ||x_i - c X||^2 with at most `n_nonzero` entries in c and c_ii = 0.

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
    for step, grown in enumerate(pursuit(G, G, energy, total, tolerance=tolerance, own=True), start=1):
        mean = float(np.mean(grown.residual / np.where(energy > 0, energy, 1)))
        last = step == total or not grown.growing.any()
        C = grown.rows(n).toarray().astype(np.float32)
        yield Progress(step, step if last else total, {"residual": mean}, C)

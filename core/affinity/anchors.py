"""The graph of samples that are joined through anchors: its factor and its spectral embedding, no n x n matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse import csr_array, diags_array

from core.affinity.representation import form
from core.graphs import scales

ANCHORS_KEPT = 5  # of each sample, where C weighs all of them
WALK = 2  # steps of the random walk whose distances the embedding through anchors keeps
EXTRA_COMPONENTS = 2  # beyond K: with K alone the labels hang on the draw of the anchors (measured on MNIST)


def anchor_affinities(C: Any, kept: int = ANCHORS_KEPT) -> csr_array:
    """Weights of samples over anchors as a bipartite graph: the `kept` largest |C| of each row, scaled to sum 1.

    A row of zeros is spread evenly over its first entries, so that every sample is somewhere.
    """
    if form(C) == "sparse":
        W = abs(csr_array(C))
        sums = W.sum(axis=1)
        return csr_array(diags_array(1 / np.where(sums > 0, sums, 1)) @ W)
    n, p = C.shape
    kept = min(kept, p)
    columns, weights = np.empty((n, kept), dtype=np.int64), np.empty((n, kept))
    chunk = max(1, 4_000_000 // p)
    for start in range(0, n, chunk):
        rows = slice(start, start + chunk)
        magnitude = np.abs(C[rows])
        columns[rows] = np.argpartition(-magnitude, kept - 1, axis=1)[:, :kept]
        weights[rows] = np.take_along_axis(magnitude, columns[rows], axis=1)
    weights[weights.sum(axis=1) == 0] = 1.0
    weights /= weights.sum(axis=1, keepdims=True)
    W = csr_array((weights.ravel(), columns.ravel(), np.arange(0, n * kept + 1, kept)), shape=(n, p))
    W.sort_indices()
    return W


def anchor_factor(W: csr_array) -> csr_array:
    """B = W D^(-1/2) with D = diag(W^T 1): the graph of the samples through the anchors is B B^T."""
    _, root = scales(W.sum(axis=0), "normalized")
    return csr_array(W @ diags_array(root))


def anchor_embedding(W: csr_array, n_components: int) -> NDArray[np.float64]:
    """Spectral embedding of samples that are joined through anchors (Chen and Cai, AAAI 2011).

    The graph of the samples is B B^T with B = W D^(-1/2), D = diag(W^T 1); rows of W sum to 1, so all its degrees are 1
    and its normalised cut is given by the leading left singular vectors of B. They come from the p x p matrix B^T B,
    after its trivial vector D^(1/2) 1 is taken out, as B times the right ones.

    Components are weighed by lambda^2, lambda the eigenvalues of B B^T, as the diffusion map of `WALK` steps does (Coifman
    and Lafon 2006); then rows get unit norm. Unweighed, the components beyond those that tell clusters apart would count
    as much as these, and split a large cluster rather than keep a small one.

    Parameters
    ----------
    W : (n, p) csr_array
        Non-negative, rows sum to 1.
    n_components : int
        Non-trivial components, at most p - 1 are there.

    Returns
    -------
    (n, n_components) float64
        Sign: the largest entry of each component is positive.
    """
    B, degrees = anchor_factor(W), W.sum(axis=0)
    trivial = np.sqrt(degrees / max(degrees.sum(), np.finfo(float).tiny))
    gram = (B.T @ B).toarray() - np.outer(trivial, trivial)
    p = len(gram)
    count = min(n_components, max(p - 1, 1))
    values, vectors = eigh(gram, subset_by_index=(p - count, p - 1), check_finite=False)
    embedding = (B @ vectors[:, ::-1]) * np.maximum(values[::-1], 0) ** (WALK - 0.5)  # B v has norm lambda^(1/2)
    signs = np.sign(embedding[np.abs(embedding).argmax(axis=0), np.arange(count)])
    embedding *= np.where(signs == 0, 1, signs)
    norms = np.linalg.norm(embedding, axis=1, keepdims=True)
    return np.asarray(embedding / np.where(norms > 0, norms, 1))

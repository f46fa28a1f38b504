"""From a self-expression C to a sparse graph: the nearest neighbours of each sample by the cosines of C's leading factor, by
those of its rows, or by its entries.

The published post-processing (`core.affinity.representation`) keeps all positive cosines and leaves it to a power to make
them sparse, whose constants must be chosen. Here each sample keeps a few; thresholds of the columns before that hurt. What
the settings by rule reach with it is the benchmark *transfer*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse import csr_array
from scipy.sparse.linalg import eigsh

from core.affinity.cut import graph_labeller
from core.affinity.representation import Decomposition, checked_square, factor_rows, is_small_share, kept_rank, symmetrized
from core.graphs import nearest_among, symmetrized_graph

SHARPENED = 4.0  # power of the cosines of the graphs among which the medoid chooses
CANDIDATES = ((6, 0.0, 5), (6, 0.5, 5))  # d, q and k of two graphs of C that err on different data
SAMPLES_JOINED = 9  # neighbours of each sample in the graphs that know nothing of C
NOTHING = 1e-6  # of the largest eigenvalue: what rounding makes of none
_CHUNK_ENTRIES = 4_000_000


def leading_pairs(C: NDArray, rank: int) -> Decomposition:
    """The largest algebraic eigenvalues of (C + C^T)/2, as far as they are positive, with their vectors.

    By magnitude, as the published chain has it, most of the pairs may be negative ones, as of ridge with a zero diagonal on
    few samples of many clusters, and cosines of their vectors say nothing of clusters.
    """
    S = symmetrized(checked_square(C)).astype(np.float32, copy=False)
    n = len(S)
    if is_small_share(rank, n) and S.any():
        start = np.ones(n, dtype=np.float32)
        found: Any = eigsh(S, k=rank, which="LA", v0=start, rng=np.random.default_rng(0))
    else:
        found = eigh(S, subset_by_index=[n - rank, n - 1], check_finite=False)
    values, vectors = (np.asarray(part) for part in found)
    order = np.argsort(-values, kind="stable")
    order = order[values[order] > NOTHING * values.max(initial=0)]
    return Decomposition(values[order], vectors[:, order])


def neighbors_of_cosines(
    parts: Decomposition, *, n_clusters: int, dim: int, exponent: float, power: float, kept: int, unit_rows: bool = True
) -> csr_array:
    """Each sample joined to those of the largest cosines between rows of the factor U diag(lambda)^q of C.

    Parameters
    ----------
    parts
        Of `leading_pairs`; the first d K + 1 count.
    exponent : float
        q; 0 lets all pairs count alike, 1/2 is the factor of C itself.
    power : float
        Of the cosines, which are the weights.
    kept : int
        Neighbours of each sample.
    unit_rows : bool
        Without, products of rows take the place of cosines, and samples that C says much of are everybody's neighbours.

    Returns
    -------
    (n, n) csr_array
        Symmetric, non-negative, zero diagonal, maximum 1.
    """
    n = len(parts.vectors)
    M = factor_rows(parts, kept_rank(n, n_clusters, dim), exponent, unit_rows=unit_rows)
    return _largest_of(lambda rows: M[rows] @ M.T, n, kept, power)


def neighbors_of_rows(C: NDArray, *, power: float, kept: int, unit_rows: bool = True) -> csr_array:
    """Each sample joined to those that are explained by the same others: of the largest cosines between rows of |C|.

    Of |C|, since a sample and its negative lie in one subspace. Two samples may be joined that do not explain each other at
    all. Parameters and result are those of `neighbors_of_cosines`.
    """
    M = np.abs(checked_square(C)).astype(np.float32)
    if unit_rows:
        norms = np.linalg.norm(M, axis=1, keepdims=True)
        M /= np.where(norms > 0, norms, 1)
    return _largest_of(lambda rows: M[rows] @ M.T, len(M), kept, power)


def nearest_by_magnitude(C: NDArray, kept: int) -> csr_array:
    """Each sample joined to those of the largest (|C| + |C|^T)/2, which are the weights, as `neighbors_of_cosines` joins."""
    W = symmetrized(checked_square(C), "absolute")
    return _largest_of(lambda rows: np.array(W[rows]), len(W), kept, 1.0)


def _largest_of(products_of: Callable[[NDArray[np.int64]], NDArray], n: int, kept: int, power: float) -> csr_array:
    """The graph of the `kept` largest products of each sample with others, raised to a power; products come by rows."""
    kept = min(kept, n - 1)
    columns, weights = np.empty((n, kept), dtype=np.int64), np.empty((n, kept))
    chunk = max(1, _CHUNK_ENTRIES // n)
    for start in range(0, n, chunk):
        rows = np.arange(start, min(start + chunk, n))
        products = products_of(rows)
        products[np.arange(len(rows)), rows] = -np.inf
        columns[rows] = np.argpartition(-products, kept - 1, axis=1)[:, :kept]
        weights[rows] = np.maximum(np.take_along_axis(products, columns[rows], axis=1), 0) ** power
    peak = weights.max(initial=0)
    A = csr_array((weights.ravel() / (peak or 1), columns.ravel(), np.arange(0, n * kept + 1, kept)), shape=(n, n))
    A = symmetrized_graph(A)
    A.eliminate_zeros()
    return A


def sample_graph(X: NDArray, k: int = SAMPLES_JOINED) -> csr_array:
    """The graph that spectral clustering of the samples (n, ...) cuts: k neighbours of each, symmetrised, weights 1/2 and 1."""
    flat = np.asarray(X, dtype=np.float64).reshape(len(X), -1)
    k = min(k, len(flat) - 1)
    columns = nearest_among(flat, flat, k + 1)
    row = np.repeat(np.arange(len(flat)), k + 1)
    A = csr_array((np.ones(len(row)), (row, columns.ravel())), shape=(len(flat),) * 2)
    A.setdiag(0)
    A.eliminate_zeros()
    return symmetrized_graph(A)


def medoid_graph(C: NDArray, others: Sequence[csr_array], n_clusters: int) -> tuple[csr_array, int]:
    """Of two graphs of C and some that are not of it, the one whose clusters agree best with those of the others.

    The only rule of about ten that protected from a bad C, without labels: the clusterings are compared by NMI, and that
    with the largest mean wins. It looks beyond C, so whoever uses it must say so.

    Parameters
    ----------
    others
        Of `sample_graph`, over the samples that C speaks of: that of the samples, and that of their codes if there are any.

    Returns
    -------
    graph
        The chosen one.
    int
        Its place: one of `CANDIDATES`, or after them one of the others. A C of a single direction, or of none, has no say: its
        two graphs would agree with each other about nothing.
    """
    most = kept_rank(len(C), n_clusters, max(dim for dim, _, _ in CANDIDATES))
    parts = leading_pairs(C, most)
    told = CANDIDATES if len(parts.values) > 1 else ()
    graphs = [
        neighbors_of_cosines(parts, n_clusters=n_clusters, dim=dim, exponent=q, power=SHARPENED, kept=k) for dim, q, k in told
    ]
    graphs += others
    place = medoid([graph_labeller(graph, n_clusters, assign_labels="kmeans")(0) for graph in graphs])
    return graphs[place], place + len(CANDIDATES) - len(told)


def medoid(labellings: Sequence[NDArray[np.int64]]) -> int:
    """Which of several clusterings agrees best with the others; of equals the first."""
    return int(agreements(labellings).argmax())


def agreements(labellings: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Of each of several clusterings the mean NMI with the others."""
    from sklearn.metrics import normalized_mutual_info_score

    agreement = np.zeros((len(labellings),) * 2)
    for i, first in enumerate(labellings):
        for j in range(i):
            agreement[i, j] = agreement[j, i] = normalized_mutual_info_score(first, labellings[j])
    return np.asarray(agreement.sum(axis=1) / max(len(labellings) - 1, 1))

"""From a self-expression matrix to clusters: the affinity post-processing that the subspace papers share.

The chain (DSC-Net, RGRL Alg. 1, UDLL): threshold the columns of C, symmetrise, factorise, normalise the rows, keep
positive cosines, sharpen by a power, cut the graph. Its constants matter more than most training choices, so each
link is a function of its own and the expensive one, the eigen-decomposition, can be kept and reused.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse import csr_array, diags_array, issparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import LinearOperator, eigsh

from core.errors import DataError, ParameterError

AssignLabels = Literal["discretize", "cluster_qr", "kmeans"]
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
    if rank is not None and rank <= n / LANCZOS_SHARE and S.any():
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


def affinity_from_decomposition(parts: Decomposition, *, n_clusters: int, dim: int, power: float) -> NDArray:
    """Cosine affinity of the rank-r factor: steps 3 to 5 of the post-processing.

    r = min(dim * n_clusters + 1, n - 1); M = U_r diag(sigma_r)^(1/2) with unit rows; A = max(M M^T, 0)^power,
    scaled to maximum 1 and symmetric.
    """
    rank = kept_rank(len(parts.vectors), n_clusters, dim)
    M = parts.vectors[:, :rank] * np.sqrt(parts.values[:rank])
    norms = np.linalg.norm(M, axis=1, keepdims=True)
    M /= np.where(norms > 0, norms, 1)
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
    parts = decompose(S, kept_rank(len(S), n_clusters, dim))
    return affinity_from_decomposition(parts, n_clusters=n_clusters, dim=dim, power=power)


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
    degrees = W.sum(axis=0)
    return csr_array(W @ diags_array(1 / np.sqrt(np.where(degrees > 0, degrees, 1))))


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


def anchor_cut(C: Any, n_clusters: int) -> Cut:
    """The `anchor_embedding` of samples given by their weights over anchors, of any sign, (n, p)."""
    embedding = anchor_embedding(anchor_affinities(C), n_clusters + EXTRA_COMPONENTS)
    return Cut(embedding, np.arange(len(embedding)), len(embedding), by_kmeans=True)


def anchor_labels(C: Any, n_clusters: int, *, random_state: int = 0) -> NDArray[np.int64]:
    """Clusters of samples given by their weights over anchors: k-means on `anchor_embedding`.

    Parameters
    ----------
    C : (n, p)
        Of any sign; the `ANCHORS_KEPT` largest |C| of each row count.
    """
    return anchor_cut(C, n_clusters).labels(n_clusters, random_state=random_state)


def embedded_labels(
    embedding: NDArray, n_clusters: int, *, assign_labels: AssignLabels = "kmeans", random_state: int = 0, n_init: int = 10
) -> NDArray[np.int64]:
    """Read clusters off the rows of a spectral embedding, k-means as the best of `n_init`."""
    if assign_labels == "kmeans":
        from sklearn.cluster import KMeans

        return KMeans(n_clusters, n_init=n_init, random_state=random_state).fit_predict(embedding).astype(np.int64)
    from sklearn.cluster import _spectral

    if assign_labels == "cluster_qr":
        return np.asarray(_spectral.cluster_qr(embedding), dtype=np.int64)
    return np.asarray(_spectral.discretize(embedding, random_state=random_state), dtype=np.int64)


@dataclass(frozen=True)
class Cut:
    """A cut but for its seed: an embedding that is worked out once and read with as many seeds as wanted.

    Attributes
    ----------
    embedding : (m, d)
        Rows of the samples that are joined to enough others.
    joined : (m,)
        Which samples these are.
    n : int
        All samples.
    by_kmeans : bool
        The embedding has other than K columns, which only k-means can read.
    """

    embedding: NDArray[np.float64]
    joined: NDArray[np.int64]
    n: int
    by_kmeans: bool = False

    def labels(self, n_clusters: int, *, assign_labels: AssignLabels = "kmeans", random_state: int = 0) -> NDArray[np.int64]:
        """Clusters of all samples; those that are joined to too few others go to the largest one."""
        how: AssignLabels = "kmeans" if self.by_kmeans else assign_labels
        found = embedded_labels(self.embedding, n_clusters, assign_labels=how, random_state=random_state)
        labels = np.full(self.n, np.bincount(found, minlength=n_clusters).argmax(), dtype=np.int64)
        labels[self.joined] = found
        return labels


STRAGGLERS = 0.05  # a component smaller than this share of a mean cluster is none


def shared_cut(owner: Any, graph: Any, n_clusters: int) -> Cut:
    """The cut of a sparse affinity or of C over anchors; `owner` keeps its last one, as all seeds of a last step share it."""
    known: tuple[Any, int, Cut] | None = getattr(owner, "_known_cut", None)
    if known is None or known[0] is not graph or known[1] != n_clusters:
        work = sparse_cut if form(graph) == "sparse" else anchor_cut
        known = owner._known_cut = (graph, n_clusters, work(graph, n_clusters))
    return known[2]


def sparse_cut(A: Any, n_clusters: int) -> Cut:
    """Leading eigenvectors of D^(-1/2) A D^(-1/2) for a sparse graph, by Lanczos iterations without a factorisation.

    A graph in several components has the eigenvalue 1 once for each of them, which the iteration finds badly and which
    a handful of stray samples would use up. So the components are found first: those too small to be a cluster are left
    out, the eigenvectors of the others are known (at most K of them count), and the iteration runs for the rest.

    Parameters
    ----------
    A : (n, n) sparse
        Symmetric, non-negative.

    Raises
    ------
    ParameterError
        If `n_clusters` is not between 1 and n.
    """
    A = csr_array(A, dtype=np.float64)
    n = A.shape[0]
    if not 1 <= n_clusters <= n:
        raise ParameterError(f"'n_clusters' must be between 1 and the number of samples, {n}. Got {n_clusters} instead.")
    _, component = connected_components(A, directed=False)
    sizes = np.bincount(component)
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    large = (sizes >= max(STRAGGLERS * n / n_clusters, 2)) & (rank < n_clusters)
    joined = np.flatnonzero(large[component])
    if len(joined) <= n_clusters:  # nothing but dust: no way to group it is better than another
        joined = np.arange(n)
    group = rank[component[joined]] % n_clusters
    A = csr_array(A[joined][:, joined])
    degrees = A.sum(axis=1)
    A = A + diags_array(np.where(degrees > 0, 0.0, 1.0))  # a sample without affinity: its degree is not zero
    root = np.sqrt(A.sum(axis=1))
    known = (group[:, None] == np.unique(group)) * root[:, None]
    known /= np.linalg.norm(known, axis=0)
    vectors = known
    missing = n_clusters - known.shape[1]
    if missing > 0:
        N = csr_array(diags_array(1 / root) @ A @ diags_array(1 / root))
        operator = LinearOperator(N.shape, matvec=lambda v: N @ v - known @ (known.T @ v), dtype=np.float64)
        vectors = np.hstack([known, _leading(operator, N, known, missing)])
    return Cut(np.asarray(vectors / root[:, None]), joined, n)


def _leading(operator: LinearOperator, N: csr_array, known: NDArray, count: int) -> NDArray:
    """Eigenvectors of the `count` largest eigenvalues of N with the known ones taken out."""
    m = N.shape[0]
    if count >= m - 1 or m <= 64:
        _, vectors = eigh(N.toarray() - known @ known.T)
        return np.asarray(vectors[:, ::-1][:, :count])
    random = np.random.default_rng(0)
    start = random.standard_normal(m)
    start -= known @ (known.T @ start)
    size = min(m, max(3 * count, 40))
    _, vectors = eigsh(operator, k=count, which="LA", v0=start, ncv=size, tol=1e-6, rng=random)
    return np.asarray(vectors[:, ::-1])


def spectral_labels(
    A: Any, n_clusters: int, *, assign_labels: AssignLabels = "discretize", random_state: int = 0
) -> NDArray[np.int64]:
    """Normalised-cut spectral clustering of a precomputed affinity (scikit-learn, ARPACK).

    A sample with no affinity to anyone gets a 1 on its diagonal, so that its degree is not zero. A sparse affinity is
    cut by `sparse_cut`.
    """
    if issparse(A):
        return sparse_cut(A, n_clusters).labels(n_clusters, assign_labels=assign_labels, random_state=random_state)
    from sklearn.cluster import spectral_clustering

    if not 1 <= n_clusters <= len(A):
        raise ParameterError(f"'n_clusters' must be between 1 and the number of samples, {len(A)}. Got {n_clusters} instead.")
    lonely = np.flatnonzero(A.sum(axis=1) == 0)
    if lonely.size:
        A = A.copy()
        A[lonely, lonely] = 1.0
    with warnings.catch_warnings():  # usual early in training; what matters of it, empty clusters, raises an alarm
        warnings.filterwarnings("ignore", message="Graph is not fully connected")
        labels = spectral_clustering(
            A, n_clusters=n_clusters, eigen_solver="arpack", assign_labels=assign_labels, random_state=random_state
        )
    return labels.astype(np.int64)


def cut_labels(
    owner: Any, A: Any, n_clusters: int, *, assign_labels: AssignLabels = "kmeans", random_state: int = 0
) -> NDArray[np.int64]:
    """`spectral_labels`; of a sparse affinity `owner` keeps the cut, which all seeds of a last step share."""
    if not issparse(A):
        return spectral_labels(A, n_clusters, assign_labels=assign_labels, random_state=random_state)
    return shared_cut(owner, A, n_clusters).labels(n_clusters, assign_labels=assign_labels, random_state=random_state)

"""Scores of a clustering: against labels, and without any.

Clusters carry no names, so scores against labels are invariant to renaming them. Nothing here is ever used to
train or to choose; a score that was picked with the labels is called so by whoever picked it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.common import DataError
from core.graphs import smallest, squared_distances


def known(y: NDArray, *of: NDArray) -> tuple[NDArray, ...]:
    """Labels of a data set without its samples that have none, which are -1 there, and rows of other arrays with them.

    The scores take any names of classes, -1 too: where labels may be missing, they are asked through this.
    """
    there = y >= 0
    return (y, *of) if there.all() else (y[there], *(array[there] for array in of))


def contingency(y: ArrayLike, labels: ArrayLike) -> NDArray[np.int64]:
    """Count table, one row per class and one column per cluster.

    Raises
    ------
    DataError
        If the two label vectors differ in length, or are empty.
    """
    y, labels = np.asarray(y).ravel(), np.asarray(labels).ravel()
    if y.size != labels.size or y.size == 0:
        raise DataError(f"Class and cluster labels must have the same, positive length. Got {y.size} and {labels.size}.")
    classes, rows = np.unique(y, return_inverse=True)
    clusters, columns = np.unique(labels, return_inverse=True)
    table = np.zeros((classes.size, clusters.size), dtype=np.int64)
    np.add.at(table, (rows, columns), 1)
    return table


def match_clusters(y: ArrayLike, labels: ArrayLike) -> NDArray:
    """Rename clusters to the classes they match best (Hungarian, one to one).

    Clusters beyond the number of classes match nothing; they get names below zero and below those of all classes.
    """
    y, labels = np.asarray(y).ravel(), np.asarray(labels).ravel()
    classes, (clusters, columns) = np.unique(y), np.unique(labels, return_inverse=True)
    rows, matched = _best_match(contingency(y, labels))
    names = min(0, classes.min()) - 1 - np.arange(clusters.size)
    names[matched] = classes[rows]
    return names[columns]


def cluster_numbers(reference: ArrayLike, labels: ArrayLike) -> NDArray[np.int64]:
    """A number for each cluster that says what it is: that of the group of `reference` it matches best (Hungarian).

    Groups are counted from 0; samples below that are of none. Clusters that match nothing take the numbers that are free,
    in their order. Classes of a data set, or another clustering of it, as reference make numbers and colours stay the same
    between pictures.

    Returns
    -------
    (n_clusters,)
        ``numbers[labels]`` are the renamed labels; of numbers in between that no sample has, the free ones.
    """
    reference, labels = np.asarray(reference).ravel(), np.asarray(labels).ravel()
    groups, counted = known(reference, labels)
    clusters = np.unique(counted)
    rows, columns = _best_match(contingency(groups, counted))
    groups = np.unique(groups)
    size = int(labels.max()) + 1
    numbers = np.full(size, -1, dtype=np.int64)
    numbers[clusters[columns]] = groups[rows]
    taken = set(numbers.tolist())
    free = (number for number in range(2 * size + int(groups.max()) + 1) if number not in taken)
    numbers[numbers < 0] = [next(free) for _ in range(int((numbers < 0).sum()))]
    return numbers


def confusion(y: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.int64], NDArray, NDArray]:
    """Count table with the matched pairs of class and cluster on its diagonal.

    Returns
    -------
    table : (n_classes, n_clusters)
    classes, clusters : (n_classes,), (n_clusters,)
        Class of each row and cluster of each column; those that match nothing come last.
    """
    table = contingency(y, labels)
    rows, columns = _best_match(table)  # rows come sorted
    row_order = np.concatenate([rows, np.setdiff1d(np.arange(table.shape[0]), rows)])
    column_order = np.concatenate([columns, np.setdiff1d(np.arange(table.shape[1]), columns)])
    classes, clusters = np.unique(np.asarray(y).ravel()), np.unique(np.asarray(labels).ravel())
    return table[np.ix_(row_order, column_order)], classes[row_order], clusters[column_order]


def _best_match(table: NDArray) -> tuple[NDArray, NDArray]:
    """Rows and columns of the one-to-one map with the largest sum."""
    from scipy.optimize import linear_sum_assignment  # not at the top: listing methods and runs stays quick

    rows, columns = linear_sum_assignment(table, maximize=True)
    return rows, columns


def clustering_accuracy(y: ArrayLike, labels: ArrayLike) -> float:
    """Hit rate under the best one-to-one map of clusters to classes."""
    table = contingency(y, labels)
    rows, columns = _best_match(table)
    return float(table[rows, columns].sum() / table.sum())


def purity(y: ArrayLike, labels: ArrayLike) -> float:
    """Share of samples in the majority class of their cluster, (1/n) sum_j max_i n_ij (RGRL Eq. 9)."""
    table = contingency(y, labels)
    return float(table.max(axis=0).sum() / table.sum())


def evaluate(y: ArrayLike, labels: ArrayLike) -> dict[str, float]:
    """All scores against labels.

    Returns
    -------
    dict
        ``acc`` (Hungarian), ``nmi_geometric``, ``nmi_arithmetic``, ``nmi_max`` (the three normalisations in use:
        sqrt(H(y)H(c)), their mean, their maximum), ``ari`` and ``purity``.
    """
    table = contingency(y, labels)
    n = table.sum()
    rows, columns = _best_match(table)
    return {
        "acc": float(table[rows, columns].sum() / n),
        **_mutual_informations(table / n),
        "ari": _adjusted_rand(table),
        "purity": float(table.max(axis=0).sum() / n),
    }


def _mutual_informations(joint: NDArray[np.float64]) -> dict[str, float]:
    """I(y; c) under each of the three normalisations, from the joint distribution of classes and clusters.

    All from one table: a run is scored some thirty times, and scikit-learn counts and checks the labels anew for each score.
    As there, one class in one cluster is a perfect match, and one of the two alone tells nothing.
    """
    of_classes, of_clusters = joint.sum(axis=1), joint.sum(axis=0)
    there = joint > 0
    shared = float((joint[there] * np.log(joint[there] / np.outer(of_classes, of_clusters)[there])).sum())
    entropies = [float(-(p * np.log(p)).sum()) for p in (of_classes, of_clusters)]
    averages = {"geometric": float(np.sqrt(np.prod(entropies))), "arithmetic": sum(entropies) / 2, "max": max(entropies)}
    alone, tiny = joint.size == 1, float(np.finfo(np.float64).eps)
    return {
        f"nmi_{name}": 1.0 if alone else 0.0 if shared <= tiny else shared / max(average, tiny)
        for name, average in averages.items()
    }


def _adjusted_rand(table: NDArray[np.int64]) -> float:
    """Pairs of samples that both partitions join or part, beyond chance (Hubert and Arabie 1985, by counts of pairs)."""
    n, joined = int(table.sum()), int((table**2).sum())
    by_class, by_cluster = int((table.sum(axis=1) ** 2).sum()), int((table.sum(axis=0) ** 2).sum())
    both, class_only, cluster_only = joined - n, by_class - joined, by_cluster - joined
    neither = n * n - by_class - by_cluster + joined
    if class_only == cluster_only == 0:
        return 1.0
    chance = (both + class_only) * (class_only + neither) + (both + cluster_only) * (cluster_only + neither)
    return 2.0 * (both * neither - class_only * cluster_only) / chance


QUERIES = 256  # ranked at a time: with 8,000 samples 25 MB of distances and places


def average_precisions(Z: NDArray, y: ArrayLike, k: int, *, chunk: int = QUERIES) -> NDArray[np.float64]:
    """Mean average precision of the 1, 2, ..., k nearest neighbours, the query itself left in the list.

    AP@k(q) = sum_{i<=k} P(i) rel(i) / sum_{i<=k} rel(i), Euclidean distance, relevance = same class; divided by the
    number of relevant items *retrieved*. GR-DNN does not define its mAP: this comes to its raw pixels on MNIST (.660 for
    .662), and no definition of `MAP_DEFINITIONS` does on COIL-20 (.780, .746 and .666 for .705).

    Parameters
    ----------
    Z : (n, d)
        Codes; queries and database are the same rows.
    y : (n,)
        Classes.
    k : int
        Length of the longest list, at most n.
    chunk : int
        Queries per block; memory is some multiples of chunk x n.

    Returns
    -------
    (k,) float64
        mAP@1, ..., mAP@k; the first is 1.
    """
    y = np.asarray(y).ravel()
    if not 1 <= k <= len(Z):
        raise DataError(f"k must be between 1 and the number of samples, {len(Z)}. Got {k}.")
    total = np.zeros(k)
    for rows, nearest in nearest_lists(Z, k, chunk=chunk):
        total += summed_precisions(y[nearest] == y[rows, None])
    return total / len(Z)


def summed_precisions(relevant: NDArray[np.bool_]) -> NDArray[np.float64]:
    """AP@1, ..., AP@k of ranked lists (q, k) of what is relevant, summed over the lists (see `average_precisions`)."""
    hits = np.cumsum(relevant, axis=1)
    precisions = np.cumsum(hits / np.arange(1, relevant.shape[1] + 1) * relevant, axis=1)
    return np.asarray((precisions / np.maximum(hits, 1)).sum(axis=0))


def nearest_lists(Z: NDArray, k: int, *, chunk: int = QUERIES) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Blocks of rows of Z (n, d), each with the k nearest rows, nearest first and the row itself among them."""
    Z = np.ascontiguousarray(np.asarray(Z).reshape(len(Z), -1), dtype=np.float32)
    for rows, distances in squared_distances(Z, Z, relative=True, chunk=chunk):
        distances[np.arange(rows.stop - rows.start), np.arange(rows.start, rows.stop)] = -np.inf  # each is nearest to itself
        yield rows, smallest(distances, k, ordered=True)[0]


def mean_average_precision(Z: NDArray, y: ArrayLike, k: int, *, chunk: int = QUERIES) -> float:
    """mAP@k, see `average_precisions`."""
    return float(average_precisions(Z, y, k, chunk=chunk)[-1])


MAP_DEFINITIONS = {
    "": "the query in its list, over the relevant ones retrieved",
    "_without_query": "the query left out, over the relevant ones retrieved",
    "_over_relevant": "the query in its list, over min(k, R) of R relevant ones",
}
"""What mean average precision may mean, by the ending of its name in records; the first is `average_precisions`."""


def precision_curves(Z: NDArray, y: ArrayLike, k: int, *, chunk: int = QUERIES) -> dict[str, NDArray[np.float64]]:
    """mAP@1, ..., mAP@k under each of `MAP_DEFINITIONS`, for k less than the number of codes Z (n, d) of classes y."""
    y = np.asarray(y).ravel()
    if not 1 <= k < len(Z):
        raise DataError(f"k must be at least 1 and less than the number of samples, {len(Z)}. Got {k}.")
    _, place, counts = np.unique(y, return_inverse=True, return_counts=True)
    totals = {ending: np.zeros(k) for ending in MAP_DEFINITIONS}
    ranks = np.arange(1, k + 1)
    for rows, nearest in nearest_lists(Z, k + 1, chunk=chunk):
        relevant = y[nearest] == y[rows, None]
        totals[""] += summed_precisions(relevant[:, :k])
        totals["_without_query"] += summed_precisions(relevant[:, 1:])
        found = relevant[:, :k]
        precisions = np.cumsum(np.cumsum(found, axis=1) / ranks * found, axis=1)
        totals["_over_relevant"] += (precisions / np.minimum(ranks, counts[place[rows], None])).sum(axis=0)
    return {ending: total / len(Z) for ending, total in totals.items()}


RANKS = (10, 20, 100, 1000)
MAX_QUERIES = 20_000


def retrieval(Z: NDArray, y: ArrayLike) -> dict[str, float]:
    """``map_k`` for the usual k under each of `MAP_DEFINITIONS`, as far as there are more than k samples and not too many."""
    ranks = [k for k in RANKS if k < len(Z) <= MAX_QUERIES]
    if not ranks:
        return {}
    curves = precision_curves(Z, y, max(ranks))
    return {f"map_{k}{ending}": float(curve[k - 1]) for ending, curve in curves.items() for k in ranks}


SILHOUETTE_SAMPLES = 2000  # samples whose silhouette is worked out at most: 32 MB of distances


def silhouette(Z: NDArray, labels: ArrayLike, *, max_samples: int = SILHOUETTE_SAMPLES, random_state: int = 0) -> float | None:
    """Mean silhouette of the codes under the clusters, on at most `max_samples` samples; None for a single cluster."""
    from sklearn.metrics import silhouette_score

    labels = np.asarray(labels).ravel()
    if len(labels) > max_samples:
        chosen = np.random.default_rng(random_state).choice(len(labels), max_samples, replace=False)
        Z, labels = Z[chosen], labels[chosen]
    if not 2 <= np.unique(labels).size < len(labels):
        return None
    return float(silhouette_score(np.asarray(Z, dtype=np.float64).reshape(len(Z), -1), labels))


def diagonal_mass(C: Any) -> float:
    """sum_i |C_ii| / sum_ij |C_ij|: near 1 when every sample explains only itself (the identity solution).

    C is (n, n), dense or SciPy sparse. Sums are taken in double precision, so that they do not hang on the number of threads.
    """
    total = float(abs(C).sum(dtype=np.float64))
    return float(np.abs(C.diagonal()).sum(dtype=np.float64)) / total if total else 0.0


def block_diagonality(A: Any, labels: ArrayLike) -> float:
    """Share of the off-diagonal affinity that lies inside the clusters, in [0, 1]; 1 is perfectly block-diagonal.

    A is (n, n), dense or SciPy sparse. Sums are taken in double precision, as those of `diagonal_mass`.
    """
    indicator = _indicator(labels)
    diagonal, inside = float(A.diagonal().sum(dtype=np.float64)), 0.0
    for rows in _blocks(A.shape[0]):
        part = A[rows].astype(np.float64) @ indicator  # (rows, K): what each sample has in each cluster
        inside += float(np.einsum("ik,ik->", indicator[rows], part))
    total = float(A.sum(dtype=np.float64)) - diagonal
    return (inside - diagonal) / total if total > 0 else 0.0


def factor_block_diagonality(B: Any, labels: ArrayLike) -> float:
    """`block_diagonality` of B B^T for a non-negative factor B (n, p), dense or sparse, without forming the product."""
    sums = B.T.astype(np.float64) @ _indicator(labels)  # (p, K): what each cluster gives to each column
    diagonal = float((B * B).sum(dtype=np.float64))
    inside, total = float(np.square(sums).sum()) - diagonal, float(np.square(sums.sum(axis=1)).sum()) - diagonal
    return inside / total if total > 0 else 0.0


def _indicator(labels: ArrayLike) -> NDArray[np.float64]:
    """(n, K): 1 where a sample is in a cluster."""
    labels = np.asarray(labels).ravel()
    return (labels[:, None] == np.unique(labels)[None, :]).astype(np.float64)


def _blocks(n: int) -> Iterator[slice]:
    """Rows of an (n, n) matrix, so many at a time that a copy of them in double precision stays small."""
    chunk = max(1, 4_000_000 // n)
    return (slice(start, min(start + chunk, n)) for start in range(0, n, chunk))


def reconstruction_error(X: NDArray, X_hat: NDArray) -> NDArray:
    """Mean squared error of each sample, (n,)."""
    n = len(X)
    return np.asarray(np.square(X.reshape(n, -1) - X_hat.reshape(n, -1)).mean(axis=1))

"""Scores against brute force and against formulas written out again from their definitions."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from collections import Counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from core import evaluation
from core.common import DataError
from core.datasets import load
from core.evaluation import (
    average_precisions,
    block_diagonality,
    clustering_accuracy,
    confusion,
    diagonal_mass,
    evaluate,
    match_clusters,
    mean_average_precision,
    nearest_lists,
    purity,
    reconstruction_error,
    retrieval,
    silhouette,
)


def random_pair(seed: int) -> tuple[NDArray, NDArray]:
    """Classes and clusters with odd names, uneven sizes, often different in number."""
    rng = np.random.default_rng(seed)
    classes, clusters = rng.integers(2, 6), rng.integers(1, 6)
    names = rng.permutation([3, -1, 40, 7, 12, 100])
    y = rng.choice(classes, 40, p=rng.dirichlet(np.full(classes, 1.5)))
    labels = np.where(rng.random(40) < 0.4, y % clusters, rng.integers(0, clusters, 40))
    return names[y], 5 * labels - 5


PAIRS = [random_pair(seed) for seed in range(12)]


def brute_force_accuracy(y: NDArray, labels: NDArray) -> float:
    """The best over all one-to-one maps; missing names on either side are padded."""
    classes, clusters = list(set(y.tolist())), list(set(labels.tolist()))
    size = max(len(classes), len(clusters))
    padded = [*classes, *([None] * (size - len(classes)))]
    best = 0
    for chosen in itertools.permutations(padded, len(clusters)):
        names = dict(zip(clusters, chosen))
        best = max(best, sum(names[c] == t for c, t in zip(labels.tolist(), y.tolist())))
    return best / len(y)


def entropy(values: Any) -> float:
    n = len(values)
    return -sum(count / n * math.log(count / n) for count in Counter(values).values())


def mutual_information(y: list, labels: list) -> float:
    return entropy(y) + entropy(labels) - entropy(list(zip(y, labels)))


def pair_counting_ari(y: list, labels: list) -> float:
    """Hubert and Arabie 1985 from the four counts of pairs."""
    pairs = list(itertools.combinations(range(len(y)), 2))
    same_y = [y[i] == y[j] for i, j in pairs]
    same_c = [labels[i] == labels[j] for i, j in pairs]
    both = sum(a and b for a, b in zip(same_y, same_c))
    expected = sum(same_y) * sum(same_c) / len(pairs)
    top = 0.5 * (sum(same_y) + sum(same_c))
    return (both - expected) / (top - expected)


# ---- against labels --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("y", "labels"), PAIRS, ids=lambda v: "")
def test_accuracy_is_the_best_over_all_one_to_one_maps(y: NDArray, labels: NDArray) -> None:
    assert clustering_accuracy(y, labels) == pytest.approx(brute_force_accuracy(y, labels), abs=1e-12)


@pytest.mark.parametrize(("y", "labels"), PAIRS, ids=lambda v: "")
def test_scores_equal_their_definitions(y: NDArray, labels: NDArray) -> None:
    scores, t, c = evaluate(y, labels), y.tolist(), labels.tolist()
    information, h_t, h_c = mutual_information(t, c), entropy(t), entropy(c)
    norms = {"nmi_geometric": math.sqrt(h_t * h_c), "nmi_arithmetic": (h_t + h_c) / 2, "nmi_max": max(h_t, h_c)}
    for name, norm in norms.items():
        assert scores[name] == pytest.approx(information / norm if norm else 0, abs=1e-9), name
    assert scores["ari"] == pytest.approx(pair_counting_ari(t, c), abs=1e-9)
    majority = sum(max(Counter(t[i] for i in range(len(t)) if c[i] == cluster).values()) for cluster in set(c))
    assert scores["purity"] == purity(y, labels) == pytest.approx(majority / len(t))
    assert scores["acc"] == clustering_accuracy(y, labels)
    assert set(scores) == {"acc", *norms, "ari", "purity"}
    assert all(type(value) is float for value in scores.values())


@pytest.mark.parametrize("seed", range(20))
def test_scores_are_those_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 200))
    y, labels = (rng.integers(0, rng.integers(1, 9), n) for _ in range(2))
    scores = evaluate(y, labels)
    assert scores["ari"] == pytest.approx(adjusted_rand_score(y, labels), abs=1e-12)
    for average in ("geometric", "arithmetic", "max"):
        expected = normalized_mutual_info_score(y, labels, average_method=average)
        assert scores[f"nmi_{average}"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("y", "labels"), PAIRS, ids=lambda v: "")
def test_names_of_clusters_and_order_of_samples_do_not_matter(y: NDArray, labels: NDArray) -> None:
    rng = np.random.default_rng(0)
    names = dict(zip(np.unique(labels).tolist(), rng.permutation(1000).tolist()))
    renamed = np.array([names[label] for label in labels.tolist()])
    order = rng.permutation(len(y))
    assert evaluate(y, renamed) == pytest.approx(evaluate(y, labels))
    assert evaluate(y[order], labels[order]) == pytest.approx(evaluate(y, labels))


def test_perfect_and_useless_clusterings_score_as_they_should() -> None:
    y = np.repeat([0, 1, 2, 3], 10)
    assert evaluate(y, 3 - y) == pytest.approx(dict.fromkeys(evaluate(y, y), 1.0))
    one = evaluate(y, np.zeros(40, dtype=int))
    assert (one["acc"], one["purity"], one["ari"], one["nmi_max"]) == pytest.approx((0.25, 0.25, 0, 0))
    each = evaluate(y, np.arange(40))
    assert (each["acc"], each["purity"]) == pytest.approx((0.1, 1.0))
    assert each["nmi_max"] == pytest.approx(math.log(4) / math.log(40))


def test_merging_half_of_the_classes_shows_the_three_normalisations_apart() -> None:
    """The example measured for the fact sheets: five of ten balanced classes in one cluster."""
    y = np.repeat(np.arange(10), 20)
    scores = evaluate(y, np.where(y < 5, y, 9))
    found = [scores[f"nmi_{norm}"] for norm in ("geometric", "arithmetic", "max")]
    assert found == pytest.approx([0.807, 0.788, 0.651], abs=1e-3)


@pytest.mark.parametrize(("y", "labels"), PAIRS, ids=lambda v: "")
def test_the_confusion_table_counts_every_sample_once_and_puts_hits_on_the_diagonal(y: NDArray, labels: NDArray) -> None:
    table, classes, clusters = confusion(y, labels)
    assert sorted(clusters.tolist()) == sorted(set(labels.tolist()))
    assert sorted(classes.tolist()) == sorted(set(y.tolist()))
    for i, j in itertools.product(range(len(classes)), range(len(clusters))):
        assert table[i, j] == np.sum((y == classes[i]) & (labels == clusters[j]))
    assert table.sum() == len(y)
    assert np.trace(table) / len(y) == pytest.approx(clustering_accuracy(y, labels))


def test_one_merge_of_classes_leaves_the_other_matches_on_the_diagonal() -> None:
    y = np.repeat(np.arange(5), 4)
    table, classes, _ = confusion(y, np.where(y == 1, 0, y))
    assert (table.diagonal() == 4).all() and classes[-1] in (0, 1)


@pytest.mark.parametrize(("y", "labels"), PAIRS, ids=lambda v: "")
def test_matched_clusters_hit_as_often_as_the_accuracy_says(y: NDArray, labels: NDArray) -> None:
    matched = match_clusters(y, labels)
    assert np.mean(matched == y) == pytest.approx(clustering_accuracy(y, labels))
    same = labels[:, None] == labels[None, :]  # no two clusters get one name
    np.testing.assert_array_equal(matched[:, None] == matched[None, :], same)


def test_a_cluster_that_matches_no_class_has_the_name_of_none() -> None:
    y, labels = np.array([0, 0, 0, 2, 2, 2, 2]), np.array([0, 1, 1, 2, 2, 2, 0])
    np.testing.assert_array_equal(match_clusters(y, labels) >= 0, labels != 0)
    assert set(match_clusters(y - 9, labels)) - set(y - 9) == {-10}, "below negative names too"


@pytest.mark.parametrize(("y", "labels"), [([], []), ([1, 2], [1]), ([1], [1, 2])])
def test_labels_of_different_or_no_length_are_refused(y: list, labels: list) -> None:
    for score in (clustering_accuracy, purity, evaluate, confusion):
        with pytest.raises((DataError, ValueError)) as caught:
            score(y, labels)
        assert isinstance(caught.value, DataError) and str(len(y)) in str(caught.value)


# ---- retrieval -------------------------------------------------------------------------------------------------------


def naive_map(Z: NDArray, y: NDArray, k: int) -> float:
    """Query by query, rank by rank, as the definition reads."""
    distances = cdist(Z, Z)
    total = 0.0
    for query in range(len(Z)):
        hits, precisions = 0, 0.0
        for rank, other in enumerate(np.argsort(distances[query], kind="stable")[:k], start=1):
            if y[other] == y[query]:
                hits += 1
                precisions += hits / rank
        total += precisions / hits if hits else 0.0
    return total / len(Z)


@pytest.mark.parametrize("k", [1, 2, 7, 60, 61])
@pytest.mark.parametrize("chunk", [1, 16, 61, 1024])
def test_mean_average_precision_equals_the_naive_loop(k: int, chunk: int) -> None:
    rng = np.random.default_rng(k)
    y = rng.integers(0, 4, 61)
    Z = rng.normal(size=(61, 5)) + 0.7 * np.eye(5)[y]
    found = mean_average_precision(Z, y, k, chunk=chunk)
    assert found == pytest.approx(naive_map(Z, y, k), abs=1e-6)
    assert (found == pytest.approx(1.0)) == (k <= 2), "the query itself comes first, so one more neighbour cannot lower it"


def test_the_curve_holds_every_length_of_the_list() -> None:
    rng = np.random.default_rng(11)
    y, Z = rng.integers(0, 3, 40), rng.normal(size=(40, 3))
    curve = average_precisions(Z, y, 40)
    assert curve == pytest.approx([naive_map(Z, y, k) for k in range(1, 41)], abs=1e-6)
    found = {name: value for name, value in retrieval(Z, y).items() if name.count("_") == 1}
    assert found == {"map_10": pytest.approx(curve[9]), "map_20": pytest.approx(curve[19])}


def test_lists_begin_with_the_query_even_among_duplicates() -> None:
    Z = np.repeat(np.random.default_rng(12).normal(size=(5, 3)), 4, axis=0)
    for rows, nearest in nearest_lists(Z, 4, chunk=7):
        np.testing.assert_array_equal(nearest[:, 0], np.arange(20)[rows])
        np.testing.assert_array_equal(nearest // 4, np.arange(20)[rows][:, None] // 4 * np.ones((1, 4), dtype=int))


def test_ten_thousand_queries_need_less_than_a_gigabyte() -> None:
    Z = np.random.default_rng(13).normal(size=(10_000, 4)).astype(np.float32)
    tracemalloc.start()
    average_precisions(Z, np.arange(10_000) % 10, 1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**30


def test_mean_average_precision_of_separated_classes_is_one_and_sees_only_distances() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 20)
    Z = rng.normal(size=(60, 4))
    rotation = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    assert mean_average_precision(Z + 100 * np.eye(4)[y], y, 20) == pytest.approx(1)
    assert mean_average_precision(Z @ rotation + 3, y, 30) == pytest.approx(mean_average_precision(Z, y, 30), abs=1e-6)


@pytest.mark.parametrize("k", [0, -1, 11])
def test_an_impossible_length_of_the_list_is_refused(k: int) -> None:
    with pytest.raises(DataError, match=r"k must be between 1 and .*10"):
        mean_average_precision(np.eye(10), np.arange(10), k)


@pytest.mark.journey
def test_raw_mnist_reproduces_the_value_measured_for_the_fact_sheets(benchmark_data: Any) -> None:
    data = load("mnist_test")
    assert data.y is not None
    assert mean_average_precision(data.X, data.y, 1000) == pytest.approx(0.660, abs=0.002)


@pytest.mark.journey
def test_k_means_on_raw_mnist_reproduces_its_accuracy(benchmark_data: Any) -> None:
    data = load("mnist_test")
    assert data.y is not None
    labels = KMeans(10, n_init=3, random_state=0).fit_predict(data.X)
    assert clustering_accuracy(data.y, labels) == pytest.approx(0.54, abs=0.02)


# ---- without labels --------------------------------------------------------------------------------------------------


def test_block_diagonality_is_the_share_of_affinity_inside_the_clusters() -> None:
    rng = np.random.default_rng(0)
    A, labels = rng.random((30, 30)), rng.integers(0, 4, 30)
    A = A + A.T
    inside = whole = 0.0
    for i, j in itertools.product(range(30), repeat=2):
        whole += A[i, j] * (i != j)
        inside += A[i, j] * (i != j and labels[i] == labels[j])
    assert block_diagonality(A, labels) == pytest.approx(inside / whole)
    assert block_diagonality(A.astype(np.float32), labels * 7 - 3) == pytest.approx(inside / whole, rel=1e-5)


def test_block_diagonality_at_its_ends() -> None:
    labels = np.repeat([0, 1], 5)
    blocks = (labels[:, None] == labels[None, :]).astype(float)
    assert block_diagonality(blocks, labels) == 1
    assert block_diagonality(1 - blocks, labels) == 0
    assert block_diagonality(np.ones((10, 10)), np.zeros(10)) == pytest.approx(1)
    assert block_diagonality(np.zeros((10, 10)), labels) == 0
    assert block_diagonality(np.eye(10), labels) == 0, "what a sample has with itself says nothing"


@pytest.mark.parametrize(("C", "mass"), [(np.eye(4), 1), (-3 * np.eye(4), 1), (np.zeros((4, 4)), 0), (np.ones((4, 4)), 0.25),
                                         (1 - np.eye(4), 0), (np.array([[1.0, -3], [4, -2]]), 0.3)])  # fmt: skip
def test_diagonal_mass_is_the_share_of_the_absolute_diagonal(C: NDArray, mass: float) -> None:
    assert diagonal_mass(C) == pytest.approx(mass)
    assert diagonal_mass(C.astype(np.float32)) == pytest.approx(mass)


def literal_silhouette(Z: NDArray, labels: NDArray) -> float:
    D, values = cdist(Z, Z), []
    for i in range(len(Z)):
        own = (labels == labels[i]) & (np.arange(len(Z)) != i)
        if not own.any():
            values.append(0.0)
            continue
        a = D[i, own].mean()
        b = min(D[i, labels == other].mean() for other in set(labels.tolist()) - {labels[i]})
        values.append((b - a) / max(a, b))
    return float(np.mean(values))


def test_silhouette_equals_its_definition() -> None:
    rng = np.random.default_rng(1)
    Z, labels = rng.normal(size=(40, 3)), rng.integers(0, 3, 40)
    labels[0] = 9
    assert silhouette(Z, labels) == pytest.approx(literal_silhouette(Z, labels), abs=1e-9)


def test_silhouette_is_none_where_it_is_not_defined() -> None:
    Z = np.random.default_rng(0).normal(size=(12, 3))
    assert silhouette(Z, np.zeros(12)) is None
    assert silhouette(Z, np.arange(12)) is None
    assert silhouette(Z, np.arange(12) // 2) is not None


def test_silhouette_of_many_samples_is_that_of_a_fixed_random_part() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, 3000)
    Z = rng.normal(size=(3000, 2)) + 4 * labels[:, None]
    part = silhouette(Z, labels, max_samples=500)
    assert part == silhouette(Z, labels, max_samples=500)
    assert part == pytest.approx(silhouette(Z, labels, max_samples=3000), abs=0.05)
    assert part != silhouette(Z, labels, max_samples=500, random_state=1)


@pytest.mark.parametrize("shape", [(6, 5), (6, 4, 3), (6, 4, 3, 2)])
def test_reconstruction_error_is_the_mean_square_of_each_sample(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    X, X_hat = rng.random(shape), rng.random(shape)
    expected = [np.mean([(a - b) ** 2 for a, b in zip(x.ravel(), x_hat.ravel())]) for x, x_hat in zip(X, X_hat)]
    np.testing.assert_allclose(evaluation.reconstruction_error(X, X_hat), expected)
    assert not reconstruction_error(X, X).any()

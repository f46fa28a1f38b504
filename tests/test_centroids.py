"""DEC, IDEC, DCN and DKM: their formulas against loops and torch.distributions, and what training may and may not do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from core import losses
from core.affinity import sample_graph, spectral_labels
from core.evaluation import clustering_accuracy
from core.methods import Facts, method_class
from core.methods.deep_centroids import rules as centroid_rules
from core.methods.deep_centroids.dkm import soft_distances
from core.methods.deep_centroids.soft_assignments import divergence, soft_assignments, target_distribution
from core.methods.deep_centroids.vade import FLOOR
from core.methods.parts.first_clusters import FirstClusters, means_of
from core.nets import Centroids
from core.training import Stages, to_host
from tests.test_contract import digits, small, steps_of

FAMILY = ["dec", "idec", "dcn", "dkm"]


def codes(n: int = 30, K: int = 4, d: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, d, dtype=torch.float64, generator=generator), torch.randn(
        K, d, dtype=torch.float64, generator=generator
    )


def test_soft_assignments_and_their_target_are_the_published_ones() -> None:
    Z, means = codes()
    Q = np.array([[1 / (1 + float((z - m).square().sum())) for m in means] for z in Z])
    Q /= Q.sum(axis=1, keepdims=True)
    P = Q**2 / Q.sum(axis=0)
    P /= P.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(soft_assignments(Z, means).numpy(), Q, rtol=1e-10)
    np.testing.assert_allclose(target_distribution(torch.from_numpy(Q)).numpy(), P, rtol=1e-10)


def test_the_divergence_is_that_of_categorical_distributions() -> None:
    Z, means = codes()
    Q = soft_assignments(Z, means)
    P = target_distribution(Q)
    one = torch.distributions.kl_divergence(torch.distributions.Categorical(P), torch.distributions.Categorical(Q))
    assert divergence(P, Q).item() == pytest.approx(one.mean().item())
    hard = torch.eye(4, dtype=torch.float64)[torch.zeros(30, dtype=torch.long)]
    assert divergence(hard, Q).item() == pytest.approx(-Q[:, 0].log().mean().item())
    assert divergence(Q, Q).item() == pytest.approx(0)


def test_targets_come_from_all_samples_not_from_a_batch() -> None:
    method: Any = small("dec")
    Z, means = codes()
    whole = method.survey(Z, means)
    torch.testing.assert_close(whole, target_distribution(soft_assignments(Z, means)))
    assert not torch.allclose(whole[:10], target_distribution(soft_assignments(Z[:10], means)))


@pytest.mark.parametrize(("alpha", "expected"), [(1e6, "nearest"), (1e-9, "mean")])
def test_soft_distances_lie_between_the_mean_and_the_nearest(alpha: float, expected: str) -> None:
    Z, means = codes()
    squared = torch.cdist(Z, means).square()
    limit = squared.min(dim=1).values if expected == "nearest" else squared.mean(dim=1)
    torch.testing.assert_close(soft_distances(Z, means, alpha), limit, rtol=1e-5, atol=1e-6)
    between = soft_distances(Z, means, 0.7)
    assert (between >= squared.min(dim=1).values - 1e-12).all() and (between <= squared.mean(dim=1) + 1e-12).all()


def test_centroids_of_dcn_are_the_running_means_of_what_they_took_in() -> None:
    """Whatever the batches, as long as nobody changes sides: the mean of all that a centroid ever held."""
    generator = torch.Generator().manual_seed(1)
    sides = torch.tensor([[10.0, 0.0], [-10.0, 0.0]])
    start = [sides[k] + torch.randn(5, 2, generator=generator) for k in (0, 1)]
    centroids = Centroids(torch.stack([s.mean(0) for s in start]).numpy(), np.array([5, 5]))
    method: Any = small("dcn")
    seen = [[*s] for s in start]
    for size in (7, 1, 12):
        labels = torch.randint(2, (size,), generator=generator)
        z = sides[labels] + torch.randn(size, 2, generator=generator)
        method.moved(z, centroids)
        for label, code in zip(labels.tolist(), z, strict=True):
            seen[label].append(code)
    for k in (0, 1):
        torch.testing.assert_close(centroids.means[k].detach(), torch.stack(seen[k]).mean(0))
    assert centroids.counts.tolist() == [len(s) for s in seen]


@pytest.mark.parametrize("name", FAMILY)
def test_training_starts_from_k_means_on_the_pretrained_codes(name: str) -> None:
    method: Any = small(name, epochs=0, n_init=5)
    arrays = to_host(steps_of(method, digits())[-1].arrays)
    expected = KMeans(10, n_init=5, random_state=0).fit(arrays["Z_pretrained"])
    np.testing.assert_allclose(arrays["centroids"], expected.cluster_centers_, rtol=1e-5)
    np.testing.assert_array_equal(method.labels_, expected.labels_)
    np.testing.assert_array_equal(arrays["Z"], arrays["Z_pretrained"])


@pytest.mark.parametrize("name", [*FAMILY, "vade"])
def test_training_may_start_from_the_clusters_of_their_graph(name: str) -> None:
    method: Any = small(name, epochs=0, start="graph")
    arrays = to_host(steps_of(method, digits())[-1].arrays)
    Z = arrays["Z_pretrained"]
    labels = spectral_labels(sample_graph(Z.astype(np.float64)), 10, assign_labels="kmeans", random_state=0)
    means = np.stack([Z[labels == k].mean(axis=0) for k in range(10)])
    if name != "vade":
        np.testing.assert_allclose(arrays["centroids"], means, rtol=1e-4, atol=1e-6)
        return
    found = {key: value.detach().numpy() for key, value in method.mixture_.items()}
    shares, inner = np.bincount(labels, minlength=10) / len(Z), [Z[labels == k].var(axis=0) for k in range(10)]
    np.testing.assert_allclose(found["means"], means, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.exp(found["logits"]), shares, rtol=1e-5)
    np.testing.assert_allclose(np.exp(found["log_variances"]) - FLOOR * Z.var(axis=0).mean(), inner, rtol=1e-3, atol=1e-7)


def test_a_graph_finds_first_clusters_that_are_no_balls() -> None:
    """Two rings around each other: k-means halves both."""
    turn = np.linspace(0, 2 * np.pi, 80, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    Z, y = np.concatenate([ring, 4 * ring]), np.repeat([0, 1], 80)
    found = {start: FirstClusters(start=start).of_codes(Z, 2, 0) for start in ("kmeans", "graph", "linkage")}
    assert clustering_accuracy(y, found["graph"][0]) == 1 > clustering_accuracy(y, found["kmeans"][0])
    for labels, centroids in found.values():
        np.testing.assert_allclose(centroids, [Z[labels == k].mean(axis=0) for k in range(2)], atol=1e-8)


def test_a_cluster_without_codes_stands_in_their_middle() -> None:
    Z = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 8.0]])
    np.testing.assert_allclose(means_of(Z, np.array([0, 0, 2]), 3), [[1, 2], [2, 4], [4, 8]])


def test_by_rule_few_codes_start_from_their_graph_and_many_from_k_means() -> None:
    rule = centroid_rules.first_clusters
    facts = Facts(n=8000, shape=(64,), n_clusters=10, variance=1.0)
    assert rule.values(facts) == {"start": "graph"} and rule.values(replace(facts, n=8001)) == {}
    for name in [*FAMILY, "vade"]:
        cls = method_class(name)
        published = {param: declared.default for param, declared in cls.declared().items()}
        assert cls.departures(published) == [] and "graph" in cls.departures({**published, "start": "graph"})[0]
        assert rule in cls.rules and "n_init" in cls.idle({"start": "graph"}) and "n_init" not in cls.idle({})


def certainty(Z: NDArray, centroids: NDArray) -> float:
    """Mean weight of the centroid that a code belongs to most."""
    Q = soft_assignments(torch.from_numpy(Z.astype(np.float64)), torch.from_numpy(centroids.astype(np.float64)))
    return float(Q.max(dim=1).values.mean())


def inside(Z: NDArray, centroids: NDArray) -> float:
    """Share of the variance of the codes that lies within the clusters."""
    nearest = np.linalg.norm(Z[:, None] - centroids, axis=2).min(axis=1)
    return float(np.square(nearest).sum() / np.square(Z - Z.mean(axis=0)).sum())


@pytest.mark.parametrize("name", FAMILY)
def test_clusters_tighten_and_every_sample_has_its_nearest_centroid(name: str) -> None:
    strong = {} if name in ("dec", "idec") else {"lambda_": 10.0}
    method: Any = small(name, pretrain_epochs=60, epochs=12, train_batch_size=40, **strong)
    steps = steps_of(method, digits())
    arrays = to_host(steps[-1].arrays)
    start = KMeans(10, n_init=3, random_state=0).fit(arrays["Z_pretrained"]).cluster_centers_
    if name in ("dec", "idec"):  # no term need fall: their target sharpens as they do, and codes may grow
        assert certainty(arrays["Z"], arrays["centroids"]) > certainty(arrays["Z_pretrained"], start)
    else:
        assert inside(arrays["Z"], arrays["centroids"]) < inside(arrays["Z_pretrained"], start)
    distances = np.linalg.norm(arrays["Z"][:, None] - arrays["centroids"], axis=2)
    np.testing.assert_array_equal(method.labels_, distances.argmin(axis=1))


def test_only_dec_forgets_the_decoder() -> None:
    for name in FAMILY:
        stages = Stages()
        steps_of(small(name, epochs=2), digits(), stages)
        before, after = stages.kept("pretrain")["net"], stages.kept("finetune")["net"]
        moved = {key: not torch.equal(before[key], after[key]) for key in before}
        assert any(moved[key] for key in moved if key.startswith("decoder")) == (name != "dec"), name
        assert any(moved[key] for key in moved if key.startswith("encoder")), name


def test_idec_without_its_clustering_term_only_reconstructs() -> None:
    X = digits()
    method: Any = small("idec", gamma=0.0, epochs=3)
    steps = steps_of(method, X)
    assert [float(s.scalars["clustering"]) for s in steps if s.stage == "finetune"] == [0.0] * 3
    first = next(s for s in steps if s.stage == "finetune")
    pretrained = to_host(steps[-1].arrays)["Z_pretrained"]
    on = method.coder_
    reached = losses.reconstruction(on.X, on.net(on.X)) / len(X)
    assert reached < float(first.scalars["reconstruction"]) and pretrained.shape == (120, method.embedding_.shape[1])


def test_training_ends_when_clusters_no_longer_change() -> None:
    steps = [s for s in small("dkm", epochs=60, min_change=0.05).iter_fit(digits()) if s.stage == "finetune"]
    changed = [float(s.scalars["changed"]) for s in steps]
    assert len(steps) < 60 and changed[-1] <= 0.05 and all(value > 0.05 for value in changed[:-1])

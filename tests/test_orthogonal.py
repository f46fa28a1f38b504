"""Orthonormal outputs, the spectral loss and the graphs of batches, against NumPy, brute force and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import kneighbors_graph
from torch import Tensor

from core.graphs.batches import Edges, NeighborGraph, batch_edges, heat_weights, shared_weights
from core.losses import orthonormalize, spectral_loss


def normals(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def error(Y: Tensor) -> float:
    """Largest entry of |Y^T Y / b - I|."""
    return float((Y.double().T @ Y.double() / len(Y) - torch.eye(Y.shape[1], dtype=torch.float64)).abs().max())


# ---- orthonormal columns ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("kind", ["free", "softmax", "sharp"])
def test_columns_become_orthonormal(kind: str, scale: float) -> None:
    h = normals(500, 10)
    outputs = {"free": h * scale, "softmax": h.softmax(1), "sharp": (30 * h).softmax(1)}[kind]
    made = orthonormalize(outputs)
    assert error(made.Y) < 1e-4 and not made.rescued


def test_the_span_stays_the_same() -> None:
    outputs = normals(60, 4).double()
    Y = orthonormalize(outputs).Y
    residual = outputs - Y @ torch.linalg.lstsq(Y, outputs).solution
    assert residual.abs().max() < 1e-9


DEFICIENT = {
    "equal columns": lambda: normals(200, 3)[:, [0, 1, 2, 2]],
    "a dead output": lambda: torch.cat([normals(200, 3), torch.zeros(200, 1)], 1),
    "one cluster": lambda: torch.tensor([[1.0, 0, 0, 0]]).expand(200, 4),
    "equal rows": lambda: torch.full((200, 4), 0.25),
    "all zero": lambda: torch.zeros(200, 4),
    "fewer rows than columns": lambda: normals(3, 4),
}


@pytest.mark.parametrize("case", ["equal columns", "a dead output", "one cluster", "equal rows"])
def test_a_rescued_embedding_points_where_one_that_was_not_would(case: str) -> None:
    """The first column is that of the outputs at unit mean square, whichever factor it comes from."""
    first = DEFICIENT[case]()[:, 0]
    made = orthonormalize(DEFICIENT[case]())
    assert made.rescued
    torch.testing.assert_close(made.Y[:, 0], first / first.square().mean().sqrt(), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("case", DEFICIENT)
def test_rank_deficient_outputs_are_rescued_and_reported(case: str) -> None:
    outputs = DEFICIENT[case]().clone().requires_grad_()
    made = orthonormalize(outputs)
    assert made.rescued
    assert torch.isfinite(made.Y).all() and float(made.Y.detach().square().mean(0).max()) < 1.01
    spectral_loss(made.Y, batch_edges(normals(len(outputs), 2), 2)).backward()
    assert outputs.grad is not None and torch.isfinite(outputs.grad).all()


def test_the_gradient_through_the_factor_is_the_true_one() -> None:
    outputs, edges = normals(12, 3).double().requires_grad_(), batch_edges(normals(12, 2).double(), 3)
    assert torch.autograd.gradcheck(lambda U: spectral_loss(orthonormalize(U).Y, edges), (outputs,))


# ---- spectral loss ---------------------------------------------------------------------------------------------------


def dense(edges: Edges, n: int) -> np.ndarray:
    """W = (A + A^T) / 2."""
    A = np.zeros((n, n))
    np.add.at(A, (np.arange(n)[:, None], edges.nearest.numpy()), edges.weights.numpy())
    return 0.5 * (A + A.T)


def test_the_loss_at_the_eigenvectors_is_the_sum_of_the_smallest_eigenvalues() -> None:
    n, K = 80, 4
    edges = batch_edges(normals(n, 3).double(), 5)
    W = dense(edges, n)
    values, vectors = np.linalg.eigh(np.diag(W.sum(1)) - W)
    best = spectral_loss(torch.from_numpy(vectors[:, :K] * np.sqrt(n)), edges)
    assert best.item() == pytest.approx(values[:K].sum(), abs=1e-9)
    for seed in range(5):
        other = orthonormalize(normals(n, K, seed=seed).double()).Y
        assert spectral_loss(other, edges).item() > best.item()
        by_hand = sum(W[i, j] * float((other[i] - other[j]).square().sum()) for i in range(n) for j in range(n)) / (2 * n)
        assert spectral_loss(other, edges).item() == pytest.approx(by_hand)


# ---- graphs ----------------------------------------------------------------------------------------------------------


def test_the_graph_of_a_batch_is_that_of_its_nearest_other_samples() -> None:
    Z = normals(40, 3)
    edges = batch_edges(Z, 4)
    expected = kneighbors_graph(Z.numpy(), 4).toarray()
    found = np.zeros((40, 40))
    np.put_along_axis(found, edges.nearest.numpy(), 1, axis=1)
    np.testing.assert_array_equal(found, expected)
    distances = torch.cdist(Z, Z).gather(1, edges.nearest)
    width = distances[:, 0].median()
    expected_weights = torch.exp(-(distances**2) / (2 * width**2))
    torch.testing.assert_close(edges.weights / edges.weights.sum(), expected_weights / expected_weights.sum())
    assert edges.weights.sum(1).mean().item() == pytest.approx(1)


def test_no_gradient_flows_through_the_weights() -> None:
    assert not batch_edges(normals(10, 2).requires_grad_(), 3).weights.requires_grad


def test_shared_weights_are_jaccard_indices() -> None:
    nearest = batch_edges(normals(30, 3), 4).nearest
    around = [{i, *row.tolist()} for i, row in enumerate(nearest)]
    expected = torch.tensor(
        [[len(around[i] & around[j]) / len(around[i] | around[j]) for j in row.tolist()] for i, row in enumerate(nearest)]
    )
    torch.testing.assert_close(shared_weights(nearest), expected / expected.sum(1).mean())


def test_equal_samples_have_finite_weights() -> None:
    assert torch.isfinite(heat_weights(torch.zeros(5, 3))).all()


def updated(Z: Tensor, k: int, weights: str = "heat") -> NeighborGraph:
    graph = NeighborGraph()
    graph.update(Z, k, weights)
    return graph


def test_batches_hold_every_sample_as_a_seed_and_many_pairs_of_neighbours() -> None:
    Z = normals(600, 5)
    graph = updated(Z, 5)
    batches = graph.batches(100, torch.Generator().manual_seed(0))
    assert set(torch.cat(batches).tolist()) == set(range(600))
    assert all(len(rows) == len(set(rows.tolist())) for rows in batches)
    assert 60 < np.mean([len(rows) for rows in batches]) <= 110
    inside = np.mean([float((graph.within(rows).weights > 0).float().sum(1).mean()) for rows in batches])
    random = torch.randperm(600, generator=torch.Generator().manual_seed(1)).split(90)
    by_chance = np.mean([float((graph.within(rows).weights > 0).float().sum(1).mean()) for rows in random])
    assert inside > 1.5 * by_chance


def test_the_edges_of_a_batch_are_those_of_the_whole_graph_inside_it() -> None:
    graph = updated(normals(50, 3), 6, "shared")
    rows = torch.arange(3, 41, 2)
    inner = dense(graph.within(rows), len(rows))
    np.testing.assert_allclose(inner, graph.symmetric().toarray()[np.ix_(rows.numpy(), rows.numpy())], atol=1e-7)


def test_the_graph_is_kept_and_given_back() -> None:
    graph, other = updated(normals(30, 3), 4), NeighborGraph()
    other.set_state(graph.get_state())
    assert all(torch.equal(a, b) for a, b in zip(graph.edges, other.edges, strict=True))


def test_a_graph_comes_back_to_the_device_it_lives_on() -> None:
    graph = NeighborGraph()
    graph.edges = Edges(torch.empty(0, 0, dtype=torch.int64, device="meta"), torch.empty(0, 0, device="meta"))
    graph.set_state(updated(normals(30, 3), 4).get_state())
    assert {part.device.type for part in graph.edges} == {"meta"}


def test_duplicates_do_not_cut_the_others_off() -> None:
    Z = torch.cat([normals(60, 3), normals(1, 3).expand(140, 3)])
    weights = updated(Z, 4).edges.weights[:60]
    assert bool((weights[:, 0] > 1e-3).float().mean() > 0.9)


def test_gaussian_weights_join_all_pairs_on_their_own_scale() -> None:
    Z = normals(30, 3)
    graph = NeighborGraph()
    graph.update(Z, 1000, "gaussian", 0.7)
    P = torch.exp(-torch.cdist(Z, Z).square() / 0.49).fill_diagonal_(0)
    np.testing.assert_allclose(graph.symmetric().toarray(), P.numpy(), atol=1e-6)
    _, _, found = graph.toward(Z[:4], Z, "gaussian", 0.7)
    np.testing.assert_allclose(np.sort(found[:, 1:], axis=1), np.sort(P[:4].numpy(), axis=1)[:, 2:], atol=1e-5)


@pytest.mark.parametrize("weights", ["heat", "shared"])
def test_new_samples_are_joined_as_those_of_the_graph(weights: str) -> None:
    Z = normals(50, 3)
    graph = updated(Z, 4, weights)
    nearest, distances, found = graph.toward(Z[:9] + 1e-5, Z, weights)
    np.testing.assert_array_equal(nearest[:, 0], np.arange(9))
    np.testing.assert_array_equal(np.sort(nearest[:, 1:], axis=1), np.sort(graph.edges.nearest[:9, :3].numpy(), axis=1))
    assert (np.diff(distances, axis=1) >= 0).all() and (found >= 0).all()
    if weights == "heat":
        np.testing.assert_allclose(found[:, 1:], graph.edges.weights[:9, :3].numpy(), rtol=1e-2)

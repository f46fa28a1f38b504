"""TAGnet and its relatives: the terms that are minimised against the objectives as the paper prints them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.graphs import laplacian
from core.graphs.batches import Edges
from core.methods.sparse_coding import be, dtagnet, sc_clustering, tagnet
from core.methods.sparse_coding.learnt_dictionary import Prepared
from core.methods.sparse_coding.problem import Problem
from core.nets import Clusters, TAGNet
from core.solvers.bilevel import SparseCoder

n, m, p, K = 26, 9, 12, 3
UNIT = 0.37
WEIGHTS: list[dict[str, Any]] = [
    {"loss": "eml", "nu": 1.0, "balance": 0.0, "agreement": 0.0},
    {"loss": "eml", "nu": 0.4, "balance": 1.7, "agreement": 2.3},
    {"loss": "mml", "nu": 1.0, "balance": 0.0, "agreement": 0.0, "margin_weight": 0.3},
    {"loss": "mml", "nu": 0.4, "balance": 1.7, "agreement": 2.3, "margin_weight": 0.0, "temperature": 2.0},
]


def normals(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def problem_of(method: Any, counts: tuple[int, ...] = (K,)) -> Problem:
    """Random samples, atoms and clusters in double precision, the codes in a unit of their own."""
    X, D = (torch.nn.functional.normalize(normals(*shape, seed=i)).numpy() for i, shape in enumerate([(n, m), (p, m)]))
    problem = Problem(method, Prepared(X, np.zeros(m, np.float32), np.ones(n, np.float32)), D)
    problem.X = problem.X.double()
    problem.graph.neighbors.edges = Edges(problem.graph.edges.nearest, problem.graph.edges.weights.double())
    problem.L = problem.graph.laplacian()
    problem.clusters = nn.ModuleList(Clusters(normals(p, count, seed=7 + i)) for i, count in enumerate(counts)).double()
    problem.net.double().unit.fill_(UNIT)
    return problem


def dense(problem: Problem) -> tuple[Tensor, Tensor]:
    """L and P (n, n)."""
    P = problem.graph.weights()
    return torch.from_numpy(laplacian(P, problem.graph.links.laplacian).toarray()), torch.from_numpy(P.toarray())


def weights_of(method: Any) -> dict[str, Any]:
    return {name: getattr(method, name) for name in ("loss", "nu", "balance", "agreement", "margin_weight", "temperature")}


def agree(problem: Problem, literal: Tensor, tolerance: float = 1e-7) -> None:
    """Equal values, and equal gradients of all that is learnt."""
    terms = problem.terms(None).losses
    learnt = [*problem.net.parameters(), *problem.clusters.parameters()]
    total = torch.stack([term.reshape(()) for term in terms.values()]).sum()
    torch.testing.assert_close(total, literal, rtol=tolerance, atol=tolerance)
    for ours, theirs in zip(torch.autograd.grad(total, learnt), torch.autograd.grad(literal, learnt), strict=True):
        assert theirs.abs().max() > 1e-6
        torch.testing.assert_close(ours, theirs, rtol=10 * tolerance, atol=10 * tolerance)


def unrolled(problem: Problem) -> tuple[tuple[Tensor, Tensor, Tensor], Mapping[str, Any]]:
    """W, S and theta as the paper has them, of the network's own parameters, and the constants of the iteration."""
    net, method = cast(TAGNet, problem.net), cast(Any, problem.method)
    N = net.stretch
    found = net.W / N, torch.eye(p, dtype=torch.float64) - net.gram / N, net.theta / N
    return found, {"alpha": method.alpha, "N": N, "n_stages": method.n_stages, "unit": UNIT}


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
@pytest.mark.parametrize(
    "shape", [{}, {"alpha": 0.0, "n_stages": 1}, {"alpha": 40.0, "n_stages": 4, "laplacian": "plain"}], ids=str
)
def test_tagnet_minimises_the_printed_objective(weights: dict[str, Any], shape: dict[str, Any]) -> None:
    method: Any = tagnet.TAGnet(n_clusters=K, **weights, **shape)
    problem = problem_of(method)
    trained, constants = unrolled(problem)
    agree(problem, tagnet.objective(problem.X, *trained, problem.omegas[0], *dense(problem), **constants, **weights_of(method)))


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
def test_dtagnet_adds_a_loss_at_its_first_layers(weights: dict[str, Any]) -> None:
    method: Any = dtagnet.DTAGnet(n_clusters=K, layer_clusters=(2, 5), layer_weight=0.6, **weights)
    problem = problem_of(method, (2, 5, K))
    trained, constants = unrolled(problem)
    agree(
        problem,
        dtagnet.objective(
            problem.X, *trained, problem.omegas, *dense(problem), layer_weight=0.6, **constants, **weights_of(method)
        ),
    )


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
def test_be_minimises_the_same_loss_of_dense_layers(weights: dict[str, Any]) -> None:
    method: Any = be.BE(n_clusters=K, n_atoms=p, **weights)
    problem = problem_of(method)
    trained = list(problem.net.parameters())
    layers = list(zip(trained[::2], trained[1::2], strict=True))
    assert len(layers) == 3
    agree(problem, be.objective(problem.X, layers, problem.omegas[0], dense(problem)[1], unit=UNIT, **weights_of(method)))


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
@pytest.mark.parametrize("alpha", [0.0, 3.0])
def test_sc_minimises_the_same_loss_of_the_minimum(weights: dict[str, Any], alpha: float) -> None:
    steps = {"iterations": 3000, "solver_iterations": 500}
    method: Any = sc_clustering.SCClustering(n_clusters=K, alpha=alpha, **steps, **weights)
    problem = problem_of(method)
    literal = sc_clustering.objective(
        problem.X, cast(SparseCoder, problem.net).D, problem.omegas[0], *dense(problem),
        lam=method.lam, alpha=alpha, iterations=3000, unit=UNIT, **weights_of(method),
    )  # fmt: skip
    agree(problem, literal, 1e-6)

"""Sparse codes as a function of their dictionary: the conditions of a minimum, and its derivative against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from core.graphs import laplacian
from core.graphs.batches import Laplacian
from core.solvers import GraphCoding
from core.solvers.bilevel import SparseCoder, solve_active
from core.training import to_host
from tests.test_contract import digits, small, steps_of
from tests.test_tagnet import graph_of, normals

ALPHAS = [0.0, 0.5, 20.0]


def coder(alpha: float, iterations: int = 5000) -> SparseCoder:
    return SparseCoder(
        normals(20, 15, seed=1).numpy(), lam=0.1, alpha=alpha, iterations=iterations, solver_iterations=500
    ).double()


@pytest.fixture
def samples() -> torch.Tensor:
    return torch.nn.functional.normalize(normals(40, 15).double())


@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_codes_are_a_minimum(alpha: float, samples: torch.Tensor) -> None:
    graph = graph_of(samples.float())
    L, net = laplacian(graph.symmetric(), "normalized"), coder(alpha)
    with torch.no_grad():
        A = net(samples, Laplacian(graph.edges))[0].numpy()
    D = net.atoms().detach().numpy()
    np.testing.assert_allclose(np.linalg.norm(D, axis=1), 1)
    coding = GraphCoding(samples.numpy(), D, L, lam=0.1, alpha=alpha)
    assert coding.optimality(A, coding.gradient(A)) < 1e-5
    assert 0.05 < np.mean(A != 0) < 0.95
    assert coding.optimality(A * 1.01, coding.gradient(A * 1.01)) > 1e-4


@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_derivative_is_that_of_the_minimum(alpha: float, samples: torch.Tensor) -> None:
    L, net = Laplacian(graph_of(samples.float()).edges), coder(alpha)
    wanted, direction = normals(40, 20, seed=2).double(), normals(20, 15, seed=3).double()

    def value() -> torch.Tensor:
        return (net(samples, L)[0] * wanted).sum()

    value().backward()
    assert net.D.grad is not None
    slope = float((net.D.grad * direction).sum())
    with torch.no_grad():
        net.D += 1e-6 * direction
        above = float(value())
        net.D -= 2e-6 * direction
        below = float(value())
    assert slope == pytest.approx((above - below) / 2e-6, rel=1e-3)
    assert abs(slope) > 0.1


def test_training_moves_atoms_and_lowers_the_loss() -> None:
    method: Any = small("sc_clustering", epochs=15, learning_rate=1e-2)
    steps = [step for step in steps_of(method, digits()) if step.stage in ("dictionary", "finetune")]
    first, last = (to_host(step.arrays)["D"] for step in (steps[0], steps[-1]))
    trained = [sum(v for k, v in step.scalars.items() if k != "clusters") for step in steps if step.stage == "finetune"]
    assert trained[-1] < trained[0]
    assert not np.allclose(first, last)
    np.testing.assert_allclose(np.linalg.norm(last, axis=1), 1, rtol=1e-5)


def test_no_gradient_is_none_for_the_dictionary() -> None:
    """Conjugate gradients that have nothing to solve for end at zero, not at 0 / 0."""
    gram, active = torch.eye(3), torch.ones(2, 3)
    found = solve_active(torch.zeros(2, 3), active, gram, torch.zeros_like, alpha=0.5, iterations=4)
    assert not found.any()

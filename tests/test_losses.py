"""Loss terms against their definitions."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from core import losses
from core.graphs import adaptive_neighbors, laplacian, symmetrized_graph
from core.graphs.tensors import sparse_tensor


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture()
def graph() -> tuple[np.ndarray, Tensor]:
    """Weights as stored by rows, not symmetric, and the Laplacian of their symmetric part."""
    A = adaptive_neighbors(random(12, 3, seed=3).numpy(), 3)
    return A.toarray(), sparse_tensor(laplacian(symmetrized_graph(A)), torch.float64)


def test_terms_are_sums_over_samples_and_features() -> None:
    A, B = random(4, 5), random(4, 5, seed=1)
    squares = sum((float(A[i, j]) - float(B[i, j])) ** 2 for i, j in product(range(4), range(5)))
    assert float(losses.reconstruction(A, B)) == pytest.approx(0.5 * squares)
    assert float(losses.self_expression(A, B)) == pytest.approx(squares)


def test_terms_ignore_memory_order() -> None:
    A, B = random(4, 5, 6), random(4, 5, 6, seed=1)
    permuted = B.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert float(losses.reconstruction(A, permuted)) == pytest.approx(float(losses.reconstruction(A, B)))


def test_locality_is_the_double_sum(graph: tuple[np.ndarray, Tensor]) -> None:
    A, L = graph
    Z = random(12, 4)
    expected = sum(A[i, j] * float((Z[i] - Z[j]).square().sum()) for i, j in product(range(12), repeat=2))
    assert float(losses.locality(Z, L)) == pytest.approx(expected)
    assert float(losses.locality(Z, L.to_dense())) == pytest.approx(expected)
    assert float(losses.locality(Z.T.contiguous().T, L)) == pytest.approx(expected)


def test_gradients(graph: tuple[np.ndarray, Tensor]) -> None:
    L = graph[1]
    A, B, C = (random(12, width, seed=width).requires_grad_() for width in (4, 5, 12))
    other = random(12, 4, seed=9).requires_grad_()
    assert torch.autograd.gradcheck(losses.reconstruction, (A, other))
    assert torch.autograd.gradcheck(losses.self_expression, (A, other))
    assert torch.autograd.gradcheck(lambda Z: losses.locality(Z, L), (B,))
    assert torch.autograd.gradcheck(losses.symmetric_norm, (C,))


def test_a_constant_side_gets_no_gradient() -> None:
    X, X_hat = random(3, 4), random(3, 4, seed=1).requires_grad_()
    losses.reconstruction(X, X_hat).backward()
    assert X.grad is None
    torch.testing.assert_close(X_hat.grad, (X_hat - X).detach())


def test_symmetric_part_has_no_diagonal() -> None:
    C = random(5, 5)
    S = losses.symmetric_part(C)
    assert torch.equal(S, S.T)
    assert not S.diagonal().any()
    assert float(S[1, 3]) == pytest.approx(0.5 * float(C[1, 3] + C[3, 1]))
    assert float(losses.symmetric_norm(C)) == pytest.approx(float(S.square().sum()))

"""Everything that multiplies by C, against the formulas written out and differentiated by autograd."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from core import losses
from core.losses import expression

N, M, D = 9, 11, 4
KINDS, FLAGS = ("symmetric", "random_walk"), (True, False)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that do not divide the size, so that borders are met."""
    monkeypatch.setattr(expression, "_BLOCK", 4)


def graph(C: Tensor, loops: bool) -> Tensor:
    S = 0.5 * (C.abs() + C.abs().T)
    return S + torch.eye(len(C), dtype=C.dtype) if loops else S


def laplacian(C: Tensor, kind: str, loops: bool) -> Tensor:
    S = graph(C, loops)
    D = S.sum(1)
    normalized = S / D.sqrt()[:, None] / D.sqrt() if kind == "symmetric" else S / D[:, None]
    return torch.eye(len(C), dtype=C.dtype) - normalized


def written_out(C: Tensor, X: Tensor, Xr: Tensor, kind: str, loops: bool) -> Tensor:
    return (X - Xr).square().sum() + 2 * torch.trace(X.T @ laplacian(C, kind, loops) @ Xr)


@pytest.mark.parametrize(("kind", "loops"), list(product(KINDS, FLAGS)))
def test_relation_is_eq_6_with_its_gradients(kind: str, loops: bool) -> None:
    C, X, Xr = random(N, N).requires_grad_(), random(N, M, seed=1), random(N, M, seed=2).requires_grad_()
    expected = written_out(C, X, Xr, kind, loops)
    value = losses.relation(C, X, Xr, kind=kind, self_loops=loops, through=True)
    assert float(value.detach()) == pytest.approx(float(expected.detach()))
    for ours, theirs in zip(torch.autograd.grad(value, (C, Xr)), torch.autograd.grad(expected, (C, Xr)), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_graph_gives_the_same_value_and_no_gradient_to_c(kind: str) -> None:
    C, X, Xr = random(N, N).requires_grad_(), random(N, M, seed=1), random(N, M, seed=2).requires_grad_()
    through, stopped = (losses.relation(C, X, Xr, kind=kind, through=flag) for flag in FLAGS)
    assert float(through.detach()) == float(stopped.detach())
    to_C, to_Xr = torch.autograd.grad(stopped, (C, Xr), allow_unused=True)
    assert to_C is None
    torch.testing.assert_close(to_Xr, torch.autograd.grad(through, Xr)[0])


@pytest.mark.parametrize("loops", FLAGS)
def test_the_identity_that_bounds_the_relation_below(loops: bool) -> None:
    """||X - Xr||^2 + 2 Tr(X^T L Xr) = ||Xr - S_n X||^2 + ||X||^2 - ||S_n X||^2, which is never negative."""
    for seed in range(20):
        C, X, Xr = random(N, N, seed=seed), random(N, M, seed=100 + seed), 3 * random(N, M, seed=200 + seed)
        S_n = torch.eye(N, dtype=C.dtype) - laplacian(C, "symmetric", loops)
        T = S_n @ X
        square = (Xr - T).square().sum() + X.square().sum() - T.square().sum()
        assert float(losses.relation(C, X, Xr, self_loops=loops)) == pytest.approx(float(square))
        assert float(losses.relation(C, X, T, self_loops=loops)) >= -1e-9
        assert float(torch.linalg.matrix_norm(S_n, 2)) <= 1 + 1e-9


def test_the_laplacian_kills_what_is_constant_over_the_graph() -> None:
    """L_n D^{1/2} 1 = 0: for X = D^{1/2} 1 the relation is what the reconstruction error alone would be."""
    C, Xr = random(N, N), random(N, 1, seed=3)
    X = graph(C, True).sum(1).sqrt()[:, None]
    assert float(losses.relation(C, X, Xr)) == pytest.approx(float((X - Xr).square().sum()))
    ones = torch.ones(N, 1, dtype=C.dtype)
    assert float(losses.relation(C, ones, ones, kind="random_walk")) == pytest.approx(0, abs=1e-9)


def test_a_sample_without_relations_is_left_alone() -> None:
    C = random(N, N)
    C[2], C[:, 2] = 0, 0
    X, Xr = random(N, M, seed=1), random(N, M, seed=2).requires_grad_()
    value = losses.relation(C.requires_grad_(), X, Xr, self_loops=False, through=True)
    to_C, to_Xr = torch.autograd.grad(value, (C, Xr))
    assert torch.isfinite(to_C).all()
    torch.testing.assert_close(to_Xr[2], 2 * Xr[2].detach())


def test_the_graph_is_built_in_the_memory_it_is_given() -> None:
    C, out = random(N, N), torch.empty(N, N, dtype=torch.float64)
    assert losses.absolute_graph(C, False, out) is out
    torch.testing.assert_close(out, graph(C, False))
    torch.testing.assert_close(losses.absolute_graph(C, True), graph(C, True))


@pytest.mark.parametrize(("norm", "doubled", "raw"), list(product(("l1", "l2"), FLAGS, (None, "gram", "samples"))))
def test_express_is_what_it_says_with_its_gradients(norm: str, doubled: bool, raw: str | None) -> None:
    C, Z, X = random(N, N).requires_grad_(), random(N, D, seed=1).requires_grad_(), random(N, M, seed=2)
    entries = C.abs() if norm == "l1" else C.square()
    penalty = entries.sum() + (entries.diagonal().sum() if doubled else 0)
    error = 0.5 * (X - C @ X).square().sum() if raw else 0 * penalty
    expected = (C @ Z).pow(3).sum() + 0.7 * penalty + 1.3 * error

    given = {None: None, "gram": X @ X.T, "samples": X}[raw]
    Z_hat, ours, residual = losses.express(C, Z, norm=norm, doubled=doubled, raw=given, gram=raw == "gram")
    torch.testing.assert_close(Z_hat, C @ Z)
    assert float(ours.detach()) == pytest.approx(float(penalty.detach()))
    assert float(residual.detach()) == pytest.approx(float(error.detach()))
    total = Z_hat.pow(3).sum() + 0.7 * ours + 1.3 * residual
    for mine, theirs in zip(torch.autograd.grad(total, (C, Z)), torch.autograd.grad(expected, (C, Z)), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_products_keep_the_order_of_the_codes() -> None:
    C, Z = random(N, N), random(D, N, seed=1).T
    for Z_hat in (losses.combine(C, Z), losses.express(C, Z)[0]):
        torch.testing.assert_close(Z_hat, C @ Z)
        assert Z_hat.stride() == Z.stride()
    assert torch.autograd.gradcheck(losses.combine, (C.requires_grad_(), Z.requires_grad_()))


def test_half_precision_products_are_close_and_only_for_float32() -> None:
    A, B = random(40, 60).float(), random(60, 30, seed=1).float()
    half = losses.product(A, B, "bfloat16")
    assert half.dtype == torch.float32
    error = float((half - A @ B).norm() / (A @ B).norm())
    assert 0 < error < 0.01
    assert torch.equal(losses.product(A.double(), B.double(), "bfloat16"), A.double() @ B.double())


def test_rows_of_images_share_their_memory() -> None:
    from core.nets import batch_last

    for shape in ((5, 3, 4), (5, 3, 4, 2)):
        images = batch_last(random(*shape))
        rows = losses.flat(images)
        assert rows.shape == (5, images[0].numel()) and rows.data_ptr() == images.data_ptr()
        torch.testing.assert_close(rows.square().sum(1), images.flatten(1).square().sum(1))

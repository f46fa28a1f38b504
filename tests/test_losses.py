"""Loss terms against their definitions, and the whole step against a port of the published program."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from core import losses
from core.bench import TASKS, bench_epoch, contenders, epoch_ratio
from core.errors import ParameterError, UnknownName
from core.graphs import adaptive_neighbors, laplacian, symmetrized_graph
from core.losses import sparse_tensor
from core.methods.udll import FineTuning


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
    assert float(losses.squared_frobenius(A)) == pytest.approx(float(sum(a * a for a in A.flatten())))


def test_terms_ignore_memory_order() -> None:
    A, B = random(4, 5, 6), random(4, 5, 6, seed=1)
    permuted = B.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert float(losses.reconstruction(A, permuted)) == pytest.approx(float(losses.reconstruction(A, B)))
    assert float(losses.squared_frobenius(permuted)) == pytest.approx(float(losses.squared_frobenius(B)))
    assert float(losses.squared_frobenius(B[:, ::2])) == pytest.approx(float(B[:, ::2].square().sum()))


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
    assert torch.autograd.gradcheck(losses.squared_frobenius, (C,))
    assert torch.autograd.gradcheck(lambda Z: losses.locality(Z, L), (B,))
    assert torch.autograd.gradcheck(losses.symmetric_norm, (C,))
    assert torch.autograd.gradcheck(losses.combine, (C, A))


def test_a_constant_side_gets_no_gradient() -> None:
    X, X_hat = random(3, 4), random(3, 4, seed=1).requires_grad_()
    losses.reconstruction(X, X_hat).backward()
    assert X.grad is None
    torch.testing.assert_close(X_hat.grad, (X_hat - X).detach())


def test_combine_keeps_the_order_of_the_codes() -> None:
    C, Z = random(6, 6), random(9, 6, seed=1).T
    torch.testing.assert_close(losses.combine(C, Z), C @ Z)
    assert losses.combine(C, Z).stride() == Z.stride()


def test_symmetric_part_has_no_diagonal() -> None:
    C = random(5, 5)
    S = losses.symmetric_part(C)
    assert torch.equal(S, S.T)
    assert not S.diagonal().any()
    assert float(S[1, 3]) == pytest.approx(0.5 * float(C[1, 3] + C[3, 1]))
    assert float(losses.symmetric_norm(C)) == pytest.approx(float(S.square().sum()))


SAME_TERM = {
    "reconstruction": "reconstruction",
    "self_expression": "self-expression",
    "regularization": "penalty",
    "locality": "locality",
}


def our_gradients(step: FineTuning) -> list[Tensor]:
    sum(step.terms().values(), torch.zeros(())).backward()
    groups = (step.net.encoder_weights, step.net.encoder_biases, step.net.decoder_weights, step.net.decoder_biases)
    return [p.grad for group in groups for p in group] + [step.C.grad]


def port_gradients(program: torch.nn.Module) -> list[Tensor]:
    sum(program.losses().values(), torch.zeros(())).backward()
    groups = [
        [getattr(layer, kind) for layer in part] for part in (program.encoder, program.decoder) for kind in ("weight", "bias")
    ]
    return [p.grad for group in groups for p in group] + [program.Coef.grad]


@pytest.mark.parametrize("name", ["orl", "coil20"])
def test_step_agrees_with_the_published_program(name: str) -> None:
    images = torch.rand(30, 12, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    ours, session = contenders(name, images, dtype=torch.float64)
    port = session.program
    C = 0.05 * random(30, 30)  # away from the initial constant, where most gradients vanish
    with torch.no_grad():
        ours.C.copy_(C)
        port.Coef.copy_(C)
    scale = TASKS[name].loss_scale  # Eq. 18 is the script's loss up to this factor
    for term, value in port.losses().items():
        assert value.item() == pytest.approx(scale * ours.terms()[SAME_TERM[term]].item(), rel=1e-10), term
    for mine, theirs in zip(our_gradients(ours), port_gradients(port), strict=True):
        assert theirs.abs().max() > 0
        torch.testing.assert_close(scale * mine, theirs, rtol=1e-8, atol=1e-8 * float(theirs.abs().max()))


def test_training_follows_the_published_program() -> None:
    """Adam does not see a common factor of the loss, so the paths agree and not only the first gradients."""
    images = torch.rand(30, 12, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    ours, session = contenders("coil20", images, dtype=torch.float64)
    for _ in range(5):
        ours.descend()
        session.step()
    torch.testing.assert_close(ours.C, session.program.Coef, rtol=1e-3, atol=1e-6)


def test_bench_reports_both_sides() -> None:
    threads = torch.get_num_threads()
    (row,) = bench_epoch(["orl"], 1)
    assert row["dataset"] == "orl"
    assert row["n"] == 400
    assert row["ratio"] == pytest.approx(row["port_ms"] / row["ours_ms"])
    assert torch.get_num_threads() == threads


def test_bench_refuses_what_it_cannot_run() -> None:
    with pytest.raises(UnknownName, match="orl"):
        epoch_ratio("orrl", steps=1)
    with pytest.raises(ParameterError, match="'steps' must be at least 1"):
        epoch_ratio("orl", steps=0)

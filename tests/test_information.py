"""Mutual information and Kullback-Leibler terms against closed forms, quadrature and torch.distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, Normal, kl_divergence

from core import losses
from core.nets import perceptron


def normals(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def log_ratio(x: Tensor, z: Tensor, rho: float) -> Tensor:
    """log p(x, z) / p(x) p(z) of two standard normal numbers with correlation rho."""
    square = rho**2 * (x**2 + z**2) - 2 * rho * x * z
    return -0.5 * math.log(1 - rho**2) - square / (2 * (1 - rho**2))


def divergence_by_quadrature(rho: float) -> float:
    """JSD(p(x, z), p(x) p(z)) on a fine grid."""
    grid = np.linspace(-8, 8, 1601)
    x, z = np.meshgrid(grid, grid)
    q = np.exp(-0.5 * (x**2 + z**2)) / (2 * np.pi)
    p = q * np.exp(log_ratio(torch.from_numpy(x), torch.from_numpy(z), rho).numpy())
    m = 0.5 * (p + q)
    integrand = 0.5 * np.where(p > 0, p * np.log(np.maximum(p, 1e-300) / m), 0) + 0.5 * q * np.log(q / m)
    return float(integrand.sum() * (grid[1] - grid[0]) ** 2)


@pytest.mark.parametrize("rho", [0.3, 0.8, 0.97])
def test_the_bound_of_the_best_discriminator_is_the_divergence_of_gaussians(rho: float) -> None:
    n = 200_000
    x, e, other = normals(3, n)
    z = rho * x + math.sqrt(1 - rho**2) * e
    loss = losses.jensen_shannon_loss(log_ratio(x, z, rho), log_ratio(x, other, rho))
    expected = losses.CHANCE - 2 * divergence_by_quadrature(rho)
    assert loss.item() == pytest.approx(expected, abs=4 / math.sqrt(n))  # each summand has a deviation below 2


def test_no_discriminator_is_better_than_the_best_and_one_that_learns_comes_near() -> None:
    rho, generator = 0.9, torch.Generator().manual_seed(0)
    judge = perceptron([2, 32, 32, 1], generator)
    optimizer = torch.optim.Adam(judge.parameters(), lr=3e-3)
    best = losses.CHANCE - 2 * divergence_by_quadrature(rho)
    seen = []
    for step in range(400):
        x, e, other = normals(3, 2000, seed=step).float()
        z = rho * x + math.sqrt(1 - rho**2) * e
        loss = losses.jensen_shannon_loss(judge(torch.stack([x, z], 1)), judge(torch.stack([x, other], 1)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
    assert seen[0] == pytest.approx(losses.CHANCE, rel=0.1)
    assert best - 0.02 < np.mean(seen[-50:]) < best + 0.06


def test_a_silent_discriminator_is_at_chance_and_huge_logits_stay_finite() -> None:
    silent = torch.zeros(7, 3)
    assert losses.jensen_shannon_loss(silent, silent).item() == pytest.approx(losses.CHANCE)
    assert losses.discriminator_accuracy(silent, silent).item() == pytest.approx(0.5)
    huge = torch.full((5,), 1e4)
    assert losses.jensen_shannon_loss(-huge, huge).item() == pytest.approx(2e4)
    assert losses.jensen_shannon_loss(huge, -huge).item() == 0
    assert losses.discriminator_accuracy(huge, -huge).item() == 1


def gaussians(b: int = 6, d: int = 4) -> tuple[Tensor, Tensor, Independent]:
    mean, log_variance = normals(b, d), normals(b, d, seed=1)
    return mean, log_variance, Independent(Normal(mean, (0.5 * log_variance).exp()), 1)


def test_the_prior_is_the_divergence_from_a_standard_normal_distribution() -> None:
    mean, log_variance, codes = gaussians()
    expected = kl_divergence(codes, Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)).mean()
    assert losses.kl_to_normal(mean, log_variance).item() == pytest.approx(expected.item())
    by_dimension = losses.kl_by_dimension(mean, log_variance)
    assert by_dimension.shape == (4,) and by_dimension.sum().item() == pytest.approx(expected.item())


def test_the_class_prior_is_the_mean_divergence_from_the_gaussians_of_the_classes() -> None:
    mean, log_variance, codes = gaussians()
    centres, posterior = normals(3, 4, seed=2), normals(6, 3, seed=3).softmax(1)
    expected = sum(
        (posterior[:, k] * kl_divergence(codes, Independent(Normal(m.expand(6, 4), torch.ones(6, 4)), 1))).mean()
        for k, m in enumerate(centres)
    )
    assert losses.kl_to_classes(mean, log_variance, centres, posterior).item() == pytest.approx(float(expected))


def test_the_entropy_terms_are_divergences_from_equal_shares() -> None:
    logits = normals(6, 5, seed=3)
    posterior, log_posterior = logits.softmax(1), logits.log_softmax(1)
    uniform = Categorical(torch.full((6, 5), 0.2, dtype=torch.float64))
    expected = kl_divergence(Categorical(posterior), uniform).mean()
    assert losses.kl_to_uniform(log_posterior).item() == pytest.approx(expected.item())
    whole = kl_divergence(Categorical(posterior.mean(0)), Categorical(torch.full((5,), 0.2, dtype=torch.float64)))
    assert losses.imbalance(log_posterior).item() == pytest.approx(whole.item())
    decided = (1e3 * torch.eye(5, dtype=torch.float64)).log_softmax(1)
    assert losses.imbalance(decided).item() == pytest.approx(0, abs=1e-9)
    assert losses.imbalance(decided[:1].expand(5, 5)).item() == pytest.approx(math.log(5))
    assert losses.kl_to_uniform(decided).item() == pytest.approx(math.log(5))


def test_neighbours_agree_where_they_are_decided_and_alike() -> None:
    nearest, weights = torch.tensor([[1], [0], [3], [2]]), torch.ones(4, 1)
    alike, apart = ((1e3 * torch.eye(2)[rows]).log_softmax(1) for rows in ([0, 0, 1, 1], [0, 1, 0, 1]))
    assert losses.disagreement(alike, nearest, weights).item() == pytest.approx(0, abs=1e-5)
    assert losses.disagreement(apart, nearest, weights).item() > 10
    even = torch.full((4, 2), 0.5).log()
    assert losses.disagreement(even, nearest, weights).item() == pytest.approx(math.log(2), abs=1e-5)
    half = torch.tensor([[1.0], [1.0], [0.0], [0.0]])  # an edge that weighs nothing has no say
    mixed = torch.cat([alike[:2], apart[:2]])
    assert losses.disagreement(mixed, nearest, half).item() == pytest.approx(0, abs=1e-5)
    P = normals(4, 2).softmax(1)
    together = torch.stack([(P[i] * P[int(nearest[i, 0])]).sum() for i in range(4)])
    expected = -(together + 1e-6).log().mean()
    assert losses.disagreement(P.log(), nearest, weights.double()).item() == pytest.approx(expected.item())


@pytest.mark.parametrize("gap", [1.0, 104.0, 1e3, 1e6])
def test_terms_of_a_posterior_have_finite_slopes_however_sure_it_is(gap: float) -> None:
    """In single precision exp(-104) is 0, where the slope of an entropy is infinite."""
    logits = (gap * torch.eye(3)).requires_grad_()
    nearest, weights = torch.tensor([[1], [2], [0]]), torch.ones(3, 1)
    found = logits.log_softmax(1)
    for value in (losses.kl_to_uniform(found), losses.imbalance(found), losses.disagreement(found, nearest, weights)):
        (slope,) = torch.autograd.grad(value, logits, retain_graph=True)
        assert value.isfinite() and slope.isfinite().all()

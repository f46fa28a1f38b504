"""VaDE: its terms against torch.distributions, the bound against sampling, and what training starts from and leads to."""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import normalized_mutual_info_score
from sklearn.mixture import GaussianMixture
from torch import distributions

from core import datasets, runs
from core.datasets import DataSpec
from core.methods.deep_centroids.vade import FLOOR, NOISE, kl_to_components, log_joint
from core.runs import RunStore, Status, make_spec
from core.training import Stages, to_host
from tests.test_contract import DATA, digits, small, steps_of
from tests.test_outofsample import run_of

K, D = 4, 3


def parts(n: int = 30) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    """Means and log-variances of n codes, and a mixture."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    return draw(n, D), draw(n, D) - 1, {"logits": draw(K), "means": 2 * draw(K, D), "log_variances": draw(K, D)}


def prior_of(mixture: dict[str, torch.Tensor]) -> distributions.MixtureSameFamily:
    components = distributions.Normal(mixture["means"], (0.5 * mixture["log_variances"]).exp())
    return distributions.MixtureSameFamily(
        distributions.Categorical(logits=mixture["logits"]), distributions.Independent(components, 1)
    )


def test_clusters_of_a_code_are_those_of_the_mixture() -> None:
    Z, _, mixture = parts()
    prior = prior_of(mixture)
    joint = log_joint(Z, mixture)
    torch.testing.assert_close(joint.logsumexp(1), prior.log_prob(Z))
    each = prior.component_distribution.log_prob(Z[:, None]) + prior.mixture_distribution.logits
    torch.testing.assert_close(joint, each)
    torch.testing.assert_close(joint.softmax(1), distributions.Categorical(logits=each).probs)


def test_a_code_far_from_everything_still_belongs_somewhere() -> None:
    method: Any = small("vade")
    method.mixture_ = method.new_mixture(np.zeros(2), np.array([[0.0], [1.0]]), np.array([[-80.0], [0.0]]))
    P = method.posterior(torch.tensor([[1e6], [-1e6], [0.0]]))
    assert P.isfinite().all() and P.sum(1).tolist() == pytest.approx([1, 1, 1]) and P.argmax(1).tolist() == [1, 1, 0]


def test_divergences_are_those_of_normal_and_of_categorical_distributions() -> None:
    mean, log_variance, mixture = parts()
    method: Any = small("vade")
    method.mixture_ = mixture
    z = mean + 0.1
    prior = prior_of(mixture)
    codes = distributions.Normal(mean[:, None], (0.5 * log_variance).exp()[:, None])
    each = distributions.kl_divergence(codes, prior.component_distribution.base_dist).sum(2)
    torch.testing.assert_close(kl_to_components(mean, log_variance, mixture), each)

    class Same:
        decode = staticmethod(lambda z: z)

    found = method.terms(z + 2, mean, log_variance, z, Same(), 0.5)
    own = distributions.Categorical(logits=log_joint(z, mixture))
    torch.testing.assert_close(found["prior"], (own.probs * each).sum(1).mean())
    torch.testing.assert_close(found["clusters"], distributions.kl_divergence(own, prior.mixture_distribution).mean())
    assert found["reconstruction"].item() == pytest.approx(D * 2.0**2 / (2 * 0.5))


def test_the_terms_are_the_bound_that_sampling_finds() -> None:
    """E log p(x, z, c) - log q(z, c | x), with q(c | x) = p(c | z') for one fixed z', z and c drawn from q."""
    mean, log_variance, mixture = parts(1)
    A = torch.tensor([[1.0, 0.5, -1.0], [0.3, 2.0, 0.1]], dtype=torch.float64)
    x, noise, draws = torch.tensor([[0.4, -0.7]], dtype=torch.float64), 0.3, 400_000
    method: Any = small("vade")
    method.mixture_ = mixture

    class Linear:
        decode = staticmethod(lambda z: z @ A.T)

    torch.manual_seed(0)
    q, own = distributions.Normal(mean, (0.5 * log_variance).exp()), log_joint(mean, mixture)[0].log_softmax(0)
    z, c = q.sample((draws,))[:, 0], distributions.Categorical(logits=own).sample((draws,))
    likelihood = distributions.Normal(z @ A.T, noise**0.5).log_prob(x).sum(1)
    joint = log_joint(z, mixture)[torch.arange(draws), c]
    bound = likelihood + joint - q.log_prob(z).sum(1) - own[c]

    found = method.terms(x, mean, log_variance, mean, Linear(), noise)  # z' = mean
    spread = (A.square() @ log_variance.exp()[0]).sum() / (2 * noise)  # what the reconstruction adds on average over z
    constant = 0.5 * x.shape[1] * log(2 * pi * noise)
    expected = -(found["reconstruction"] + spread + found["prior"] + found["clusters"] + constant)
    error = bound.std().item() / draws**0.5
    assert bound.mean().item() == pytest.approx(expected.item(), abs=4 * error) and error < 0.05


def test_the_bound_lies_below_the_likelihood() -> None:
    """Linear and with one cluster log p(x) is known; at the true posterior the bound reaches it."""
    A, noise = torch.tensor([[1.0], [2.0]], dtype=torch.float64), 0.5
    mixture = {
        "logits": torch.zeros(1, dtype=torch.float64),
        "means": torch.tensor([[0.5]], dtype=torch.float64),
        "log_variances": torch.tensor([[log(2.0)]], dtype=torch.float64),
    }
    method: Any = small("vade")
    method.mixture_ = mixture
    x = torch.tensor([[1.0, 0.2]], dtype=torch.float64)
    variance = 1 / (1 / 2.0 + A.square().sum().item() / noise)
    mean = variance * (0.5 / 2.0 + (x @ A).item() / noise)
    likelihood = distributions.MultivariateNormal(0.5 * A[:, 0], 2.0 * A @ A.T + noise * torch.eye(2)).log_prob(x).item()

    class Linear:
        decode = staticmethod(lambda z: z @ A.T)

    def bound(mean: float, variance: float) -> float:
        mu, log_v = (torch.full((1, 1), value, dtype=torch.float64) for value in (mean, log(variance)))
        found = method.terms(x, mu, log_v, mu, Linear(), noise)
        spread = A.square().sum().item() * variance / (2 * noise)
        return -(sum(float(value) for value in found.values()) + spread + log(2 * pi * noise))

    assert bound(mean, variance) == pytest.approx(likelihood)
    assert bound(mean + 0.1, variance) < likelihood and bound(mean, 1.5 * variance) < likelihood


@pytest.mark.parametrize("kind", list(DATA))
def test_training_starts_from_the_pretrained_network_and_the_mixture_of_its_codes(kind: str) -> None:
    X = DATA[kind]()
    method: Any = small("vade", kind, epochs=0)
    arrays = to_host(steps_of(method, X)[-1].arrays)
    np.testing.assert_array_equal(arrays["Z"], arrays["Z_pretrained"])
    Z = arrays["Z"].astype(np.float64)
    oracle = GaussianMixture(
        method.n_clusters, covariance_type="diag", n_init=3, max_iter=300, random_state=0, reg_covar=FLOOR * Z.var(0).mean()
    ).fit(Z)
    np.testing.assert_allclose(arrays["P"], oracle.predict_proba(Z), atol=1e-3)
    np.testing.assert_array_equal(method.labels_, oracle.predict(Z))
    assert (method.mixture_["log_variances"].exp() >= 0.99 * FLOOR * Z.var(0).mean()).all()


@pytest.mark.parametrize("kind", list(DATA))
def test_codes_start_with_a_small_variance_around_the_pretrained_ones(kind: str) -> None:
    X = DATA[kind]()
    method: Any = small("vade", kind, epochs=0)
    method.fit(X)
    data, net = method.coder_.X, method.coder_.net
    mean, log_variance = method.encoding(data, net, method._first_spread(X.shape[1:]))
    torch.testing.assert_close(mean, net.encode(data))
    within = method.mixture_["logits"].softmax(0) @ method.mixture_["log_variances"].exp()
    torch.testing.assert_close(log_variance.exp(), (NOISE * within).expand(len(X), -1))


def test_training_raises_the_bound_and_keeps_every_variance_finite() -> None:
    method: Any = small("vade", network="dense", pretrain_epochs=40, epochs=40, train_batch_size=40)
    stages = Stages()
    steps = [step for step in steps_of(method, digits(), stages) if step.stage == "finetune"]
    losses = [sum(float(value) for value in step.scalars.values()) for step in steps]
    assert losses[-1] < min(losses[:5]) and np.diff(losses).mean() < 0
    assert all(value.isfinite().all() for value in stages.weights().values())
    P = method.posterior(torch.from_numpy(method.embedding_))
    np.testing.assert_array_equal(method.labels_, P.argmax(1).numpy())
    np.testing.assert_allclose(P.sum(1).numpy(), 1, rtol=1e-5)


@pytest.mark.parametrize("noise", [1e-4, 100.0])
def test_any_weight_of_the_prior_ends_with_clusters(noise: float) -> None:
    method: Any = small("vade", noise=noise, epochs=10, learning_rate=0.05)
    for step in method.iter_fit(digits()):
        assert all(np.isfinite(float(value)) for value in step.scalars.values())
    assert np.isfinite(method.embedding_).all() and method.labels_.max() < 10


def test_the_noise_is_that_of_the_pretrained_network_unless_given() -> None:
    X = digits()
    for scale in (1.0, 10.0):
        method: Any = small("vade", noise=None, pixel_range=scale, epochs=0).fit(X)
        on = method.coder_
        assert method._noise(on) == pytest.approx((on.X - on.net(on.X)).square().mean().item())
        assert small("vade", noise=0.2, pixel_range=scale)._noise(on) == pytest.approx(0.2 * scale**2)  # type: ignore


def test_new_samples_take_their_most_likely_cluster(store: RunStore) -> None:
    data = datasets.load("digits", per_class=30)
    fitted, new = data.samples[::2], data.samples[1::2]
    method: Any = small("vade", network="dense", pretrain_epochs=40, epochs=10).fit(fitted)
    Z = torch.from_numpy(method.embed(new))
    expected = log_joint(Z, method.mixture_).argmax(1).numpy()
    np.testing.assert_array_equal(method.predict(new), expected)
    np.testing.assert_array_equal(method.label_codes(Z.numpy()), expected)
    assert normalized_mutual_info_score(data.y[1::2], expected) > 0.4


def test_a_stored_run_labels_new_samples_as_the_method_did(store: RunStore) -> None:
    spec = DataSpec("digits", per_class=10)
    own = {"pretrain_epochs": 3, "epochs": 3, "widths": (12, 6), "network": "dense"}
    run = run_of(store, make_spec("vade", spec, preset="defaults", overrides=own))
    assert run.status == Status.DONE, run.error
    restored = runs.fitted(store, run.id)
    X = datasets.load(spec).samples
    np.testing.assert_array_equal(restored.predict(X), store.files.arrays(run.id, "final", ["labels"])["labels"])
    new = datasets.load("digits", n_samples=50, seed=4).samples
    trained = small("vade", **{**run.spec.params, "n_clusters": 10}).fit(X)
    np.testing.assert_array_equal(restored.predict(new), trained.predict(new))

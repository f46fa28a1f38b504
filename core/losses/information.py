"""Terms of variational codes: mutual information by a discriminator, and Kullback-Leibler divergences of Gaussians.

A code is a Gaussian, z ~ N(mu, diag(v)), given by `mean` mu (b, d) and `log_variance` log v (b, d). Every term is a sum
over the dimensions of the code and a mean over the samples of a batch, in nats.
"""

from __future__ import annotations

from math import log

from torch import Tensor
from torch.nn.functional import softplus

LEAST = 1e-6  # below it, two samples cannot agree less
CHANCE = 2 * log(2)
"""`jensen_shannon_loss` of a discriminator that says nothing, T = 0."""


def jensen_shannon_loss(joint: Tensor, product: Tensor) -> Tensor:
    """E_joint softplus(-T) + E_product softplus(T), the negative Jensen-Shannon bound of mutual information.

    It equals -E log sigma(T) - E log(1 - sigma(T)), DSCDAN Eqs. 8 to 10, without the overflow. The best discriminator is
    T = log p(x, z) / (p(x) p(z)), where the loss is `CHANCE` - 2 JSD(p(x, z), p(x) p(z)), with JSD at most log 2.

    Parameters
    ----------
    joint, product
        Outputs T (logits) of a discriminator for pairs that belong together and for pairs that do not, of any shape.

    References
    ----------
    Hjelm et al., Learning deep representations by mutual information estimation and maximization, ICLR 2019.
    """
    return softplus(-joint).mean() + softplus(product).mean()


def discriminator_accuracy(joint: Tensor, product: Tensor) -> Tensor:
    """Share of the pairs that a discriminator tells right; .5 is chance, 1 means that it is saturated."""
    return 0.5 * ((joint > 0).float().mean() + (product <= 0).float().mean())


def kl_to_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mu, v) || N(0, I)) = 1/2 sum_d (mu_d^2 + v_d - log v_d - 1)."""
    return kl_by_dimension(mean, log_variance).sum()


def kl_by_dimension(mean: Tensor, log_variance: Tensor) -> Tensor:
    """The summands of `kl_to_normal`, (d,): a dimension near 0 says nothing about its sample."""
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).mean(0)


def kl_to_classes(mean: Tensor, log_variance: Tensor, centres: Tensor, posterior: Tensor) -> Tensor:
    """sum_k p(y = k | z) KL(N(mu, v) || N(m_k, I)), the class-wise prior of DSCDAN Eq. 19.

    Parameters
    ----------
    centres : (K, d)
        Means m_k of the classes.
    posterior : (b, K)
        p(y | z); rows sum to 1.
    """
    distances = (mean[:, None] - centres).square().sum(2)
    spread = (log_variance.exp() - log_variance - 1).sum(1)
    return 0.5 * ((posterior * distances).sum(1) + spread).mean()


def kl_to_uniform(log_posterior: Tensor) -> Tensor:
    """KL(p(y | z) || uniform) = sum_k p_k log p_k + log K: 0 where nothing is decided, log K where all is.

    Given by log p (b, K), as the slope of p log p through a softmax is infinite where p has become 0.
    """
    return log(log_posterior.shape[1]) + (log_posterior.exp() * log_posterior).sum(1).mean()


def imbalance(log_posterior: Tensor) -> Tensor:
    """KL of the mean posterior of a batch to the uniform one: 0 where every class takes as many samples.

    It is what `kl_to_uniform` says of the batch as a whole; single samples may be decided.
    """
    return kl_to_uniform(log_posterior.logsumexp(0, keepdim=True) - log(len(log_posterior)))


def disagreement(log_posterior: Tensor, nearest: Tensor, weights: Tensor) -> Tensor:
    """-sum_ij w_ij log(p_i^T p_j + `LEAST`) / sum_ij w_ij over neighbours: 0 where they are decided, for the same class.

    Parameters
    ----------
    log_posterior : (b, K)
        log p.
    nearest, weights : (b, k)
        Positions and weights of the neighbours.
    """
    together = (log_posterior[:, None] + log_posterior[nearest]).logsumexp(2)
    return -(weights * (together.exp() + LEAST).log()).sum() / weights.sum().clamp_min(1e-12)

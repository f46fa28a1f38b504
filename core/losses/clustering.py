"""Clustering losses on codes: entropy minimisation (EML) and maximum margin (MML), TAGnet Eqs. 3.7 to 3.10."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Assignment(NamedTuple):
    """Of a batch: p(j | a) (b, K) and its logarithm, and the scores, of which the largest is the cluster."""

    posterior: Tensor
    log_posterior: Tensor
    scores: Tensor


def assignment(A: Tensor, omega: Tensor, loss: str, temperature: float = 1.0) -> Assignment:
    """EML: p_ij = exp(-w_j^T a_i) / sum_l exp(-w_l^T a_i) (3.8). MML: scores w_j^T a_i, p by their softmax."""
    scores = A @ omega if loss == "mml" else -(A @ omega)
    log_posterior = torch.log_softmax(temperature * scores if loss == "mml" else scores, 1)
    return Assignment(log_posterior.exp(), log_posterior, scores)


def entropy_loss(found: Assignment) -> Tensor:
    """EML: the mean entropy -(1/b) sum_ij p_ij log p_ij (3.7)."""
    return -(found.posterior * found.log_posterior).sum(1).mean()


def margin_loss(found: Assignment) -> Tensor:
    """MML: the mean hinge (1/b) sum_i max(0, 1 + f_r(a_i) - f_y(a_i)), y the largest score and r the runner-up (3.9, 3.10)."""
    best = found.scores.topk(2, dim=1).values
    return (1 + best[:, 1] - best[:, 0]).clamp_min(0).mean()


def effective_clusters(posterior: Tensor) -> Tensor:
    """exp of the entropy of the mean posterior: K where clusters are equally large, 1 where one has everything."""
    share = posterior.mean(0)
    return (-(share * share.clamp_min(1e-12).log()).sum()).exp()

"""Soft assignments of codes to centroids by Student's t, and the target that sharpens them (DEC, IDEC)."""

from __future__ import annotations

import torch
from torch import Tensor


def soft_assignments(Z: Tensor, means: Tensor) -> Tensor:
    """Q (n, K): how much each code belongs to each centroid; rows sum to 1."""
    kernel = 1 / (1 + torch.cdist(Z, means).square())
    return kernel / kernel.sum(dim=1, keepdim=True)


def target_distribution(Q: Tensor) -> Tensor:
    """P (n, K): Q squared over the frequency of each cluster; rows sum to 1."""
    sharpened = Q.square() / Q.sum(dim=0)
    return sharpened / sharpened.sum(dim=1, keepdim=True)


def divergence(P: Tensor, Q: Tensor) -> Tensor:
    """(1/n) KL(P || Q), with 0 log 0 = 0."""
    return (torch.xlogy(P, P) - P * Q.log()).sum() / len(P)

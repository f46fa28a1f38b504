"""What DCCM takes from what it knows: pairs, sure labels, triplets; and its losses on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize, softplus

POSITIONS = 16  # of the first map that are looked at, drawn for each batch
SURE = 1e-6  # how near to 0 and 1 a cosine may come in a logarithm


class Known(NamedTuple):
    """Of a batch: which pairs are of one cluster (b, b), the labels (b,), and whether they are sure (b,)."""

    graph: Tensor
    labels: Tensor
    sure: Tensor


def cosines(P: Tensor) -> Tensor:
    """cos(p_i, p_j), (b, b)."""
    unit = normalize(P, dim=1)
    return unit @ unit.T


def known(P: Tensor, graph_threshold: float, label_threshold: float) -> Known:
    """What softmaxes (b, K) say, which are not trained."""
    top = P.max(1)
    return Known(cosines(P) >= graph_threshold, top.indices, (top.values >= label_threshold).to(P.dtype))


def graph_loss(log_P: Tensor, found: Known) -> Tensor:
    """Cross-entropy of the cosines of softmaxes and the graph, mean over all pairs."""
    S = cosines(log_P.exp()).clamp(SURE, 1 - SURE)
    return -torch.where(found.graph, S.log(), (1 - S).log()).mean()


def label_loss(log_P: Tensor, found: Known) -> Tensor:
    """Cross-entropy of the sure labels, mean over all samples."""
    return -(found.sure * log_P.gather(1, found.labels[:, None])[:, 0]).mean()


def information_loss(own: Tensor, near: Tensor, far: Tensor) -> Tensor:
    """The negative Jensen-Shannon bound, from T of pairs that belong together in two ways, and of those that do not."""
    return 0.5 * (softplus(-own).mean() + softplus(-near).mean()) + softplus(far).mean()


def triplets(
    first: Tensor, Z: Tensor, graph: Tensor, helpers: Mapping[str, Any], noise: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """T of features of the first layer with their own code, with one of the same cluster, and with one of another.

    Partners are drawn at random. A sample that no other cluster is known for is paired with any.
    """
    features = first.flatten(2).transpose(1, 2) if first.ndim == 4 else first[:, None]  # (b, p, c)
    if features.shape[1] > POSITIONS:
        places = torch.randperm(features.shape[1], generator=noise, device=Z.device)[:POSITIONS]
        features = features[:, places]
    drawn = torch.rand(graph.shape, generator=noise, device=graph.device)
    near, far = (drawn + graph).argmax(1), (drawn - graph.to(drawn.dtype)).argmax(1)
    codes = torch.stack([Z, Z[near], Z[far]])[:, :, None].expand(-1, -1, features.shape[1], -1)
    told = helpers["discriminator"](torch.cat([features.expand(3, *features.shape), codes], 3))
    return told[0], told[1], told[2]

r"""DEC: deep embedded clustering, assignments that sharpen themselves (Xie, Girshick and Farhadi, ICML 2016).

A code belongs softly to every centroid, by Student's t kernel, and the target raises what is already sure:

    q_ik = (1 + ||z_i - mu_k||^2)^{-1} / sum_l (1 + ||z_i - mu_l||^2)^{-1},    p_ik = (q_ik^2 / f_k) / sum_l (q_il^2 / f_l),

with f_k = sum_i q_ik. It minimises (1/n) KL(P || Q) over encoder and centroids, and forgets the decoder.

P is computed from all samples at the start of every epoch: frequencies f of a mini-batch alone would be noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.methods.deep_centroids.family import DeepCentroids
from core.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from core.methods.deep_centroids.problem import Batch


def objective(Z: Tensor, M: Tensor) -> Tensor:
    """(1/n) KL(P || Q) of codes Z (n, d) and centroids M (K, d), with P held fixed."""
    Q = 1 / (1 + (Z[:, None] - M).square().sum(2))
    Q = Q / Q.sum(1, keepdim=True)
    P = (Q.square() / Q.sum(0)).detach()
    P = P / P.sum(1, keepdim=True)
    return (P * (P / Q).log()).sum() / len(Z)


@register
class DEC(DeepCentroids):
    """Deep embedded clustering."""

    name = "dec"
    title = "DEC"
    summary = "Pulls codes towards the centroids they are already sure of, and forgets how to reconstruct."
    paper = "Xie, Girshick and Farhadi, ICML 2016"
    objective = r"\min\; \tfrac1n \mathrm{KL}(P \,\Vert\, Q), \quad p_{ik} \propto q_{ik}^2 / \textstyle\sum_j q_{jk}"
    symbols = {"reconstruction": r"\tfrac12 \lVert X - \hat X \rVert_F^2", "clustering": r"\tfrac1n \mathrm{KL}(P \,\Vert\, Q)"}

    def survey(self, Z: Tensor, means: Tensor) -> Tensor:
        from core.methods.deep_centroids.soft_assignments import soft_assignments, target_distribution

        return target_distribution(soft_assignments(Z, means))

    def terms(self, batch: Batch) -> Mapping[str, Tensor]:
        from core.methods.deep_centroids.soft_assignments import divergence, soft_assignments

        assert batch.known is not None
        return {"clustering": divergence(batch.known, soft_assignments(batch.z, batch.means))}

"""IDEC: improved deep embedded clustering (Guo, Gao, Liu and Yin, IJCAI 2017).

DEC forgets how to reconstruct. IDEC keeps the decoder and its loss beside DEC's, so that codes keep the local structure:

    L = 1/2n ||X - decoder(Z)||_F^2 + gamma/n KL(P || Q)

with Q and P as in `core.methods.deep_centroids.dec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.common import real
from core.methods.deep_centroids.family import DeepCentroids
from core.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from core.methods.deep_centroids.problem import Batch


def objective(X: Tensor, X_hat: Tensor, Z: Tensor, M: Tensor, *, gamma: float) -> Tensor:
    """1/2n ||X - X_hat||_F^2 + gamma/n KL(P || Q) of codes Z (n, d) and centroids M (K, d), with P held fixed."""
    Q = 1 / (1 + (Z[:, None] - M).square().sum(2))
    Q = Q / Q.sum(1, keepdim=True)
    P = (Q.square() / Q.sum(0)).detach()
    P = P / P.sum(1, keepdim=True)
    return (X - X_hat).square().sum() / (2 * len(Z)) + gamma * (P * (P / Q).log()).sum() / len(Z)


@register
class IDEC(DeepCentroids):
    """Improved deep embedded clustering."""

    name = "idec"
    title = "IDEC"
    summary = "DEC that keeps reconstructing the data, so that codes keep the local structure."
    paper = "Guo, Gao, Liu and Yin, IJCAI 2017"
    objective = r"\min\; \tfrac{1}{2n} \lVert X - \hat X \rVert_F^2 + \tfrac{\gamma}{n} \mathrm{KL}(P \,\Vert\, Q)"
    symbols = {
        "reconstruction": r"\tfrac{1}{2n} \lVert X - \hat X \rVert_F^2",
        "clustering": r"\tfrac{\gamma}{n} \mathrm{KL}(P \,\Vert\, Q)",
    }

    gamma: float = real(
        0.1, symbol=r"\gamma", low=0, high=1e4, soft=(1e-3, 10), log=True, group="Objective",
        help="Weight of the clustering loss beside the reconstruction.",
    )  # fmt: skip

    def survey(self, Z: Tensor, means: Tensor) -> Tensor:
        from core.methods.deep_centroids.soft_assignments import soft_assignments, target_distribution

        return target_distribution(soft_assignments(Z, means))

    def terms(self, batch: Batch) -> Mapping[str, Tensor]:
        from core.methods.deep_centroids.soft_assignments import divergence, soft_assignments

        assert batch.known is not None
        clustering = self.gamma * divergence(batch.known, soft_assignments(batch.z, batch.means))
        return {"reconstruction": batch.reconstruction(), "clustering": clustering}

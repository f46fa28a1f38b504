r"""DCN, deep clustering network (Yang, Fu, Sidiropoulos and Hong, ICML 2017): k-means in the codes while they are learnt.

    min (1/n) sum_i [ 0.5 ||x_i - x_hat_i||^2 + (lambda/2) ||z_i - mu_{s_i}||^2 ],    s_i the nearest centroid of z_i

Each mini-batch in turn: a gradient step on the network with centroids and assignments fixed, then every centroid takes in the
codes of its samples as a running mean, mu_k <- mu_k - (1/c_k)(mu_k - z_i), where c_k counts what it has taken in so far
(the paper's Eq. 8; those of one batch are taken in together).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.common import real
from core.methods.deep_centroids.family import DeepCentroids
from core.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from core.methods.deep_centroids.problem import Batch


def objective(X: Tensor, X_hat: Tensor, Z: Tensor, M: Tensor, *, lambda_: float) -> Tensor:
    """1/2n ||X - X_hat||_F^2 + lambda/2n sum_i ||z_i - mu_(s_i)||^2, mu_(s_i) the centroid nearest to z_i, held fixed."""
    distances = (Z[:, None] - M.detach()).square().sum(2)
    return ((X - X_hat).square().sum() + lambda_ * distances.min(1).values.sum()) / (2 * len(Z))


@register
class DCN(DeepCentroids):
    """Deep clustering network."""

    name = "dcn"
    title = "DCN"
    summary = "Learns codes that reconstruct the data and lie close to their k-means centroid."
    paper = "Yang, Fu, Sidiropoulos and Hong, ICML 2017"
    objective = (
        r"\min\; \tfrac{1}{2n} \lVert X - \hat X \rVert_F^2 + "
        r"\tfrac{\lambda}{2n} \textstyle\sum_i \lVert z_i - \mu_{s_i} \rVert^2"
    )
    symbols = {
        "reconstruction": r"\tfrac{1}{2n} \lVert X - \hat X \rVert_F^2",
        "clustering": r"\tfrac{\lambda}{2n} \textstyle\sum_i \lVert z_i - \mu_{s_i} \rVert^2",
    }
    learns_centroids = False

    lambda_: float = real(
        0.1, symbol=r"\lambda", low=0, high=1e4, soft=(1e-3, 10), log=True, group="Objective",
        help="Weight of the distance to the centroid.",
    )  # fmt: skip

    def terms(self, batch: Batch) -> Mapping[str, Tensor]:
        import torch

        z, fixed = batch.z, batch.means.detach()
        nearest = fixed[torch.cdist(z.detach(), fixed).argmin(dim=1)]
        clustering = 0.5 * self.lambda_ * (z - nearest).square().sum() / len(z)
        return {"reconstruction": batch.reconstruction(), "clustering": clustering}

    def moved(self, z: Tensor, centroids: Any) -> None:
        import torch

        labels = centroids.nearest(z)
        taken = torch.bincount(labels, minlength=len(centroids.means)).to(z.dtype)
        sums = torch.zeros_like(centroids.means).index_add_(0, labels, z)
        with torch.no_grad():
            centroids.counts += taken
            centroids.means += (sums - taken[:, None] * centroids.means) / centroids.counts.clamp(min=1)[:, None]

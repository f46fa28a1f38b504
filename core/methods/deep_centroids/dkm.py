r"""DKM, deep k-means (Moradi Fard, Thonet and Gaussier, Pattern Recognition Letters 2020): a k-means loss with a gradient.

    min (1/n) sum_i [ 0.5 ||x_i - x_hat_i||^2 + lambda sum_k ||z_i - mu_k||^2 G_k(z_i) ],
    G_k(z) = exp(-alpha ||z - mu_k||^2) / sum_l exp(-alpha ||z - mu_l||^2)

The softmin G tends to the assignment to the nearest centroid as alpha grows, so codes and centroids can be learnt together by
gradients. With a pretrained network the paper keeps alpha = 1000.
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


def objective(X: Tensor, X_hat: Tensor, Z: Tensor, M: Tensor, *, lambda_: float, alpha: float) -> Tensor:
    """1/2n ||X - X_hat||_F^2 + lambda/n sum_ik G_k(z_i) ||z_i - mu_k||^2, G the softmax of -alpha ||z_i - mu_k||^2."""
    distances = (Z[:, None] - M).square().sum(2)
    G = (-alpha * distances).exp() / (-alpha * distances).exp().sum(1, keepdim=True)
    return (X - X_hat).square().sum() / (2 * len(Z)) + lambda_ * (G * distances).sum() / len(Z)


@register
class DKM(DeepCentroids):
    """Deep k-means."""

    name = "dkm"
    title = "DKM"
    summary = "Learns codes and centroids together, with a k-means loss smooth enough for gradients."
    paper = "Moradi Fard, Thonet and Gaussier, Pattern Recognition Letters 2020"
    objective = (
        r"\min\; \tfrac{1}{2n} \lVert X - \hat X \rVert_F^2 + "
        r"\tfrac{\lambda}{n} \textstyle\sum_{ik} G_k(z_i) \lVert z_i - \mu_k \rVert^2"
    )
    symbols = {
        "reconstruction": r"\tfrac{1}{2n} \lVert X - \hat X \rVert_F^2",
        "clustering": r"\tfrac{\lambda}{n} \textstyle\sum_{ik} G_k(z_i) \lVert z_i - \mu_k \rVert^2",
    }

    lambda_: float = real(
        0.1, symbol=r"\lambda", low=0, high=1e4, soft=(1e-3, 10), log=True, group="Objective",
        help="Weight of the distance to the centroids.",
    )  # fmt: skip
    alpha: float = real(
        1000.0, symbol=r"\alpha", low=1e-6, high=1e9, soft=(0.1, 1e4), log=True, group="Objective",
        help="How sharply a code belongs to its nearest centroid alone.",
    )  # fmt: skip

    def terms(self, batch: Batch) -> Mapping[str, Tensor]:
        clustering = self.lambda_ * soft_distances(batch.z, batch.means, self.alpha).mean()
        return {"reconstruction": batch.reconstruction(), "clustering": clustering}


def soft_distances(z: Tensor, means: Tensor, alpha: float) -> Tensor:
    """sum_k G_k(z_i) ||z_i - mu_k||^2 for each code, (b,)."""
    squared = (z[:, None] - means).square().sum(dim=2)
    return ((-alpha * squared).softmax(dim=1) * squared).sum(dim=1)

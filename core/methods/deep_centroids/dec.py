r"""DEC (Xie, Girshick and Farhadi, ICML 2016) and IDEC (Guo, Gao, Liu and Yin, IJCAI 2017): assignments sharpen themselves.

A code belongs softly to every centroid, by Student's t kernel, and the target raises what is already sure:

    q_ik = (1 + ||z_i - mu_k||^2)^{-1} / sum_l (1 + ||z_i - mu_l||^2)^{-1},    p_ik = (q_ik^2 / f_k) / sum_l (q_il^2 / f_l),

with f_k = sum_i q_ik. DEC minimises KL(P || Q) over encoder and centroids, and forgets the decoder; IDEC keeps it:

    DEC:  (1/n) KL(P || Q),        IDEC:  (1/n) 0.5 ||X - X_hat||_F^2 + (gamma/n) KL(P || Q).

P is computed from all samples at the start of every epoch: frequencies f of a mini-batch alone would be noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.common import real
from core.methods.deep_centroids.family import CentroidClustering
from core.methods.registry import register

if TYPE_CHECKING:
    import torch

    from core.nets import AutoEncoder

_KL = r"\tfrac1n \mathrm{KL}(P \,\Vert\, Q)"


@dataclass(kw_only=True)
class SelfSharpening(CentroidClustering):
    """A method whose target distribution comes from its own soft assignments."""

    def survey(self, Z: torch.Tensor, means: torch.Tensor) -> torch.Tensor:
        return target_distribution(soft_assignments(Z, means))


def soft_assignments(Z: torch.Tensor, means: torch.Tensor) -> torch.Tensor:
    """Q (n, K): how much each code belongs to each centroid; rows sum to 1."""
    import torch

    kernel = 1 / (1 + torch.cdist(Z, means).square())
    return kernel / kernel.sum(dim=1, keepdim=True)


def target_distribution(Q: torch.Tensor) -> torch.Tensor:
    """P (n, K): Q squared over the frequency of each cluster; rows sum to 1."""
    sharpened = Q.square() / Q.sum(dim=0)
    return sharpened / sharpened.sum(dim=1, keepdim=True)


def divergence(P: torch.Tensor, Q: torch.Tensor) -> torch.Tensor:
    """(1/n) KL(P || Q), with 0 log 0 = 0."""
    import torch

    return (torch.xlogy(P, P) - P * Q.log()).sum() / len(P)


@register
class DEC(SelfSharpening):
    """Deep embedded clustering."""

    name = "dec"
    title = "DEC"
    summary = "Pulls codes towards the centroids they are already sure of, and forgets how to reconstruct."
    paper = "Xie, Girshick and Farhadi, ICML 2016"
    objective = r"\min\; \tfrac1n \mathrm{KL}(P \,\Vert\, Q), \quad p_{ik} \propto q_{ik}^2 / \textstyle\sum_j q_{jk}"
    symbols = {"reconstruction": r"\tfrac12 \lVert X - \hat X \rVert_F^2", "clustering": _KL}
    published = {  # as DSCDAN's Table 3 and RGRL's Table 4 report
        "mnist": 0.863, "mnist_test": 0.856, "usps": 0.762, "fashion_mnist": 0.518, "mnist_1000": 0.612, "coil20": 0.7215,
        "coil40": 0.4872, "orl": 0.5175, "yaleb": 0.2303,
    }  # fmt: skip

    def terms(
        self, x: torch.Tensor, z: torch.Tensor, means: torch.Tensor, net: AutoEncoder, known: torch.Tensor | None
    ) -> Mapping[str, torch.Tensor]:
        assert known is not None
        return {"clustering": divergence(known, soft_assignments(z, means))}


@register
class IDEC(SelfSharpening):
    """Improved deep embedded clustering."""

    name = "idec"
    title = "IDEC"
    summary = "DEC that keeps reconstructing the data, so that codes keep the local structure."
    paper = "Guo, Gao, Liu and Yin, IJCAI 2017"
    objective = r"\min\; \tfrac{1}{2n} \lVert X - \hat X \rVert_F^2 + \tfrac{\gamma}{n} \mathrm{KL}(P \,\Vert\, Q)"
    symbols = {
        "reconstruction": r"\tfrac{1}{2n} \lVert X - \hat X \rVert_F^2",
        "clustering": r"\gamma\, " + _KL,
    }
    published = {"mnist": 0.881, "mnist_test": 0.846, "usps": 0.761, "fashion_mnist": 0.529}  # DSCDAN's Table 3

    gamma: float = real(
        0.1, symbol=r"\gamma", low=0, high=1e4, soft=(1e-3, 10), log=True, group="Objective",
        help="Weight of the clustering loss beside the reconstruction.",
    )  # fmt: skip

    def terms(
        self, x: torch.Tensor, z: torch.Tensor, means: torch.Tensor, net: AutoEncoder, known: torch.Tensor | None
    ) -> Mapping[str, torch.Tensor]:
        assert known is not None
        clustering = self.gamma * divergence(known, soft_assignments(z, means))
        return {"reconstruction": self.reconstruction(x, z, net), "clustering": clustering}

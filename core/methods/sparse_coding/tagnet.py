r"""TAGnet: a task-specific and graph-regularised network for clustering (Wang et al., SDM 2016).

The network unrolls K_s + 1 iterations of graph-regularised sparse coding (`core.methods.sparse_coding.gsc`),

    Z_1 = h_theta(X W^T),   Z_(t+1) = h_theta(X W^T + Z_t S^T - alpha/N L Z_t),   h_theta(u) = sign(u) (|u| - theta)_+

from W = D / N, S = I - D D^T / N, theta = lam / N (Theorem 3.1 and Eq. 3.5), and learns W, S, theta and clusters omega together
from a clustering loss on its last codes A, the entropy of the memberships (EML) or a margin (MML).

There is no program of the authors. What the paper leaves open, and how it is settled here

- The Laplacian acts from the left on rows, with a minus sign. With the paper's N, which leaves the graph out, the iteration
  diverges for a strong graph; ``bound="safe"`` adds alpha lmax(L).
- A batch gets the Laplacian of the edges inside it, and holds samples with their neighbours.
- Both losses have worthless optima. ``balance`` and ``agreement`` keep clusters alive and are ours. The preset coil20-paper
  has neither, the paper's N and its plain gradient steps: it empties clusters, and the curve of effective clusters shows it.
- omega "by minimising the loss over the codes" has the same worthless optima. It is fitted to labels that come from the model
  or the graph: see ``start``. ``epochs=0`` stops there, which is the paper's baseline NJ.
- Samples are centred and of unit norm, see `core.methods.sparse_coding.learnt_dictionary`.

What mattered, in this order: clusters that start from a strong graph (alpha of some hundreds with the normalised L, weights
by shared neighbours), through k-means on converged codes or through the cut; a start that is sure of itself, without which
clusters die; agreement of neighbours, without which training undoes part of the start; equal sizes. From such a start the
paper's own loss adds nothing that could be measured.

New samples go through the same layers, joined to the codes of their nearest training samples at each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from core.common import held
from core.methods.registry import register
from core.methods.sparse_coding.family import ClusterCoding
from core.methods.sparse_coding.layers import Layers
from core.methods.sparse_coding.neighbor_links import LinkedSamples

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.nets import Coder


def unrolled(
    X: Tensor, W: Tensor, S: Tensor, theta: Tensor, L: Tensor, *, alpha: float, N: float, n_stages: int
) -> list[Tensor]:
    """Z_1, Z_2, ..., A (n, p) of samples X (n, m), literally."""

    def h(U: Tensor) -> Tensor:
        return U.sign() * (U.abs() - theta).clamp_min(0)

    codes = [h(X @ W.T)]
    for _ in range(n_stages):
        codes.append(h(X @ W.T + codes[-1] @ S.T - alpha / N * L @ codes[-1]))
    return codes


def clustering(
    A: Tensor, omega: Tensor, P: Tensor, *, loss: str, nu: float, balance: float, agreement: float, margin_weight: float,
    temperature: float,
) -> Tensor:  # fmt: skip
    """nu C(A, omega) for codes A (n, p), and our terms for clusters of one size and for neighbours P (n, n) in one of them."""
    f = A @ omega
    if loss == "eml":
        p = (-f).softmax(1)  # 3.8
        C = nu * -(p * p.log()).sum(1).mean()  # 3.7
    else:
        p = (temperature * f).softmax(1)
        f_y, f_r = f.topk(2).values.T  # 3.10
        C = nu * (1 + f_r - f_y).clamp_min(0).mean() + margin_weight / 2 * omega.square().sum()  # 3.9
    share = p.mean(0)
    unequal = (share * (len(share) * share).log()).sum()
    apart = -(P * (p @ p.T + 1e-6).log()).sum() / P.sum()
    return C + balance * unequal + agreement * apart


def objective(
    X: Tensor, W: Tensor, S: Tensor, theta: Tensor, omega: Tensor, L: Tensor, P: Tensor, *, alpha: float, N: float,
    n_stages: int, unit: float, **weights: Any,
) -> Tensor:  # fmt: skip
    """C(A, omega), the codes counting in their unit."""
    A = unrolled(X, W, S, theta, L, alpha=alpha, N=N, n_stages=n_stages)[-1]
    return clustering(A / unit, omega, P, **weights)


@register
class TAGnet(ClusterCoding):
    """Unrolled graph-regularised sparse coding, trained by a clustering loss."""

    name = "tagnet"
    title = "TAGnet"
    summary = "Unrolls graph-regularised sparse coding into a network and trains it by how clearly its codes form clusters."
    paper = "Wang, Chang, Zhou, Wang and Huang, SDM 2016"
    objective = (
        r"\min\; C(A, \omega),\quad A = h_\theta(XW^\top + Z_2 S^\top - \tfrac{\alpha}{N} L Z_2),\;"
        r" Z_2 = h_\theta(XW^\top + Z_1 S^\top - \tfrac{\alpha}{N} L Z_1),\; Z_1 = h_\theta(XW^\top)"
    )

    layers = held(Layers)

    def new_coder(self, X: NDArray, atoms: NDArray | None, graph: LinkedSamples, generator: torch.Generator) -> Coder:
        assert atoms is not None
        return self.layers.unrolled(self.sparse, atoms, graph)

    @classmethod
    def codes_held(cls, params: Mapping[str, Any]) -> int:
        return cls.layers.of(params).count

    @classmethod
    def coder_parameters(cls, n_features: int, params: Mapping[str, Any]) -> int:
        return Layers.unrolled_parameters(n_features, cls.atoms.of(params).n_atoms)

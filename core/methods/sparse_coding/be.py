"""BE, the baseline encoder that TAGnet is compared with: dense rectified layers under the same clustering loss.

    C(A, omega),   A = r(W_3 r(W_2 r(W_1 x))),   r(u) = max(u, 0), with biases

It has as many layers as TAGnet has shrinkages and no graph inside. Start, losses and training are those of
`core.methods.sparse_coding.family`, so sparse coding and graph have a say in its first clusters; with ``start="kmeans"``
they have none. (The paper says that it has as many parameters, which holds only without the weights that TAGnet shares.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from core.common import held
from core.methods.registry import register
from core.methods.sparse_coding.family import ClusterCoding
from core.methods.sparse_coding.layers import Layers
from core.methods.sparse_coding.neighbor_links import LinkedSamples
from core.methods.sparse_coding.tagnet import clustering

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.nets import Coder


def objective(
    X: Tensor, layers: Sequence[tuple[Tensor, Tensor]], omega: Tensor, P: Tensor, *, unit: float, **weights: Any
) -> Tensor:
    """C(A, omega) for layers of weights and biases, the codes counting in their unit."""
    A = X
    for W, b in layers:
        A = (A @ W.T + b).clamp_min(0)
    return clustering(A / unit, omega, P, **weights)


@register
class BE(ClusterCoding):
    """Dense layers trained by a clustering loss."""

    name = "be"
    title = "BE"
    summary = "Three dense layers trained by how clearly their codes form clusters: TAGnet's start and losses, other layers."
    paper = "Wang, Chang, Zhou, Wang and Huang, SDM 2016, as a baseline"
    objective = r"\min\; C(A, \omega),\quad A = r(W_3\, r(W_2\, r(W_1 x))),\; r(u) = \max(u, 0)"
    restored_from = ()
    shows_atoms = False

    layers = held(Layers)

    def new_coder(self, X: NDArray, atoms: NDArray | None, graph: LinkedSamples, generator: torch.Generator) -> Coder:
        from core.nets import DenseEncoder

        return DenseEncoder(X.shape[1], self.atoms.n_atoms, self.layers.count, generator)

    @classmethod
    def codes_held(cls, params: Mapping[str, Any]) -> int:
        return cls.layers.of(params).count

    @classmethod
    def coder_parameters(cls, n_features: int, params: Mapping[str, Any]) -> int:
        p, depth = cls.atoms.of(params).n_atoms, cls.layers.of(params).count
        return p * n_features + p + (depth - 1) * (p * p + p)

"""BE, the baseline encoder that TAGnet is compared with: dense rectified layers under the same clustering loss.

It has as many layers as TAGnet has shrinkages and no graph inside. Start, losses and training are those of
`core.methods.sparse_coding.family`, so sparse coding and graph have a say in its first clusters; with ``start="kmeans"``
they have none. (The paper says that it has as many parameters, which holds only without the weights that TAGnet shares.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from core.methods.registry import register
from core.methods.sparse_coding.family import LayeredCoding
from core.methods.sparse_coding.tagnet import TAGnet

if TYPE_CHECKING:
    import torch

    from core.nets import Coder


@register
class BE(LayeredCoding):
    """Dense layers trained by a clustering loss."""

    name = "be"
    title = "BE"
    summary = "Three dense layers trained by how clearly their codes form clusters: TAGnet's start and losses, other layers."
    paper = "Wang, Chang, Zhou, Wang and Huang, SDM 2016, as a baseline"
    objective = r"\min\; C(A, \omega),\quad A = r(W_3\, r(W_2\, r(W_1 x))),\; r(u) = \max(u, 0)"
    restored_from = ()
    shows_atoms = False
    symbols = TAGnet.symbols
    gauges = TAGnet.gauges
    published = {"mnist": 0.5401, "coil20": 0.7441}
    published_mml = {"mnist": 0.6521, "coil20": 0.7645}

    def new_coder(self, n_features: int, generator: torch.Generator) -> Coder:
        from core.nets import DenseEncoder

        return DenseEncoder(n_features, self.n_atoms, self.n_stages + 1, generator)

    def embed(self, X: NDArray) -> NDArray:
        import torch

        from core.graphs.batches import Laplacian

        data = torch.from_numpy(self.prepared(X)).to(self.device)
        return self._codes(data, Laplacian(self.graph_.edges, self.laplacian))[-1].cpu().numpy()

    @classmethod
    def coder_parameters(cls, n_features: int, params: Mapping[str, Any]) -> int:
        p, depth = int(params["n_atoms"]), int(params["n_stages"]) + 1
        return p * n_features + p + (depth - 1) * (p * p + p)

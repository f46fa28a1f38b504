r"""TAGnet and DTAGnet: a task-specific and graph-regularised network for clustering (Wang et al., SDM 2016).

The network unrolls K_s + 1 iterations of graph-regularised sparse coding (`core.nets.unrolled`,
`core.methods.sparse_coding.gsc`) and learns dictionary, thresholds and clusters together from a clustering loss on its
codes (`core.methods.sparse_coding.family`). DTAGnet adds such a loss, with a number of clusters of its own, to the first
two layers of codes.

There is no program of the authors. What the paper leaves open, and how it is settled here

- The Laplacian acts from the left on rows, with a minus sign. With the paper's N, which leaves the graph out, the iteration
  diverges for a strong graph; ``bound="safe"`` adds alpha lmax(L).
- A batch gets the Laplacian of the edges inside it, and holds samples with their neighbours.
- Both losses have worthless optima. ``balance`` and ``agreement`` keep clusters alive and are ours. The preset coil20-paper
  has neither, the paper's N and its plain gradient steps: it empties clusters, and the curve of effective clusters shows it.
- omega "by minimising the loss over the codes" has the same worthless optima. It is fitted to labels that come from the model
  or the graph: see ``start``. ``epochs=0`` stops there, which is the paper's baseline NJ.
- Samples are centred and of unit norm, see `core.methods.sparse_coding.dictionary`.

What mattered, in this order: clusters that start from a strong graph (alpha of some hundreds with the normalised L, weights
by shared neighbours), through k-means on converged codes or through the cut; a start that is sure of itself, without which
clusters die; agreement of neighbours, without which training undoes part of the start; equal sizes. From such a start the
paper's own loss adds nothing that could be measured.

New samples go through the same layers, joined to the codes of their nearest training samples at each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from core.common import ParameterError, real, sizes
from core.methods.registry import register
from core.methods.sparse_coding.family import LayeredCoding
from core.training import Arrays

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.graphs.batches import Laplacian
    from core.nets import Coder

SURROGATE = (4, 4)  # clusters of Z1 and Z2 for data without further columns of labels
COIL20: Mapping[str, Any] = {
    "alpha": 1000.0, "weights": "shared", "n_neighbors": 5, "sweeps": 8, "entropy": 0.1, "balance": 3.0, "agreement": 3.0,
    "start": "codes", "epochs": 150,
}  # fmt: skip


@register
class TAGnet(LayeredCoding):
    """Unrolled graph-regularised sparse coding, trained by a clustering loss."""

    name = "tagnet"
    title = "TAGnet"
    summary = "Unrolls graph-regularised sparse coding into a network and trains it by how clearly its codes form clusters."
    paper = "Wang, Chang, Zhou, Wang and Huang, SDM 2016"
    objective = (
        r"\min\; C(A, \omega),\quad A = h_\theta(XW^\top + Z_2 S^\top - \tfrac{\alpha}{N} L Z_2),\;"
        r" Z_2 = h_\theta(XW^\top + Z_1 S^\top - \tfrac{\alpha}{N} L Z_1),\; Z_1 = h_\theta(XW^\top)"
    )
    symbols = {
        "reconstruction": r"\lVert X - A D \rVert_F / \sqrt{nm}",
        "clustering": r"\nu\, C(A, \omega)",
        "norm": r"\tfrac{\lambda_m}{2} \lVert \omega \rVert^2",
        "imbalance": r"b\, \mathrm{KL}(\bar p \,\Vert\, u)",
        "disagreement": r"-\mu\, \overline{\log p_i^\top p_j}",
    }
    gauges = {"clusters": "Effective number of clusters"}
    published = {"mnist": 0.6704, "coil20": 0.8553}
    published_mml = {"mnist": 0.6922, "coil20": 0.8991}

    def new_coder(self, n_features: int, generator: torch.Generator) -> Coder:
        from core.nets import TAGNet

        return TAGNet(self.atoms_, self.n_stages, lam=self.lam, alpha=self.alpha, N=self.step_bound())

    def embed(self, X: NDArray) -> NDArray:
        """Codes of single samples, joined to those of training at every layer."""
        import torch

        from core.nets import TAGNet

        known = [Z * self.net_.unit for Z in self.known_]
        with torch.no_grad():
            codes = cast(TAGNet, self.net_).continued(*self.joined_tensors(X), known)
            return (codes[-1] / self.net_.unit).cpu().numpy()

    @classmethod
    def coder_parameters(cls, n_features: int, params: Mapping[str, Any]) -> int:
        p = int(params["n_atoms"])
        return p * n_features + p * p + p


@register
class DTAGnet(TAGnet):
    """TAGnet with clustering losses at its first two layers of codes."""

    name = "dtagnet"
    title = "DTAGnet"
    summary = "TAGnet whose first two layers of codes must fall into clusters too, of their own number."
    objective = r"\min\; C(A, \omega) + \textstyle\sum_{t=1}^{2} c_t\, C(Z_t, \omega_t)"
    published = published_mml = {}

    layer_clusters: tuple[int, ...] | None = sizes(
        None, symbol="K_t", low=2, high=1000, group="Objective", optional=True, none_means="by the label columns",
        help="Clusters of the codes Z1 and Z2; none takes as many as the further columns of labels have values, and then the "
        f"classes, or {SURROGATE[0]} each where there is no such column. With as many as the data have, they are those of the "
        "last layer.",
    )  # fmt: skip
    layer_weight: float = real(
        1.0, symbol="c_t", low=0, high=1e3, soft=(0.01, 1), log=True, group="Objective", help="Weight of their losses."
    )  # fmt: skip

    @classmethod
    def by_columns(cls, params: Mapping[str, Any], columns: Sequence[int], n_classes: int | None) -> dict[str, Any]:
        counts = [count for count in columns if count > 1]
        if params["layer_clusters"] is not None or not counts:
            return {}
        counts += [n_classes] if n_classes else []
        return {"layer_clusters": tuple(counts[: min(2, params["n_stages"])])}

    @property
    def inner_clusters(self) -> tuple[int, ...]:
        """K_1 and K_2, as far as there are such layers."""
        return self.layer_clusters or SURROGATE[: self.n_stages]

    def check_data(self, X: NDArray) -> None:
        super().check_data(X)
        most = min(2, self.n_stages)
        if len(self.inner_clusters) > most or max(self.inner_clusters) >= len(X):
            raise ParameterError(
                f"The 'layer_clusters' parameter of {self.name} must list at most {most} numbers with {self.n_stages} stages, "
                f"each less than the number of samples, {len(X)}. Got {self.inner_clusters} instead."
            )

    def supervised(self, K: int) -> Mapping[int, tuple[int, float]]:
        layers = {t: (count, self.layer_weight) for t, count in enumerate(self.inner_clusters)}
        return {**layers, **super().supervised(K)}

    def seen(self, X: Tensor, L: Laplacian) -> Arrays:
        """Memberships of Z1 and Z2 in their own clusters too."""
        own = range(len(self.clusters_) - 1)
        return {
            **super().seen(X, L),
            **{f"P{t + 1}": lambda t=t: self.memberships(self._codes(X, L)[t], t) for t in own},  # type: ignore[misc]
        }  # fmt: skip

    def side_labels(self, arrays: Arrays) -> Mapping[str, NDArray[np.int64]]:
        return {name.replace("P", "Z"): arrays[name].argmax(axis=1) for name in ("P1", "P2") if name in arrays}

    @classmethod
    def coder_parameters(cls, n_features: int, params: Mapping[str, Any]) -> int:
        own = sum(params["layer_clusters"] or SURROGATE) * params["n_atoms"]
        return super().coder_parameters(n_features, params) + own

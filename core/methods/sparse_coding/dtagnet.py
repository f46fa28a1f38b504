r"""DTAGnet: TAGnet with clustering losses at its first two layers of codes too (Wang et al., SDM 2016, section 4).

    C(A, omega) + sum_t c_t C(Z_t, omega_t)

Each of them has a number of clusters of its own: poses at one layer, say, and expressions at the next, under identities at
the last. The paper says nothing of the weights c_t; a plain sum, 1 each, is the default, and the presets have less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.common import ParameterError, held, real, sizes
from core.methods.registry import register
from core.methods.sparse_coding.family import ClusterCoding
from core.methods.sparse_coding.layers import Layers
from core.methods.sparse_coding.neighbor_links import LinkedSamples
from core.methods.sparse_coding.tagnet import clustering, unrolled
from core.training import Arrays

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.nets import Coder

SURROGATE = (4, 4)  # clusters of Z1 and Z2 for data without further columns of labels


def objective(
    X: Tensor, W: Tensor, S: Tensor, theta: Tensor, omegas: Sequence[Tensor | None], L: Tensor, P: Tensor, *, alpha: float,
    N: float, n_stages: int, unit: float, layer_weight: float, **weights: Any,
) -> Tensor:  # fmt: skip
    """C(A, omega) + sum_t c_t C(Z_t, omega_t) for clusters omega_1, omega_2, ..., omega; a layer without any has None."""
    codes = unrolled(X, W, S, theta, L, alpha=alpha, N=N, n_stages=n_stages)
    pairs = [(Z / unit, omega) for Z, omega in zip(codes, omegas[:-1], strict=False) if omega is not None]
    last = omegas[-1]
    assert last is not None
    return clustering(codes[-1] / unit, last, P, **weights) + layer_weight * sum(
        clustering(*pair, P, **weights) for pair in pairs
    )


@register
class DTAGnet(ClusterCoding):
    """TAGnet with clustering losses at its first two layers of codes."""

    name = "dtagnet"
    title = "DTAGnet"
    summary = "TAGnet whose first two layers of codes must fall into clusters too, of their own number."
    paper = "Wang, Chang, Zhou, Wang and Huang, SDM 2016"
    objective = r"\min\; C(A, \omega) + \textstyle\sum_{t=1}^{2} c_t\, C(Z_t, \omega_t)"

    layers = held(Layers)

    layer_clusters: tuple[int, ...] | None = sizes(
        None, symbol="K_t", low=0, high=1000, group="Objective", optional=True, none_means="by the label columns",
        help="Clusters of the codes Z1 and Z2, 0 for a layer without a loss of its own; none takes as many as the further "
        f"columns of labels have values, and then the classes, or {SURROGATE[0]} each where there is no such column. With as "
        "many as the data have, they are those of the last layer.",
    )  # fmt: skip
    layer_weight: float = real(
        1.0, symbol="c_t", low=0, high=1e3, soft=(0.01, 1), log=True, group="Objective", help="Weight of their losses."
    )

    @classmethod
    def by_columns(cls, params: Mapping[str, Any], columns: Sequence[int], n_classes: int | None) -> dict[str, Any]:
        counts = [count for count in columns if count > 1]
        if params["layer_clusters"] is not None or not counts:
            return {}
        counts += [n_classes] if n_classes else []
        return {"layer_clusters": tuple(counts[: min(2, cls.layers.of(params).n_stages)])}

    @property
    def inner_clusters(self) -> tuple[int, ...]:
        """K_1 and K_2, as far as there are such layers."""
        return self.layer_clusters or SURROGATE[: self.layers.n_stages]

    def check_data(self, X: NDArray) -> None:
        super().check_data(X)
        n_stages = self.layers.n_stages
        most = min(2, n_stages)
        if len(self.inner_clusters) > most or max(self.inner_clusters) >= len(X) or 1 in self.inner_clusters:
            raise ParameterError(
                f"The 'layer_clusters' parameter of {self.name} must list at most {most} numbers with {n_stages} stages, "
                f"each 0 or at least 2, and less than the number of samples, {len(X)}. Got {self.inner_clusters} instead."
            )

    def supervised(self, K: int) -> Mapping[int, tuple[int, float]]:
        layers = {t: (count, self.layer_weight) for t, count in enumerate(self.inner_clusters) if count}
        return {**layers, **super().supervised(K)}

    def side_labels(self, arrays: Arrays) -> Mapping[str, NDArray[np.int64]]:
        return {name.replace("P", "Z"): arrays[name].argmax(axis=1) for name in ("P1", "P2") if name in arrays}

    def new_coder(self, X: NDArray, atoms: NDArray | None, graph: LinkedSamples, generator: torch.Generator) -> Coder:
        assert atoms is not None
        return self.layers.unrolled(self.sparse, atoms, graph)

    @classmethod
    def codes_held(cls, params: Mapping[str, Any]) -> int:
        return cls.layers.of(params).count

    @classmethod
    def coder_parameters(cls, n_features: int, params: Mapping[str, Any]) -> int:
        p = cls.atoms.of(params).n_atoms
        return Layers.unrolled_parameters(n_features, p) + p * sum(params["layer_clusters"] or SURROGATE)

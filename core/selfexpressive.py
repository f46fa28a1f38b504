"""What self-expressive methods share: from the matrix C of Z ~ C Z to clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import spectral
from core.base import Arrays, Clusterer
from core.params import choice, flag, integer, real

AFFINITY_GROUP = "Affinity"


@dataclass(kw_only=True)
class SelfExpressive(Clusterer):
    """A method that ends with a self-expression matrix C, post-processed and cut as in `core.spectral`."""

    reads = "C"

    dim: int = integer(
        4, symbol="d", low=1, high=200, soft=(1, 20), group=AFFINITY_GROUP,
        help="Assumed dimension of each subspace; the affinity keeps d K + 1 components of C.",
    )  # fmt: skip
    power: float = real(
        5.0, symbol="p", low=0.1, high=50, soft=(1, 10), group=AFFINITY_GROUP,
        help="Exponent of the affinity: larger is sparser.",
    )  # fmt: skip
    threshold: float = real(
        0.12, symbol=r"\rho", low=0.001, high=1, soft=(0.01, 1), log=True, group=AFFINITY_GROUP,
        help="Share of each column's absolute sum that is kept before symmetrising; 1 keeps all.",
    )  # fmt: skip
    unit_diagonal: bool = flag(
        False, symbol=r"S_{ii}=1", group=AFFINITY_GROUP, help="Set the diagonal to 1 before the decomposition."
    )
    symmetrize: str = choice(
        "signed", symbol=r"\mathrm{sym}", choices=("signed", "absolute"), group=AFFINITY_GROUP,
        help="Symmetrise the signed entries (the papers' code) or their absolute values (their text).",
    )  # fmt: skip
    assign_labels: str = choice(
        "discretize", symbol=r"\mathrm{cut}", choices=("discretize", "cluster_qr", "kmeans"), group=AFFINITY_GROUP,
        help="How the spectral embedding becomes clusters; cluster_qr has no random step.",
    )  # fmt: skip

    def affinity(self, arrays: Arrays) -> NDArray:
        assert self.n_clusters is not None
        return spectral.affinity_from_representation(
            arrays["C"],
            n_clusters=self.n_clusters,
            dim=self.dim,
            power=self.power,
            threshold=self.threshold,
            unit_diagonal=self.unit_diagonal,
            symmetrize=self.symmetrize,  # type: ignore[arg-type]
        )

    def assign(self, arrays: Arrays, affinity: NDArray | None, *, random_state: int) -> NDArray[np.int64]:
        assert affinity is not None and self.n_clusters is not None
        assigner: spectral.AssignLabels = self.assign_labels  # type: ignore[assignment]
        return spectral.spectral_labels(affinity, self.n_clusters, assign_labels=assigner, random_state=random_state)


def square_bytes(n: int, copies: Mapping[str, int]) -> dict[str, int]:
    """Bytes of n x n float32 matrices, by what they hold."""
    return {what: 4 * n * n * count for what, count in copies.items()}


def affinity_constants(dim: int, power: float, threshold: float, unit_diagonal: bool = False) -> dict[str, Any]:
    """The post-processing constants (d, p, rho, diag = 1) as the papers list them."""
    return {"dim": dim, "power": power, "threshold": threshold, "unit_diagonal": unit_diagonal}

"""The read-out of a self-expression C: its affinity, and the cut of that affinity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from core.affinity import (
    AssignLabels,
    Symmetrize,
    affinity_from_magnitudes,
    affinity_from_representation,
    anchor_cut,
    form,
    graph_labeller,
    kept_rank,
    leading_pairs,
    medoid_graph,
    nearest_by_magnitude,
    neighbors_of_cosines,
    neighbors_of_rows,
    sample_graph,
    stochastic_affinity,
)
from core.common import Part, choice, flag, integer, real
from core.methods.contract import Labeller
from core.training import Arrays

AFFINITY_GROUP = "Affinity"
LOOK_BEYOND = {  # ways that need more than C
    "medoid": (
        "Clusters are not read off C alone: of two graphs of C and the neighbours of samples and codes, the one whose clusters "
        "agree best with those of the others is cut."
    ),
    "samples": "Clusters are not read off C: the graph of the samples' own neighbours is cut.",
}
SAMPLES, CODES = "knn", "knn_codes"  # arrays: the graphs that they need


@dataclass(frozen=True, kw_only=True)
class AffinityReadout(Part):
    """Constants of the post-processing that the subspace papers share (`core.affinity`), and how the graph is cut.

    C comes in one of three forms: (n, n) dense; (n, n) sparse, where every sample may use its nearest neighbours only; or
    (n, p) over p anchors.
    """

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
    symmetrize: Symmetrize = choice(
        "signed",
        symbol=r"\mathrm{sym}",
        choices=("signed", "absolute"),
        group=AFFINITY_GROUP,
        help="Symmetrise the signed entries (the papers' code) or their absolute values (their text).",
    )
    unit_rows: bool = flag(
        True, symbol=r"\lVert m_i \rVert = 1", group=AFFINITY_GROUP,
        help="Scale the rows of the factor of S to unit length, so that entries are cosines: in every program of this family, "
        "and not in RGRL's Algorithm 1.",
    )  # fmt: skip
    assign_labels: AssignLabels = choice(
        "discretize",
        symbol=r"\mathrm{cut}",
        choices=("discretize", "cluster_qr", "kmeans"),
        group=AFFINITY_GROUP,
        help="How the spectral embedding becomes clusters; cluster_qr has no random step.",
    )
    affinity_by: str = choice(
        "cosines",
        symbol=r"A(C)",
        choices=("cosines", "magnitudes", "nearest", "stochastic", "rows", "neighbors", "medoid", "samples"),
        group=AFFINITY_GROUP,
        help="Cosines between rows of the factorised C, sharpened by a power (deep methods); the entries |C| (SSC), or the "
        "nearest of each sample by them; the doubly stochastic matrix nearest to |C| (A-DSSC); the nearest by cosines between "
        "rows of |C|, or of the factorised C (neighbors); of two such graphs and the 9-neighbour graphs of samples and codes, "
        "which are not of C, the one whose clusters agree best with those of the others (medoid); or the graph of the samples "
        "alone.",
    )
    exponent: float = real(
        0.5, symbol="q", low=0, high=4, soft=(0, 1), group=AFFINITY_GROUP,
        help="Power of the eigenvalues in the factor of C; 1/2 as published, 0 lets all components count alike.",
    )  # fmt: skip
    kept_neighbors: int = integer(
        5, symbol="k_A", low=1, high=500, soft=(2, 30), group=AFFINITY_GROUP,
        help="Neighbours that each sample keeps, where the affinity is that of neighbours.",
    )  # fmt: skip
    smoothing: float = real(
        0.03, symbol=r"\eta_A", low=1e-3, high=1e3, soft=(3e-3, 3), log=True, group=AFFINITY_GROUP,
        help="Weight of ||A||^2 in the doubly stochastic affinity: larger joins each sample to more others, evenly.",
    )  # fmt: skip

    @property
    def words(self) -> str | None:
        """What a user must know of it, in a sentence: that it does not look at C alone."""
        return LOOK_BEYOND.get(self.affinity_by)

    def beside(self, X: NDArray, Z: NDArray | None = None) -> Arrays:
        """What the read-out needs besides C: graphs of the samples (n, ...) that C speaks of, and of their codes if any."""
        if self.affinity_by not in LOOK_BEYOND:
            return {}
        codes = {} if Z is None or self.affinity_by == "samples" else {CODES: sample_graph(Z)}
        return {SAMPLES: sample_graph(X), **codes}

    def affinity(self, C: Any, n_clusters: int, arrays: Arrays) -> Any:
        """The (n, n) affinity, sparse if C is or it is one of neighbours; None for C over anchors, cut without forming one.

        `arrays` hold the graphs that `beside` gives. A sparse C has no other affinity than its entries.
        """
        if form(C) == "anchors":
            return None
        match "magnitudes" if form(C) == "sparse" else self.affinity_by:
            case "magnitudes":
                return affinity_from_magnitudes(C, threshold=self.threshold)
            case "nearest":
                return nearest_by_magnitude(C, self.kept_neighbors)
            case "stochastic":
                return stochastic_affinity(C, self.smoothing)
            case "rows":
                return neighbors_of_rows(C, power=self.power, kept=self.kept_neighbors, unit_rows=self.unit_rows)
            case "neighbors":
                parts = leading_pairs(C, kept_rank(len(C), n_clusters, self.dim))
                return neighbors_of_cosines(
                    parts, n_clusters=n_clusters, dim=self.dim, exponent=self.exponent, power=self.power,
                    kept=self.kept_neighbors, unit_rows=self.unit_rows,
                )  # fmt: skip
            case "medoid":
                others = [arrays[name] for name in (SAMPLES, CODES) if name in arrays]
                return medoid_graph(C, others, n_clusters)[0]
            case "samples":
                return arrays[SAMPLES]
        return affinity_from_representation(
            C, n_clusters=n_clusters, dim=self.dim, power=self.power, threshold=self.threshold,
            unit_diagonal=self.unit_diagonal, symmetrize=self.symmetrize, exponent=self.exponent, unit_rows=self.unit_rows,
        )  # fmt: skip

    def labeller(self, arrays: Arrays, affinity: NDArray | None, n_clusters: int) -> Labeller:
        """The cut of the affinity, or of C over anchors; samples beside a subset take the cluster of their nearest one."""
        cut = self._cut(arrays["C"], affinity, n_clusters)
        if "nearest" not in arrays:
            return cut
        return lambda seed: cut(seed)[arrays["nearest"]]

    def _cut(self, C: Any, affinity: Any, n_clusters: int) -> Labeller:
        if affinity is None:
            found = anchor_cut(C, n_clusters)
            return lambda seed: found.labels(n_clusters, random_state=seed)
        return graph_labeller(affinity, n_clusters, assign_labels=self.assign_labels)

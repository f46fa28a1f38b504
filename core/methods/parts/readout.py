"""The read-out of a self-expression C: its affinity, and the cut of that affinity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, cast

import numpy as np
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
    most_agreed,
    nearest_by_magnitude,
    neighbors_of_cosines,
    neighbors_of_rows,
    sample_graph,
    stochastic_affinity,
    try_values,
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
CHOSEN = {"cosines": ("dim", "exponent"), "neighbors": ("dim", "exponent")}
"""Constants of each affinity that may be left to the data, in the order in which they are chosen.

They are those for which a suggestion is better than a fixed value (`core.affinity.REGRET`).
"""
LEFT = "chosen without labels"
COUNTS = {
    "cosines": ("threshold", "symmetrize", "unit_diagonal", "dim", "exponent", "power", "unit_rows"),
    "magnitudes": ("threshold",),
    "nearest": ("kept_neighbors",),
    "stochastic": ("smoothing",),
    "rows": ("power", "kept_neighbors", "unit_rows"),
    "neighbors": ("dim", "exponent", "power", "kept_neighbors", "unit_rows"),
    "medoid": (),
    "samples": (),
}
"""The constants that each affinity of a dense C depends on; the others make no difference to it."""


@dataclass(frozen=True, kw_only=True)
class AffinityReadout(Part):
    """Constants of the post-processing that the subspace papers share (`core.affinity`), and how the graph is cut.

    C comes in one of three forms: (n, n) dense; (n, n) sparse, where every sample may use its nearest neighbours only; or
    (n, p) over p anchors.
    """

    dim: int | None = integer(
        4, symbol="d", low=1, high=200, soft=(1, 20), group=AFFINITY_GROUP, optional=True, none_means=LEFT,
        help="Assumed dimension of each subspace; the affinity keeps d K + 1 components of C. None takes, on the C of the run, "
        "the value that core suggest would.",
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
        choices=tuple(COUNTS),
        group=AFFINITY_GROUP,
        help="Cosines between rows of the factorised C, sharpened by a power (deep methods); the entries |C| (SSC), or the "
        "nearest of each sample by them; the doubly stochastic matrix nearest to |C| (A-DSSC); the nearest by cosines between "
        "rows of |C|, or of the factorised C (neighbors); of two such graphs and the 9-neighbour graphs of samples and codes, "
        "which are not of C, the one whose clusters agree best with those of the others (medoid); or the graph of the samples "
        "alone.",
    )
    exponent: float | None = real(
        0.5, symbol="q", low=0, high=4, soft=(0, 1), group=AFFINITY_GROUP, optional=True, none_means=LEFT,
        help="Power of the eigenvalues in the factor of C; 1/2 as published, 0 lets all count alike. None: as for d.",
    )  # fmt: skip
    kept_neighbors: int = integer(
        5, symbol="k_A", low=1, high=500, soft=(2, 30), group=AFFINITY_GROUP,
        help="Neighbours that each sample keeps, where the affinity is that of neighbours.",
    )  # fmt: skip
    smoothing: float = real(  # of seven values from .003 to 3 the best by mean ACC on C of ridge of nine sets: with the labels
        0.03, symbol=r"\eta_A", low=1e-3, high=1e3, soft=(3e-3, 3), log=True, group=AFFINITY_GROUP,
        help="Weight of ||A||^2 in the doubly stochastic affinity: larger joins each sample to more others, evenly.",
    )  # fmt: skip

    @property
    def idle(self) -> frozenset[str]:
        return frozenset[str]().union(*COUNTS.values()) - set(COUNTS[self.affinity_by])

    @property
    def words(self) -> str | None:
        """What a user must know of it, in a sentence: that it does not look at C alone, or leaves something to the data."""
        left = f"Without labels is chosen, at the end: {', '.join(self.left)} of the affinity." if self.left else None
        return " ".join(filter(None, (LOOK_BEYOND.get(self.affinity_by), left))) or None

    @property
    def left(self) -> tuple[str, ...]:
        """The constants of its affinity that it leaves to the data."""
        return tuple(name for name in CHOSEN.get(self.affinity_by, ()) if getattr(self, name) is None)

    def settled(self, C: Any, n_clusters: int, arrays: Arrays) -> Self:
        """Itself, with what it leaves to the data as `taken` has it."""
        return replace(self, **self.taken(C, n_clusters, arrays))

    def taken(self, C: Any, n_clusters: int, arrays: Arrays) -> Mapping[str, Any]:
        """What is left to the data, chosen one after the other on a dense C by `core.affinity.try_values`, without labels.

        `arrays` hold the graphs that `beside` gives. Until it is chosen, a constant is what it is by default.
        """
        if form(C) != "dense":
            return {}
        others, found = [arrays[name] for name in (SAMPLES, CODES) if name in arrays], dict[str, Any]()
        for name in self.left:
            known = replace(AffinityReadout(), **found)
            constants = {key: getattr(self, key) for key in ("dim", "exponent", "power", "kept_neighbors")}
            constants = {key: getattr(known, key) if value is None else value for key, value in constants.items()}
            found[name] = most_agreed(try_values(C, name, others, n_clusters=n_clusters, constants=constants)).value
        return found

    def beside(self, X: NDArray, Z: NDArray | None = None) -> Arrays:
        """What the read-out needs besides C: graphs of the samples (n, ...) that C speaks of, and of their codes if any."""
        if self.affinity_by not in LOOK_BEYOND and not self.left:
            return {}
        codes = {} if Z is None or self.affinity_by == "samples" else {CODES: sample_graph(Z)}
        return {SAMPLES: sample_graph(X), **codes}

    def affinity(self, C: Any, n_clusters: int, arrays: Arrays) -> Any:
        """The (n, n) affinity, sparse if C is or it is one of neighbours; None for C over anchors, cut without forming one.

        `arrays` hold the graphs that `beside` gives. A sparse C has no other affinity than its entries. A dense one is read
        at the precision that a run keeps, so that whoever reads it again finds the same to the last bit: an affinity of more
        pieces than clusters is cut by its rounding errors.
        """
        if form(C) == "anchors":
            return None
        if form(C) == "dense":
            C = C.astype(np.float32, copy=False)
        if self.left and form(C) == "dense":
            return self.settled(C, n_clusters, arrays).affinity(C, n_clusters, arrays)
        dim, exponent = cast(int, self.dim), cast(float, self.exponent)
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
                parts = leading_pairs(C, kept_rank(len(C), n_clusters, dim))
                return neighbors_of_cosines(
                    parts, n_clusters=n_clusters, dim=dim, exponent=exponent, power=self.power,
                    kept=self.kept_neighbors, unit_rows=self.unit_rows,
                )  # fmt: skip
            case "medoid":
                others = [arrays[name] for name in (SAMPLES, CODES) if name in arrays]
                return medoid_graph(C, others, n_clusters)[0]
            case "samples":
                return arrays[SAMPLES]
        return affinity_from_representation(
            C, n_clusters=n_clusters, dim=dim, power=self.power, threshold=self.threshold,
            unit_diagonal=self.unit_diagonal, symmetrize=self.symmetrize, exponent=exponent, unit_rows=self.unit_rows,
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

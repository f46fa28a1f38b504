"""The graph S that GR-DNN reconstructs: samples joined to anchors, or to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from core import graphs
from core.common import ParameterError, Part, choice, integer
from core.graphs import AnchorChoice
from core.training import Arrays

ALL_NEIGHBORS_LIMIT = 5_000
KERNELS: Mapping[str, Any] = {"squared": "half", "unsquared": "half_unsquared", "code": "features"}
GRAPH = "Graph"


class Joined(NamedTuple):
    """S over all samples, and what a run keeps of it."""

    S: csr_array
    kept: Arrays


@dataclass(frozen=True, kw_only=True)
class AnchorGraph(Part):
    """Which ends each sample is joined to, and with what weights (Eq. 2)."""

    graph: str = choice(
        "auto",
        symbol="S",
        choices=("auto", "neighbors", "anchors"),
        group=GRAPH,
        help="Join samples to each other, or to anchors; auto takes anchors above 5,000 samples.",
    )
    n_neighbors: int = integer(
        20, symbol="k", low=1, high=10_000, soft=(2, 300), group=GRAPH, help="Anchors (or other samples) of each sample."
    )
    n_anchors: int = integer(
        1000, symbol="N_a", low=2, high=50_000, soft=(50, 2000), group=GRAPH,
        help="Anchors, where the graph is one over anchors.",
    )  # fmt: skip
    anchors: str = choice(
        "kmeans",
        symbol="a_j",
        choices=("kmeans", "random"),
        group=GRAPH,
        help="Anchors are the centres of a short k-means, or random samples.",
    )
    kernel: str = choice(
        "squared",
        symbol=r"\kappa",
        choices=tuple(KERNELS),
        group=GRAPH,
        help="Weights by squared distances with S(mean) = 0.5, by plain ones as printed, or exp(-d²/m) as in the program.",
    )
    scale_over: str = choice(
        "all",
        symbol=r"\bar d",
        choices=("all", "kept"),
        group=GRAPH,
        help="The mean that weighs 0.5 is over all pairs, or over those that are kept (the program's kernel has none).",
    )

    def joins_samples(self, n: int) -> bool:
        """Whether n samples are joined to each other, and not to anchors."""
        return self.graph == "neighbors" or (self.graph == "auto" and n <= ALL_NEIGHBORS_LIMIT)

    def ends(self, n: int, fitted: int) -> int:
        """How many ends there are for n samples, of which so many are learnt from."""
        return fitted if self.joins_samples(n) else min(self.n_anchors, fitted)

    def check(self, n: int, fitted: int) -> None:
        """Refuse more neighbours than there are ends."""
        most = self.ends(n, fitted) - self.joins_samples(n)
        if self.n_neighbors > most:
            raise ParameterError(
                f"The 'n_neighbors' parameter of {self.owner} must be at most {most} for {fitted} samples to learn from "
                f"and {self.n_anchors} anchors. Got {self.n_neighbors} instead."
            )

    def join(self, X: NDArray, fitted: NDArray[np.int64], held: NDArray[np.int64], random_state: int) -> Joined:
        """S over the samples to learn from, or over anchors among them; held-out samples get rows against the same ends.

        Both lists of rows are sorted. What is kept of a graph over samples has its columns numbered as the samples are.
        """
        k, kernel = self.n_neighbors, KERNELS[self.kernel]
        over: Any = self.scale_over if self.kernel != "code" else None
        kept: dict[str, Any] = {}
        if self.joins_samples(len(X)):
            ends = X[fitted]
            own, scale = graphs.neighbor_graph(ends, k, kernel=kernel, over=over)
        else:
            count, how = self.ends(len(X), len(fitted)), cast(AnchorChoice, self.anchors)
            ends = graphs.find_anchors(X[fitted], count, random_state=random_state, how=how)
            own, scale = graphs.anchor_weights(X[fitted], ends, k, kernel=kernel, over=over, normalized=False)
            kept["anchors"] = ends.astype(np.float32)
        S = own
        if len(held):
            theirs, _ = graphs.anchor_weights(X[held], ends, k, kernel=kernel, normalized=False, scale=scale)
            S = csr_array(vstack([own, theirs], format="csr"))[np.argsort(np.concatenate([fitted, held]))]
        kept["S"] = S if "anchors" in kept else csr_array((S.data, fitted[S.indices], S.indptr), shape=(len(X), len(X)))
        return Joined(S, kept)

    def bytes(self, n: int, fitted: int, n_features: int, batch: int) -> dict[str, int]:
        """Memory by what it holds."""
        ends = self.ends(n, fitted)
        rows = {"rows of S in a step": 4 * min(batch, n) * ends, "graph": 12 * n * self.n_neighbors}
        return rows if self.joins_samples(n) else {**rows, "anchors": 8 * ends * n_features}

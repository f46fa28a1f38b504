"""A constant of the read-out chosen without labels: by how well the clusters under it agree with those of others.

What that costs is measured by ``python -m core bench regret``: by how much accuracy the choice is below the best value tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from scipy.sparse import csr_array

from core.affinity.cut import graph_labeller
from core.affinity.neighbors import agreements, leading_pairs, neighbors_of_cosines
from core.affinity.representation import kept_rank
from core.affinity.stochastic import stochastic_affinity
from core.common import ParameterError

TRIED: Mapping[str, tuple[Any, ...]] = {
    "dim": (3, 4, 6, 8), "exponent": (0.0, 0.25, 0.5), "kept_neighbors": (5, 10), "smoothing": (0.01, 0.03, 0.1, 0.3),
}  # fmt: skip
REGRET = {
    "dim": "Regret .006 on average, .022 at worst; of 6 for all .014, of chance .012.",
    "exponent": "Regret .004 on average, .024 at worst; of .5 for all .012, of chance .018.",
    "kept_neighbors": "Regret .017 on average, .112 at worst: no better than 5 for all (.013) or chance (.014). Leave it.",
    "smoothing": "Regret .050 on average, .331 at worst; of the default for all .032, of chance .066. Leave it.",
}
"""What is known of a suggestion, as in assets/results/regret.json; where it is no better than a fixed value, that is said."""


@dataclass(frozen=True)
class Tried:
    """A value, the clusters under it, and their mean NMI with those of the other values and of the graphs beside C."""

    value: Any
    agreement: float
    labels: NDArray


def try_values(
    C: NDArray, name: str, others: Sequence[csr_array], *, n_clusters: int, constants: Mapping[str, Any]
) -> list[Tried]:
    """Each value of a constant of the graph of neighbours, or of the doubly stochastic one (smoothing).

    The one of the largest agreement is what is suggested.

    Parameters
    ----------
    name
        One of `TRIED`.
    others
        Graphs that are not of C; their clusters are compared with, and never chosen.
    constants
        ``dim``, ``exponent``, ``power`` and ``kept_neighbors``, as the others stay; for ``smoothing`` none matters.

    Raises
    ------
    ParameterError
        If there is nothing to be suggested of that name.
    """
    if name not in TRIED:
        raise ParameterError(f"A suggestion is made for {', '.join(TRIED)}. Got {name!r} instead.")
    if name == "smoothing":
        graphs = [stochastic_affinity(C, value) for value in TRIED[name]]
    else:
        graphs = _neighbors(C, name, n_clusters, constants)
    labels = [graph_labeller(graph, n_clusters, assign_labels="kmeans")(0) for graph in [*graphs, *others]]
    mean = agreements(labels)
    return [Tried(value, float(mean[place]), labels[place]) for place, value in enumerate(TRIED[name])]


def most_agreed(found: Sequence[Tried]) -> Tried:
    """The one that is suggested; of equals the first."""
    return max(found, key=lambda one: one.agreement)


def _neighbors(C: NDArray, name: str, n_clusters: int, constants: Mapping[str, Any]) -> list[csr_array]:
    most = max(*TRIED["dim"], constants["dim"])
    parts = leading_pairs(C, kept_rank(len(C), n_clusters, most))
    graphs: list[csr_array] = []
    for value in TRIED[name]:
        now = {"n_clusters": n_clusters, **constants, name: value}
        graphs.append(neighbors_of_cosines(parts, kept=now.pop("kept_neighbors"), **now))
    return graphs

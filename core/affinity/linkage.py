"""Graph degree linkage: clusters of a directed graph, merged one pair at a time.

How much of C is in a vertex i is the product of the average weight from C to i and from i to C. The affinity of two clusters
sums it over the vertices of each towards the other (Zhang, Wang, Zhao and Tang, ECCV 2012):

    A(a, b) = 1/|a|^2 1^T W_ab W_ba 1 + 1/|b|^2 1^T W_ba W_ab 1,    (W_ab)_ij = w_ij for i in a and j in b.

The pair of the largest affinity becomes one cluster. No pair is looked at twice: an affinity is a matter of its two clusters
alone, so it holds until one of them is merged, and the largest is found in a heap. With k edges a vertex the graph takes
O(n k) memory, a merger the time of its edges and of the clusters that it is linked to: 10,000 samples take seconds. It is the
exact algorithm, and needs no cut-off of the clusters that are looked at (the paper's AGDL).
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from core.graphs import ordered_neighbors

FAINTEST = 1e-5  # that the edge to a nearest neighbour may weigh
FEWEST_FOR_SCALE = 3  # neighbours that sigma is a mean over, as in the published program


class _Links(NamedTuple):
    """The vertices that a cluster has edges with, and the sums of the weights to them and from them."""

    vertices: NDArray[np.int64]
    to: NDArray[np.float64]
    back: NDArray[np.float64]

    def with_those_of(self, other: _Links) -> _Links:
        vertices, place = np.unique(np.concatenate([self.vertices, other.vertices]), return_inverse=True)
        to, back = np.zeros(len(vertices)), np.zeros(len(vertices))
        np.add.at(to, place, np.concatenate([self.to, other.to]))
        np.add.at(back, place, np.concatenate([self.back, other.back]))
        return _Links(vertices, to, back)


class _Clusters:
    """Clusters by a number that is never used again, with what each holds of the others."""

    def __init__(self, W: csr_array, groups: NDArray[np.int64]) -> None:
        n, count = len(groups), int(groups.max()) + 1
        of = csr_array((np.ones(n), (groups, np.arange(n))), shape=(count, n))
        to, back = csr_array(of @ W), csr_array(of @ W.T)
        shared = csr_array(to.multiply(back) @ of.T).tocoo()
        self.home = groups.astype(np.int64)
        self.members = dict(enumerate(np.split(np.argsort(groups, kind="stable"), np.bincount(groups).cumsum()[:-1])))
        self.links = {c: _joint(to[[c]], back[[c]]) for c in range(count)}
        self.held: dict[int, dict[int, float]] = {c: {} for c in range(count)}  # of other clusters, by them
        self.holders: dict[int, dict[int, float]] = {c: {} for c in range(count)}  # the same, from the other side
        self.next = count
        for c, d, value in zip(shared.row.tolist(), shared.col.tolist(), shared.data.tolist(), strict=True):
            if c != d and value > 0:
                self.held[c][d] = self.holders[d][c] = value
        self.queue = [self._entry(c, d) for c in range(count) for d in self._linked(c) if c < d]
        heapify(self.queue)

    def _linked(self, c: int) -> list[int]:
        return sorted(self.held[c].keys() | self.holders[c].keys())

    def _entry(self, c: int, d: int) -> tuple[float, int, int]:
        """The negative affinity of two clusters, and the clusters."""
        from_c = self.held[c].get(d, 0.0) / len(self.members[c]) ** 2
        from_d = self.held[d].get(c, 0.0) / len(self.members[d]) ** 2
        return -(from_c + from_d), c, d

    def best(self) -> tuple[int, int] | None:
        """The two clusters of the largest affinity; None where no two have any."""
        while self.queue:
            _, c, d = heappop(self.queue)
            if c in self.members and d in self.members:
                return c, d
        return None

    def merge(self, a: int, b: int) -> None:
        new, self.next = self.next, self.next + 1
        self.members[new] = np.concatenate([self.members.pop(a), self.members.pop(b)])
        self.home[self.members[new]] = new
        self.links[new] = self.links.pop(a).with_those_of(self.links.pop(b))
        holders = self._holders_of(a, b)  # what others hold of a union is what they hold of its parts
        self.holders[new], self.held[new] = holders, self._held_by(new)
        for other, value in holders.items():
            self.held[other][new] = value
        for other, value in self.held[new].items():
            self.holders[other][new] = value
        for other in self._linked(new):
            heappush(self.queue, self._entry(other, new))

    def _holders_of(self, a: int, b: int) -> dict[int, float]:
        """What others hold of a and b together, which are forgotten."""
        for part in (a, b):
            for other in self.held.pop(part):
                del self.holders[other][part]
        found: dict[int, float] = {}
        for part in (a, b):
            for other, value in self.holders.pop(part).items():
                del self.held[other][part]
                found[other] = found.get(other, 0.0) + value
        return found

    def _held_by(self, c: int) -> dict[int, float]:
        links = self.links[c]
        shared = links.to * links.back
        outside = (shared > 0) & (self.home[links.vertices] != c)
        others, place = np.unique(self.home[links.vertices[outside]], return_inverse=True)
        return dict(zip(others.tolist(), np.bincount(place, shared[outside], len(others)).tolist(), strict=True))


def _joint(to: csr_array, back: csr_array) -> _Links:
    """The links of one cluster, from its row of the sums to all vertices and from them."""
    nothing = np.zeros(1)
    ahead = _Links(to.indices.astype(np.int64), to.data, np.repeat(nothing, to.nnz))
    return ahead.with_those_of(_Links(back.indices.astype(np.int64), np.repeat(nothing, back.nnz), back.data))


def degree_linkage(W: csr_array, groups: NDArray[np.int64], n_clusters: int) -> NDArray[np.int64]:
    """Merge clusters of a directed graph until there are `n_clusters`, or no two of them have an affinity.

    Parameters
    ----------
    W : (n, n) sparse
        Weight of the edge from i to j.
    groups : (n,)
        The clusters to start from, numbered from 0.
    n_clusters : int

    Returns
    -------
    (n,) int64
        Clusters, numbered in the order of their first members: more than `n_clusters` where the graph falls apart.
    """
    clusters = _Clusters(W, groups)
    while len(clusters.members) > n_clusters:
        pair = clusters.best()
        if pair is None:
            break
        clusters.merge(*pair)
    return in_order(clusters.home)


def in_order(labels: NDArray) -> NDArray[np.int64]:
    """The same clusters, numbered from 0 in the order of their first members."""
    _, first, place = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[place].astype(np.int64)


def degree_clusters(X: NDArray, n_clusters: int, k: int = 20, width: float = 1.0) -> tuple[csr_array, NDArray[np.int64]]:
    """The directed graph of the k nearest neighbours of the rows of X, and its clusters by `degree_linkage`.

    It starts from the weakly connected parts of the graph of nearest neighbours, or from single samples where there are fewer
    parts than clusters wanted.
    """
    W, groups = neighbor_digraph(X, k, width)
    if groups.max() + 1 < n_clusters:
        groups = np.arange(len(X))
    return W, joined(X, degree_linkage(W, groups, n_clusters), n_clusters)


def neighbor_digraph(X: NDArray, k: int, width: float) -> tuple[csr_array, NDArray[np.int64]]:
    """Weights (n, n) of the edges to the k nearest, and the weakly connected part of the graph of nearest ones by sample."""
    n = len(X)
    columns, distances = ordered_neighbors(X, min(max(k, FEWEST_FOR_SCALE), n - 1))
    squares = np.square(distances.astype(np.float64))
    scale = max(width * float(squares.mean()), np.finfo(np.float64).tiny)
    while np.exp(-squares[:, 0].max() / scale) < FAINTEST:
        scale *= 2
    weights = np.exp(-squares[:, :k] / scale).ravel()
    W = csr_array((weights, (np.repeat(np.arange(n), k), columns[:, :k].ravel())), shape=(n, n))
    nearest = csr_array((np.ones(n), (np.arange(n), columns[:, 0])), shape=(n, n))
    return W, connected_components(nearest, directed=True, connection="weak")[1].astype(np.int64)


def joined(X: NDArray, labels: NDArray[np.int64], n_clusters: int) -> NDArray[np.int64]:
    """Clusters (n,) of which at most so many are left: the smallest joins the one whose mean is nearest, one after another."""
    labels = labels.copy()
    while (sizes := np.bincount(labels)).size > n_clusters:
        means = np.stack([X[labels == c].mean(axis=0) for c in range(len(sizes))])
        small = int(sizes.argmin())
        distances = np.linalg.norm(means - means[small], axis=1)
        distances[small] = np.inf
        labels[labels == small] = distances.argmin()
        labels[labels > small] -= 1
    return labels

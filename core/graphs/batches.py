"""Graphs of neighbours on the device, and batches that hold neighbours of their samples.

The graph of a batch is held as `Edges`, a row of neighbours and weights for each sample. It is the directed graph A; who
reads it as W = (A + A^T) / 2 gets the same sums, as distances are symmetric.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from core.graphs.laplacians import Kind, scales
from core.graphs.neighbors import nearest_among, nearest_neighbors

FAN = 3  # neighbours that a sample brings into its batch


class Edges(NamedTuple):
    """Neighbours of each sample.

    Attributes
    ----------
    nearest : (b, k) int64
        Positions of the neighbours.
    weights : (b, k)
        Theirs; 0 takes a neighbour out.
    """

    nearest: Tensor
    weights: Tensor


def batch_edges(Z: Tensor, n_neighbors: int) -> Edges:
    """Heat-kernel weights of the nearest other samples within a batch of codes (b, d), as `heat_weights` has them.

    No gradient flows through the weights: a network could otherwise lower the loss by shrinking its codes.
    """
    with torch.no_grad():
        distances = torch.cdist(Z, Z)
        distances.fill_diagonal_(float("inf"))
        near = distances.topk(min(n_neighbors, len(Z) - 1), largest=False)
        return Edges(near.indices, heat_weights(near.values))


def heat_weights(distances: Tensor) -> Tensor:
    """exp(-d^2 / 2 s^2) of distances to neighbours (n, k), nearest first, over their mean sum.

    s is the median distance to the nearest other sample, which SpectralNet's programs call the second neighbour.
    """
    return _of_degree_one(_heat(distances, heat_width(distances)))


def heat_width(distances: Tensor) -> Tensor:
    """s, the median distance to the nearest of the neighbours (n, k), among those that are not at the same place."""
    nearest = distances[:, 0]
    return torch.where(nearest > 0, nearest, torch.nan).nanmedian().nan_to_num(1.0, posinf=torch.inf)


def _heat(distances: Tensor, width: Tensor) -> Tensor:
    return torch.exp(-0.5 * (distances / width).square())


def gaussian_weights(distances: Tensor, width: float) -> Tensor:
    """exp(-d^2 / width^2) of distances, as TAGnet prints it (section 2.2)."""
    return torch.exp(-(distances / width).square())


def shared_weights(nearest: Tensor) -> Tensor:
    """The Jaccard index of the neighbourhoods of each sample and of its neighbours (n, k), over its mean sum.

    A neighbourhood is a sample with its k neighbours. Samples of two clusters that happen to be near share few others, so
    the bridges between clusters become light (Jarvis and Patrick 1973).
    """
    around = _neighborhoods(nearest)
    return _of_degree_one(_jaccard(nearest, around, around))


def _neighborhoods(nearest: Tensor) -> Tensor:
    """Each sample and its neighbours (n, k), as sorted rows (n, k + 1)."""
    own = torch.arange(len(nearest), device=nearest.device)[:, None]
    return torch.cat([own, nearest], dim=1).sort(dim=1).values


def _jaccard(nearest: Tensor, theirs: Tensor, ours: Tensor) -> Tensor:
    """|ours_i and theirs_j| / |ours_i or theirs_j| for the neighbours j (q, k) of each sample i; sets are sorted rows."""
    shared = torch.empty(nearest.shape, device=nearest.device)
    for column in range(nearest.shape[1]):
        other = theirs[nearest[:, column]]
        place = torch.searchsorted(other, ours).clamp_max(other.shape[1] - 1)
        shared[:, column] = (other.gather(1, place) == ours).sum(dim=1).float()
    return shared / (theirs.shape[1] + ours.shape[1] - shared)


def _of_degree_one(weights: Tensor) -> Tensor:
    """Scaled so that the rows sum to 1 in the mean, whatever k; within a batch some of the edges are missing."""
    return weights / weights.sum(dim=1).mean().clamp_min(torch.finfo(torch.float32).tiny)


class NeighborGraph:
    """The graph of all samples, and batches that hold neighbours of their samples."""

    def __init__(self, device: torch.device | None = None) -> None:
        self.edges = Edges(torch.empty(0, 0, dtype=torch.int64, device=device), torch.empty(0, 0, device=device))
        self._nearest = self.edges.nearest  # on the host, where batches are drawn

    def update(self, Z: Tensor, n_neighbors: int, weights: str = "heat", width: float = 1.0) -> None:
        """Join each of the samples with codes Z (n, d) to its nearest others.

        Weights are "heat", "shared", or "gaussian": exp(-d^2 / width^2), on no other scale.
        """
        nearest = torch.from_numpy(nearest_neighbors(Z.cpu().numpy(), min(n_neighbors, len(Z) - 1))).to(Z.device)
        distances = torch.stack([(Z - Z[column]).norm(dim=1) for column in nearest.T], dim=1)
        distances, order = distances.sort(dim=1)
        nearest = nearest.gather(1, order)
        made = {"heat": lambda: heat_weights(distances), "gaussian": lambda: gaussian_weights(distances, width)}
        self.edges = Edges(nearest, made.get(weights, lambda: shared_weights(nearest))())
        self._nearest = nearest.to("cpu")

    def toward(self, new: Tensor, Z: Tensor, weights: str = "heat", width: float = 1.0) -> tuple[NDArray, NDArray, NDArray]:
        """Nearest of the samples Z (n, d) of the graph to each new one, their distances and the weights of new edges.

        Weights are on the scale of the graph's own. A new sample's neighbourhood are its k nearest.
        """
        k = self.edges.nearest.shape[1]
        nearest = torch.from_numpy(nearest_among(new.cpu().numpy(), Z.cpu().numpy(), k)).to(Z.device)
        distances = torch.stack([(new - Z[column]).norm(dim=1) for column in nearest.T], dim=1)
        distances, order = distances.sort(dim=1)
        nearest = nearest.gather(1, order)
        own_nearest, own_weights = self.edges
        if weights == "gaussian":
            return nearest.cpu().numpy(), distances.cpu().numpy(), gaussian_weights(distances, width).cpu().numpy()
        if weights == "heat":
            own = torch.stack([(Z - Z[column]).norm(dim=1) for column in own_nearest.T], dim=1)
            made = _heat(distances, heat_width(own))
            scale = own_weights.sum() / _heat(own, heat_width(own)).sum().clamp_min(1e-12)
        else:
            around = _neighborhoods(own_nearest)
            made = _jaccard(nearest, around, nearest.sort(dim=1).values)
            scale = own_weights.sum() / _jaccard(own_nearest, around, around).sum()
        return nearest.cpu().numpy(), distances.cpu().numpy(), (made * scale).cpu().numpy()

    def get_state(self) -> tuple[Tensor, Tensor]:
        return self.edges.nearest, self.edges.weights

    def set_state(self, state: tuple[Tensor, Tensor]) -> None:
        device = self.edges.nearest.device  # a checkpoint holds it on the CPU
        self.edges, self._nearest = Edges(*(part.to(device) for part in state)), state[0].to("cpu")

    def batches(self, size: int, generator: torch.Generator) -> list[Tensor]:
        """Rows of the batches of one pass: every sample once as a seed, with up to `FAN` random neighbours.

        Batches have about `size` rows. One of random samples would hold next to no pair of neighbours.
        """
        n, k = self._nearest.shape
        fan = min(FAN, k)
        order = torch.randperm(n, generator=generator)
        chosen = torch.rand(n, k, generator=generator).argsort(dim=1)[:, :fan]
        joined = torch.cat([order[:, None], self._nearest[order].gather(1, chosen)], dim=1)
        parts = joined.tensor_split(max(n * (1 + fan) // size, 1))  # none much smaller than the others
        return [part.flatten().unique().to(self.edges.nearest.device) for part in parts]

    def within(self, rows: Tensor) -> Edges:
        """The edges between the samples of a batch; those that lead out of it weigh nothing."""
        nearest, weights = self.edges.nearest[rows], self.edges.weights[rows]
        position = torch.full((len(self.edges.nearest),), -1, device=rows.device)
        position[rows] = torch.arange(len(rows), device=rows.device)
        place = position[nearest]
        return Edges(place.clamp_min(0), weights * (place >= 0))

    def symmetric(self) -> csr_array:
        """W = (A + A^T) / 2 of all samples."""
        nearest, weights = (part.cpu().numpy() for part in self.edges)
        n, k = nearest.shape
        A = csr_array((weights.ravel(), nearest.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
        return csr_array(0.5 * (A + A.T))


class Laplacian:
    """L of W = (A + A^T) / 2, given by the neighbours of each sample; ``L @ Z`` is all that is ever needed of it.

    Of a batch it is the Laplacian of the edges inside it, with their own degrees: a block of the whole one would be none.

    Parameters
    ----------
    edges
        A, as `core.graphs.batches.Edges`.
    kind
        As `core.graphs.laplacians.scales` has them.
    """

    def __init__(self, edges: Edges, kind: Kind = "normalized") -> None:
        self.edges = edges
        self.c, self.r = scales(self._weigh(torch.ones_like(edges.weights[:, :1])), kind)

    def _weigh(self, V: Tensor) -> Tensor:
        """W V."""
        nearest, weights = self.edges
        own = (weights[..., None] * V[nearest]).sum(1)
        spread = (weights[..., None] * V[:, None]).flatten(0, 1)
        return 0.5 * (own + torch.zeros_like(V).index_add(0, nearest.flatten(), spread))

    def __matmul__(self, Z: Tensor) -> Tensor:
        product: Tensor = self.c * Z - self.r * self._weigh(self.r * Z)
        return product

"""Samples on their graph, which stay as they are, and the coder and clusters that are trained on them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.graphs import Extension
from core.graphs.tensors import sparse_tensor
from core.losses import effective_clusters
from core.methods.parts.network import own_weights
from core.methods.sparse_coding.sparse_codes import check_finite
from core.nets import Clusters
from core.training import Arrays, Stages
from core.training.descent import Terms
from core.training.schedules import Schedule
from core.training.trainer import Trainer

if TYPE_CHECKING:
    from core.methods.sparse_coding.family import ClusterCoding
    from core.methods.sparse_coding.learnt_dictionary import Prepared

CONVERGED = 1000  # iterations of sparse coding behind the start "codes"


class Problem:
    """What the training of a coder by its clusters is about.

    Codes count in units of their mean magnitude at the start, as N makes those of a strong graph branch small.

    Parameters
    ----------
    method : ClusterCoding
        Whose terms are minimised.
    samples : Prepared
    atoms : (p, m), optional
        Where the coder starts, if it starts from any.
    stages : Stages, optional
        Whose shelf may have the graph.

    Attributes
    ----------
    clusters
        omega of each supervised layer; there are none before `begin`.
    known
        Codes of all samples after every layer, as `remember` found them; new samples are joined to them.
    """

    def __init__(self, method: ClusterCoding, samples: Prepared, atoms: NDArray | None, stages: Stages | None = None) -> None:
        self.method, self.samples = method, samples
        self.X = torch.from_numpy(samples.rows).to(method.device)
        self.graph = method.graph.over(self.X, stages, centred=method.atoms.centred)
        self.L = self.graph.laplacian()
        generator = torch.Generator().manual_seed(method.random_state)
        self.net = method.new_coder(samples.rows, atoms, self.graph, generator).to(method.device)
        self.clusters = nn.ModuleList()
        self.known: list[Tensor] = []

    # ---- codes and clusters as they are ------------------------------------------------------------------------------

    @torch.no_grad()
    def codes(self) -> list[Tensor]:
        """Codes of all samples after every layer, in their unit."""
        return [Z / self.net.unit for Z in self.net(self.X, self.L)]

    def code(self, layer: int) -> Tensor:
        return self.codes()[layer]

    def membership(self, layer: int, place: int) -> Tensor:
        """`memberships` of the codes of a layer."""
        return self.memberships(self.code(layer), place)

    @property
    def omegas(self) -> list[Tensor]:
        """Clusters (p, K) of each supervised layer; the last are those of the result."""
        return list(self.clusters.parameters())

    @torch.no_grad()
    def memberships(self, Z: Tensor, place: int = -1) -> Tensor:
        """p_ij of codes (n, p) to the clusters at that place."""
        return self.method.clustering.assignment(Z, self.omegas[place]).posterior

    def remember(self) -> None:
        self.known = self.codes()

    @torch.no_grad()
    def embed(self, X: NDArray) -> NDArray:
        """Codes of new samples, joined to those of training at every layer."""
        data, device = self.samples.like(X), self.X.device
        joined = None
        if self.net.sees_graph:
            c, M = self.graph.joined(data)
            joined = Extension(torch.from_numpy(c.astype(np.float32)).to(device), sparse_tensor(M, str(device)))
        codes = self.net.continued(torch.from_numpy(data).to(device), joined, [Z * self.net.unit for Z in self.known])
        return (codes[-1] / self.net.unit).cpu().numpy()

    # ---- start and training ------------------------------------------------------------------------------------------

    def begin(self, K: int, atoms: NDArray, stages: Stages) -> None:
        """The unit of the codes, and omega of every supervised layer, fitted to the labels of the start."""
        codes, method = self.codes(), self.method
        unit = codes[-1].abs().mean().clamp_min(1e-12)
        check_finite(float(unit))
        self.net.unit.fill_(unit)

        made, first = [], self.first_labels(K, atoms, codes, stages)
        for (layer, (count, _)), labels in zip(method.supervised(K).items(), first, strict=True):
            made.append(Clusters(method.beginning.omega(codes[layer] / self.net.unit, labels, count, method.clustering)))
        self.clusters = nn.ModuleList(made)

    def first_labels(self, K: int, atoms: NDArray, codes: list[Tensor], stages: Stages) -> list[NDArray]:
        """The labels that each supervised layer starts from; from the shelf, if another run has made them."""
        method, layers = self.method, self.method.supervised(K)
        converged = cache(partial(self.converged, atoms))  # all layers may ask for it

        def made() -> Arrays:
            of = partial(method.beginning.labels, graph=self.graph, converged=converged, random_state=method.random_state)
            return {"labels": [torch.from_numpy(of(codes[layer], count)) for layer, (count, _) in layers.items()]}

        if method.beginning.start == "kmeans":
            found = made()
        else:
            found = stages.recalled(method.start_recipe([count for count, _ in layers.values()]), made)
        return [labels.numpy() for labels in found["labels"]]

    def converged(self, atoms: NDArray) -> NDArray:
        """Codes that the unrolled iteration would end at, with the weights of the start."""
        L, sparse = self.graph.matrix(), self.method.sparse
        A = sparse.after(CONVERGED, self.samples.rows, atoms, L, sparse.step_bound(atoms, L))
        check_finite(float(np.abs(A).max()))
        return A

    def terms(self, rows: Tensor | None) -> Terms:
        """Of a batch."""
        if rows is None:
            edges, codes = self.graph.edges, self.net(self.X, self.L)
        else:
            edges = self.graph.neighbors.within(rows)
            codes = self.net(self.X[rows], self.graph.laplacian(edges))
        losses, found = self.method.terms([Z / self.net.unit for Z in codes], self.omegas, edges)
        return Terms(losses, {"clusters": effective_clusters(found.posterior.detach())})

    def trainer(self, views: Callable[[], Arrays] = dict) -> Trainer:
        """Steps on coder and clusters; a batch holds samples with their neighbours."""
        how, n = self.method.training, len(self.X)
        size = min(how.train_batch_size or n, n)
        order = torch.Generator().manual_seed(self.method.random_state)
        optimizer = how.optimizer_of(self.net, self.clusters)
        return Trainer(
            networks={"net": self.net, "clusters": self.clusters},
            optimizer=optimizer,
            terms=self.terms,
            views=views,
            batches=lambda: [None] if size == n else self.graph.neighbors.batches(size, order),
            schedule=Schedule(optimizer, how.schedule, length=how.epochs),
            parts={"order": order},
        )

    def load(self, weights: Arrays) -> None:
        """Coder and clusters of a finished run."""
        self.net.load_state_dict(own_weights(weights, "net"))
        omegas = own_weights(weights, "clusters")
        self.clusters = nn.ModuleList(Clusters(omegas[name].to(self.X.device)) for name in sorted(omegas))
        self.remember()

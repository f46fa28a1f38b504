"""What TAGnet and its relatives share: a coder whose codes are clustered by the network itself, trained by that alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from core.common import held
from core.methods.contract import Clusterer, Cost, Labeller, with_ours
from core.methods.sparse_coding.cluster_losses import ClusteringLoss, ClusterStart
from core.methods.sparse_coding.joint_training import JointTraining
from core.methods.sparse_coding.learnt_dictionary import LearntDictionary
from core.methods.sparse_coding.neighbor_links import LinkedSamples, NeighborLinks
from core.methods.sparse_coding.sparse_codes import SparseCodes
from core.training import Arrays, Stages, Step

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.graphs.batches import Edges
    from core.losses import Assignment
    from core.methods.sparse_coding.problem import Problem
    from core.nets import Coder


CARRIED = "MNIST-test .731 / .659 / .704 / .733, COIL-20 .860 / .836 / .848 / .859"  # assets/results/tagnet-terms.json


@dataclass(kw_only=True)
class ClusterCoding(Clusterer):
    """A method that trains a coder by how well its codes fall into clusters.

    Stages: dictionary (atoms of the samples), finetune (coder and clusters), spectral (the largest membership of each sample).
    The coder starts from the atoms, and one set of clusters omega (p, K) for each supervised layer from labels that no one
    gave.

    A method gives `new_coder`, `codes_held`, `coder_parameters`, and `supervised` if other layers than the last have clusters.
    """

    nmi = "max"
    family = "Graph-regularised"
    learns = "deep"
    reads = "Z"
    uses_gpu = True
    renamed = {"entropy": "nu", "sureness": "confidence"}
    restored_from: ClassVar[tuple[str, ...]] = ("D",)
    shows_atoms: ClassVar[bool] = True  # whether the atoms are part of what is learnt, and not only behind its start
    symbols = {
        "reconstruction": r"\lVert X - A D \rVert_F / \sqrt{nm}",
        "clustering": r"\nu\, C(A, \omega)",
        "norm": r"\tfrac{\lambda_m}{2} \lVert \omega \rVert^2",
        "imbalance": r"b\, \mathrm{KL}(\bar p \,\Vert\, u)",
        "disagreement": r"-\mu\, \overline{\log p_i^\top p_j}",
    }
    gauges = {"clusters": "Effective number of clusters"}

    sparse = held(SparseCodes)
    graph = held(NeighborLinks)
    atoms = held(LearntDictionary)
    clustering = held(ClusteringLoss)
    beginning = held(ClusterStart)
    training = held(JointTraining)

    problem_: Problem = field(init=False, repr=False)

    # ---- what a method says ------------------------------------------------------------------------------------------

    def new_coder(self, X: NDArray, atoms: NDArray | None, graph: LinkedSamples, generator: torch.Generator) -> Coder:
        """The coder of prepared samples X (n, m), from the atoms that were learnt of them."""
        raise NotImplementedError  # pragma: no cover

    def supervised(self, K: int) -> Mapping[int, tuple[int, float]]:
        """Which layers have clusters: number of the layer to number of clusters and weight; the last one has K."""
        return {-1: (K, 1.0)}

    @classmethod
    def codes_held(cls, params: Mapping[str, Any]) -> int:
        """How many codes of a sample a step of training holds."""
        raise NotImplementedError  # pragma: no cover

    @classmethod
    def coder_parameters(cls, n_features: int, params: Mapping[str, Any]) -> int:
        """Numbers that the coder learns."""
        raise NotImplementedError  # pragma: no cover

    # ---- training ----------------------------------------------------------------------------------------------------

    def check_data(self, X: NDArray) -> None:
        self.atoms.check(len(X))

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        stages = stages or Stages()
        K = self.clusters(X)
        self.check_data(X)
        samples = self.atoms.prepare(X)
        atoms = yield from self.atoms.learn(samples.rows, stages, random_state=self.random_state, shown=self.shows_atoms)
        from core.methods.sparse_coding.problem import Problem

        problem = self.problem_ = Problem(self, samples, atoms, stages)
        problem.begin(K, atoms, stages)
        seen = partial(self.seen, problem, atoms)
        yield from problem.trainer(seen).run(stages, "finetune", self.training.epochs)
        problem.remember()
        yield self.conclude(seen())

    def start_recipe(self, counts: Sequence[int]) -> dict[str, Any]:
        """What decides the labels that layers of so many clusters start from, besides the data."""
        graph, atoms = self.graph.recipe(centred=self.atoms.centred), self.atoms.recipe(self.random_state)
        sparse = {name: getattr(self.sparse, name) for name in ("lam", "alpha", "bound")}
        codes = {"dictionary": atoms, **sparse, "laplacian": self.graph.laplacian}
        return self.beginning.recipe(counts, self.random_state, graph=graph, codes=codes)

    def terms(self, codes: Sequence[Tensor], omegas: Sequence[Tensor], edges: Edges) -> tuple[dict[str, Tensor], Assignment]:
        """The weighted terms of all supervised layers of a batch, and the assignment of the last one."""
        losses: dict[str, Tensor] = {}
        for (layer, (_, weight)), omega in zip(self.supervised(omegas[-1].shape[1]).items(), omegas, strict=True):
            terms, found = self.clustering.terms(codes[layer], omega, edges)
            for name, value in terms.items():
                losses[name] = losses.get(name, 0) + weight * value
        return losses, found

    def seen(self, problem: Problem, atoms: NDArray) -> Arrays:
        """Codes of all layers of interest, memberships wherever there are clusters, atoms."""
        views: dict[str, Any] = {"Z": partial(problem.code, -1)}
        if problem.net.n_layers > 1:
            views |= {f"Z{layer + 1}": partial(problem.code, layer) for layer in (0, 1)}
        for place, layer in enumerate(self.supervised(problem.omegas[-1].shape[1])):
            views["P" if layer == -1 else f"P{layer + 1}"] = partial(problem.membership, layer, place)
        return {**views, "D": atoms} if self.shows_atoms else views

    # ---- clusters, new samples ---------------------------------------------------------------------------------------

    def labeller(self, arrays: Arrays, affinity: NDArray | None) -> Labeller:
        """The cluster of the largest membership; no seed has a say in it."""
        labels = np.asarray(arrays["P"].argmax(axis=1), dtype=np.int64)
        return lambda _: labels

    def embed(self, X: NDArray) -> NDArray:
        """Codes of single samples, joined to those of training."""
        return self.problem_.embed(X)

    def label_codes(self, Z: NDArray) -> NDArray[np.int64]:
        import torch

        codes = torch.from_numpy(np.asarray(Z, dtype=np.float32)).to(self.device)
        return np.asarray(self.problem_.memberships(codes).argmax(1).cpu(), dtype=np.int64)

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        from core.methods.sparse_coding.problem import Problem

        self.problem_ = Problem(self, self.atoms.prepare(samples), arrays.get("D"))
        self.problem_.load(weights)
        return super().restore(samples, arrays, weights)

    # ---- what is known before the start ------------------------------------------------------------------------------

    @classmethod
    def minimised(cls, params: Mapping[str, Any]) -> str:
        ours = []
        if params["balance"]:
            ours.append(r"b\, \mathrm{KL}(\bar p \,\Vert\, u)")
        if params["agreement"]:
            ours.append(r"- \mu\, \overline{\log p_i^\top p_j}")
        objective = cls.objective.replace("C(A", r"\nu\, C(A", 1) if params["nu"] != 1 else cls.objective
        return with_ours(objective, ours)

    @classmethod
    def departures(cls, params: Mapping[str, Any]) -> list[str]:
        told = []
        if params["nu"] != 1:
            told.append(f"The paper's loss counts {params['nu']:g} times.")
        if params["balance"] or params["agreement"]:
            told.append(
                f"Balance ({params['balance']:g}) and agreement of neighbours ({params['agreement']:g}) are ours. Measured for "
                f"TAGnet, ACC with all / without agreement / without balance / without the paper's loss: {CARRIED}."
            )
        return told

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        n, m, p = shape[0], int(np.prod(shape[1:])), cls.atoms.of(params).n_atoms
        k, batch = cls.graph.of(params).n_neighbors, min(cls.training.of(params).train_batch_size or n, n)
        codes = cls.codes_held(params)
        matrices = {
            "data": 8 * n * m,
            "codes": 4 * n * p * codes,
            "graph": 12 * n * k,
            "activations of a step": 4 * batch * p * codes * (3 + k),
        }
        weights = cls.coder_parameters(m, params)
        return Cost(parameters=weights + p * (params["n_clusters"] or 10), matrices=matrices, products=weights)

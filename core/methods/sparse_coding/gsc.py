r"""GSC, graph-regularised sparse coding (Zheng et al. 2011), solved by the fixed-point iteration that TAGnet unrolls.

    min_A  1/2 ||X - A D||_F^2 + lam sum |a_ij| + alpha/2 Tr(A^T L A)

with samples as rows (TAGnet's paper, SDM 2016, has columns). Its solutions are the fixed points of

    A <- h_(lam/N)[ A - (1/N) ((A D - X) D^T + alpha L A) ],    h_theta(u) = sign(u) (|u| - theta)_+

(Theorem 3.1; `core.solvers.GraphCoding`). The objective never rises if N is at least lmax(D D^T) + alpha lmax(L), the
default; the paper's N leaves the graph out, and the iteration diverges where alpha lmax(L) is larger than lmax(D D^T).
k-means groups the codes.

A new sample is coded by the same iteration, joined to its nearest training samples, whose codes stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from core.common import Diverged, held, integer, real
from core.methods.contract import Clusterer, Cost, Labeller
from core.methods.parts.kmeans import KMeansReadout
from core.methods.registry import register
from core.methods.sparse_coding.learnt_dictionary import LearntDictionary, Prepared
from core.methods.sparse_coding.neighbor_links import LinkedSamples, NeighborLinks
from core.methods.sparse_coding.sparse_codes import SHORTER_STEPS, SparseCodes
from core.training import Arrays, Stages, Step

NEW_ITERATIONS = 300  # of a new sample, whatever its batch
RISEN = 100.0  # times its lowest value: an objective that high does not come down again


@register
class GSC(Clusterer):
    """Graph-regularised sparse coding."""

    name = "gsc"
    title = "GSC"
    nmi = "max"
    family = "Baselines"
    summary = "Writes every sample by few atoms of a dictionary, alike for neighbours, and groups the codes."
    paper = "Zheng et al., TIP 2011; fixed-point iteration of Wang et al., SDM 2016"
    objective = (
        r"\min_A\; \tfrac12 \lVert X - A D \rVert_F^2 + \lambda \textstyle\sum_{ij} |a_{ij}|"
        r" + \tfrac{\alpha}{2} \mathrm{Tr}(A^\top L A)"
    )
    symbols = {
        "reconstruction": r"\lVert X - A D \rVert_F / \sqrt{nm}",
        "objective": r"\tfrac12 \lVert X - A D \rVert^2 + \lambda \lVert A \rVert_1 + \tfrac{\alpha}{2} \mathrm{Tr} A^\top L A",
        "optimality": r"\text{violation of the conditions of a minimum}",
    }
    restored_from = ("D",)
    groups_test = True
    shows = frozenset({"reconstructs"})

    sparse = held(SparseCodes)
    graph = held(NeighborLinks)
    atoms = held(LearntDictionary)
    readout = held(KMeansReadout)

    samples_: Prepared = field(init=False, repr=False)
    graph_: LinkedSamples = field(init=False, repr=False)
    atoms_: NDArray = field(init=False, repr=False)
    codes_: NDArray = field(init=False, repr=False)

    max_iter: int = integer(
        500, symbol="T", low=1, high=1_000_000, soft=(10, 2000), group="Training", help="Iterations at most."
    )
    tolerance: float = real(
        1e-6, symbol=r"\epsilon", low=0, high=1, soft=(1e-8, 1e-2), log=True, group="Training",
        help="Stop once no entry violates the conditions of a minimum by more.",
    )  # fmt: skip

    def check_data(self, X: NDArray) -> None:
        self.atoms.check(len(X))

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        stages = stages or Stages()
        self.clusters(X)
        self.check_data(X)
        self.set_training_data(X, stages)
        self.atoms_ = yield from self.atoms.learn(self.samples_.rows, stages, random_state=self.random_state)
        L = self.graph_.matrix()
        coding, N = self.sparse.coding(self.samples_.rows, self.atoms_, L), self.sparse.step_bound(self.atoms_, L)
        A, lowest = coding.start(), math.inf
        G = coding.gradient(A)
        for iteration in range(self.max_iter):
            A = coding.step(A, G, N)
            G = coding.gradient(A)
            violation, value = coding.optimality(A, G), coding.objective(A, G)
            lowest = min(lowest, value)
            if value > RISEN * lowest:  # only the paper's N can do that
                raise Diverged("objective", "codes", iteration + 1, value, SHORTER_STEPS)
            scalars = {"objective": value, "optimality": violation}
            yield Step("codes", iteration + 1, self.max_iter, scalars, {"Z": A, "D": self.atoms_})
            if violation <= self.tolerance or stages.stopping:
                break
        self.codes_ = A
        X_hat = self.samples_.back(A @ self.atoms_).reshape(X.shape)
        step = self.conclude({"Z": A.astype(np.float32), "D": self.atoms_, "X_hat": X_hat})
        self.embedding_ = self.embed(X)
        yield step

    def set_training_data(self, X: NDArray, stages: Stages | None = None) -> None:
        """The samples as the dictionary sees them, and their graph."""
        import torch

        self.samples_ = self.atoms.prepare(X)
        rows = torch.from_numpy(self.samples_.rows).to(self.device)
        self.graph_ = self.graph.over(rows, stages, centred=self.atoms.centred)

    def labeller(self, arrays: Arrays, affinity: NDArray | None) -> Labeller:
        return self.readout.labeller(arrays["Z"], self.K)

    def test_labeller(self, Z: NDArray) -> Labeller:
        return self.readout.labeller(Z, self.K)

    def embed(self, X: NDArray) -> NDArray:
        """Codes of single samples, joined to those of training; (n, p)."""
        data = self.samples_.like(X)
        N = self.sparse.step_bound(self.atoms_, self.graph_.matrix())
        return self.sparse.after(NEW_ITERATIONS, data, self.atoms_, self.graph_.joined(data).beside(self.codes_), N)

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        super().restore(samples, arrays, weights)
        self.set_training_data(samples)
        self.atoms_, self.codes_ = arrays["D"], arrays["Z"].astype(np.float64)
        self.embedding_ = self.embed(samples)
        return self

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        n, m = shape[0], int(np.prod(shape[1:]))
        p, k = cls.atoms.of(params).n_atoms, cls.graph.of(params).n_neighbors
        return Cost(matrices={"data": 12 * n * m, "codes": 32 * n * p, "graph": 12 * n * k})

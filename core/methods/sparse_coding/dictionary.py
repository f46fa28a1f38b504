"""What methods share that code samples over a learnt dictionary, smoothed over a graph: data, dictionary, graph, new samples.

Samples are vectors of unit norm about the mean sample: a threshold on codes means something only for unit signals and atoms,
and without the mean all atoms would look alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from core.common import ParameterError, choice, flag, integer, real
from core.methods.contract import Clusterer
from core.solvers import KSVD, MiniBatchDictionary, step_bound
from core.training import Arrays, Stages, Step

if TYPE_CHECKING:
    from torch import Tensor

    from core.graphs.batches import NeighborGraph

DICTIONARY_GROUP, GRAPH_GROUP = "Dictionary", "Graph"
SHORTER_STEPS = "Lower alpha, or take the safe step bound."
SAME = 1e-3  # between samples of unit norm: nearer ones are taken for the same
LEARNT_FROM = 5000  # samples at most that the dictionary is learnt from


@dataclass(kw_only=True)
class DictionaryCoding(Clusterer):
    """A method with a dictionary and a graph of neighbours."""

    family = "Graph-regularised"
    shows_atoms: ClassVar[bool] = True  # whether the atoms are part of what is learnt, and not only behind its start

    atoms_: NDArray = field(init=False, repr=False)
    mean_: NDArray = field(init=False, repr=False)
    norms_: NDArray = field(init=False, repr=False)
    samples_: NDArray = field(init=False, repr=False)
    graph_: NeighborGraph = field(init=False, repr=False)

    lam: float = real(
        0.1, symbol=r"\lambda", low=0, high=100, soft=(0.01, 1), log=True, group="Objective", help="Weight of sparsity."
    )  # fmt: skip
    alpha: float = real(
        5.0, symbol=r"\alpha", low=0, high=1e5, soft=(0.1, 100), log=True, group="Objective", help="Weight of the graph."
    )  # fmt: skip
    bound: str = choice(
        "safe", symbol="N", choices=("safe", "paper"), group="Objective",
        help="Step bound: with the graph's largest eigenvalue, or without it as printed, which may diverge.",
    )  # fmt: skip
    n_neighbors: int = integer(
        5, symbol="k", low=1, high=500, soft=(1, 30), group=GRAPH_GROUP, help="Neighbours of each sample, itself not counted."
    )  # fmt: skip
    weights: str = choice(
        "heat", symbol="P", choices=("heat", "shared"), group=GRAPH_GROUP,
        help="Weights of the graph: by distance, or by the share of neighbours that two samples have in common.",
    )  # fmt: skip
    laplacian: str = choice(
        "normalized", symbol="L", choices=("normalized", "plain"), group=GRAPH_GROUP,
        help="I - Deg^-1/2 P Deg^-1/2, or Deg - P over its largest degree.",
    )  # fmt: skip
    n_atoms: int = integer(
        128, symbol="p", low=2, high=10_000, soft=(16, 512), group=DICTIONARY_GROUP, help="Atoms of the dictionary."
    )  # fmt: skip
    dictionary: str = choice(
        "ksvd", symbol="D", choices=("ksvd", "minibatch"), group=DICTIONARY_GROUP,
        help="K-SVD, or scikit-learn's dictionary learning in mini-batches.",
    )  # fmt: skip
    n_nonzero: int = integer(
        10, symbol="T_0", low=1, high=1000, soft=(1, 50), group=DICTIONARY_GROUP, help="Atoms that a sample may use in K-SVD."
    )  # fmt: skip
    sweeps: int = integer(
        10, symbol="T_D", low=0, high=10_000, soft=(0, 50), group=DICTIONARY_GROUP,
        help="Passes that learn the dictionary; 0 takes random samples as atoms.",
    )  # fmt: skip
    centred: bool = flag(
        True, symbol=r"\bar x", group=DICTIONARY_GROUP, help="Take the mean sample off before all else."
    )  # fmt: skip

    def check_data(self, X: NDArray) -> None:
        super().check_data(X)
        if len(X) <= self.n_atoms:
            raise ParameterError(
                f"The 'n_atoms' parameter of {self.name} must be less than the number of samples, {len(X)}. "
                f"Got {self.n_atoms} instead."
            )

    def prepared(self, X: NDArray) -> NDArray[np.float32]:
        """Samples as the dictionary sees them: vectors, about the mean of the training samples, of unit norm."""
        flat = np.asarray(X, dtype=np.float32).reshape(len(X), -1)
        if self.centred:
            flat = flat - self.mean_
        norms = np.linalg.norm(flat, axis=1, keepdims=True)
        return np.asarray(flat / np.where(norms > 0, norms, 1), dtype=np.float32)

    def unprepared(self, X_hat: NDArray) -> NDArray[np.float32]:
        """What the dictionary makes of the training samples, back in their own scale."""
        scaled = X_hat * self.norms_[:, None]
        return np.asarray(scaled + self.mean_ if self.centred else scaled, dtype=np.float32)

    def take_in(self, X: NDArray) -> None:
        """Remember the training samples, their mean and their graph."""
        import torch

        from core.graphs.batches import NeighborGraph

        flat = np.asarray(X, dtype=np.float32).reshape(len(X), -1)
        self.mean_ = flat.mean(axis=0)
        self.norms_ = np.linalg.norm(flat - self.mean_ if self.centred else flat, axis=1)
        self.samples_ = self.prepared(X)
        self.graph_ = NeighborGraph()
        self.graph_.update(torch.from_numpy(self.samples_).to(self.device), self.n_neighbors, self.weights)

    def dictionary_stage(self, stages: Stages) -> Iterator[Step]:
        """The stage "dictionary": learn ``atoms_``, from some of the samples if they are many."""
        rng = np.random.default_rng(self.random_state)
        X = self.samples_
        if len(X) > LEARNT_FROM:
            X = X[np.sort(rng.choice(len(X), LEARNT_FROM, replace=False))]
        if self.dictionary == "minibatch":
            learner: Any = MiniBatchDictionary(X, self.n_atoms, random_state=self.random_state)
        else:
            learner = KSVD(X, self.n_atoms, n_nonzero=self.n_nonzero, random_state=self.random_state)

        def sweep(_: int) -> tuple[dict[str, float], Arrays]:
            return {"reconstruction": learner.sweep()}, {"D": learner.D.astype(np.float32)} if self.shows_atoms else {}

        yield from stages.run("dictionary", self.sweeps, {"dictionary": learner}, sweep)
        self.atoms_ = learner.D.astype(np.float32)

    def step_bound(self) -> float:
        """N."""
        from core.graphs import laplacian_of

        return step_bound(self.atoms_, laplacian_of(self.graph_.symmetric(), self.laplacian), self.alpha, self.bound)  # type: ignore[arg-type]

    def joined(self, X: NDArray) -> tuple[NDArray, csr_array]:
        """How samples hang together with those of training, without each other.

        L acts on a new sample like c z - sum_j M_j z_j over the training samples z_j. A sample that is one of those of
        training takes the place of that one in the graph; every other is joined to its nearest ones.

        Parameters
        ----------
        X : (q, m)
            As `prepared` gives them.

        Returns
        -------
        (q,) array, (q, n) csr_array
            c and M.
        """
        import torch

        A = self.graph_.symmetric()
        degrees = np.asarray(A.sum(axis=1)).ravel()
        new, known_samples = (torch.from_numpy(part).to(self.device) for part in (X, self.samples_))
        nearest, distances, weights = self.graph_.toward(new, known_samples, self.weights)
        q, n = len(X), len(self.samples_)
        W = csr_array((weights.ravel(), nearest.ravel(), np.arange(0, nearest.size + 1, nearest.shape[1])), shape=(q, n))
        known = distances[:, 0] < SAME
        places = csr_array((np.ones(known.sum()), (np.flatnonzero(known), nearest[known, 0])), shape=(q, n))
        W = csr_array(diags_array((~known).astype(float)) @ W + places @ A)
        W.sum_duplicates()
        own = np.asarray(W.sum(axis=1)).ravel()
        if self.laplacian == "plain":
            return own / degrees.max(), csr_array(W / degrees.max())
        return (own > 0).astype(float), csr_array(diags_array(_root(own)) @ W @ diags_array(_root(degrees)))

    def joined_tensors(self, X: NDArray) -> tuple[Tensor, Tensor, Tensor]:
        """New samples as `prepared` gives them, and c (q, 1) and M of `joined`, for a network."""
        import torch

        from core.graphs.tensors import sparse_tensor

        data = self.prepared(X)
        own, M = self.joined(data)
        c = torch.from_numpy(own.astype(np.float32)).to(self.device)[:, None]
        return torch.from_numpy(data).to(self.device), c, sparse_tensor(M, self.device)


def _root(degrees: NDArray) -> NDArray:
    """d^-1/2, and 0 for 0."""
    return np.asarray(np.where(degrees > 0, 1 / np.sqrt(np.where(degrees > 0, degrees, 1)), 0))

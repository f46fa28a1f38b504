"""What TAGnet and its relatives share: a coder whose codes are clustered by the network itself, trained by that alone.

The stage "dictionary" learns atoms (`core.methods.sparse_coding.dictionary`). The coder starts from them, and one set of
clusters omega (p, K) for each supervised layer starts from labels that no one gave (``start``). The stage "finetune"
minimises, for each of them,

    loss(A, omega) + b KL(mean p || uniform) + mu (disagreement of neighbours)

with EML, the entropy of p(j | a), or MML, the hinge between the largest score and the runner-up (`core.nets.unrolled`).
Both have worthless optima, all samples in one cluster, and collapse when taken literally (b = mu = 0): the two other terms
are ours.

Codes count in units of their mean magnitude at the start, as N makes those of a strong graph branch small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray

from core.affinity import embedded_labels, spectral_labels
from core.common import Diverged, choice, integer, real
from core.methods.contract import Cost
from core.methods.sparse_coding.dictionary import DICTIONARY_GROUP, SHORTER_STEPS, DictionaryCoding
from core.solvers import graph_step
from core.training import Arrays, Stages, Step

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from core.graphs.batches import Laplacian
    from core.losses import Assignment
    from core.nets import Coder

START_STEPS, START_RATE, SOFTENED = 300, 0.05, 0.1  # of the fit of omega to the labels of the start
TRIES = 50  # of k-means for the start: with 10, chance decides on COIL-20
CONVERGED = 1000  # iterations of sparse coding behind the start "codes"


@dataclass(kw_only=True)
class ClusterCoding(DictionaryCoding):
    """A method that trains a coder by how well its codes fall into clusters."""

    learns = "deep"
    reads = "Z"
    uses_gpu = True
    restored_from: ClassVar[tuple[str, ...]] = ("D",)
    published_mml: ClassVar[Mapping[str, float]] = {}  # `published` speaks of EML

    net_: Coder = field(init=False, repr=False)
    clusters_: nn.ModuleList = field(init=False, repr=False)
    known_: list[Tensor] = field(init=False, repr=False)

    loss: str = choice(
        "eml", symbol="C", choices=("eml", "mml"), group="Objective",
        help="Entropy of the memberships, or margin between the best cluster and the runner-up.",
    )  # fmt: skip
    entropy: float = real(
        1.0, symbol=r"\nu", low=0, high=1e4, soft=(1e-2, 10), log=True, group="Objective",
        help="Weight of that loss beside the terms for balance and agreement; 1 is the paper.",
    )  # fmt: skip
    balance: float = real(
        1.0, symbol="b", low=0, high=1e4, soft=(0.1, 10), log=True, group="Objective",
        help="Weight of the term for clusters of equal size; ours, 0 is the paper, which collapses.",
    )  # fmt: skip
    agreement: float = real(
        0.0, symbol=r"\mu", low=0, high=1e4, soft=(0.1, 10), log=True, group="Objective",
        help="Weight of the term that asks neighbours for the same cluster; ours, 0 is the paper.",
    )  # fmt: skip
    margin_weight: float = real(
        1e-3, symbol=r"\lambda_m", low=0, high=100, soft=(1e-4, 1), log=True, group="Objective",
        help="Weight of half the squared norm of omega in MML.",
    )  # fmt: skip
    temperature: float = real(
        5.0, symbol=r"\tau", low=1e-3, high=1e3, soft=(0.1, 20), log=True, group="Objective",
        help="MML: how sharply scores become memberships, for balance and agreement.",
    )  # fmt: skip
    start: str = choice(
        "codes", symbol=r"\omega_0", choices=("codes", "cut", "kmeans"), group="Training",
        help="First clusters: k-means on converged sparse codes, the cut of the graph, or k-means on the first codes.",
    )  # fmt: skip
    sureness: float = real(
        0.9, symbol=r"p_0", low=0.15, high=0.999, soft=(0.3, 0.99), group="Training",
        help="Mean largest membership at the start, to which omega is scaled.",
    )  # fmt: skip
    epochs: int = integer(
        150, symbol="T", low=0, high=100_000, soft=(0, 500), group="Training",
        help="Passes over the data that train coder and clusters; 0 leaves the start (NJ).",
    )  # fmt: skip
    learning_rate: float = real(
        1e-3, symbol=r"\eta", low=1e-7, high=1, soft=(1e-5, 1e-1), log=True, group="Training", help="Learning rate."
    )  # fmt: skip
    optimizer: str = choice(
        "adam", symbol=r"\mathrm{opt}", choices=("adam", "sgd"), group="Training",
        help="Adam, or plain gradient steps as published.",
    )  # fmt: skip
    schedule: str = choice(
        "cosine", symbol=r"\eta(t)", choices=("constant", "cosine"), group="Training",
        help="Keep the learning rate, as published, or let it fall to zero along a cosine.",
    )  # fmt: skip
    train_batch_size: int | None = integer(
        None, symbol="B_1", low=8, high=1_000_000, soft=(64, 4096), optional=True, group="Training", none_means="all at once",
        help="Samples per step, neighbours included; none takes all at once.",
    )  # fmt: skip

    # ---- what a subclass says ----------------------------------------------------------------------------------------

    def new_coder(self, n_features: int, generator: torch.Generator) -> Coder:
        """The coder, from ``atoms_``."""
        raise NotImplementedError  # pragma: no cover

    def supervised(self, K: int) -> Mapping[int, tuple[int, float]]:
        """Which layers have clusters: number of the layer to number of clusters and weight; the last one has K."""
        return {-1: (K, 1.0)}

    @classmethod
    def reported(cls, dataset: str, params: Mapping[str, Any]) -> float | None:
        if params["epochs"] == 0:
            return None
        return (cls.published_mml if params["loss"] == "mml" else cls.published).get(dataset)

    # ---- training ----------------------------------------------------------------------------------------------------

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        import torch

        from core.graphs.batches import Laplacian

        stages = stages or Stages()
        K = self.clusters(X)
        self.check_data(X)
        self.take_in(X)
        yield from self.dictionary_stage(stages)
        data = torch.from_numpy(self.samples_).to(self.device)
        L = Laplacian(self.graph_.edges, self.laplacian)
        self.net_ = self.new_coder(data.shape[1], torch.Generator().manual_seed(self.random_state)).to(self.device)
        self._begin_clusters(data, L, K)
        yield from self._finetune(data, L, stages)
        self.known_ = self._codes(data, L)
        yield self.conclude(self.seen(data, L))

    def _codes(self, X: Tensor, L: Laplacian) -> list[Tensor]:
        """Codes after every layer, without gradients, in their unit."""
        import torch

        with torch.no_grad():
            return [Z / self.net_.unit for Z in self.net_(X, L)]

    def _begin_clusters(self, X: Tensor, L: Laplacian, K: int) -> None:
        """omega of every supervised layer, fitted to the labels of the start."""
        from torch import nn

        codes = self._codes(X, L)
        unit = codes[-1].abs().mean().clamp_min(1e-12)
        _check_finite(float(unit))
        self.net_.unit.fill_(unit)
        converged = cache(self._converged)  # all layers may ask for it
        made = []
        for layer, (count, _) in self.supervised(K).items():
            labels = self._first_labels(codes[layer], count, converged)
            made.append(self._fitted(codes[layer] / self.net_.unit, labels, count))
        self.clusters_ = nn.ModuleList(made).to(self.device)

    def _first_labels(self, Z: Tensor, K: int, converged: Callable[[], NDArray]) -> NDArray[np.int64]:
        """The labels that K clusters start from, of samples with codes Z (n, p)."""
        if self.start == "cut":
            return spectral_labels(self.graph_.symmetric(), K, assign_labels="kmeans", random_state=self.random_state)
        codes = converged() if self.start == "codes" else Z.cpu().numpy()
        return embedded_labels(codes, K, random_state=self.random_state, n_init=TRIES)

    def _converged(self) -> NDArray:
        """Codes that the unrolled iteration would end at, with the weights of the start."""
        from core.graphs import laplacian_of

        data, D = self.samples_.astype(np.float64), self.atoms_.astype(np.float64)
        L, N = laplacian_of(self.graph_.symmetric(), self.laplacian), self.step_bound()
        A = np.zeros((len(data), len(D)))
        for _ in range(CONVERGED):
            A = graph_step(A, data, D, L, lam=self.lam, alpha=self.alpha, N=N)
        _check_finite(float(np.abs(A).max()))
        return A

    def _fitted(self, Z: Tensor, labels: NDArray, K: int) -> nn.Module:
        """omega by cross-entropy to softened labels, then scaled to the wanted sureness."""
        import torch

        from core.losses import assignment
        from core.nets import Clusters

        sign = 1.0 if self.loss == "mml" else -1.0
        omega = torch.zeros(Z.shape[1], K, device=Z.device, requires_grad=True)
        wanted = torch.from_numpy(labels).to(Z.device)
        optimizer = torch.optim.Adam([omega], lr=START_RATE)
        for _ in range(START_STEPS):
            loss = torch.nn.functional.cross_entropy(sign * (Z @ omega), wanted, label_smoothing=SOFTENED)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            low, high = torch.tensor([1e-3, 1e3], dtype=torch.float64, device=Z.device)
            for _ in range(40):  # the mean largest membership grows with the scale
                middle = (low * high) ** 0.5
                sure = assignment(Z, middle * omega, self.loss, self.temperature).posterior.max(1).values.mean()
                below = sure < self.sureness
                low, high = torch.where(below, middle, low), torch.where(below, high, middle)
            return Clusters((low * omega).cpu().numpy())

    def _finetune(self, X: Tensor, L: Laplacian, stages: Stages) -> Iterator[Step]:
        import torch

        from core.graphs.batches import Laplacian
        from core.losses import effective_clusters
        from core.training.descent import Averages, descend
        from core.training.schedules import Pace

        optimizer = self._new_optimizer()
        pace = Pace(optimizer, self.schedule, epochs=self.epochs)
        order = torch.Generator().manual_seed(self.random_state)

        def epoch(_: int) -> tuple[Mapping[str, Any], Arrays]:
            averages = Averages()
            for rows in self._batches(len(X), order):
                edges = self.graph_.edges if rows is None else self.graph_.within(rows)
                inside = L if rows is None else Laplacian(edges, self.laplacian)
                codes = self.net_(X if rows is None else X[rows], inside)
                losses, found = self._terms([Z / self.net_.unit for Z in codes], edges)
                descend(optimizer, losses)
                gauges = {"clusters": effective_clusters(found.posterior.detach())}
                averages.add({**losses, **gauges}, len(codes[0]))
            pace.after(0.0)
            return averages.means(), self.seen(X, L)

        parts = {"net": self.net_, "clusters": self.clusters_, "optimizer": optimizer, "pace": pace, "order": order}
        yield from stages.run("finetune", self.epochs, parts, epoch)

    def _new_optimizer(self) -> torch.optim.Optimizer:
        """Adam; or plain gradient steps on W, S, theta and on omega for codes as they are.

        What is trained is `Coder.stretch` times those, and omega for codes in units of ``unit``: a gradient is smaller and a
        step must be longer by the square of that factor, and the other way round for omega.
        """
        import torch

        net, clusters = list(self.net_.parameters()), list(self.clusters_.parameters())
        if self.optimizer == "adam":
            return torch.optim.Adam([*net, *clusters], lr=self.learning_rate, fused=True)
        groups = [
            {"params": net, "lr": self.learning_rate * self.net_.stretch**2},
            {"params": clusters, "lr": self.learning_rate * float(self.net_.unit) ** 2},
        ]
        return torch.optim.SGD(groups)

    def _batches(self, n: int, order: torch.Generator) -> Sequence[Tensor | None]:
        """Rows of the batches of an epoch, samples with their neighbours; None: all at once."""
        if self.train_batch_size is None or self.train_batch_size >= n:
            return [None]
        return self.graph_.batches(self.train_batch_size, order)

    def _terms(self, codes: Sequence[Tensor], edges: Any) -> tuple[dict[str, Tensor], Assignment]:
        """The terms of all supervised layers, and the assignment of the last one."""
        import torch

        from core.losses import assignment, disagreement, entropy_loss, imbalance, margin_loss
        from core.nets import Clusters

        losses: dict[str, Tensor] = {}
        omegas = [cast(Clusters, clusters).omega for clusters in self.clusters_]
        for (layer, (_, weight)), omega in zip(self.supervised(omegas[-1].shape[1]).items(), omegas, strict=True):
            found = assignment(codes[layer], omega, self.loss, self.temperature)
            own = margin_loss(found) if self.loss == "mml" else entropy_loss(found)
            terms = {"clustering": self.entropy * own}
            if self.loss == "mml":
                terms["norm"] = 0.5 * self.margin_weight * omega.square().sum()
            if self.balance:
                terms["imbalance"] = self.balance * imbalance(found.posterior)
            if self.agreement:
                nearest, weights = edges
                terms["disagreement"] = self.agreement * disagreement(found.posterior, nearest, weights)
            for name, value in terms.items():
                losses[name] = losses.get(name, torch.zeros((), device=value.device)) + weight * value
        return losses, found

    # ---- what is seen, labels, new samples ---------------------------------------------------------------------------

    def seen(self, X: Tensor, L: Laplacian) -> Arrays:
        """Codes, memberships, atoms."""
        atoms = {"D": self.atoms_} if self.shows_atoms else {}
        return {"Z": lambda: self._codes(X, L)[-1], "P": lambda: self.memberships(self._codes(X, L)[-1]), **atoms}

    def memberships(self, Z: Tensor, place: int = -1) -> Tensor:
        """p_ij of codes (n, p) to the clusters at that place of ``clusters_``; the last are those of the result."""
        import torch

        from core.losses import assignment
        from core.nets import Clusters

        with torch.no_grad():
            return assignment(Z, cast(Clusters, self.clusters_[place]).omega, self.loss, self.temperature).posterior

    def assign(self, arrays: Arrays, affinity: NDArray | None, *, random_state: int) -> NDArray[np.int64]:
        """The cluster of the largest membership; no seed has a say in it."""
        return np.asarray(arrays["P"].argmax(axis=1), dtype=np.int64)

    def label_codes(self, Z: NDArray) -> NDArray[np.int64]:
        import torch

        codes = torch.from_numpy(np.asarray(Z, dtype=np.float32)).to(self.device)
        return np.asarray(self.memberships(codes).argmax(1).cpu(), dtype=np.int64)

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        import torch
        from torch import nn

        from core.graphs.batches import Laplacian
        from core.nets import Clusters

        super().restore(samples, arrays, weights)
        self.take_in(samples)
        if "D" in arrays:
            self.atoms_ = arrays["D"]
        L = Laplacian(self.graph_.edges, self.laplacian)
        data = torch.from_numpy(self.samples_)
        self.net_ = self.new_coder(data.shape[1], torch.Generator().manual_seed(self.random_state))
        parts: dict[str, dict[str, Any]] = {"net": {}, "clusters": {}}
        for name, value in weights.items():
            part, _, key = name.partition(".")
            parts.setdefault(part, {})[key] = value
        self.net_.load_state_dict(parts["net"])
        self.clusters_ = nn.ModuleList(Clusters(parts["clusters"][key].numpy()) for key in sorted(parts["clusters"]))
        self.known_ = self._codes(data, L)
        return self

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        n, m, p = shape[0], int(np.prod(shape[1:])), params["n_atoms"]
        batch = min(params["train_batch_size"] or n, n)
        layers = cls.layers(params)
        matrices = {
            "data": 8 * n * m, "codes": 4 * n * p * layers, "graph": 12 * n * params["n_neighbors"],
            "activations of a step": 4 * batch * p * layers * (3 + params["n_neighbors"]),
        }  # fmt: skip
        return Cost(parameters=cls.coder_parameters(m, params) + p * (params["n_clusters"] or 10), matrices=matrices)

    @classmethod
    def layers(cls, params: Mapping[str, Any]) -> int:
        """How many codes of a sample a step of training holds."""
        raise NotImplementedError  # pragma: no cover

    @classmethod
    def coder_parameters(cls, n_features: int, params: Mapping[str, Any]) -> int:
        """Numbers that the coder learns."""
        raise NotImplementedError  # pragma: no cover


def _check_finite(value: float) -> None:
    """Codes of the start overflow where the step bound leaves out a strong graph."""
    if not math.isfinite(value):
        raise Diverged("codes", "start", 1, value, SHORTER_STEPS)


@dataclass(kw_only=True)
class LayeredCoding(ClusterCoding):
    """A coder of K_s + 1 layers, whose codes are all there to be seen."""

    n_stages: int = integer(
        2, symbol="K_s", low=1, high=50, soft=(1, 10), group=DICTIONARY_GROUP,
        help="Iterations after the first; the network has one more layer than this.",
    )  # fmt: skip

    def seen(self, X: Tensor, L: Laplacian) -> Arrays:
        """Codes after the first two layers too."""
        return {
            **super().seen(X, L), "Z1": lambda: self._codes(X, L)[0], "Z2": lambda: self._codes(X, L)[1],
        }  # fmt: skip

    @classmethod
    def layers(cls, params: Mapping[str, Any]) -> int:
        return int(params["n_stages"]) + 1

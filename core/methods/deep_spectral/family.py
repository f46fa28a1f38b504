"""What methods share that learn a spectral embedding with a network: the head, its graph, its training, its clusters.

The head maps codes to K outputs, made orthonormal over a batch, Y^T Y / b = I. Its loss is the cut of a neighbour graph,
(1 / 2b) sum_ij W_ij ||y_i - y_j||^2, whose minimum are the first eigenvectors of the graph Laplacian
(`core.losses.spectral`). The stage "head" trains it alone, on fixed codes: SpectralNet's step, and DSCDAN's second program.

What matters, measured on MNIST and USPS: a batch of random samples holds next to no pair of neighbours, so the graph is
that of all samples, and a batch is made of samples with their neighbours (``graph="global"``). Softmax outputs need the
term for balance, without which orthonormal columns may still leave classes that are the largest output of no sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from core.affinity import cut_labels, embedded_labels, spectral_labels
from core.common import ParameterError, choice, integer, real, sizes
from core.methods.parts.pretrained import Autoencoding, in_chunks
from core.methods.parts.readout import FULL_LIMIT
from core.training import Arrays, Stages, Step

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from core.graphs.batches import Edges, NeighborGraph
    from core.nets import SpectralHead

HEAD_GROUP = "Spectral head"
SOFTENED = 0.1  # of each label, spread over all clusters: the cut is not to be believed to the letter
READ_NEIGHBORS = 3  # of the graph whose cut may give the labels: the number that DSCDAN states


class Terms(NamedTuple):
    """Of a batch.

    Attributes
    ----------
    losses
        The terms of the loss.
    gauges
        What is watched besides.
    rescued
        For each head, whether its outputs were rank deficient.
    """

    losses: Mapping[str, Tensor]
    gauges: Mapping[str, Tensor] = MappingProxyType({})
    rescued: tuple[bool, ...] = ()


def side_by_side(rivals: Sequence[Terms]) -> Terms:
    """The terms of several networks on the same batch: each loss is a vector over them, of which the sum is minimised."""
    import torch

    losses = {name: torch.stack([found.losses[name] for found in rivals]) for name in rivals[0].losses}
    return Terms(losses, rescued=sum((found.rescued for found in rivals), ()))


class Rivals:
    """Networks that train side by side: which of them has the lowest loss so far."""

    def __init__(self) -> None:
        self.best = 0

    def compare(self, losses: Tensor, rescued: NDArray) -> float:
        """Take note of their losses of an epoch (R,), and of the batches in which each was rescued; returns the lowest loss.

        Outputs that are rank deficient have a column of next to nothing, so that their spectral loss is too low to be true:
        such a head is taken only where no other is left.
        """
        value = losses.cpu().numpy()
        self.best = int((value + np.where(rescued > 0, 0.0 if (rescued > 0).all() else np.inf, 0.0)).argmin())
        return float(value[self.best])

    def get_state(self) -> int:
        return self.best

    def set_state(self, best: int) -> None:
        self.best = best


@dataclass(kw_only=True)
class SpectralEmbedding(Autoencoding):
    """A method with a spectral head on its codes."""

    reads = "A"

    head_: SpectralHead = field(init=False, repr=False)

    head_widths: tuple[int, ...] = sizes(
        (1024, 1024, 512), symbol="m_h", low=1, high=10_000, group=HEAD_GROUP, help="Units of each hidden layer of the head."
    )  # fmt: skip
    head_output: str = choice(
        "softmax", symbol=r"\varphi", choices=("softmax", "tanh"), group=HEAD_GROUP,
        help="Outputs that are a class posterior, or coordinates without that meaning.",
    )  # fmt: skip
    graph: str = choice(
        "global", symbol="W", choices=("global", "batch"), group=HEAD_GROUP,
        help="Neighbours among all samples, in batches that hold them; or among a random batch, as published.",
    )  # fmt: skip
    n_neighbors: int = integer(
        3, symbol="k", low=1, high=500, soft=(1, 30), group=HEAD_GROUP,
        help="Neighbours of each sample in the graph of the spectral loss, itself not counted.",
    )  # fmt: skip
    weights: str = choice(
        "heat", symbol="w", choices=("heat", "shared"), group=HEAD_GROUP,
        help="Weights of the global graph: by distance, or by the share of neighbours that two samples have in common.",
    )  # fmt: skip
    balance: float = real(
        1.0, symbol=r"\lambda", low=0, high=1e4, soft=(1e-2, 10), log=True, group=HEAD_GROUP,
        help="Weight of the term for clusters of equal size; ours, 0 is the paper. For softmax outputs.",
    )  # fmt: skip
    agreement: float = real(
        0.0, symbol=r"\mu", low=0, high=1e4, soft=(1e-2, 10), log=True, group=HEAD_GROUP,
        help="Weight of the term that asks neighbours for the same class; ours, 0 is the paper. For softmax outputs.",
    )  # fmt: skip
    start_epochs: int = integer(
        0, symbol="T_s", low=0, high=10_000, soft=(0, 50), group=HEAD_GROUP,
        help="Epochs that first teach the head the cut of the global graph, or of 3 neighbours; ours, 0 is the paper.",
    )  # fmt: skip
    head_starts: int = integer(
        1, symbol="R_h", low=1, high=100, soft=(1, 8), group=HEAD_GROUP,
        help="Heads that are trained side by side from different start weights; the one with the lowest loss is kept.",
    )  # fmt: skip
    head_epochs: int = integer(
        20, symbol="T_h", low=0, high=100_000, soft=(0, 400), group=HEAD_GROUP,
        help="Epochs that train the head alone, on fixed codes; with the global graph each sample brings three neighbours.",
    )  # fmt: skip
    learning_rate: float = real(
        1e-3, symbol=r"\eta", low=1e-7, high=1, soft=(1e-5, 1e-2), log=True, group=HEAD_GROUP,
        help="Learning rate of Adam once the head trains.",
    )  # fmt: skip
    train_batch_size: int = integer(
        1024, symbol="B_1", low=4, high=1_000_000, soft=(128, 4096), group=HEAD_GROUP,
        help="Samples per step once the head trains, neighbours included.",
    )  # fmt: skip
    schedule: str = choice(
        "cosine", symbol=r"\eta(t)", choices=("constant", "cosine", "plateau"), group=HEAD_GROUP,
        help="Keep the learning rate, let it fall to zero along a cosine, or to a tenth wherever the loss stays.",
    )  # fmt: skip
    patience: int = integer(
        20, symbol="p", low=1, high=100_000, soft=(1, 100), group=HEAD_GROUP,
        help="Epochs without a lower loss after which the learning rate falls to a tenth, on the schedule plateau.",
    )  # fmt: skip
    tolerance: float = real(
        0.0, symbol=r"\epsilon", low=0, high=100, soft=(0, 0.01), group=HEAD_GROUP,
        help="Stop once the loss of an epoch differs by less from that of the one before; 0 trains all epochs.",
    )  # fmt: skip
    labels: str = choice(
        "argmax", symbol=r"\hat y", choices=("argmax", "kmeans", "spectral"), group="Clusters",
        help="The largest output of the head, k-means on its orthonormal outputs (without a trained head both are k-means on "
        "the codes), or the cut of the codes' 3-neighbour graph.",
    )  # fmt: skip

    def new_head(self, code_size: int, n_clusters: int, generator: torch.Generator) -> SpectralHead:
        """A head with weights from the generator."""
        from core.nets import SpectralHead

        sizes = [code_size, *self.head_widths, n_clusters]
        return SpectralHead(sizes, self.head_output, generator).to(self.device)

    def views(self, net: Any, X: Tensor) -> Arrays:
        """Codes, reconstructions, and the graph of the codes that a label may be read from."""
        return {**super().views(net, X), "A": lambda: self.neighbors_of(self.codes(net, X))}

    def head_stages(
        self, K: int, Z: Tensor, graph: NeighborGraph, generator: torch.Generator, stages: Stages, views: Arrays
    ) -> Iterator[Step]:
        """The stages "start" and "head": heads alone, side by side, on codes Z (n, d) that stay as they are.

        Some heads end in a worse minimum than others, and their losses tell which: ``head_`` is the one with the lowest.
        """
        from torch import nn

        heads = nn.ModuleList(self.new_head(Z.shape[1], K, generator) for _ in range(self.head_starts))
        for head in heads:
            head.standardize(Z)  # type: ignore[operator]
        self.join(graph, Z)
        rivals = Rivals()
        views = {**views, "A": cache(lambda: self.neighbors_of(Z))}

        def shown() -> Arrays:
            self.head_ = heads[rivals.best]  # type: ignore[assignment]
            return {**views, **self.outputs(lambda: Z)}

        yield from self._start(heads, K, Z, graph, rivals, stages, shown)

        def terms(rows: Tensor) -> Terms:
            z = Z[rows]
            edges = self.edges(graph, rows, z)
            return side_by_side([self.cut_terms(head(z), edges) for head in heads])

        yield from self.descend("head", self.head_epochs, {"heads": heads}, terms, graph, len(Z), rivals, stages, shown)
        self.head_ = heads[rivals.best]  # type: ignore[assignment]
        yield from stages.run("choice", 0, {"head": self.head_}, lambda _: ({}, {}))  # what later stages start from
        stages.forget("heads")

    def _start(
        self, heads: nn.ModuleList, K: int, Z: Tensor, graph: NeighborGraph, rivals: Rivals, stages: Stages,
        shown: Callable[[], Arrays],
    ) -> Iterator[Step]:  # fmt: skip
        """The stage "start": the heads learn the clusters of the graph's normalised cut, softened, by cross-entropy."""
        import torch

        cut = torch.empty(0, dtype=torch.int64)
        if stages.reached("start") < self.start_epochs and not (stages.over("start") or stages.stopping):
            A = graph.symmetric() if self.graph == "global" else self.neighbors_of(Z)
            found = spectral_labels(A, K, assign_labels="kmeans", random_state=self.random_state)
            cut = torch.from_numpy(found).to(Z.device)

        def loss(head: Any, rows: Tensor) -> Terms:
            return Terms({"cut": torch.nn.functional.cross_entropy(head.logits(Z[rows]), cut[rows], label_smoothing=SOFTENED)})

        def terms(rows: Tensor) -> Terms:
            return side_by_side([loss(head, rows) for head in heads])

        yield from self.descend("start", self.start_epochs, {"heads": heads}, terms, graph, len(Z), rivals, stages, shown)

    def join(self, graph: NeighborGraph, Z: Tensor) -> None:
        """Find the neighbours among all samples, if they are what joins batches."""
        if self.graph == "global":
            graph.update(Z, self.n_neighbors, self.weights)

    def edges(self, graph: NeighborGraph, rows: Tensor, z: Tensor) -> Edges:
        """The graph of a batch with codes z (b, d)."""
        from core.graphs.batches import batch_edges

        return graph.within(rows) if self.graph == "global" else batch_edges(z, self.n_neighbors)

    def cut_terms(self, outputs: Tensor, edges: Edges) -> Terms:
        """Spectral loss, balance and agreement of what a head makes of a batch (b, K)."""
        from core.losses import disagreement, imbalance, orthonormalize, spectral_loss

        made = orthonormalize(outputs)
        losses = {"spectral": spectral_loss(made.Y, edges)}
        if self.head_output == "softmax":
            if self.balance:
                losses["imbalance"] = self.balance * imbalance(outputs)
            if self.agreement:
                losses["disagreement"] = self.agreement * disagreement(outputs, edges.nearest, edges.weights)
        return Terms(losses, rescued=(made.rescued,))

    def descend(
        self, stage: str, epochs: int, networks: Mapping[str, nn.Module], terms: Callable[[Tensor], Terms],
        graph: NeighborGraph, n: int, rivals: Rivals, stages: Stages, views: Callable[[], Arrays],
        before: Callable[[int], None] | None = None, **generators: torch.Generator,
    ) -> Iterator[Step]:  # fmt: skip
        """A stage of epochs over the batches of the graph.

        Parameters
        ----------
        networks
            What is trained, by the name it is kept under.
        terms
            The loss of the samples of a batch, by their rows.
        n
            Samples.
        rivals
            Is told whose loss is the lowest; that one's are reported.
        views
            What can be seen after an epoch.
        before
            Called at the beginning of each epoch with its index.
        generators
            Others than that of the batches, which the stage draws from.
        """
        import torch

        from core.training.descent import Averages, descend
        from core.training.schedules import Pace

        optimizer = torch.optim.Adam([p for net in networks.values() for p in net.parameters()], self.learning_rate, fused=True)
        pace = Pace(optimizer, self.schedule, epochs=epochs, patience=self.patience, tolerance=self.tolerance)
        order = torch.Generator().manual_seed(self.random_state)

        def epoch(index: int) -> tuple[Mapping[str, Any], Arrays]:
            if before is not None:
                before(index)
            averages = Averages()
            rescued: NDArray = np.zeros(1)
            for rows in self._batches(graph, n, order):
                found = terms(rows)
                averages.add({**found.losses, **found.gauges, "": descend(optimizer, found.losses)}, len(rows))
                rescued = rescued + np.array(found.rescued or (0,))
            means = averages.means()
            lowest = rivals.compare(means.pop(""), rescued)
            rate = pace.rate
            scalars = {name: value if value.ndim == 0 else value[rivals.best] for name, value in means.items()}
            return {**scalars, "rate": rate, "rescued": int(rescued.sum()), "converged": pace.after(lowest)}, views()

        parts = {**networks, "graph": graph, "rivals": rivals, "optimizer": optimizer, "pace": pace, "order": order}
        parts |= generators
        yield from stages.run(stage, epochs, parts, epoch)

    def _batches(self, graph: NeighborGraph, n: int, order: torch.Generator) -> Sequence[Tensor]:
        """Rows of the batches of an epoch: samples with their neighbours, or at random."""
        import torch

        if self.graph == "global":
            return graph.batches(self.train_batch_size, order)
        shuffled = torch.randperm(n, generator=order).to(self.device)
        return shuffled.tensor_split(max(n // self.train_batch_size, 1))  # none much smaller than the others

    def outputs(self, codes: Callable[[], Tensor]) -> Arrays:
        """What the head says of all codes: the posterior P, and the spectral embedding Y with Y^T Y / n = I."""
        from core.losses import orthonormalize

        shown: Arrays = {"Y": lambda: orthonormalize(self.said_of(codes())).Y}
        return {"P": lambda: self.said_of(codes()), **shown} if self.head_output == "softmax" else shown

    def settle(self, stages: Stages) -> bool:
        """Whether there is a head at the end: one that no stage has trained says nothing, and is dropped."""
        trained = any(stages.reached(stage) for stage in ("start", "head", "finetune"))
        if not trained:
            self.__dict__.pop("head_", None)
        return trained

    def neighbors_of(self, Z: Tensor) -> csr_array:
        """The symmetric graph of `READ_NEIGHBORS` neighbours of codes, with heat-kernel weights."""
        from core.graphs.batches import NeighborGraph

        graph = NeighborGraph()
        graph.update(Z, READ_NEIGHBORS)
        return graph.symmetric()

    def affinity(self, arrays: Arrays) -> Any:
        A = arrays.get("A")
        return A.toarray() if A is not None and A.shape[0] <= FULL_LIMIT else A

    def assign(self, arrays: Arrays, affinity: Any, *, random_state: int) -> NDArray[np.int64]:
        """As `labels` says; before there is a head, or where there is none, argmax and kmeans mean k-means on the codes."""
        if self.labels == "spectral":
            return cut_labels(self, affinity, self.clusters(arrays["Z"]), assign_labels="kmeans", random_state=random_state)
        if self.labels == "argmax" and "P" in arrays:
            return np.asarray(arrays["P"].argmax(axis=1), dtype=np.int64)
        rows = arrays.get("Y", arrays["Z"])
        return embedded_labels(rows, self.clusters(rows), assign_labels="kmeans", random_state=random_state)

    # ---- out of the sample -------------------------------------------------------------------------------------------

    def said_of(self, Z: Tensor) -> Tensor:
        """Outputs of the head for codes (n, d), without gradients: p(y | z), or coordinates."""
        return in_chunks(self.head_, Z)

    def label_codes(self, Z: NDArray) -> NDArray[np.int64]:
        """By the head, where labels are its largest output; else those of the nearest training codes."""
        import torch

        if self.labels != "argmax" or not hasattr(self, "head_"):
            return super().label_codes(Z)
        codes = torch.from_numpy(np.asarray(Z, dtype=np.float32)).to(self.device)
        return np.asarray(self.said_of(codes).argmax(1).cpu(), dtype=np.int64)

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        super().restore(samples, arrays, weights)
        self.restore_head(samples, weights)
        return self

    def restore_head(self, samples: NDArray, weights: Arrays) -> None:
        """The head, if one was trained."""
        import torch

        own = {name.removeprefix("head."): value for name, value in weights.items() if name.startswith("head.")}
        if own:
            self.head_ = self.new_head(len(own["centre"]), self.clusters(samples), torch.Generator())
            self.head_.load_state_dict(own)

    def check_data(self, X: NDArray) -> None:
        super().check_data(X)
        if self.n_clusters and self.train_batch_size < 2 * self.n_clusters:
            raise ParameterError(
                f"The 'train_batch_size' parameter of {self.name} must be at least twice the number of clusters, "
                f"{2 * self.n_clusters}, for outputs that can be made orthonormal. Got {self.train_batch_size} instead."
            )
        if self.labels == "argmax" and self.head_output == "tanh":
            raise ParameterError(
                f"The 'labels' parameter of {self.name} must be 'kmeans' or 'spectral' where 'head_output' is 'tanh', as the "
                "largest of free coordinates means nothing. Got 'argmax' instead."
            )

    @classmethod
    def head_parameters(cls, code_size: int, params: Mapping[str, Any]) -> int:
        """Numbers that a head holds."""
        K = params["n_clusters"] or 10
        return layer_parameters([code_size, *params["head_widths"], K]) + code_size + 1


def layer_parameters(sizes: Sequence[int]) -> int:
    """Numbers in dense layers of the given widths."""
    return sum(a * b + b for a, b in pairwise(sizes))

"""The spectral head as a part: its layers, its graph, its loss on a batch, and how it is trained.

The head maps codes to K outputs, made orthonormal over a batch, Y^T Y / b = I. Its loss is the cut of a neighbour graph,
(1 / 2b) sum_ij W_ij ||y_i - y_j||^2, whose minimum are the first eigenvectors of the graph Laplacian
(`core.losses.spectral`).

What matters, measured on MNIST and USPS: a batch of random samples holds next to no pair of neighbours, so the graph is
that of all samples, and a batch is made of samples with their neighbours (``graph="global"``). Softmax outputs need the
term for balance, without which orthonormal columns may still leave classes that are the largest output of no sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from core.common import ParameterError, Part, choice, integer, real, sizes
from core.training import Arrays

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from core.graphs.batches import Edges, NeighborGraph
    from core.nets import SpectralHead
    from core.training.descent import Terms
    from core.training.restarts import Restarts
    from core.training.trainer import Trainer

HEAD_GROUP = "Spectral head"


@dataclass(frozen=True, kw_only=True)
class HeadRecipe(Part):
    """A head, the neighbour graph it cuts, and its training."""

    head_widths: tuple[int, ...] = sizes(
        (1024, 1024, 512), symbol="m_h", low=1, high=10_000, group=HEAD_GROUP, help="Units of each hidden layer of the head."
    )
    head_output: str = choice(
        "softmax",
        symbol=r"\varphi",
        choices=("softmax", "tanh"),
        group=HEAD_GROUP,
        help="Outputs that are a class posterior, or coordinates without that meaning.",
    )
    graph: str = choice(
        "global",
        symbol="W",
        choices=("global", "batch"),
        group=HEAD_GROUP,
        help="Neighbours among all samples, in batches that hold them; or among a random batch, as published.",
    )
    n_neighbors: int = integer(
        3, symbol="k", low=1, high=500, soft=(1, 30), group=HEAD_GROUP,
        help="Neighbours of each sample in the graph of the spectral loss, itself not counted.",
    )  # fmt: skip
    weights: str = choice(
        "heat",
        symbol="w",
        choices=("heat", "shared"),
        group=HEAD_GROUP,
        help="Weights of the global graph: by distance, or by the share of neighbours that two samples have in common.",
    )
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
        "cosine",
        symbol=r"\eta(t)",
        choices=("constant", "cosine", "plateau"),
        group=HEAD_GROUP,
        help="Keep the learning rate, let it fall to zero along a cosine, or to a tenth wherever the loss stays.",
    )
    patience: int = integer(
        20, symbol="p", low=1, high=100_000, soft=(1, 100), group=HEAD_GROUP,
        help="Epochs without a lower loss after which the learning rate falls to a tenth, on the schedule plateau.",
    )  # fmt: skip
    tolerance: float = real(
        0.0, symbol=r"\epsilon", low=0, high=100, soft=(0, 0.01), group=HEAD_GROUP,
        help="Stop once the loss of an epoch differs by less from that of the one before; 0 trains all epochs.",
    )  # fmt: skip

    def check(self, n_clusters: int | None) -> None:
        """Refuse batches whose outputs cannot be made orthonormal."""
        if n_clusters and self.train_batch_size < 2 * n_clusters:
            raise ParameterError(
                f"The 'train_batch_size' parameter of {self.owner} must be at least twice the number of clusters, "
                f"{2 * n_clusters}, for outputs that can be made orthonormal. Got {self.train_batch_size} instead."
            )

    def new_head(self, code_size: int, n_clusters: int, generator: torch.Generator, device: str) -> SpectralHead:
        """A head with weights from the generator."""
        from core.nets import SpectralHead

        return SpectralHead([code_size, *self.head_widths, n_clusters], self.head_output, generator).to(device)

    def join(self, graph: NeighborGraph, Z: Tensor) -> None:
        """Find the neighbours among all samples, if they are what joins batches."""
        if self.graph == "global":
            graph.update(Z, self.n_neighbors, self.weights)

    def edges(self, graph: NeighborGraph, rows: Tensor, z: Tensor) -> Edges:
        """The graph of a batch with codes z (b, d)."""
        from core.graphs.batches import batch_edges

        return graph.within(rows) if self.graph == "global" else batch_edges(z, self.n_neighbors)

    def terms(self, head: SpectralHead, z: Tensor, edges: Edges) -> Terms:
        """Spectral loss, balance and agreement of what a head makes of a batch of codes (b, d)."""
        from core.losses import disagreement, imbalance, orthonormalize, spectral_loss
        from core.training.descent import Terms

        logits = head.logits(z)
        made = orthonormalize(head.activate(logits))
        losses = {"spectral": spectral_loss(made.Y, edges)}
        if self.head_output == "softmax":
            log_posterior = logits.log_softmax(1)
            if self.balance:
                losses["imbalance"] = self.balance * imbalance(log_posterior)
            if self.agreement:
                losses["disagreement"] = self.agreement * disagreement(log_posterior, edges.nearest, edges.weights)
        return Terms(losses, rescued=(made.rescued,))

    def trainer(
        self, epochs: int, networks: Mapping[str, nn.Module], terms: Callable[[Tensor], Terms], graph: NeighborGraph, n: int,
        restarts: Restarts, views: Callable[[], Arrays], *, random_state: int, before: Callable[[int], None] | None = None,
        **parts: Any,
    ) -> Trainer:  # fmt: skip
        """Epochs over the batches of the graph of n samples."""
        import torch

        from core.training.descent import adam
        from core.training.schedules import Schedule
        from core.training.trainer import Trainer

        optimizer = adam([p for net in networks.values() for p in net.parameters()], self.learning_rate)
        schedule = Schedule(optimizer, self.schedule, length=epochs, patience=self.patience, tolerance=self.tolerance)
        order = torch.Generator().manual_seed(random_state)
        device = optimizer.param_groups[0]["params"][0].device

        def batches() -> Sequence[Tensor]:
            """Samples with their neighbours, or at random, none of the batches much smaller than the others."""
            if self.graph == "global":
                return graph.batches(self.train_batch_size, order)
            shuffled = torch.randperm(n, generator=order).to(device)
            return shuffled.tensor_split(max(n // self.train_batch_size, 1))

        return Trainer(
            networks=networks, optimizer=optimizer, schedule=schedule, batches=batches, terms=terms, views=views,
            parts={"graph": graph, "order": order, **parts}, restarts=restarts, before=before,
        )  # fmt: skip

    def n_parameters(self, code_size: int, n_clusters: int | None) -> int:
        """Numbers that a head holds."""
        return layer_parameters([code_size, *self.head_widths, n_clusters or 10]) + code_size + 1


def layer_parameters(sizes: Sequence[int]) -> int:
    """Numbers in dense layers of the given widths."""
    return sum(a * b + b for a, b in pairwise(sizes))

"""What a code is trained by: how clearly it falls into clusters, and where these clusters start.

    nu C(A, omega) + b KL(mean p || uniform) + mu (disagreement of neighbours)

with C = EML, the entropy of p(j | a), or MML, the hinge between the largest score and the runner-up (TAGnet Eqs. 3.7 to 3.10).
Both have worthless optima, all samples in one cluster, and collapse when taken literally (b = mu = 0): the two other terms are
ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.affinity import embedded_labels, spectral_labels
from core.common import Part, choice, real

if TYPE_CHECKING:
    from torch import Tensor

    from core.graphs.batches import Edges
    from core.losses import Assignment
    from core.methods.sparse_coding.neighbor_links import LinkedSamples

START_STEPS, START_RATE, SOFTENED = 300, 0.05, 0.1  # of the fit of omega to the labels of the start
HALVINGS = 40  # of the interval in which the scale of omega is looked for
TRIES = 50  # of k-means for the start: with 10, chance decides on COIL-20


@dataclass(frozen=True, kw_only=True)
class ClusteringLoss(Part):
    """The loss of codes and clusters omega (p, K)."""

    loss: str = choice(
        "eml",
        symbol="C",
        choices=("eml", "mml"),
        group="Objective",
        help="Entropy of the memberships, or margin between the best cluster and the runner-up.",
    )
    nu: float = real(
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

    def assignment(self, Z: Tensor, omega: Tensor) -> Assignment:
        """Memberships and scores of codes (n, p)."""
        from core.losses import assignment

        return assignment(Z, omega, self.loss, self.temperature)

    def terms(self, Z: Tensor, omega: Tensor, edges: Edges) -> tuple[dict[str, Tensor], Assignment]:
        """The weighted terms for codes (b, p) that are joined by `edges`."""
        from core.losses import disagreement, entropy_loss, imbalance, margin_loss

        found = self.assignment(Z, omega)
        terms = {"clustering": self.nu * (margin_loss(found) if self.loss == "mml" else entropy_loss(found))}
        if self.loss == "mml":
            terms["norm"] = 0.5 * self.margin_weight * omega.square().sum()
        if self.balance:
            terms["imbalance"] = self.balance * imbalance(found.log_posterior)
        if self.agreement:
            terms["disagreement"] = self.agreement * disagreement(found.log_posterior, edges.nearest, edges.weights)
        return terms, found


@dataclass(frozen=True, kw_only=True)
class ClusterStart(Part):
    """omega before the first step: fitted to labels that no one gave, and sure of itself."""

    start: str = choice(
        "codes",
        symbol=r"\omega_0",
        choices=("codes", "cut", "kmeans"),
        group="Training",
        help="First clusters: k-means on converged sparse codes, the cut of the graph, or k-means on the first codes.",
    )
    confidence: float = real(
        0.9, symbol=r"p_0", low=0.15, high=0.999, soft=(0.3, 0.99), group="Training",
        help="Mean largest membership at the start, to which omega is scaled.",
    )  # fmt: skip

    def recipe(
        self, counts: Sequence[int], random_state: int, *, graph: Mapping[str, Any], codes: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What decides `labels` besides the data, for layers of so many clusters each.

        Parameters
        ----------
        graph, codes
            What decides the graph, and converged codes. First codes are the coder's own and decided by nothing less than it.
        """
        decided = {"codes": {"codes": codes, "graph": graph}, "cut": {"graph": graph}}[self.start]
        return {"part": "clusters", "start": self.start, "n_clusters": list(counts), "random_state": random_state, **decided}

    def labels(
        self, Z: Tensor, K: int, graph: LinkedSamples, converged: Callable[[], NDArray], random_state: int
    ) -> NDArray[np.int64]:
        """The labels that K clusters start from, of samples with the first codes Z (n, p)."""
        if self.start == "cut":
            return spectral_labels(graph.weights(), K, assign_labels="kmeans", random_state=random_state)
        codes = converged() if self.start == "codes" else Z.cpu().numpy()
        return embedded_labels(codes, K, random_state=random_state, n_init=TRIES)

    def omega(self, Z: Tensor, labels: NDArray, K: int, loss: ClusteringLoss) -> Tensor:
        """Clusters (p, K) by cross-entropy to softened labels, then scaled to the wanted confidence."""
        import torch

        from core.training.descent import adam, descend

        sign = 1.0 if loss.loss == "mml" else -1.0
        omega = torch.zeros(Z.shape[1], K, device=Z.device, requires_grad=True)
        wanted = torch.from_numpy(labels).to(Z.device)
        optimizer = adam([omega], START_RATE)
        for _ in range(START_STEPS):
            scores = sign * (Z @ omega)
            descend(optimizer, {"start": torch.nn.functional.cross_entropy(scores, wanted, label_smoothing=SOFTENED)})
        return self._confident(Z, omega.detach(), loss)

    def _confident(self, Z: Tensor, omega: Tensor, loss: ClusteringLoss) -> Tensor:
        """omega times the scale that gives the wanted mean largest membership, which grows with it."""
        import torch

        low, high = torch.tensor([1e-3, 1e3], dtype=torch.float64, device=omega.device)
        for _ in range(HALVINGS):
            middle = (low * high).sqrt()
            below = loss.assignment(Z, middle * omega).posterior.max(1).values.mean() < self.confidence
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return low * omega

"""What DSCDAN and SpectralNet share once there is a head: clusters, labels of new samples, and what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from core.affinity import embedded_labels, graph_labeller
from core.common import ParameterError, choice, held
from core.methods.contract import Clusterer, Labeller
from core.methods.deep_spectral.head import HeadRecipe
from core.methods.parts.network import own_weights
from core.methods.parts.scope import FULL_LIMIT
from core.training import Arrays, Stages

if TYPE_CHECKING:
    from core.nets import SpectralHead


@dataclass(kw_only=True)
class SpectralEmbedding(Clusterer):
    """A method with a spectral head on its codes."""

    nmi = "max"
    family = "Deep spectral"
    learns = "deep"
    reads = "A"
    uses_gpu = True
    shows = frozenset({"network"})

    head = held(HeadRecipe)

    labels: str = choice(
        "argmax",
        symbol=r"\hat y",
        choices=("argmax", "kmeans", "spectral"),
        group="Clusters",
        help="The largest output of the head, k-means on its orthonormal outputs (without a trained head both are k-means on "
        "the codes), or the cut of the codes' 3-neighbour graph.",
    )

    head_: SpectralHead | None = field(init=False, repr=False, default=None)

    def check_data(self, X: NDArray) -> None:
        self.head.check(self.n_clusters)
        if self.labels == "argmax" and self.head.head_output == "tanh":
            raise ParameterError(
                f"The 'labels' parameter of {self.name} must be 'kmeans' or 'spectral' where 'head_output' is 'tanh', as the "
                "largest of free coordinates means nothing. Got 'argmax' instead."
            )

    @staticmethod
    def head_was_trained(stages: Stages) -> bool:
        """Whether any stage has trained a head: one that none has says nothing."""
        return any(stages.reached(stage) for stage in ("start", "head", "finetune"))

    # ---- clusters, new samples ---------------------------------------------------------------------------------------

    def affinity(self, arrays: Arrays) -> Any:
        A = arrays.get("A")
        return A.toarray() if A is not None and A.shape[0] <= FULL_LIMIT else A

    def labeller(self, arrays: Arrays, affinity: Any) -> Labeller:
        """As `labels` says; before there is a head, or where there is none, argmax and kmeans mean k-means on the codes."""
        if self.labels == "spectral":
            return graph_labeller(affinity, self.K, assign_labels="kmeans")
        if self.labels == "argmax" and "P" in arrays:
            labels = np.asarray(arrays["P"].argmax(axis=1), dtype=np.int64)
            return lambda seed: labels
        rows = arrays.get("Y", arrays["Z"])
        return lambda seed: embedded_labels(rows, self.K, assign_labels="kmeans", random_state=seed)

    def label_codes(self, Z: NDArray) -> NDArray[np.int64]:
        """By the head, where labels are its largest output; else those of the nearest training codes."""
        if self.labels != "argmax" or self.head_ is None:
            return super().label_codes(Z)
        import torch

        from core.methods.deep_spectral.heads import head_outputs

        codes = torch.from_numpy(np.asarray(Z, dtype=np.float32)).to(self.device)
        return np.asarray(head_outputs(self.head_, codes).argmax(1).cpu(), dtype=np.int64)

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        """The head, if one was trained; a method restores its network."""
        import torch

        own: Mapping[str, Any] = own_weights(weights, "head")
        if own:
            self.head_ = self.head.new_head(len(own["centre"]), self.K, torch.Generator(), self.device)
            self.head_.load_state_dict(own)
        return super().restore(samples, arrays, weights)

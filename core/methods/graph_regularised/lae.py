r"""Laplacian auto-encoder (Jia et al., Neurocomputing 2015), the closest baseline of GR-DNN: neighbours get close codes.

Each layer that is trained adds, with the k nearest neighbours N(i) of a sample in the data,

    lambda (1 / n) sum_i (1 / k) sum_{j in N(i)} ||h_i - h_j||^2

to the cross-entropy, where h are the outputs of its hidden units: layer by layer in the layer-wise recipe, over all hidden
layers together where the whole path is trained. A mini-batch estimates the inner mean from one random neighbour of each
sample, which is unbiased and needs no batch that holds whole neighbourhoods. GR-DNN's authors give no details of the LAE
they compare with; the penalty is applied to hidden layers, not to the linear code, which could shrink to escape it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.common import ParameterError, integer, real
from core.graphs import anchor_weights, nearest_neighbors
from core.methods.contract import Cost
from core.methods.graph_regularised.family import LayeredAutoEncoder
from core.methods.graph_regularised.phi import Hidden, Phi
from core.methods.registry import register
from core.training import Step

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.training.heldout import Split


def objective(X: Tensor, X_hat: Tensor, H: Sequence[Tensor], N: Tensor, *, lambda_: float) -> Tensor:
    """Delta(X, X_hat) + lambda/nk sum_il sum_{j in N(i)} ||h_i - h_j||^2 for hidden outputs H_l (n, p), neighbours N (n, k)."""
    apart = [(h[:, None] - h[N]).square().sum() / N.numel() for h in H]
    return -(X * X_hat.log() + (1 - X) * (1 - X_hat).log()).sum() / len(X) + lambda_ * sum(apart, X.new_zeros(()))


@register
class LAE(LayeredAutoEncoder):
    """Laplacian auto-encoder."""

    name = "lae"
    title = "LAE"
    summary = "Reconstructs the data through layers that answer neighbours alike."
    paper = "Jia et al., Neurocomputing 2015"
    objective = (
        r"\min\; \Delta\big(X, g_d(f_d(X))\big) + \lambda \textstyle\sum_l "
        r"\tfrac{1}{nk} \sum_i \sum_{j \in N(i)} \lVert h^l_i - h^l_j \rVert^2"
    )
    symbols = {**LayeredAutoEncoder.symbols, "laplacian": r"\lambda \textstyle\sum_l \lVert h^l_i - h^l_j \rVert^2"}

    lambda_: float = real(
        0.1, symbol=r"\lambda", low=0, high=1e4, soft=(1e-3, 100), log=True, group="Objective",
        help="Weight of the distance between the hidden units of neighbours.",
    )  # fmt: skip
    n_neighbors: int = integer(
        5, symbol="k", low=1, high=1000, soft=(1, 50), group="Objective", help="Neighbours of each sample."
    )

    def check_data(self, X: NDArray) -> None:
        super().check_data(X)
        fitted = self.course.fitted(len(X))
        if self.n_neighbors > fitted - 1:
            raise ParameterError(
                f"The 'n_neighbors' parameter of {self.name} must be less than the number of samples to learn from, {fitted}. "
                f"Got {self.n_neighbors} instead."
            )

    def phi(self, X: NDArray, split: Split) -> Phi:
        """The distance of hidden units to those of a neighbour, where it weighs anything."""
        if not self.lambda_:
            return Phi()
        neighbors = self.neighbors(X, split)

        def penalty(hidden: Hidden) -> Mapping[str, Tensor]:
            return {"laplacian": self.lambda_ * distance(hidden, neighbors, split.noise)} if hidden.layers else {}

        built = Step("neighbours", 1, 1, {"edges": float(neighbors.numel())}, {})
        decides = {"lambda_": self.lambda_, "n_neighbors": self.n_neighbors, "method": self.name}
        return Phi(penalty=penalty, decides=decides, built=(built,))

    def neighbors(self, X: NDArray, split: Split) -> Tensor:
        """The nearest of the samples to learn from, for every sample, (n, k)."""
        import torch

        fitted, held = (rows.cpu().numpy() for rows in (split.fitted, split.held))
        found = np.empty((len(X), self.n_neighbors), dtype=np.int64)
        found[fitted] = fitted[nearest_neighbors(X[fitted], self.n_neighbors, random_state=self.random_state)]
        if len(held):
            joined, _ = anchor_weights(X[held], X[fitted], self.n_neighbors)
            found[held] = fitted[joined.indices.reshape(len(held), -1)]
        return torch.from_numpy(found).to(self.device)

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        cost = super().cost(shape, params)
        return Cost(parameters=cost.parameters, matrices={**cost.matrices, "neighbours": 8 * shape[0] * params["n_neighbors"]})


def distance(hidden: Hidden, neighbors: Tensor, draws: torch.Generator) -> Tensor:
    """(1/b) sum_il ||h_i - h_j||^2 over the layers, j a neighbour of i that is drawn anew."""
    import torch

    rows, k = hidden.rows, neighbors.shape[1]
    drawn = torch.randint(k, (len(rows), 1), generator=draws, device=rows.device)
    theirs = hidden.of(neighbors[rows].gather(1, drawn)[:, 0])
    apart = [(ours.h - other.h).square().sum() for ours, other in zip(hidden.layers, theirs, strict=True)]
    return torch.stack(apart).sum() / len(rows)

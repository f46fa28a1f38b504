r"""Laplacian auto-encoder (Jia et al., Neurocomputing 2015), the closest baseline of GR-DNN: neighbours get close codes.

Each layer that is trained adds, with the k nearest neighbours N(i) of a sample in the data,

    lambda (1 / n) sum_i (1 / k) sum_{j in N(i)} s_ij ||h_i - h_j||^2

to the cross-entropy, where h are the outputs of its hidden units: layer by layer in the layer-wise recipe, over all hidden
layers together where the whole path is trained. A mini-batch estimates the inner mean from one random neighbour of each
sample, which is unbiased and needs no batch that holds whole neighbourhoods.

GR-DNN's authors compare with it under K of 20 (COIL-20, Yale B) and 30 (MNIST, MNIST2), the Gaussian weights s_ij of their
Eq. 2, a graph that is built anew from the outputs of each layer, and a lambda of a grid that they do not name (sections 2.2 and
4.1.2): ``weights="gaussian"`` and ``graph="outputs"``, as in the presets -paper. Equal weights over the neighbours in the data
are ours. The penalty is applied to hidden layers, not to the linear code, which could shrink to escape it; and while the whole
path is trained the neighbours are those in the data, as outputs then move with every step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.common import ParameterError, choice, integer, real
from core.graphs import anchor_weights, half_weights, nearest_neighbors
from core.methods.contract import Cost
from core.methods.graph_regularised.family import LayeredAutoEncoder
from core.methods.graph_regularised.phi import Hidden, Phi
from core.methods.registry import register
from core.training import Step

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.training.heldout import Split


OURS = ("equal", "data")
CHUNK = 4096


class Near(NamedTuple):
    """Neighbours of every sample, and their weights, (n, k)."""

    rows: Tensor
    weights: Tensor


def objective(X: Tensor, X_hat: Tensor, H: Sequence[Tensor], N: Tensor, s: Tensor, *, lambda_: float) -> Tensor:
    """Delta(X, X_hat) + lambda/nk sum_il sum_{j in N(i)} s_ij ||h_i - h_j||^2 for hidden outputs H_l (n, p), N and s (n, k)."""
    apart = [(s * (h[:, None] - h[N]).square().sum(2)).sum() / N.numel() for h in H]
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
        r"\tfrac{1}{nk} \sum_i \sum_{j \in N(i)} s_{ij} \lVert h^l_i - h^l_j \rVert^2"
    )
    symbols = {**LayeredAutoEncoder.symbols, "laplacian": r"\lambda \textstyle\sum_l \lVert h^l_i - h^l_j \rVert^2"}

    lambda_: float = real(
        0.1, symbol=r"\lambda", low=0, high=1e4, soft=(1e-3, 100), log=True, group="Objective",
        help="Weight of the distance between the hidden units of neighbours.",
    )  # fmt: skip
    n_neighbors: int = integer(
        5, symbol="k", low=1, high=1000, soft=(1, 50), group="Objective", help="Neighbours of each sample."
    )
    weights: str = choice(
        "equal",
        symbol="s_{ij}",
        choices=("equal", "gaussian"),
        group="Objective",
        help="Weights of the neighbours: 1 each, or by distance, with 1/2 at the mean distance (GR-DNN's Eq. 2).",
    )
    graph: str = choice(
        "data",
        symbol="N(i)",
        choices=("data", "outputs"),
        group="Objective",
        help="Neighbours in the data, or while a single layer is trained among the outputs of the layer below it.",
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
        near = self.near(X, split)
        rebuilt: dict[int, Near] = {0: near}

        def at(hidden: Hidden) -> Near:
            if hidden.below is None or self.graph == "data":
                return near
            depth, inputs = hidden.below
            if depth not in rebuilt:  # when it is first asked for: by then the layers below are trained, or restored
                rebuilt[depth] = self.near(all_inputs(inputs, len(X), hidden.rows), split)
            return rebuilt[depth]

        def penalty(hidden: Hidden) -> Mapping[str, Tensor]:
            return {"laplacian": self.lambda_ * distance(hidden, at(hidden), split.noise)} if hidden.layers else {}

        built = Step("neighbours", 1, 1, {"edges": float(near.rows.numel())}, {})
        decides = {"lambda_": self.lambda_, "n_neighbors": self.n_neighbors, "method": self.name}
        decides |= {name: value for name, value in (("weights", self.weights), ("graph", self.graph)) if value not in OURS}
        return Phi(penalty=penalty, decides=decides, built=(built,))

    def near(self, X: NDArray, split: Split) -> Near:
        """The nearest of the samples to learn from, for every sample, and their weights."""
        import torch

        fitted, held = (rows.cpu().numpy() for rows in (split.fitted, split.held))
        found = np.empty((len(X), self.n_neighbors), dtype=np.int64)
        found[fitted] = fitted[nearest_neighbors(X[fitted], self.n_neighbors, random_state=self.random_state)]
        if len(held):
            joined, _ = anchor_weights(X[held], X[fitted], self.n_neighbors)
            found[held] = fitted[joined.indices.reshape(len(held), -1)]
        weights = half_weights(X, found) if self.weights == "gaussian" else np.ones(found.shape)
        return Near(torch.from_numpy(found).to(self.device), torch.from_numpy(weights.astype(np.float32)).to(self.device))

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        return super().cost(shape, params).and_more({"neighbours": 8 * shape[0] * params["n_neighbors"]})


def all_inputs(inputs: Callable[[Tensor], Tensor], n: int, rows: Tensor) -> NDArray:
    """What a layer reads of all n samples."""
    import torch

    with torch.no_grad():
        parts = torch.arange(n, device=rows.device).split(CHUNK)
        return np.concatenate([inputs(part).cpu().numpy() for part in parts])


def distance(hidden: Hidden, near: Near, draws: torch.Generator) -> Tensor:
    """(1/b) sum_il s_ij ||h_i - h_j||^2 over the layers, j a neighbour of i that is drawn anew."""
    import torch

    rows, k = hidden.rows, near.rows.shape[1]
    drawn = torch.randint(k, (len(rows), 1), generator=draws, device=rows.device)
    weights = near.weights[rows].gather(1, drawn)[:, 0]
    theirs = hidden.of(near.rows[rows].gather(1, drawn)[:, 0])
    apart = [
        (weights.to(ours.h.dtype) * (ours.h - other.h).square().sum(1)).sum()
        for ours, other in zip(hidden.layers, theirs, strict=True)
    ]
    return torch.stack(apart).sum() / len(rows)

r"""Laplacian auto-encoder (Jia et al., Neurocomputing 2015), the closest baseline of GR-DNN: neighbours get close codes.

Each layer that is trained adds, with the K nearest neighbours N(i) of a sample in the data,

    lambda (1 / n) sum_i (1 / K) sum_{j in N(i)} ||h_i - h_j||^2

to the cross-entropy, where h are the outputs of its hidden units: layer by layer in the layer-wise recipe, over all hidden
layers together where the whole path is trained. A mini-batch estimates the inner mean from one random neighbour of each
sample, which is unbiased and needs no batch that holds whole neighbourhoods. GR-DNN's authors give no details of the LAE
they compare with; the penalty is applied to hidden layers, not to the linear code, which could shrink to escape it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core import graphs
from core.common import ParameterError, integer, real
from core.graphs import nearest_neighbors
from core.methods.contract import Cost
from core.methods.graph_regularised.family import DeepCoding
from core.methods.registry import register
from core.training import Step

if TYPE_CHECKING:
    import torch

    from core.nets import Layer
    from core.training.trainer import Trainer


@register
class LAE(DeepCoding):
    """Laplacian auto-encoder."""

    name = "lae"
    title = "LAE"
    summary = "Reconstructs the data through layers that answer neighbours alike."
    paper = "Jia et al., Neurocomputing 2015"
    objective = (
        r"\min\; \Delta\big(X, g_d(f_d(X))\big) + \lambda \textstyle\sum_l "
        r"\tfrac{1}{nK} \sum_i \sum_{j \in N(i)} \lVert h^l_i - h^l_j \rVert^2"
    )
    symbols = {**DeepCoding.symbols, "laplacian": r"\lambda \textstyle\sum_l \lVert h^l_i - h^l_j \rVert^2"}
    published = {"coil20": 0.7171, "mnist": 0.6522, "mnist2": 0.6063}

    lambda_: float = real(
        0.1, symbol=r"\lambda", low=0, high=1e4, soft=(1e-3, 100), log=True, group="Objective",
        help="Weight of the distance between the hidden units of neighbours.",
    )  # fmt: skip
    n_neighbors: int = integer(
        5, symbol="K", low=1, high=1000, soft=(1, 50), group="Objective", help="Neighbours of each sample."
    )

    def check_data(self, X: NDArray) -> None:
        super().check_data(X)
        fitted = len(X) - round(self.validation * len(X))
        if self.n_neighbors > fitted - 1:
            raise ParameterError(
                f"The 'n_neighbors' parameter of {self.name} must be less than the number of samples to learn from, {fitted}. "
                f"Got {self.n_neighbors} instead."
            )

    def prepare(self, X: NDArray, trainer: Trainer) -> Iterator[Step]:
        import torch

        flat = X.reshape(len(X), -1)
        fitted, held = (rows.cpu().numpy() for rows in (trainer.fitted, trainer.held))
        found = np.empty((len(X), self.n_neighbors), dtype=np.int64)  # all are samples to learn from
        found[fitted] = fitted[nearest_neighbors(flat[fitted], self.n_neighbors, random_state=self.random_state)]
        if len(held):
            joined, _ = graphs.anchor_weights(flat[held], flat[fitted], self.n_neighbors)
            found[held] = fitted[joined.indices.reshape(len(held), -1)]
        self._neighbors = torch.from_numpy(found).to(self.device)
        self._draws = trainer.noise
        yield Step("neighbours", 1, 1, {"edges": float(found.size)}, {})

    def penalty(
        self, layers: Sequence[Layer], rows: torch.Tensor, layers_of: Callable[[torch.Tensor], Sequence[Layer]]
    ) -> Mapping[str, torch.Tensor]:
        import torch

        if self.lambda_ == 0 or not layers:
            return {}
        drawn = torch.randint(self.n_neighbors, (len(rows), 1), generator=self._draws, device=rows.device)
        theirs = layers_of(self._neighbors[rows].gather(1, drawn)[:, 0])
        apart = [(ours.h - other.h).square().sum() for ours, other in zip(layers, theirs, strict=True)]
        return {"laplacian": self.lambda_ / len(rows) * torch.stack(apart).sum()}

    def path_recipe(self) -> dict[str, Any]:
        return {**super().path_recipe(), "lambda_": self.lambda_, "n_neighbors": self.n_neighbors, "method": self.name}

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        cost = super().cost(shape, params)
        return Cost(parameters=cost.parameters, matrices={**cost.matrices, "neighbours": 8 * shape[0] * params["n_neighbors"]})

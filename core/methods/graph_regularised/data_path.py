"""The data path on its samples: what can be seen of it, and the shelf from which other runs take it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from core.methods.graph_regularised.phi import Phi
from core.methods.graph_regularised.training import Training
from core.training import Arrays, Stages, Step, in_chunks

if TYPE_CHECKING:
    from torch import Tensor

    from core.nets import Pair

PICTURES = 24  # reconstructions kept with a pretrained network


@dataclass(frozen=True)
class DataPath:
    """Encoder and decoder of the data, and the samples X (n, m), each of `sample_shape` as the data have it."""

    pair: Pair
    X: Tensor
    sample_shape: tuple[int, ...]

    def reconstruct(self, X: Tensor) -> Tensor:
        return self.pair.decoder(self.pair.encoder(X)).sigmoid_()

    def views(self) -> Arrays:
        """Codes and reconstructions, computed only if somebody looks."""
        return {"Z": partial(in_chunks, self.pair.encoder, self.X), "X_hat": partial(self._shown, self.reconstruct)}

    def _up_to(self, depth: int) -> Arrays:
        """Reconstructions by the layers that have been trained so far."""
        return {"X_hat": partial(self._shown, partial(self.pair.unrolled, depth))}

    def _shown(self, f: Callable[[Tensor], Tensor]) -> Tensor:
        return in_chunks(f, self.X).reshape(-1, *self.sample_shape)

    def trained(self, training: Training, phi: Phi, recipe: Mapping[str, Any]) -> Iterator[Step]:
        """Stages one and two; or their result from the shelf, if another run has followed this recipe."""
        stages, shelf = training.stages, training.stages.shelf
        steps = training.path(self.pair, phi, self.views, self._up_to)
        if shelf is None or stages.over("data path") or stages.reached("data layer 1"):
            yield from steps
            return
        kept = shelf.get(recipe)
        if kept is not None:
            self._adopt(stages, training, kept)
            yield Step("data path", 1, 1, {}, self.views())
        yield from steps
        if kept is None and not stages.stopping:
            shelf.put(recipe, stages.kept("data path"), *self._about())

    def _adopt(self, stages: Stages, training: Training, kept: Mapping[str, Any]) -> None:
        for depth in range(len(self.pair.encoder.layers)):
            stages.adopt(f"data layer {depth + 1}", training.recipe.layer.epochs, {})
        stages.adopt("data path", training.recipe.path.epochs, kept)

    def _about(self) -> tuple[dict[str, float], dict[str, NDArray]]:
        """Some samples and their reconstructions, and the error of these."""
        import torch

        rows = torch.linspace(0, len(self.X) - 1, min(PICTURES, len(self.X))).long().to(self.X.device)
        X = self.X[rows]
        X_hat = in_chunks(self.reconstruct, X)
        pictures = {name: A.reshape(-1, *self.sample_shape).cpu().numpy() for name, A in (("X", X), ("X_hat", X_hat))}
        return {"mean_squared_error": float((X - X_hat).square().mean())}, pictures

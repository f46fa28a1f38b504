"""What the stages minimise: a layer by itself, or a whole path and what reads its codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from core.methods.graph_regularised.phi import Hidden, Phi

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.methods.graph_regularised.graph_term import GraphPath
    from core.nets import Layer, Pair, Path


class Problem(Protocol):
    """What a stage changes, and the loss of a batch: its terms, and what they leave out of their cross-entropies."""

    @property
    def networks(self) -> Mapping[str, Path]: ...
    @property
    def learnt(self) -> Sequence[Tensor]: ...
    def terms(self, rows: Tensor, noise: torch.Generator | None = None) -> Mapping[str, Tensor]: ...
    def floor(self, rows: Tensor) -> float: ...


@dataclass(frozen=True)
class OneLayer:
    """Stage one: a layer of a path as an auto-encoder of its own, with tied weights, on what the layers below it give."""

    pair: Pair
    depth: int
    phi: Phi

    @property
    def networks(self) -> Mapping[str, Path]:
        return self.pair.networks

    @property
    def learnt(self) -> Sequence[Tensor]:
        return self.pair.tied_parameters(self.depth)

    def terms(self, rows: Tensor, noise: torch.Generator | None = None) -> Mapping[str, Tensor]:
        """Delta(x, decoded) of its own input x, and Phi; `noise` draws what of x is erased."""
        from core import losses

        x = self.pair.input_of(self.depth, rows)
        layer, logits = self.pair.tied(self.depth, self.phi.erased(x, noise))
        return {self.pair.term: losses.divergence(x, logits), **self.phi.penalty(self._hidden(layer, rows))}

    def _hidden(self, layer: Layer, rows: Tensor) -> Hidden:
        return Hidden([layer], rows, self._of, (self.depth, lambda all_rows: self.pair.input_of(self.depth, all_rows)))

    def _of(self, rows: Tensor) -> Sequence[Layer]:
        return [self.pair.tied(self.depth, self.pair.input_of(self.depth, rows))[0]]

    def floor(self, rows: Tensor) -> float:
        return 0.0  # nobody stops it early


@dataclass(frozen=True)
class WholePath:
    """Stages two and three: Delta(X, g(f(X))) + gamma Phi, and the terms that read the same codes (Eq. 5)."""

    pair: Pair
    phi: Phi
    sides: Sequence[GraphPath] = ()

    @property
    def networks(self) -> Mapping[str, Path]:
        return {**self.pair.networks, **{name: path for side in self.sides for name, path in side.networks.items()}}

    @property
    def learnt(self) -> Sequence[Tensor]:
        return [parameter for network in self.networks.values() for parameter in network.parameters()]

    def terms(self, rows: Tensor, noise: torch.Generator | None = None) -> Mapping[str, Tensor]:
        """All terms of a batch; `noise` draws what of the inputs is erased."""
        from core import losses

        X = self.pair.X(rows)
        layers, codes = self.pair.encoder.trace(self.phi.erased(X, noise))
        terms = {self.pair.term: losses.divergence(X, self.pair.decoder(codes))}
        terms |= self.phi.penalty(Hidden(layers, rows, self._of))
        for side in self.sides:
            terms |= side.terms(codes, rows)
        return terms

    def _of(self, rows: Tensor) -> Sequence[Layer]:
        return self.pair.encoder.trace(self.pair.X(rows))[0]

    def floor(self, rows: Tensor) -> float:
        """What the terms leave out of their cross-entropies on some samples: the entropies of the targets."""
        return self.pair.X.entropy(rows) + sum(side.floor(rows) for side in self.sides)

"""Phi, what makes an auto-encoder more than plain: inputs that are erased, and terms on the layers that are being trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from core.common import Part, flag, real
from core.methods.graph_regularised.recipe import LAYER_WISE
from core.training import Step

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.nets import Layer


class Hidden(NamedTuple):
    """The layers that are being trained, at work on a batch.

    Attributes
    ----------
    layers
        Weights, outputs and slopes of each.
    rows
        The samples of the batch.
    of
        The same layers at work on other samples.
    below
        What a single layer reads, for given samples, and how many layers are below it; None where a whole path is trained.
    """

    layers: Sequence[Layer]
    rows: Tensor
    of: Callable[[Tensor], Sequence[Layer]]
    below: tuple[int, Callable[[Tensor], Tensor]] | None = None


def nothing(_: Hidden) -> Mapping[str, Tensor]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Phi:
    """What an auto-encoder has besides its reconstruction.

    Attributes
    ----------
    corruption
        Share of the inputs that is set to zero while single layers are trained, and in the end-to-end recipe.
    always
        It is so in the joint stage of every recipe.
    penalty
        Terms on the layers of the data path.
    decides
        What of it decides a data path after stage two, besides the corruption.
    built
        What was built from the data for it, as steps.
    """

    corruption: float = 0.0
    always: bool = False
    penalty: Callable[[Hidden], Mapping[str, Tensor]] = nothing
    decides: Mapping[str, Any] = field(default_factory=dict)
    built: tuple[Step, ...] = ()

    def erased(self, x: Tensor, noise: torch.Generator | None) -> Tensor:
        """x with a share of its entries, drawn one by one, set to zero; x itself where nothing is to be drawn."""
        import torch

        if noise is None or self.corruption == 0:
            return x
        return x * (torch.rand(x.shape, generator=noise, device=x.device) >= self.corruption)

    def without_noise(self) -> Self:
        return replace(self, corruption=0.0)

    def without_penalty(self) -> Self:
        return replace(self, penalty=nothing)


@dataclass(frozen=True, kw_only=True)
class Denoising(Part):
    """Inputs of which a share is erased (Vincent et al. 2010)."""

    corruption: float = real(
        0.2, symbol="p", low=0, high=0.95, soft=(0, 0.9), group="Objective", help="Share of the inputs that is set to zero."
    )
    always_mask: bool = flag(
        False,
        symbol=r"\tilde X",
        group=LAYER_WISE,
        help="Mask the inputs of the joint stage too; the paper's program masks those of single layers alone.",
    )

    def phi(self) -> Phi:
        return Phi(corruption=self.corruption, always=self.always_mask)


@dataclass(frozen=True, kw_only=True)
class Contraction(Part):
    """Layers that hardly react to small changes of their inputs (Rifai et al. 2011)."""

    gamma: float = real(
        0.01, symbol=r"\gamma", low=0, high=1e4, soft=(1e-3, 100), log=True, group="Objective",
        help="Weight of the squared Jacobian norm of the hidden layers.",
    )  # fmt: skip

    def phi(self) -> Phi:
        return Phi(penalty=self.penalty, decides={"gamma": self.gamma}) if self.gamma else Phi()

    def penalty(self, hidden: Hidden) -> Mapping[str, Tensor]:
        """gamma times the squared Frobenius norm of each layer's Jacobian with respect to its own input."""
        import torch

        from core import losses

        norms = [losses.contraction(layer.W, layer.slopes) for layer in hidden.layers]
        return {"contraction": self.gamma * torch.stack(norms).sum()} if norms else {}

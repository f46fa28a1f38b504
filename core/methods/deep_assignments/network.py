"""The auto-encoder of DEPICT as a part, on its data: noise in every layer, and every layer reconstructed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from core.common import ParameterError, real, redeclared
from core.methods.contract import Cost
from core.methods.parts.network import NETWORK_GROUP, PRETRAINING_GROUP, PretrainedNetwork

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.methods.deep_assignments.denoising import DenoisingOnData

KEPT = 5  # values per unit for the backward pass: clean, noisy, its mask, what it was before, and reconstructed


@dataclass(frozen=True, kw_only=True)
class DenoisingNetwork(PretrainedNetwork):
    """Convolutions for images, then dense layers down to the code; pretrained without noise in what it must give back."""

    channels: tuple[int, ...] = redeclared(PretrainedNetwork, "channels", (20, 20))
    kernel_sizes: tuple[int, ...] = redeclared(PretrainedNetwork, "kernel_sizes", (5, 5))
    widths: tuple[int, ...] = redeclared(PretrainedNetwork, "widths", (32,))
    batch_size: int | None = redeclared(PretrainedNetwork, "batch_size", 100)
    dropout: float = real(
        0.1, symbol="p", low=0, high=0.9, soft=(0, 0.5), group=NETWORK_GROUP,
        help="Share of the values of the samples and of each hidden layer that noise sets to 0 while training.",
    )  # fmt: skip
    hidden_weight: float = real(
        1.0, symbol=r"\omega", low=0, high=1e3, soft=(1e-2, 10), log=True, group=PRETRAINING_GROUP,
        help="Weight of the reconstruction of hidden layers beside that of the samples; 1 as printed, 0.1 in the program.",
    )  # fmt: skip

    def check(self, X: NDArray) -> None:
        super().check(X)
        if not self.is_dense(X.ndim) and any(kernel % 2 == 0 for kernel in self.kernel_sizes):
            raise ParameterError(
                f"The 'kernel_sizes' parameter of {self.owner} must hold odd numbers, so that the decoder comes back to the "
                f"same sizes. Got {list(self.kernel_sizes)} instead."
            )

    def on(self, X: NDArray, *, random_state: int, device: str) -> DenoisingOnData:
        import torch

        from core.methods.deep_assignments.denoising import DenoisingOnData

        generator = torch.Generator().manual_seed(random_state)
        return DenoisingOnData(
            net=self.new_network(X.shape[1:], generator).to(device), X=self.tensor(X, device), sample_shape=X.shape[1:],
            scale=self.pixel_range, generator=generator, recipe=self.recipe(X.ndim, random_state), dropout=self.dropout,
            hidden_weight=self.hidden_weight, noise=torch.Generator(device).manual_seed(random_state + 1),
        )  # fmt: skip

    def new_network(self, sample_shape: tuple[int, ...], generator: torch.Generator) -> Any:
        from core.nets import LayeredAutoEncoder

        shape = self._input_shape(sample_shape)
        return LayeredAutoEncoder(shape, self.channels, self.kernel_sizes, self.widths, generator=generator)

    def _input_shape(self, sample_shape: tuple[int, ...]) -> tuple[int, ...]:
        """(channels, height, width) of images, (m,) of vectors and of images that go through dense layers alone."""
        if self.is_dense(1 + len(sample_shape)):
            return (prod(sample_shape),)
        return (sample_shape[2] if len(sample_shape) == 3 else 1, *sample_shape[:2])

    def tensor(self, X: NDArray, device: str) -> Tensor:
        data = super().tensor(X, device)
        if self.is_dense(X.ndim):
            return data
        return (data[:, None] if X.ndim == 3 else data.permute(0, 3, 1, 2)).contiguous()

    def recipe(self, ndim: int, random_state: int) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("dropout", "hidden_weight", "widths")}
        return {**super().recipe(ndim, random_state), **own, "denoising": True}

    def code_size(self, sample_shape: tuple[int, ...]) -> int:
        return self.widths[-1]

    def layer_shapes(self, sample_shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Of the samples and of every layer of the encoder: (channels, height, width) of maps, (m,) of what is dense."""
        shapes = [self._input_shape(sample_shape)]
        if len(shapes[0]) == 3:
            for channels in self.channels:
                _, height, width = shapes[-1]
                shapes.append((channels, -(-height // 2), -(-width // 2)))
        return [*shapes, *((width,) for width in self.widths)]

    def cost(self, shape: tuple[int, ...]) -> Cost:
        """Parameters of the network, and bytes of the data, of the codes and of the activations of a step."""
        n, *sample = shape
        shapes = self.layer_shapes(tuple(sample))
        parameters = products = 0
        for place, (before, after) in enumerate(pairwise(shapes)):
            field = self.kernel_sizes[place] ** 2 if len(after) == 3 else 1
            units = (before[0], after[0]) if len(after) == 3 else (prod(before), prod(after))
            weights = field * units[0] * units[1]
            parameters += 2 * weights + sum(units if len(after) == 3 else (prod(before), prod(after)))
            products += 2 * weights * (prod(after[1:]) if len(after) == 3 else 1)
        values = sum(prod(layer) for layer in shapes)
        batch = min(self.batch_size or n, n)
        matrices = {"data": 4 * n * prod(sample), "codes": 4 * n * self.widths[-1]}
        matrices["activations of a step"] = 4 * KEPT * batch * values
        return Cost(parameters=parameters, matrices=matrices, products=products)

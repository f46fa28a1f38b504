"""The auto-encoder that a method starts from: its layers, its pretraining, and the data as it takes them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.common import ParameterError, Part, choice, integer, real, sizes
from core.methods.contract import Cost
from core.training import Arrays, in_chunks

if TYPE_CHECKING:
    import torch

    from core.training.pretraining import NetworkOnData, Pretraining

NETWORK_GROUP, PRETRAINING_GROUP = "Network", "Pretraining"


@dataclass(frozen=True, kw_only=True)
class PretrainedNetwork(Part):
    """An auto-encoder, convolutional for images and fully connected for vectors.

    Pretraining minimises 0.5 ||X - decoder(encoder(X))||_F^2 with Adam, in full batches or in mini-batches.
    """

    network: str = choice(
        "auto",
        symbol=r"f_\theta",
        choices=("auto", "convolutional", "dense"),
        group=NETWORK_GROUP,
        help="Layers of the auto-encoder; auto takes convolutions for images and dense layers for vectors.",
    )
    channels: tuple[int, ...] = sizes(
        (16, 8), symbol="c", low=1, high=512, group=NETWORK_GROUP, help="Filters of each convolution."
    )
    kernel_sizes: tuple[int, ...] = sizes(
        (3, 3), symbol="k_c", low=1, high=15, group=NETWORK_GROUP, help="Filter size of each convolution."
    )
    widths: tuple[int, ...] = sizes(
        (256, 32),
        symbol="m_l",
        low=1,
        high=10_000,
        group=NETWORK_GROUP,
        help="Units of each dense layer, the code last.",
    )
    pixel_range: float = real(
        1.0, symbol="r", low=1e-3, high=1e4, soft=(1, 255), group=NETWORK_GROUP,
        help="The data are multiplied by this; the weights of all sums are relative to it (255: raw grey levels).",
    )  # fmt: skip
    pretrain_epochs: int = integer(
        30, symbol="T_0", low=0, high=100_000, soft=(0, 3000), group=PRETRAINING_GROUP,
        help="Passes over the data before clustering begins.",
    )  # fmt: skip
    pretrain_learning_rate: float = real(
        2e-3, symbol=r"\eta_0", low=1e-6, high=1, soft=(1e-4, 1e-1), log=True, group=PRETRAINING_GROUP,
        help="Learning rate of Adam while pretraining.",
    )  # fmt: skip
    pretrain_schedule: str = choice(
        "cosine",
        symbol=r"\eta_0(t)",
        choices=("constant", "cosine"),
        group=PRETRAINING_GROUP,
        help="Keep the learning rate, or let it fall to zero along a cosine.",
    )
    batch_size: int | None = integer(
        64, symbol="B", low=1, high=1_000_000, soft=(16, 1024), optional=True, group=PRETRAINING_GROUP,
        none_means="all at once",
        help="Samples per step; none takes all at once.",
    )  # fmt: skip

    @property
    def pretraining(self) -> Pretraining:
        from core.training.pretraining import Pretraining

        return Pretraining(
            epochs=self.pretrain_epochs,
            learning_rate=self.pretrain_learning_rate,
            schedule=self.pretrain_schedule,
            batch_size=self.batch_size,
        )

    def is_dense(self, ndim: int) -> bool:
        """Whether samples of so many axes, counting that of the samples, go through dense layers."""
        return ndim == 2 or self.network == "dense"

    def check(self, X: NDArray) -> None:
        """Refuse layers that do not fit the data."""
        if X.ndim == 2 and self.network == "convolutional":
            raise ParameterError(
                f"The 'network' parameter of {self.owner} must be 'auto' or 'dense' for data that are not images. "
                f"Got {self.network!r} instead."
            )
        if not self.is_dense(X.ndim) and len(self.channels) != len(self.kernel_sizes):
            raise ParameterError(
                f"The 'kernel_sizes' parameter of {self.owner} must be as long as 'channels' ({len(self.channels)}). "
                f"Got {len(self.kernel_sizes)} entries instead."
            )

    def on(self, X: NDArray, *, random_state: int, device: str) -> NetworkOnData:
        """A fresh network on samples (n, ...).

        Weights are drawn on the CPU, so that a seed means the same start on every device.
        """
        import torch

        from core.training.pretraining import NetworkOnData

        generator = torch.Generator().manual_seed(random_state)
        net = self.new_network(X.shape[1:], generator).to(device)
        return NetworkOnData(
            net=net,
            X=self.tensor(X, device),
            sample_shape=X.shape[1:],
            scale=self.pixel_range,
            generator=generator,
            recipe=self.recipe(X.ndim, random_state),
        )

    def new_network(self, sample_shape: tuple[int, ...], generator: torch.Generator) -> Any:
        """A network for samples of that shape, its weights drawn from the generator."""
        from core.nets import autoencoder_for

        shape = (prod(sample_shape),) if self.is_dense(1 + len(sample_shape)) else sample_shape
        return autoencoder_for(shape, self.channels, self.kernel_sizes, self.widths, generator=generator)

    def tensor(self, X: NDArray, device: str) -> torch.Tensor:
        """Samples as the network takes them."""
        import torch

        from core.nets import batch_last

        data = torch.from_numpy(np.ascontiguousarray(X, dtype=np.float32)).to(device) * self.pixel_range
        return data.flatten(1) if self.is_dense(X.ndim) else batch_last(data)

    def embed(self, known: NetworkOnData, X: NDArray) -> NDArray:
        """Codes of samples, new ones or those of training."""
        return in_chunks(known.encode, self.tensor(X, str(known.X.device))).cpu().numpy()

    def recipe(self, ndim: int, random_state: int) -> dict[str, Any]:
        """What decides the pretrained network, besides the data: equal recipes give equal networks."""
        dense = self.is_dense(ndim)
        names = ["pixel_range", *(["widths"] if dense else ["channels", "kernel_sizes"])]
        names += ["pretrain_epochs", "pretrain_learning_rate", "pretrain_schedule", "batch_size"]
        values = {name: getattr(self, name) for name in names}
        return {"network": "dense" if dense else "convolutional", "random_state": random_state, **values}

    def code_size(self, sample_shape: tuple[int, ...]) -> int:
        """d, the length of one code."""
        if self.is_dense(1 + len(sample_shape)):
            return self.widths[-1]
        height, width = sample_shape[:2]
        for _ in self.channels:
            height, width = -(-height // 2), -(-width // 2)
        return self.channels[-1] * height * width

    def cost(self, shape: tuple[int, ...]) -> Cost:
        """Parameters of the network, and bytes of the data and of its activations in one step."""
        n, *sample = shape
        if self.is_dense(len(shape)):
            layers = [prod(sample), *self.widths]
            products = parameters = sum(2 * a * b + a + b for a, b in itertools.pairwise(layers))
            activations = 2 * sum(layers)
        else:
            parameters, activations, products = _conv_cost(tuple(sample), self.channels, self.kernel_sizes)
        batch = min(self.batch_size or n, n)
        matrices = {"data": 4 * n * prod(sample), "activations of a step": 4 * batch * activations}
        return Cost(parameters=parameters, matrices=matrices, products=products)


def own_weights(weights: Arrays, part: str) -> dict[str, Any]:
    """The tensors of one part, from all that a run keeps, by their names in that part."""
    prefix = f"{part}."
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def _conv_cost(sample: tuple[int, ...], channels: tuple[int, ...], kernels: tuple[int, ...]) -> tuple[int, int, int]:
    """Parameters, values kept per image for the backward pass, and products per image, of a convolutional auto-encoder."""
    height, width = sample[0], sample[1]
    before = sample[2] if len(sample) == 3 else 1
    parameters, values, products = 0, 2 * prod(sample), 0
    for after, kernel in zip(channels, kernels, strict=False):
        parameters += 2 * before * after * kernel**2 + before + after
        height, width = -(-height // 2), -(-width // 2)
        values += 2 * height * width * (after + before * kernel**2)
        products += 2 * height * width * after * before * kernel**2
        before = after
    return parameters, values, products

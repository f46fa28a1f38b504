"""What methods with an auto-encoder share: the network, its pretraining, and where the data lives meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import cos, pi, prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.base import Arrays, Clusterer, Cost, Stages, Step
from core.errors import ParameterError
from core.params import choice, integer, real, sizes

if TYPE_CHECKING:
    import torch

    from core.nets import AutoEncoder

NETWORK_GROUP, PRETRAINING_GROUP = "Network", "Pretraining"


@dataclass(kw_only=True)
class Autoencoding(Clusterer):
    """A method that starts from a pretrained auto-encoder: convolutional for images, fully connected for vectors.

    Pretraining minimises 0.5 ||X - decoder(encoder(X))||_F^2 with Adam, in full batches or in mini-batches.
    """

    learns = "deep"
    uses_gpu = True

    channels: tuple[int, ...] = sizes(
        (16, 8), symbol="c", low=1, high=512, group=NETWORK_GROUP, help="Filters of each convolution (images only)."
    )
    kernel_sizes: tuple[int, ...] = sizes(
        (3, 3), symbol="k_c", low=1, high=15, group=NETWORK_GROUP, help="Filter size of each convolution (images only)."
    )
    widths: tuple[int, ...] = sizes(
        (256, 32), symbol="m_l", low=1, high=10_000, group=NETWORK_GROUP,
        help="Units of each layer, the code last (vectors only).",
    )  # fmt: skip
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
        "cosine", symbol=r"\eta_0(t)", choices=("constant", "cosine"), group=PRETRAINING_GROUP,
        help="Keep the learning rate, or let it fall to zero along a cosine.",
    )  # fmt: skip
    batch_size: int | None = integer(
        64, symbol="B", low=1, high=1_000_000, soft=(16, 1024), optional=True, group=PRETRAINING_GROUP,
        none_means="all at once",
        help="Samples per step; none takes all at once.",
    )  # fmt: skip

    def check_data(self, X: NDArray) -> None:
        if X.ndim > 2 and len(self.channels) != len(self.kernel_sizes):
            raise ParameterError(
                f"The 'kernel_sizes' parameter of {self.name} must be as long as 'channels' ({len(self.channels)}). "
                f"Got {len(self.kernel_sizes)} entries instead."
            )

    def begin(self, X: NDArray) -> tuple[torch.Tensor, AutoEncoder, torch.Generator]:
        """The data on the device, a fresh network, and the generator of every random number that follows.

        Weights are drawn on the CPU, so that a seed means the same start on every device.
        """
        import torch

        from core import nets

        self.check_data(X)
        generator = torch.Generator().manual_seed(self.random_state)
        net = nets.autoencoder_for(X.shape[1:], self.channels, self.kernel_sizes, self.widths, generator=generator)
        data = torch.from_numpy(np.ascontiguousarray(X, dtype=np.float32)).to(self.device) * self.pixel_range
        return nets.batch_last(data) if X.ndim > 2 else data, net.to(self.device), generator

    def pretrain(self, net: AutoEncoder, X: torch.Tensor, generator: torch.Generator, stages: Stages) -> Iterator[Step]:
        """The stage "pretrain": reconstruct the data, nothing else."""
        import torch

        from core import losses

        batch = min(self.batch_size or len(X), len(X))
        n_batches = -(-len(X) // batch)
        optimizer = torch.optim.Adam(net.parameters(), lr=self.pretrain_learning_rate, fused=True)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._schedule(max(self.pretrain_epochs * n_batches, 1)))

        def descend(part: torch.Tensor) -> torch.Tensor:
            optimizer.zero_grad()
            loss: torch.Tensor = losses.reconstruction(part, net(part))
            loss.backward()
            optimizer.step()
            schedule.step()
            return loss.detach()

        def epoch(_: int) -> tuple[Mapping[str, Any], Arrays]:
            if n_batches == 1:
                loss = descend(X)
            else:
                order = torch.randperm(len(X), generator=generator).to(X.device)
                loss = torch.stack([descend(X[part]) for part in order.split(batch)]).sum()
            return {"reconstruction": loss}, self.views(net, X)

        parts = {"net": net, "optimizer": optimizer, "schedule": schedule, "generator": generator}
        yield from stages.run("pretrain", self.pretrain_epochs, parts, epoch)

    def _schedule(self, steps: int) -> Any:
        if self.pretrain_schedule == "constant":
            return lambda step: 1.0
        return lambda step: 0.5 * (1 + cos(pi * min(step / steps, 1)))

    def views(self, net: AutoEncoder, X: torch.Tensor) -> Arrays:
        """Codes and reconstructions, computed only if somebody looks."""
        import torch

        def codes() -> torch.Tensor:
            with torch.no_grad():
                return net.encode(X)

        def reconstructions() -> torch.Tensor:
            with torch.no_grad():
                return net(X) / self.pixel_range

        return {"Z": codes, "X_hat": reconstructions}

    @classmethod
    def network_cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        """Parameters of the network, and bytes of the data and of its activations in one step."""
        n, *sample = shape
        if len(sample) == 1:
            layers = [sample[0], *params["widths"]]
            parameters = sum(2 * a * b + a + b for a, b in itertools.pairwise(layers))
            activations = 2 * sum(layers)
        else:
            parameters, activations = _conv_cost(tuple(sample), params["channels"], params["kernel_sizes"])
        batch = min(params["batch_size"] or n, n)
        matrices = {"data": 4 * n * prod(sample), "activations of a step": 4 * batch * activations}
        return Cost(parameters=parameters, matrices=matrices)


def _conv_cost(sample: tuple[int, ...], channels: tuple[int, ...], kernels: tuple[int, ...]) -> tuple[int, int]:
    """Parameters, and values kept per image for the backward pass, of a convolutional auto-encoder."""
    height, width = sample[0], sample[1]
    before = sample[2] if len(sample) == 3 else 1
    parameters, values = 0, 2 * prod(sample)
    for after, kernel in zip(channels, kernels, strict=False):
        parameters += 2 * before * after * kernel**2 + before + after
        height, width = -(-height // 2), -(-width // 2)
        values += 2 * height * width * (after + before * kernel**2)
        before = after
    return parameters, values

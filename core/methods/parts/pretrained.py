"""What methods with an auto-encoder share: the network, its pretraining, and where the data lives meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import cos, pi, prod
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from core.common import ParameterError, choice, integer, real, sizes
from core.methods.contract import Clusterer, Cost
from core.training import Arrays, Stages, Step

if TYPE_CHECKING:
    import torch

    from core.nets import AutoEncoder

NETWORK_GROUP, PRETRAINING_GROUP = "Network", "Pretraining"
PICTURES = 24  # reconstructions kept with a pretrained network
CHUNK = 8192  # samples encoded at a time when nothing is trained: bounds the memory of the activations


@dataclass(kw_only=True)
class Autoencoding(Clusterer):
    """A method that starts from a pretrained auto-encoder: convolutional for images, fully connected for vectors.

    Pretraining minimises 0.5 ||X - decoder(encoder(X))||_F^2 with Adam, in full batches or in mini-batches.
    """

    learns = "deep"
    uses_gpu = True

    net_: AutoEncoder = field(init=False, repr=False)

    network: str = choice(
        "auto", symbol=r"f_\theta", choices=("auto", "convolutional", "dense"), group=NETWORK_GROUP,
        help="Layers of the auto-encoder; auto takes convolutions for images and dense layers for vectors.",
    )  # fmt: skip
    channels: tuple[int, ...] = sizes(
        (16, 8), symbol="c", low=1, high=512, group=NETWORK_GROUP, help="Filters of each convolution."
    )
    kernel_sizes: tuple[int, ...] = sizes(
        (3, 3), symbol="k_c", low=1, high=15, group=NETWORK_GROUP, help="Filter size of each convolution."
    )
    widths: tuple[int, ...] = sizes(
        (256, 32), symbol="m_l", low=1, high=10_000, group=NETWORK_GROUP,
        help="Units of each dense layer, the code last.",
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

    @classmethod
    def is_dense(cls, ndim: int, params: Mapping[str, Any]) -> bool:
        """Whether samples of so many axes, counting that of the samples, go through dense layers."""
        return bool(ndim == 2 or params["network"] == "dense")

    def check_data(self, X: NDArray) -> None:
        super().check_data(X)
        if X.ndim == 2 and self.network == "convolutional":
            raise ParameterError(
                f"The 'network' parameter of {self.name} must be 'auto' or 'dense' for data that are not images. "
                f"Got {self.network!r} instead."
            )
        if not self.is_dense(X.ndim, vars(self)) and len(self.channels) != len(self.kernel_sizes):
            raise ParameterError(
                f"The 'kernel_sizes' parameter of {self.name} must be as long as 'channels' ({len(self.channels)}). "
                f"Got {len(self.kernel_sizes)} entries instead."
            )

    def begin(self, X: NDArray) -> tuple[torch.Tensor, AutoEncoder, torch.Generator]:
        """The data on the device, a fresh network, and the generator of every random number that follows.

        Weights are drawn on the CPU, so that a seed means the same start on every device.
        """
        import torch

        self.check_data(X)
        generator = torch.Generator().manual_seed(self.random_state)
        self.net_ = self.new_network(X.shape[1:], generator).to(self.device)
        return self.to_device(X), self.net_, generator

    def new_network(self, sample_shape: tuple[int, ...], generator: torch.Generator) -> AutoEncoder:
        """A network for samples of that shape, its weights drawn from the generator."""
        from core import nets

        self._sample_shape = sample_shape
        if self.is_dense(1 + len(sample_shape), vars(self)):
            sample_shape = (prod(sample_shape),)
        return nets.autoencoder_for(sample_shape, self.channels, self.kernel_sizes, self.widths, generator=generator)

    def embed(self, X: NDArray) -> NDArray:
        return self.codes(self.net_, self.to_device(X)).cpu().numpy()

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        import torch

        self.net_ = self.new_network(samples.shape[1:], torch.Generator()).to(self.device)
        own = {name.removeprefix("net."): value for name, value in weights.items() if name.startswith("net.")}
        self.net_.load_state_dict(own)
        return super().restore(samples, arrays, weights)

    def to_device(self, X: NDArray) -> torch.Tensor:
        """Samples as the network takes them."""
        import torch

        from core import nets

        data = torch.from_numpy(np.ascontiguousarray(X, dtype=np.float32)).to(self.device) * self.pixel_range
        return data.flatten(1) if self.is_dense(X.ndim, vars(self)) else nets.batch_last(data)

    def part(self, X: torch.Tensor, rows: NDArray[np.int64]) -> torch.Tensor:
        """Some of the samples, in the memory order of all."""
        import torch

        from core import nets

        chosen = X[torch.from_numpy(rows).to(X.device)]
        return chosen if X.ndim == 2 else nets.batch_last(chosen)

    def recipe(self) -> dict[str, Any]:
        """What decides the pretrained network, besides the data: equal recipes give equal networks."""
        dense = self.is_dense(1 + len(self._sample_shape), vars(self))
        names = ["widths"] if dense else ["channels", "kernel_sizes"]
        names += [name for name, param in self.declared().items() if param.group == PRETRAINING_GROUP]
        values = {name: getattr(self, name) for name in ["pixel_range", "random_state", *names]}
        return {"network": "dense" if dense else "convolutional", **values}

    def pretrain(self, net: AutoEncoder, X: torch.Tensor, generator: torch.Generator, stages: Stages) -> Iterator[Step]:
        """The stage "pretrain": reconstruct the data, nothing else; or take the network from the shelf, if it is there."""
        kept = stages.shelf.get(self.recipe()) if stages.shelf and not stages.reached("pretrain") else None
        if kept is not None:
            stages.adopt("pretrain", self.pretrain_epochs, kept)
        seen = 0
        for step in self._pretrain(net, X, generator, stages):
            seen = step.step
            yield step
        if kept is not None and self.pretrain_epochs:
            yield Step("pretrain", self.pretrain_epochs, self.pretrain_epochs, {}, self.views(net, X))
        elif stages.shelf and seen and seen == self.pretrain_epochs:
            self._shelve(net, X, stages)

    def _shelve(self, net: AutoEncoder, X: torch.Tensor, stages: Stages) -> None:
        """Keep the pretrained network, with its error and a few pictures, for whoever follows the same recipe."""
        assert stages.shelf is not None
        X_hat = in_chunks(net, X)
        error = float((X - X_hat).square().mean()) / self.pixel_range**2
        shown = np.linspace(0, len(X) - 1, min(PICTURES, len(X))).astype(np.int64)
        pictures = {name: self.shown(self.part(A, shown)).cpu().numpy() for name, A in (("X", X), ("X_hat", X_hat))}
        stages.shelf.put(self.recipe(), stages.kept("pretrain"), {"mean_squared_error": error}, pictures)

    def _pretrain(self, net: AutoEncoder, X: torch.Tensor, generator: torch.Generator, stages: Stages) -> Iterator[Step]:
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

        return {"Z": lambda: self.codes(net, X), "X_hat": lambda: self.shown(in_chunks(net, X))}

    def codes(self, net: AutoEncoder, X: torch.Tensor) -> torch.Tensor:
        """Z = encoder(X), (n, d), without gradients."""
        return in_chunks(net.encode, X)

    def shown(self, X_hat: torch.Tensor) -> torch.Tensor:
        """Reconstructions in the scale and shape of the data."""
        return (X_hat / self.pixel_range).reshape(len(X_hat), *self._sample_shape)

    @classmethod
    def code_size(cls, sample_shape: tuple[int, ...], params: Mapping[str, Any]) -> int:
        """d, the length of one code."""
        if cls.is_dense(1 + len(sample_shape), params):
            return int(params["widths"][-1])
        height, width = sample_shape[:2]
        for _ in params["channels"]:
            height, width = -(-height // 2), -(-width // 2)
        return int(params["channels"][-1] * height * width)

    @classmethod
    def network_cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        """Parameters of the network, and bytes of the data and of its activations in one step."""
        n, *sample = shape
        if cls.is_dense(len(shape), params):
            layers = [prod(sample), *params["widths"]]
            parameters = sum(2 * a * b + a + b for a, b in itertools.pairwise(layers))
            activations = 2 * sum(layers)
        else:
            parameters, activations = _conv_cost(tuple(sample), params["channels"], params["kernel_sizes"])
        batch = min(params["batch_size"] or n, n)
        matrices = {"data": 4 * n * prod(sample), "activations of a step": 4 * batch * activations}
        return Cost(parameters=parameters, matrices=matrices)


def in_chunks(f: Callable[[torch.Tensor], torch.Tensor], X: torch.Tensor) -> torch.Tensor:
    """f(X) without gradients, so many rows at a time that the activations stay small."""
    import torch

    with torch.no_grad():
        return f(X) if len(X) <= CHUNK else torch.cat([f(part) for part in X.split(CHUNK)])


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

"""The dual auto-encoder of DSCDAN as a part: Gaussian codes, two reconstructions, mutual information."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.common import ParameterError, choice, flag, integer, real, redeclared, sizes
from core.methods.contract import Cost
from core.methods.deep_spectral.head import layer_parameters
from core.methods.parts.network import NETWORK_GROUP, PRETRAINING_GROUP, PretrainedNetwork

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.methods.deep_spectral.dual import DualOnData
    from core.nets import DualAutoEncoder

OBJECTIVE, LATENT_GROUP = "Objective", "Gaussian code"
SMALLEST_MAP = 7  # pixels a side, below which the general rule does not halve a map
WIDTH = 120  # of the hidden layers of the discriminators
KEPT_BY_DISCRIMINATORS = 6  # values per unit and position for the backward pass: three layers before and after their ReLU


@dataclass(frozen=True, kw_only=True)
class DualNetwork(PretrainedNetwork):
    """Layers of the network, the weights of its loss, and its pretraining: L_r + L_e with the prior N(0, I)."""

    channels: tuple[int, ...] = redeclared(PretrainedNetwork, "channels", (32, 32, 64, 64))
    kernel_sizes: tuple[int, ...] = redeclared(PretrainedNetwork, "kernel_sizes", (3, 3, 3, 3))
    batch_size: int | None = redeclared(PretrainedNetwork, "batch_size", 256)
    widths: tuple[int, ...] = sizes(
        (512, 256),
        symbol="m_l",
        low=1,
        high=10_000,
        group=NETWORK_GROUP,
        help="Units of each dense layer before the code, for data that are not images.",
    )
    halvings: int | None = integer(
        None, symbol="h", low=0, high=8, soft=(0, 4), optional=True, group=NETWORK_GROUP, none_means="down to 7 pixels",
        help="Convolutions with stride 2, evenly spread; none halves images until a side has at most 7 pixels.",
    )  # fmt: skip
    latent_size: int = integer(
        120, symbol="d", low=1, high=10_000, soft=(2, 256), group=LATENT_GROUP, help="Dimensions of the code."
    )
    noise: str = choice(
        "reparameterised",
        symbol=r"\psi",
        choices=("reparameterised", "multiplicative"),
        group=LATENT_GROUP,
        help="Noisy codes mu + sqrt(v) e with the learnt variance, or mu (1 + s e), where v enters the prior alone; e normal.",
    )
    noise_scale: float = real(
        0.3, symbol="s_e", low=0, high=10, soft=(0, 1), group=LATENT_GROUP, help="The s of multiplicative noise."
    )
    relative_reconstruction: bool = flag(
        True, symbol=r"\mathrm{RS}", group=OBJECTIVE, help="Ask noisy codes to be decoded as clean ones are (+RS of the paper)."
    )
    mutual_information: bool = flag(
        True, symbol=r"\mathrm{MI}", group=OBJECTIVE, help="Ask codes to tell samples apart (+MI of the paper)."
    )
    local_information: bool = flag(
        True, symbol="T_2", group=OBJECTIVE, help="With MI: also at every position of the first feature map."
    )
    local_positions: int | None = integer(
        16, symbol="p_2", low=1, high=100_000, soft=(1, 256), optional=True, group=OBJECTIVE, none_means="all, as published",
        help="Positions that T2 looks at in each step, drawn at random: the mean over them is that over all, and far cheaper.",
    )  # fmt: skip
    discriminator: str = choice(
        "sample",
        symbol="T_1",
        choices=("sample", "released"),
        group=OBJECTIVE,
        help="With MI: pairs of last feature map and code, as in the paper; or of two codes, as in the published program.",
    )
    beta: float = real(
        0.01, symbol=r"\beta", low=0, high=1e4, soft=(1e-3, 10), log=True, group=OBJECTIVE, help="Weight of mutual information."
    )
    gamma: float = real(
        1.0, symbol=r"\gamma", low=0, high=1e4, soft=(1e-3, 10), log=True, group=OBJECTIVE,
        help="Weight of the prior: Gaussian codes stay near a normal distribution, later near those of the classes.",
    )  # fmt: skip
    delta: float = real(
        0.5, symbol=r"\delta", low=0, high=1e4, soft=(0.1, 10), log=True, group=OBJECTIVE,
        help="Weight of the reconstruction of the sample beside the relative one.",
    )  # fmt: skip
    precision: str = choice(
        "float32",
        symbol=r"\mathrm{bits}",
        choices=("float32", "bfloat16"),
        group=PRETRAINING_GROUP,
        help="Numbers inside the network while it trains; bfloat16 is faster where the processor has it.",
    )
    compiled: bool = flag(
        False,
        symbol=r"\mathrm{jit}",
        group=PRETRAINING_GROUP,
        help="Compile the loss of pretraining first; for long runs on a GPU, needs a C++ compiler.",
    )

    @property
    def is_gaussian(self) -> bool:
        """Whether codes have noise and a prior; without RS and MI the network is a plain auto-encoder."""
        return self.relative_reconstruction or self.mutual_information

    def check(self, X: NDArray) -> None:
        super().check(X)
        if not self.is_dense(X.ndim) and any(kernel % 2 == 0 for kernel in self.kernel_sizes):
            raise ParameterError(
                f"The 'kernel_sizes' parameter of {self.owner} must hold odd numbers, so that maps keep their size. "
                f"Got {list(self.kernel_sizes)} instead."
            )

    def on(self, X: NDArray, *, random_state: int, device: str) -> DualOnData:
        import torch

        from core.methods.deep_spectral.dual import DualOnData, discriminators_for

        generator = torch.Generator().manual_seed(random_state)
        bounded = bool(X.min() >= 0 and X.max() * self.pixel_range <= 1)
        net = self.new_network(X.shape[1:], generator, bounded=bounded).to(device)
        data = self.tensor(X, device)
        return DualOnData(
            net=net, X=data, sample_shape=X.shape[1:], scale=self.pixel_range, generator=generator,
            recipe=self.recipe(X.ndim, random_state), settings=self,
            discriminators=discriminators_for(self, net, data, generator), random_state=random_state,
        )  # fmt: skip

    def new_network(
        self, sample_shape: tuple[int, ...], generator: torch.Generator, *, bounded: bool = True
    ) -> DualAutoEncoder:
        import torch

        from core.nets import DualAutoEncoder

        dense = self.is_dense(1 + len(sample_shape))
        strides = [] if dense else halved(sample_shape[:2], len(self.channels), self.halvings)
        net: Any = DualAutoEncoder(
            self._input_shape(sample_shape), self.channels, self.kernel_sizes, strides, self.widths, self.latent_size,
            bounded=bounded, generator=generator,
        )  # fmt: skip
        made: DualAutoEncoder = net.to(memory_format=torch.channels_last)
        return made

    def _input_shape(self, sample_shape: tuple[int, ...]) -> tuple[int, ...]:
        """(channels, height, width) of images, (m,) of vectors and of images that go through dense layers."""
        if self.is_dense(1 + len(sample_shape)):
            return (prod(sample_shape),)
        return (1, *sample_shape) if len(sample_shape) == 2 else (sample_shape[2], *sample_shape[:2])

    def tensor(self, X: NDArray, device: str) -> Tensor:
        import torch

        data = torch.from_numpy(np.ascontiguousarray(X, dtype=np.float32)).to(device) * self.pixel_range
        if self.is_dense(X.ndim):
            return data.flatten(1)
        data = data[:, None] if X.ndim == 3 else data.permute(0, 3, 1, 2)
        return data.contiguous(memory_format=torch.channels_last)

    def recipe(self, ndim: int, random_state: int) -> dict[str, Any]:
        names = [
            "precision", "compiled", "halvings", "latent_size", "noise", "noise_scale", "relative_reconstruction",
            "mutual_information", "local_information", "local_positions", "discriminator", "beta", "gamma", "delta",
        ]  # fmt: skip
        own = {name: getattr(self, name) for name in names}
        return {**super().recipe(ndim, random_state), "dual": True, **own}

    def code_size(self, sample_shape: tuple[int, ...]) -> int:
        return self.latent_size

    def cost(self, shape: tuple[int, ...]) -> Cost:
        """Parameters of network and discriminators, and bytes of the data, of the codes and of the activations of a step."""
        n, *sample = shape
        d = self.latent_size
        if self.is_dense(len(shape)):
            sizes = [prod(sample), *self.widths]
            weights = sum(2 * a * b + a + b for a, b in pairwise(sizes))
            layers = _Layers(weights, weights, sum(sizes), first=sizes[1], positions=1, last=sizes[-1])
        else:
            layers = self._convolutions(tuple(sample))
        first, last = layers.first, layers.last
        network = layers.parameters + 2 * (last * d + d) + d * last + last
        batch, discriminators = min(self.batch_size or n, n), 0
        matrices = {"data": 4 * n * prod(sample), "codes": 4 * n * d, "activations of a step": 4 * batch * 6 * layers.values}
        if self.mutual_information:
            released = self.discriminator == "released"
            discriminators = layer_parameters([2 * d if released else last + d, *[WIDTH] * (3 if released else 2), 1])
            discriminators += layer_parameters([first + d, *[WIDTH] * 3, 1])
            seen = 1 + (min(self.local_positions or layers.positions, layers.positions) if self.local_information else 0)
            matrices["discriminators in a step"] = (
                4 * batch * 2 * KEPT_BY_DISCRIMINATORS * WIDTH * seen
            )  # pairs, true and false
        return Cost(parameters=network + discriminators, matrices=matrices, products=layers.products)

    def _convolutions(self, sample: tuple[int, ...]) -> _Layers:
        height, width = sample[:2]
        before = sample[2] if len(sample) == 3 else 1
        strides = halved((height, width), len(self.channels), self.halvings)
        parameters, values, products, maps = 0, before * height * width, 0, []
        for after, kernel, stride in zip(self.channels, self.kernel_sizes, strides, strict=False):
            parameters += 2 * before * after * kernel**2 + before + after
            height, width = -(-height // stride), -(-width // stride)
            maps.append(height * width)
            values += height * width * after
            products += 2 * height * width * after * before * kernel**2
            before = after
        return _Layers(parameters, products, values, self.channels[0], maps[0], before * maps[-1])


class _Layers(NamedTuple):
    """What the layers of both ways cost."""

    parameters: int
    products: int  # per sample
    values: int  # kept per sample, of one way
    first: int  # channels of the first map
    positions: int  # of the first map
    last: int  # numbers in the last map


def halved(sides: tuple[int, ...], n_layers: int, halvings: int | None) -> list[int]:
    """The stride of each layer, 1 or 2, the halvings as evenly spread as they go, the first at once.

    Four layers that halve twice are 2, 1, 2, 1, as the published program has it.

    Parameters
    ----------
    halvings
        None: until the smaller side is at most `SMALLEST_MAP` pixels, or every layer halves.
    """
    if halvings is None:
        halvings, side = 0, min(sides)
        while halvings < n_layers and side > SMALLEST_MAP:
            halvings, side = halvings + 1, -(-side // 2)
    halvings = min(halvings, n_layers)
    marks = {(i * n_layers) // halvings for i in range(halvings)} if halvings else set()
    return [2 if layer in marks else 1 for layer in range(n_layers)]

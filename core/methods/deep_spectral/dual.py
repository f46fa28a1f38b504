"""The dual auto-encoder of DSCDAN and its pretraining: Gaussian codes, two reconstructions, mutual information.

Sums over pixels, means over the samples of a batch, so that the published weights keep their meaning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.common import ParameterError, choice, flag, integer, real, redeclared, sizes
from core.methods.contract import Cost
from core.methods.deep_spectral.family import SpectralEmbedding, Terms, layer_parameters
from core.methods.parts.pretrained import NETWORK_GROUP, PRETRAINING_GROUP, in_chunks
from core.training import Arrays, Stages, Step

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.nets import Discriminators, DualAutoEncoder, Encoding

OBJECTIVE, LATENT_GROUP = "Objective", "Gaussian code"
SMALLEST_MAP = 7  # pixels a side, below which the general rule does not halve a map
WIDTH = 120  # of the hidden layers of the discriminators
ACTIVE = 0.01  # nats above which a dimension of the code counts as used


@dataclass(kw_only=True)
class DualAutoEncoding(SpectralEmbedding):
    """A method on the codes of a dual auto-encoder."""

    net_: DualAutoEncoder = field(init=False, repr=False)  # type: ignore[assignment]
    _bounded: bool = field(init=False, repr=False, default=True)

    channels: tuple[int, ...] = redeclared(SpectralEmbedding, "channels", (32, 32, 64, 64))
    kernel_sizes: tuple[int, ...] = redeclared(SpectralEmbedding, "kernel_sizes", (3, 3, 3, 3))
    batch_size: int | None = redeclared(SpectralEmbedding, "batch_size", 256)
    widths: tuple[int, ...] = sizes(
        (512, 256), symbol="m_l", low=1, high=10_000, group=NETWORK_GROUP,
        help="Units of each dense layer before the code, for data that are not images.",
    )  # fmt: skip
    halvings: int | None = integer(
        None, symbol="h", low=0, high=8, soft=(0, 4), optional=True, group=NETWORK_GROUP, none_means="down to 7 pixels",
        help="Convolutions with stride 2, evenly spread; none halves images until a side has at most 7 pixels.",
    )  # fmt: skip
    latent_size: int = integer(
        120, symbol="d", low=1, high=10_000, soft=(2, 256), group=LATENT_GROUP, help="Dimensions of the code."
    )  # fmt: skip
    noise: str = choice(
        "reparameterised", symbol=r"\psi", choices=("reparameterised", "multiplicative"), group=LATENT_GROUP,
        help="Noisy codes mu + sqrt(v) e with the learnt variance, or mu (1 + s e), where v enters the prior alone; e normal.",
    )  # fmt: skip
    noise_scale: float = real(
        0.3, symbol="s_e", low=0, high=10, soft=(0, 1), group=LATENT_GROUP, help="The s of multiplicative noise."
    )  # fmt: skip
    relative_reconstruction: bool = flag(
        True, symbol=r"\mathrm{RS}", group=OBJECTIVE, help="Ask noisy codes to be decoded as clean ones are (+RS of the paper)."
    )  # fmt: skip
    mutual_information: bool = flag(
        True, symbol=r"\mathrm{MI}", group=OBJECTIVE, help="Ask codes to tell samples apart (+MI of the paper)."
    )  # fmt: skip
    local_information: bool = flag(
        True, symbol="T_2", group=OBJECTIVE, help="With MI: also at every position of the first feature map."
    )  # fmt: skip
    local_positions: int | None = integer(
        16, symbol="p_2", low=1, high=100_000, soft=(1, 256), optional=True, group=OBJECTIVE, none_means="all, as published",
        help="Positions that T2 looks at in each step, drawn at random: the mean over them is that over all, and far cheaper.",
    )  # fmt: skip
    discriminator: str = choice(
        "sample", symbol="T_1", choices=("sample", "released"), group=OBJECTIVE,
        help="With MI: pairs of last feature map and code, as in the paper; or of two codes, as in the published program.",
    )  # fmt: skip
    beta: float = real(
        0.01, symbol=r"\beta", low=0, high=1e4, soft=(1e-3, 10), log=True, group=OBJECTIVE, help="Weight of mutual information."
    )  # fmt: skip
    gamma: float = real(
        1.0, symbol=r"\gamma", low=0, high=1e4, soft=(1e-3, 10), log=True, group=OBJECTIVE,
        help="Weight of the prior: Gaussian codes stay near a normal distribution, later near those of the classes.",
    )  # fmt: skip
    delta: float = real(
        0.5, symbol=r"\delta", low=0, high=1e4, soft=(0.1, 10), log=True, group=OBJECTIVE,
        help="Weight of the reconstruction of the sample beside the relative one.",
    )  # fmt: skip
    precision: str = choice(
        "float32", symbol="p", choices=("float32", "bfloat16"), group=PRETRAINING_GROUP,
        help="Numbers inside the network while it trains; bfloat16 is faster where the processor has it.",
    )  # fmt: skip
    compiled: bool = flag(
        False, symbol=r"\mathrm{jit}", group=PRETRAINING_GROUP,
        help="Compile the loss of pretraining first; for long runs on a GPU, needs a C++ compiler.",
    )  # fmt: skip

    @property
    def is_gaussian(self) -> bool:
        """Whether codes have noise and a prior; without RS and MI the network is a plain auto-encoder."""
        return self.relative_reconstruction or self.mutual_information

    def check_data(self, X: NDArray) -> None:
        super().check_data(X)
        if not self.is_dense(X.ndim, vars(self)) and any(kernel % 2 == 0 for kernel in self.kernel_sizes):
            raise ParameterError(
                f"The 'kernel_sizes' parameter of {self.name} must hold odd numbers, so that maps keep their size. "
                f"Got {list(self.kernel_sizes)} instead."
            )

    # ---- network and data --------------------------------------------------------------------------------------------

    def begin(self, X: NDArray) -> tuple[Tensor, DualAutoEncoder, torch.Generator]:  # type: ignore[override]
        self._bounded = bool(X.min() >= 0 and X.max() * self.pixel_range <= 1)
        return super().begin(X)  # type: ignore[return-value]

    def new_network(self, sample_shape: tuple[int, ...], generator: torch.Generator) -> DualAutoEncoder:  # type: ignore[override]
        import torch

        from core.nets import DualAutoEncoder

        self._sample_shape = sample_shape
        dense = self.is_dense(1 + len(sample_shape), vars(self))
        strides = [] if dense else halved(sample_shape[:2], len(self.channels), self.halvings)
        net = DualAutoEncoder(
            self._input_shape(sample_shape), self.channels, self.kernel_sizes, strides, self.widths, self.latent_size,
            bounded=self._bounded, generator=generator,
        )  # fmt: skip
        return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def _input_shape(self, sample_shape: tuple[int, ...]) -> tuple[int, ...]:
        """(channels, height, width) of images, (m,) of vectors and of images that go through dense layers."""
        if self.is_dense(1 + len(sample_shape), vars(self)):
            return (prod(sample_shape),)
        return (1, *sample_shape) if len(sample_shape) == 2 else (sample_shape[2], *sample_shape[:2])

    def to_device(self, X: NDArray) -> Tensor:
        import torch

        data = torch.from_numpy(np.ascontiguousarray(X, dtype=np.float32)).to(self.device) * self.pixel_range
        if self.is_dense(X.ndim, vars(self)):
            return data.flatten(1)
        data = data[:, None] if X.ndim == 3 else data.permute(0, 3, 1, 2)
        return data.contiguous(memory_format=torch.channels_last)

    def part(self, X: Tensor, rows: NDArray[np.int64]) -> Tensor:
        import torch

        return X[torch.from_numpy(rows).to(X.device)]

    def codes(self, net: DualAutoEncoder, X: Tensor) -> Tensor:  # type: ignore[override]
        return in_chunks(lambda x: net.encode(x).mean, X)

    def shown(self, X_hat: Tensor) -> Tensor:
        images = X_hat.permute(0, 2, 3, 1) if X_hat.ndim == 4 and len(self._sample_shape) == 3 else X_hat
        return super().shown(images)

    # ---- loss --------------------------------------------------------------------------------------------------------

    def noisy(self, encoding: Encoding, noise: torch.Generator) -> Tensor:
        """psi(z), the code with noise."""
        import torch

        e = torch.randn(encoding.mean.shape, generator=noise, device=encoding.mean.device)
        if self.noise == "multiplicative":
            return encoding.mean * (1 + self.noise_scale * e)
        return encoding.mean + (0.5 * encoding.log_variance).exp() * e

    def reconstructions(self, net: DualAutoEncoder, x: Tensor, encoding: Encoding, z: Tensor) -> dict[str, Tensor]:
        """L_r of a batch: delta ||x - g(mu)||^2 and ||g(z) - g(mu)||^2, over b."""
        import torch

        if not self.relative_reconstruction:
            return {"reconstruction": self.delta * (x - net.decode(encoding.mean).float()).square().sum() / len(x)}
        clean, noisy = net.decode(torch.cat([encoding.mean, z])).float().chunk(2)
        return {
            "reconstruction": self.delta * (x - clean).square().sum() / len(x),
            "relative": (noisy - clean).square().sum() / len(x),
        }

    def information(self, judges: Discriminators, encoding: Encoding, z: Tensor, noise: torch.Generator) -> Terms:
        """beta times the JSD losses of both discriminators, how often these are right, and their loss as a share of chance.

        The pairs that do not belong together are samples and the codes of others, in random order.
        """
        import torch

        from core.losses import CHANCE, discriminator_accuracy, jensen_shannon_loss

        losses: dict[str, Tensor] = {}
        gauges: dict[str, Tensor] = {}
        other = z[torch.randperm(len(z), generator=noise, device=noise.device).to(z.device)]
        told = {"global": judges.overall(encoding, z, other)}
        if self.local_information:
            told["local"] = judges.local(self._features(encoding.first, noise), z, other)
        for where, logits in told.items():
            joint, product = (logit.float() for logit in logits)
            loss = jensen_shannon_loss(joint, product)
            losses[f"{where} information"] = self.beta * loss
            gauges[f"{where} chance"] = loss / CHANCE
            gauges[f"{where} accuracy"] = discriminator_accuracy(joint, product)
        return Terms(losses, gauges)

    def _features(self, first: Tensor, noise: torch.Generator) -> Tensor:
        """Feature vectors C_ij (b, p, c) of the first map, at all its positions or at some, the same for all samples."""
        import torch

        vectors = first.flatten(2).transpose(1, 2)
        if self.local_positions is None or self.local_positions >= vectors.shape[1]:
            return vectors
        chosen = torch.randperm(vectors.shape[1], generator=noise, device=noise.device)[: self.local_positions]
        return vectors[:, chosen]

    def latent_gauges(self, encoding: Encoding) -> dict[str, Tensor]:
        """KL of the codes to N(0, I) in nats, used dimensions, mean deviation of codes and of their noise."""
        import torch

        from core.losses import kl_by_dimension

        with torch.no_grad():
            nats = kl_by_dimension(encoding.mean, encoding.log_variance)
            deviation = (0.5 * encoding.log_variance).exp().mean()
            spread = encoding.mean.std(0).mean()
            return {"nats": nats.sum(), "active": (nats > ACTIVE).sum().float(), "spread": spread, "deviation": deviation}

    def dual_terms(
        self, net: DualAutoEncoder, judges: Discriminators, x: Tensor, noise: torch.Generator
    ) -> tuple[Terms, Encoding]:
        """L_r + beta ... of a batch, without the prior."""
        import torch

        low = self.precision == "bfloat16"
        with torch.autocast(x.device.type, torch.bfloat16) if low else nullcontext():
            encoding = net.encode(x)
            encoding = encoding._replace(mean=encoding.mean.float(), log_variance=encoding.log_variance.float())
            z = self.noisy(encoding, noise) if self.is_gaussian else encoding.mean
            losses = self.reconstructions(net, x, encoding, z)
            gauges: dict[str, Tensor] = {}
            if self.mutual_information:
                told = self.information(judges, encoding, z, noise)
                losses, gauges = {**losses, **told.losses}, {**told.gauges}
        if self.is_gaussian:
            gauges |= self.latent_gauges(encoding)
        return Terms(losses, gauges), encoding

    # ---- pretraining -------------------------------------------------------------------------------------------------

    def recipe(self) -> dict[str, Any]:
        names = [
            "halvings", "latent_size", "noise", "noise_scale", "relative_reconstruction", "mutual_information",
            "local_information", "local_positions", "discriminator", "beta", "gamma", "delta",
        ]  # fmt: skip
        return {**super().recipe(), "dual": True, **{name: getattr(self, name) for name in names}}

    def judges(self, net: DualAutoEncoder, x: Tensor, generator: torch.Generator) -> Discriminators:
        """Discriminators for the maps that the network makes of x."""
        import torch

        from core.nets import Discriminators

        with torch.no_grad():
            seen = net.encode(x[:1])
        first, last = seen.first.shape[1], seen.last.shape[1]
        released = self.discriminator == "released"
        return Discriminators(first, last, self.latent_size, width=WIDTH, released=released, generator=generator).to(
            self.device
        )

    def dual_stage(
        self, net: DualAutoEncoder, judges: Discriminators, X: Tensor, generator: torch.Generator, stages: Stages
    ) -> Iterator[Step]:
        """The stage "pretrain": L_r + L_e with the prior N(0, I); or the network from the shelf, if it is there."""
        self._judges = judges
        yield from self.pretrain(net, X, generator, stages)  # type: ignore[arg-type]

    def _pretrain(self, net: Any, X: Tensor, generator: torch.Generator, stages: Stages) -> Iterator[Step]:
        import torch

        from core.losses import kl_to_normal
        from core.training.descent import Averages, descend
        from core.training.schedules import Pace

        judges = self._judges
        noise = torch.Generator(self.device).manual_seed(self.random_state)
        learnt = [*net.parameters(), *(judges.parameters() if self.mutual_information else ())]
        optimizer = torch.optim.Adam(learnt, lr=self.pretrain_learning_rate, fused=True)
        pace = Pace(optimizer, self.pretrain_schedule, epochs=self.pretrain_epochs)

        def batch_terms(x: Tensor) -> Terms:
            found, encoding = self.dual_terms(net, judges, x, noise)
            if not self.is_gaussian:
                return found
            prior = {"prior": self.gamma * kl_to_normal(encoding.mean, encoding.log_variance)}
            return found._replace(losses={**found.losses, **prior})

        terms = torch.compile(batch_terms) if self.compiled else batch_terms

        def epoch(_: int) -> tuple[Mapping[str, Any], Arrays]:
            averages = Averages()
            order = torch.randperm(len(X), generator=generator).to(X.device)
            for rows in order.split(min(self.batch_size or len(X), len(X))):
                found = terms(X[rows])
                descend(optimizer, found.losses)
                averages.add({**found.losses, **found.gauges}, len(rows))
            pace.after(0.0)
            return averages.means(), self.views(net, X)

        parts = {
            "net": net, "judges": judges, "optimizer": optimizer, "pace": pace, "generator": generator, "noise": noise
        }  # fmt: skip
        yield from stages.run("pretrain", self.pretrain_epochs, parts, epoch)

    @classmethod
    def code_size(cls, sample_shape: tuple[int, ...], params: Mapping[str, Any]) -> int:
        return int(params["latent_size"])

    @classmethod
    def dual_cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        """Parameters of network and discriminators, and bytes of the data, of the codes and of the activations of a step."""
        n, *sample = shape
        d = params["latent_size"]
        if cls.is_dense(len(shape), params):
            sizes = [prod(sample), *params["widths"]]
            network = sum(2 * a * b + a + b for a, b in pairwise(sizes))
            first, last, values = sizes[1], sizes[-1], sum(sizes)
        else:
            network, first, last, values = _convolutions(tuple(sample), params)
        network += 2 * (last * d + d) + d * last + last
        judges = 0
        if params["mutual_information"]:
            released = params["discriminator"] == "released"
            judges = layer_parameters([2 * d if released else last + d, *[WIDTH] * (3 if released else 2), 1])
            judges += layer_parameters([first + d, *[WIDTH] * 3, 1])
        batch = min(params["batch_size"] or n, n)
        matrices = {"data": 4 * n * prod(sample), "codes": 4 * n * d, "activations of a step": 4 * batch * 3 * values}
        return Cost(parameters=network + judges, matrices=matrices)


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


def _convolutions(sample: tuple[int, ...], params: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Parameters of both ways, channels of the first map, numbers in the last, and values kept per image."""
    height, width = sample[:2]
    before = sample[2] if len(sample) == 3 else 1
    strides = halved((height, width), len(params["channels"]), params["halvings"])
    parameters, values = 0, before * height * width
    for after, kernel, stride in zip(params["channels"], params["kernel_sizes"], strides, strict=False):
        parameters += 2 * before * after * kernel**2 + before + after
        height, width, before = -(-height // stride), -(-width // stride), after
        values += height * width * after
    return parameters, params["channels"][0], before * height * width, values

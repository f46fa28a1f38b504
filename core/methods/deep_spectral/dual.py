"""The dual auto-encoder on its data: its loss, and its pretraining.

Sums over pixels, means over the samples of a batch, so that the published weights keep their meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from core.losses import (
    CHANCE,
    discriminator_accuracy,
    jensen_shannon_loss,
    kl_by_dimension,
    kl_to_normal,
)
from core.methods.deep_spectral.network import WIDTH, DualNetwork
from core.nets import Discriminators, DualAutoEncoder, Encoding
from core.training.descent import Terms, adam
from core.training.pretraining import NetworkOnData, Pretraining
from core.training.schedules import Schedule
from core.training.trainer import Trainer

ACTIVE = 0.01  # nats above which a dimension of the code counts as used


@dataclass(kw_only=True)
class DualOnData(NetworkOnData):
    """Encoder, decoder and discriminators, and the samples they learn from."""

    settings: DualNetwork
    discriminators: Discriminators
    random_state: int

    def __post_init__(self) -> None:
        self.noise = torch.Generator(self.X.device).manual_seed(self.random_state)

    def encode(self, X: Tensor) -> Tensor:
        mean: Tensor = self.net.encode(X).mean
        return mean

    def shown(self, X_hat: Tensor) -> Tensor:
        colour = X_hat.ndim == 4 and len(self.sample_shape) == 3
        return super().shown(X_hat.permute(0, 2, 3, 1) if colour else X_hat)

    # ---- loss --------------------------------------------------------------------------------------------------------

    def terms(self, x: Tensor) -> tuple[Terms, Encoding]:
        """L_r + beta ... of a batch, without the prior."""
        how = self.settings
        low = how.precision == "bfloat16"
        with torch.autocast(x.device.type, torch.bfloat16) if low else nullcontext():
            encoding = self.net.encode(x)
            encoding = encoding._replace(mean=encoding.mean.to(x.dtype), log_variance=encoding.log_variance.to(x.dtype))
            z = self.noisy(encoding) if how.is_gaussian else encoding.mean
            losses = self.reconstructions(x, encoding, z)
            gauges: dict[str, Tensor] = {}
            if how.mutual_information:
                told = self.information(encoding, z)
                losses, gauges = {**losses, **told.losses}, {**told.gauges}
        if how.is_gaussian:
            gauges |= latent_gauges(encoding)
        return Terms(losses, gauges), encoding

    def noisy(self, encoding: Encoding) -> Tensor:
        """psi(z), the code with noise."""
        e = torch.randn(encoding.mean.shape, generator=self.noise, device=encoding.mean.device).to(encoding.mean.dtype)
        if self.settings.noise == "multiplicative":
            return encoding.mean * (1 + self.settings.noise_scale * e)
        return encoding.mean + (0.5 * encoding.log_variance).exp() * e

    def reconstructions(self, x: Tensor, encoding: Encoding, z: Tensor) -> dict[str, Tensor]:
        """L_r of a batch: delta ||x - g(mu)||^2 and ||g(z) - g(mu)||^2, over b."""
        delta = self.settings.delta
        if not self.settings.relative_reconstruction:
            clean = self.net.decode(encoding.mean).to(x.dtype)
            return {"reconstruction": delta * (x - clean).square().sum() / len(x)}
        clean, noisy = self.net.decode(torch.cat([encoding.mean, z])).to(x.dtype).chunk(2)
        return {
            "reconstruction": delta * (x - clean).square().sum() / len(x),
            "relative": (noisy - clean).square().sum() / len(x),
        }

    def information(self, encoding: Encoding, z: Tensor) -> Terms:
        """beta times the JSD losses of both discriminators, how often these are right, and their loss as a share of chance.

        The pairs that do not belong together are samples and the codes of others, in random order.
        """
        losses: dict[str, Tensor] = {}
        gauges: dict[str, Tensor] = {}
        other = z[torch.randperm(len(z), generator=self.noise, device=self.noise.device).to(z.device)]
        told = {"global": self.discriminators.overall(encoding, z, other)}
        if self.settings.local_information:
            told["local"] = self.discriminators.local(self._features(encoding.first), z, other)
        for where, logits in told.items():
            joint, product = (logit.to(z.dtype) for logit in logits)
            loss = jensen_shannon_loss(joint, product)
            losses[f"{where} information"] = self.settings.beta * loss
            gauges[f"{where} chance"] = loss / CHANCE
            gauges[f"{where} accuracy"] = discriminator_accuracy(joint, product)
        return Terms(losses, gauges)

    def _features(self, first: Tensor) -> Tensor:
        """Feature vectors C_ij (b, p, c) of the first map, at all its positions or at some, the same for all samples."""
        vectors, wanted = first.flatten(2).transpose(1, 2), self.settings.local_positions
        if wanted is None or wanted >= vectors.shape[1]:
            return vectors
        chosen = torch.randperm(vectors.shape[1], generator=self.noise, device=self.noise.device)[:wanted]
        return vectors[:, chosen]

    # ---- pretraining -------------------------------------------------------------------------------------------------

    def trainer(self, how: Pretraining) -> Trainer:
        """What minimises L_r + L_e with the prior N(0, I)."""
        settings, n = self.settings, len(self.X)
        learnt = [*self.net.parameters(), *(self.discriminators.parameters() if settings.mutual_information else ())]
        optimizer = adam(learnt, how.learning_rate)

        def batch_terms(x: Tensor) -> Terms:
            found, encoding = self.terms(x)
            if not settings.is_gaussian:
                return found
            prior = {"prior": settings.gamma * kl_to_normal(encoding.mean, encoding.log_variance)}
            return found._replace(losses={**found.losses, **prior})

        terms: Callable[[Tensor], Terms] = torch.compile(batch_terms) if settings.compiled else batch_terms

        def batches() -> Iterable[Tensor]:
            return torch.randperm(n, generator=self.generator).to(self.X.device).split(min(how.batch_size or n, n))

        return Trainer(
            networks={"net": self.net, "discriminators": self.discriminators},
            optimizer=optimizer,
            schedule=Schedule(optimizer, how.schedule, length=how.epochs),
            batches=batches,
            terms=lambda rows: terms(self.X[rows]),
            views=self.views,
            parts={"generator": self.generator, "noise": self.noise},
        )


def discriminators_for(settings: DualNetwork, net: DualAutoEncoder, X: Tensor, generator: torch.Generator) -> Discriminators:
    """Discriminators for the maps that the network makes of X."""
    with torch.no_grad():
        seen = net.encode(X[:1])
    made = Discriminators(
        seen.first.shape[1],
        seen.last.shape[1],
        settings.latent_size,
        width=WIDTH,
        released=settings.discriminator == "released",
        generator=generator,
    )
    return made.to(X.device)


def latent_gauges(encoding: Encoding) -> dict[str, Tensor]:
    """KL of the codes to N(0, I) in nats, used dimensions, mean deviation of codes and of their noise."""
    with torch.no_grad():
        nats = kl_by_dimension(encoding.mean, encoding.log_variance)
        deviation = (0.5 * encoding.log_variance).exp().mean()
        spread = encoding.mean.std(0).mean()
        return {"nats": nats.sum(), "active": (nats > ACTIVE).sum().float(), "spread": spread, "deviation": deviation}

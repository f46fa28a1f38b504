r"""VaDE, variational deep embedding (Jiang, Zheng, Tan, Tang and Zhou, IJCAI 2017): a mixture of Gaussians as prior of codes.

A sample comes from a cluster, c ~ Cat(pi), z | c ~ N(mu_c, diag(s_c)), x | z ~ N(g(z), sigma^2 I), and its code is taken to be
z | x ~ N(mu(x), diag(v(x))). With one draw z = mu + sqrt(v) * noise and gamma_c = p(c | z), the negative of the bound on
log p(x) is

    (1 / 2 sigma^2) ||x - g(z)||^2 + sum_c gamma_c KL(N(mu, v) || N(mu_c, s_c)) + KL(gamma || pi)

up to the constant (m / 2) log(2 pi sigma^2): Eq. 12, with Gaussians for x, as the paper has it for data that are not binary.

The stage "pretrain" is that of the whole family, g and mu its decoder and encoder. Its mean squared error is sigma^2, the value
of highest likelihood, unless one is given. A mixture fitted to its codes, or to the clusters of their graph, is the first
prior, v is a small part of the variances within its clusters, and the stage "finetune" minimises the bound. A sample belongs
to the cluster of highest p(c | mu).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from math import log, pi, prod
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from core.common import choice, held, integer, real
from core.methods.contract import Clusterer, Cost, Labeller
from core.methods.deep_centroids import rules
from core.methods.parts.first_clusters import graph_clusters, means_of
from core.methods.parts.kmeans import KMeansReadout
from core.methods.parts.network import PretrainedNetwork, own_weights
from core.methods.registry import register
from core.training import CHUNK, Arrays, Stages, Step, in_chunks

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from core.nets import AutoEncoder
    from core.training.pretraining import NetworkOnData
    from core.training.trainer import Trainer

FLOOR = 1e-2  # of the mean variance of the codes: the least variance of a cluster at the start
NOISE = 1e-2  # of the mean variance within the clusters: that of a code at the start
LIMIT = 30.0  # log-variances stay within +-LIMIT


def objective(
    X: Tensor, X_hat: Tensor, mean: Tensor, v: Tensor, z: Tensor, pi: Tensor, M: Tensor, s: Tensor, *, noise: float
) -> Tensor:
    """The negative bound of samples X (n, m) with codes z ~ N(mean, v), (n, d), and the mixture pi (K,), M and s (K, d)."""
    import torch

    likely = pi * (2 * torch.pi * s).rsqrt().prod(1) * (-0.5 * ((z[:, None] - M).square() / s).sum(2)).exp()
    gamma = likely / likely.sum(1, keepdim=True)  # p(c | z)
    fit = (X - X_hat).square().sum() / (2 * noise)
    kl = 0.5 * (v[:, None] / s + (mean[:, None] - M).square() / s - (v[:, None] / s).log() - 1).sum(2)
    return (fit + (gamma * kl).sum() + (gamma * (gamma / pi).log()).sum()) / len(X)


@register
class VaDE(Clusterer):
    """Variational deep embedding."""

    name = "vade"
    title = "VaDE"
    family = "Deep centroids"
    learns = "deep"
    uses_gpu = True
    shows = frozenset({"network"})
    rules = (rules.codes, rules.first_clusters, rules.clustering, rules.noise)
    summary = "Learns a generative model in which every code comes from one Gaussian of a mixture, and reads off which."
    paper = "Jiang, Zheng, Tan, Tang and Zhou, IJCAI 2017"
    objective = (
        r"\min\; \tfrac{1}{2\sigma^2} \lVert x - g(z) \rVert^2 + "
        r"\textstyle\sum_c \gamma_c\, \mathrm{KL}(q(z \mid x) \,\Vert\, p(z \mid c)) + \mathrm{KL}(\gamma \,\Vert\, \pi), "
        r"\quad \gamma_c = p(c \mid z)"
    )
    symbols = {
        "reconstruction": r"\tfrac{1}{2\sigma^2 n} \lVert X - g(Z) \rVert_F^2",
        "prior": r"\tfrac1n \textstyle\sum_{ic} \gamma_{ic}\, \mathrm{KL}(q(z \mid x_i) \,\Vert\, N(\mu_c, s_c))",
        "clusters": r"\tfrac1n \textstyle\sum_i \mathrm{KL}(\gamma_i \,\Vert\, \pi)",
    }

    coder = held(PretrainedNetwork)

    epochs: int = integer(
        30, symbol="T", low=0, high=100_000, soft=(0, 300), group="Training",
        help="Passes over the data with the bound as loss.",
    )  # fmt: skip
    learning_rate: float = real(
        2e-3, symbol=r"\eta", low=1e-7, high=1, soft=(1e-5, 1e-2), log=True, group="Training",
        help="Learning rate of Adam in that stage; every ten epochs it falls by a tenth.",
    )  # fmt: skip
    train_batch_size: int = integer(
        128, symbol="B_1", low=1, high=1_000_000, soft=(32, 1024), group="Training", help="Samples per step in that stage."
    )
    noise: float | None = real(
        0.1, symbol=r"\sigma^2", low=1e-9, high=1e9, soft=(1e-3, 1), log=True, optional=True, group="Objective",
        none_means="error of the pretrained network",
        help="Variance of the samples around their reconstructions, in their own scale; the larger, the more the prior weighs.",
    )  # fmt: skip
    start: str = choice(
        "mixture", symbol=r"\gamma_0", choices=("mixture", "graph"), group="Clusters",
        help="The first prior: the mixture of highest likelihood for the pretrained codes, or a Gaussian for each cluster of "
        "the graph of their neighbours.",
    )  # fmt: skip
    n_init: int = integer(
        5, symbol="R", low=1, high=100, soft=(1, 30), group="Clusters",
        help="Starts of the mixture that is fitted to the pretrained codes; that of the highest likelihood is kept.",
    )  # fmt: skip

    coder_: NetworkOnData = field(init=False, repr=False)
    mixture_: nn.ParameterDict = field(init=False, repr=False)

    @classmethod
    def departures(cls, params: Mapping[str, Any]) -> list[str]:
        ours = "The first prior is of the clusters of a graph; the paper's is a mixture fitted to the codes."
        return [ours] if params["start"] == "graph" else []

    @classmethod
    def idle(cls, params: Mapping[str, Any]) -> frozenset[str]:
        return super().idle(params) | ({"n_init"} if params.get("start") == "graph" else frozenset())

    def check_data(self, X: NDArray) -> None:
        self.coder.check(X)

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        stages = stages or Stages()
        K = self.clusters(X)
        self.check_data(X)
        on = self.coder_ = self.coder.on(X, random_state=self.random_state, device=self.device)
        yield from on.pretrain(self.coder.pretraining, stages)
        before = on.codes().cpu()
        self.mixture_ = self._first_mixture(before, K)
        yield from self._trainer(on).run(stages, "finetune", self.epochs)
        yield self.conclude({**self.seen(on), "Z_pretrained": before})

    def seen(self, on: NetworkOnData) -> Arrays:
        """Codes, reconstructions and p(c | mu)."""
        return {**on.views(), "P": lambda: self.posterior(on.codes())}

    def _first_mixture(self, Z: torch.Tensor, K: int) -> nn.ParameterDict:
        """The mixture of highest likelihood for the codes, or the moments of the clusters of their graph."""
        from sklearn.mixture import GaussianMixture

        codes = Z.double().numpy()
        floor = FLOOR * codes.var(axis=0).mean() + 1e-12
        if self.start == "graph":
            labels = graph_clusters(codes, K, self.random_state)
            means = means_of(codes, labels, K)
            shares = np.bincount(labels, minlength=K) / len(codes)
            variances = means_of((codes - means[labels]) ** 2, labels, K) + floor
            return self.new_mixture(np.log(shares.clip(1e-8)), means, np.log(variances))
        found = GaussianMixture(
            K, covariance_type="diag", reg_covar=floor, n_init=self.n_init, max_iter=300, random_state=self.random_state
        ).fit(codes)
        return self.new_mixture(np.log(found.weights_.clip(1e-8)), found.means_, np.log(found.covariances_))

    def new_mixture(self, logits: NDArray, means: NDArray, log_variances: NDArray) -> nn.ParameterDict:
        """Logits of pi (K,), means mu_c and logarithms of the variances s_c, (K, d)."""
        import torch
        from torch import nn

        values = {"logits": logits, "means": means, "log_variances": log_variances}
        parameters = {name: nn.Parameter(torch.as_tensor(value, dtype=torch.float32)) for name, value in values.items()}
        return nn.ParameterDict(parameters).to(self.device)

    def _first_spread(self, sample_shape: tuple[int, ...]) -> nn.Linear:
        """The layer that gives log v: the same small variance for every sample."""
        import torch
        from torch import nn

        within = self.mixture_["logits"].softmax(0) @ self.mixture_["log_variances"].exp()
        layer = nn.utils.skip_init(nn.Linear, _hidden_size(self.coder, sample_shape), len(within), device=self.device)
        with torch.no_grad():
            layer.weight.zero_()
            layer.bias.copy_(within.log() + log(NOISE))
        return layer

    def encoding(self, x: torch.Tensor, net: Any, spread: nn.Linear) -> tuple[torch.Tensor, torch.Tensor]:
        """mu and log v of a batch, (b, d); log v comes from the last hidden layer if layers are dense, else from mu."""
        if x.ndim > 2:
            mean = net.encode(x)
            log_variance = spread(mean)
        else:
            hidden = net.encoder[:-1](x)
            mean, log_variance = net.encoder[-1](hidden), spread(hidden)
        return mean, log_variance.clamp(-LIMIT, LIMIT)

    def terms(
        self, x: torch.Tensor, mean: torch.Tensor, log_variance: torch.Tensor, z: torch.Tensor, net: AutoEncoder, noise: float
    ) -> Mapping[str, torch.Tensor]:
        """The negative bound for a batch, term by term, where z is drawn from N(mu, v)."""
        from core import losses

        log_P = log_joint(z, self.mixture_).log_softmax(1)
        P = log_P.exp()
        return {
            "reconstruction": losses.reconstruction(x, net.decode(z)) / (noise * len(x)),
            "prior": (P * kl_to_components(mean, log_variance, self.mixture_)).sum(1).mean(),
            "clusters": (P * (log_P - self.mixture_["logits"].log_softmax(0))).sum(1).mean(),
        }

    def _trainer(self, on: NetworkOnData) -> Trainer:
        import torch

        from core.training.descent import Terms, adam
        from core.training.schedules import Schedule
        from core.training.trainer import Trainer

        net, X = on.net, on.X
        spread, noise = self._first_spread(on.sample_shape), self._noise(on)
        optimizer = adam([*net.parameters(), *self.mixture_.parameters(), *spread.parameters()], self.learning_rate)
        order = torch.Generator().manual_seed(self.random_state)
        draws = torch.Generator(self.device).manual_seed(self.random_state + 1)

        def terms(rows: torch.Tensor) -> Terms:
            x = X[rows]
            mean, log_variance = self.encoding(x, net, spread)
            z = mean + (0.5 * log_variance).exp() * torch.randn(mean.shape, generator=draws, device=mean.device)
            return Terms(self.terms(x, mean, log_variance, z, net, noise))

        return Trainer(
            networks={"net": net, "mixture": self.mixture_, "spread": spread},
            optimizer=optimizer,
            schedule=Schedule(optimizer, "stepped"),
            parts={"draws": draws, "order": order},
            terms=terms,
            batches=lambda: torch.randperm(len(X), generator=order).to(X.device).split(self.train_batch_size),
            views=lambda: self.seen(on),
        )

    def _noise(self, on: NetworkOnData) -> float:
        """sigma^2 in the scale that the network sees."""
        if self.noise is not None:
            return self.noise * on.scale**2
        return max(float((on.X - in_chunks(on.reconstruct, on.X)).square().mean()), 1e-6 * on.scale**2)

    def posterior(self, Z: torch.Tensor) -> torch.Tensor:
        """p(c | z) of codes, (n, K), without gradients."""
        return in_chunks(lambda part: log_joint(part, self.mixture_).softmax(1), Z)

    def labeller(self, arrays: Arrays, affinity: NDArray | None) -> Labeller:
        """The cluster of highest p(c | mu), whatever the seed; k-means while the auto-encoder is trained alone."""
        if "P" in arrays:
            labels = np.asarray(arrays["P"].argmax(axis=1), dtype=np.int64)
            return lambda seed: labels
        return KMeansReadout(n_init=1).labeller(arrays["Z"], self.K)

    def embed(self, X: NDArray) -> NDArray:
        return self.coder.embed(self.coder_, X)

    def label_codes(self, Z: NDArray) -> NDArray[np.int64]:
        """By the mixture: the cluster of highest p(c | z)."""
        import torch

        P = self.posterior(torch.from_numpy(np.ascontiguousarray(Z)).to(self.device))
        return np.asarray(P.argmax(dim=1).cpu(), dtype=np.int64)

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        self.mixture_ = self.new_mixture(**own_weights(weights, "mixture"))
        self.coder_ = self.coder.on(samples, random_state=self.random_state, device=self.device)
        self.coder_.load_weights(weights)
        return super().restore(samples, arrays, weights)

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        coder = cls.coder.of(params)
        cost, n, K, d = coder.cost(shape), shape[0], params["n_clusters"] or 10, coder.code_size(shape[1:])
        more = K * (2 * d + 1) + d * (_hidden_size(coder, shape[1:]) + 1)
        distances = 4 * K * d * min(n, max(params["train_batch_size"], CHUNK))
        return cost.and_more({"codes": 4 * n * d, "distances to the clusters": distances}, more)


def _hidden_size(coder: PretrainedNetwork, sample_shape: tuple[int, ...]) -> int:
    """Length of what log v is a linear function of."""
    if coder.is_dense(1 + len(sample_shape)):
        return int([prod(sample_shape), *coder.widths][-2])
    return coder.code_size(sample_shape)


def log_joint(Z: torch.Tensor, mixture: Any) -> torch.Tensor:
    """log p(z, c) = log pi_c - 1/2 sum_d (log 2 pi s_cd + (z_d - mu_cd)^2 / s_cd), (n, K)."""
    log_s = mixture["log_variances"].clamp(-LIMIT, LIMIT)
    distances = ((Z[:, None] - mixture["means"]).square() * (-log_s).exp()).sum(2)
    return mixture["logits"].log_softmax(0) - 0.5 * (distances + (log_s + log(2 * pi)).sum(1))


def kl_to_components(mean: torch.Tensor, log_variance: torch.Tensor, mixture: Any) -> torch.Tensor:
    """KL(N(mu, v) || N(mu_c, s_c)) = 1/2 sum_d (v_d / s_cd + (mu_d - mu_cd)^2 / s_cd - log v_d / s_cd - 1), (b, K)."""
    log_s = mixture["log_variances"].clamp(-LIMIT, LIMIT)
    squared = log_variance.exp()[:, None] + (mean[:, None] - mixture["means"]).square()
    return 0.5 * (squared * (-log_s).exp() + log_s - log_variance[:, None] - 1).sum(2)

"""Auto-encoder + k-means: cluster the pretrained codes, with no clustering loss.

min_theta 0.5 ||X - decoder(encoder(X))||_F^2, then k-means on Z = encoder(X). It is where the deep methods start from,
and so the first thing to compare them with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import NDArray

from core.common import held
from core.methods.contract import Clusterer, Cost, Labeller
from core.methods.parts import rules
from core.methods.parts.kmeans import KMeansReadout
from core.methods.parts.network import PretrainedNetwork
from core.methods.registry import register
from core.training import Arrays, Stages, Step

if TYPE_CHECKING:
    from torch import Tensor

    from core.training.pretraining import NetworkOnData


def objective(X: Tensor, X_hat: Tensor) -> Tensor:
    """0.5 ||X - decoder(encoder(X))||_F^2."""
    return (X - X_hat).square().sum() / 2


@register
class AutoencoderKMeans(Clusterer):
    """k-means on the codes of a pretrained auto-encoder."""

    family = "On pretrained codes"
    name = "ae_kmeans"
    title = "AE + k-means"
    summary = "Learns codes that reconstruct the data, then groups the codes: the start of every deep method."
    paper = "Hinton and Salakhutdinov, Science 2006"
    objective = r"\min_\theta\; \tfrac12 \lVert X - \mathrm{dec}(\mathrm{enc}(X)) \rVert_F^2"
    symbols = {"reconstruction": r"\tfrac12 \lVert X - \hat X \rVert_F^2"}

    learns = "deep"
    uses_gpu = True
    groups_test = True
    shows = frozenset({"network"})
    rules = (rules.pretraining, rules.layers)

    readout = held(KMeansReadout)
    coder = held(PretrainedNetwork)

    coder_: NetworkOnData = field(init=False, repr=False)

    def check_data(self, X: NDArray) -> None:
        self.coder.check(X)

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        self.clusters(X)
        self.check_data(X)
        on = self.coder_ = self.coder.on(X, random_state=self.random_state, device=self.device)
        yield from on.pretrain(self.coder.pretraining, stages or Stages())
        yield self.conclude(on.views())

    def labeller(self, arrays: Arrays, affinity: NDArray | None) -> Labeller:
        return self.readout.labeller(arrays["Z"], self.K)

    def test_labeller(self, Z: NDArray) -> Labeller:
        return self.readout.labeller(Z, self.K)

    def embed(self, X: NDArray) -> NDArray:
        return self.coder.embed(self.coder_, X)

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        self.coder_ = self.coder.on(samples, random_state=self.random_state, device=self.device)
        self.coder_.load_weights(weights)
        return super().restore(samples, arrays, weights)

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        return cls.coder.of(params).cost(shape)

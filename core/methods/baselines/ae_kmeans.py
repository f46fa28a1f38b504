"""Auto-encoder + k-means: cluster the pretrained codes, with no clustering loss.

min_theta 0.5 ||X - decoder(encoder(X))||_F^2, then k-means on Z = encoder(X). It is where the deep methods start from,
and so the first thing to compare them with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from core.methods.contract import Cost
from core.methods.parts.kmeans import GroupsCodes
from core.methods.parts.pretrained import Autoencoding
from core.methods.registry import register
from core.training import Stages, Step


@register
class AutoencoderKMeans(GroupsCodes, Autoencoding):
    """k-means on the codes of a pretrained auto-encoder."""

    family = "On pretrained codes"
    name = "ae_kmeans"
    title = "AE + k-means"
    summary = "Learns codes that reconstruct the data, then groups the codes: the start of every deep method."
    paper = "Hinton and Salakhutdinov, Science 2006"
    objective = r"\min_\theta\; \tfrac12 \lVert X - \mathrm{dec}(\mathrm{enc}(X)) \rVert_F^2"
    symbols = {"reconstruction": r"\tfrac12 \lVert X - \hat X \rVert_F^2"}

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        return cls.network_cost(shape, params)

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        stages = stages or Stages()
        self.clusters(X)
        data, net, generator = self.begin(X)
        yield from self.pretrain(net, data, generator, stages)
        yield self.conclude(self.views(net, data))

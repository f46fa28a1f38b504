"""AE+SSC: sparse subspace clustering of pretrained codes; deep subspace clustering without its joint training.

Z = encoder(X) of an auto-encoder that only reconstructs; then SSC of the rows of Z (see `core.methods.shallow_subspace.ssc`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.methods.contract import Cost
from core.methods.registry import register
from core.methods.shallow_subspace.family import OnCodes
from core.methods.shallow_subspace.ssc import SSC


@register
class AutoencoderSSC(OnCodes, SSC):
    """SSC on the codes of a pretrained auto-encoder."""

    name = "ae_ssc"
    title = "AE + SSC"
    summary = "Learns codes that reconstruct the data, then explains each by few of the others."
    paper = "Elhamifar and Vidal, TPAMI 2013, on codes as in Ji et al., NIPS 2017"
    objective = r"\min_C\; \lVert C \rVert_1 + \frac{\tau}{2} \lVert Z - CZ \rVert_F^2,\quad Z = \mathrm{enc}(X)"
    symbols = {"reconstruction": r"\tfrac12 \lVert X - \hat X \rVert_F^2", **SSC.symbols}
    published = {"mnist_1000": 0.4840, "yaleb": 0.7480, "orl": 0.7563, "coil20": 0.8711, "coil40": 0.7391, "umist": 0.7042}

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        return cls.both_costs(shape, params, SSC.cost(shape, params))

"""AE+SSC: sparse subspace clustering of pretrained codes; deep subspace clustering without its joint training.

Z = encoder(X) of an auto-encoder that only reconstructs; then SSC of the rows of Z (see `core.methods.shallow_subspace.ssc`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.common import held
from core.methods.parts import rules
from core.methods.parts.network import PretrainedNetwork
from core.methods.parts.readout import AffinityReadout
from core.methods.registry import register
from core.methods.shallow_subspace.family import ShallowSubspace
from core.methods.shallow_subspace.scope import NeighborScope
from core.methods.shallow_subspace.ssc import SYMBOLS, SparseSolver

if TYPE_CHECKING:
    from torch import Tensor


def objective(X: Tensor, X_hat: Tensor) -> Tensor:
    """0.5 ||X - decoder(encoder(X))||_F^2, all that is trained; the solver that follows has a closed objective of its own."""
    return (X - X_hat).square().sum() / 2


@register
class AutoencoderSSC(ShallowSubspace):
    """SSC on the codes of a pretrained auto-encoder."""

    name = "ae_ssc"
    title = "AE + SSC"
    summary = "Learns codes that reconstruct the data, then explains each by few of the others."
    paper = "Elhamifar and Vidal, TPAMI 2013, on codes as in Ji et al., NIPS 2017"
    objective = r"\min_C\; \lVert C \rVert_1 + \frac{\tau}{2} \lVert Z - CZ \rVert_F^2,\quad Z = \mathrm{enc}(X)"
    symbols = {"reconstruction": r"\tfrac12 \lVert X - \hat X \rVert_F^2", **SYMBOLS}

    family = "On pretrained codes"
    learns = "deep"
    uses_gpu = True
    shows = frozenset({"network", "affinity constants"})
    rules = (rules.pretraining, rules.layers, rules.readout)

    coder = held(PretrainedNetwork)
    solver = held(SparseSolver)
    readout = held(AffinityReadout, affinity_by="magnitudes", threshold=1.0)
    extent = held(NeighborScope)

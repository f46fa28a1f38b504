"""AE+EDSC: dense subspace clustering of pretrained codes; what training C and network together has to beat.

Z = encoder(X) of an auto-encoder that only reconstructs; then EDSC of the rows of Z (see `core.methods.shallow_subspace.edsc`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.common import held
from core.methods.parts import rules
from core.methods.parts.network import PretrainedNetwork
from core.methods.parts.readout import AffinityReadout
from core.methods.registry import register
from core.methods.shallow_subspace.family import ShallowSubspace
from core.methods.shallow_subspace.scope import AnchorScope
from core.methods.shallow_subspace.solver import RidgeSolver

if TYPE_CHECKING:
    from torch import Tensor


def objective(X: Tensor, X_hat: Tensor) -> Tensor:
    """0.5 ||X - decoder(encoder(X))||_F^2, all that is trained; the solver that follows has a closed objective of its own."""
    return (X - X_hat).square().sum() / 2


@register
class AutoencoderEDSC(ShallowSubspace):
    """EDSC on the codes of a pretrained auto-encoder."""

    name = "ae_edsc"
    title = "AE + EDSC"
    summary = "Learns codes that reconstruct the data, then explains each by all of them in closed form."
    paper = "Ji, Salzmann and Li, WACV 2014, on codes as in Ji et al., NIPS 2017"
    objective = r"\min_C\; \lVert C \rVert_F^2 + \tfrac{1}{\lambda} \lVert Z - CZ \rVert_F^2,\quad Z = \mathrm{enc}(X)"
    symbols = {"reconstruction": r"\tfrac12 \lVert X - \hat X \rVert_F^2"}
    family = "On pretrained codes"
    learns = "deep"
    uses_gpu = True
    shows = frozenset({"network", "affinity constants"})
    rules = (rules.pretraining, rules.layers, rules.readout)

    coder = held(PretrainedNetwork)
    solver = held(RidgeSolver, strength=1.0)
    readout = held(AffinityReadout, threshold=1.0)
    extent = held(AnchorScope)

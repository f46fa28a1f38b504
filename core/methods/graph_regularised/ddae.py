"""Denoising deep auto-encoder (Vincent et al., JMLR 2010), a baseline of GR-DNN.

min Delta(X, g(f(X~))), with Delta as in `core.methods.graph_regularised.dae`; of X~ a share p of the entries is set to zero. So
it is while single layers are trained, as in the paper's program, whose later stages see clean inputs; and in the end-to-end
recipe all the time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from numpy.typing import NDArray

from core.common import held
from core.methods.graph_regularised import rules
from core.methods.graph_regularised.family import LayeredAutoEncoder
from core.methods.graph_regularised.phi import Denoising, Phi
from core.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from core.training.heldout import Split


def objective(X: Tensor, kept: Tensor, f: Callable[[Tensor], Tensor], g: Callable[[Tensor], Tensor]) -> Tensor:
    """Delta(X, g(f(X~))) for samples X (n, m) of which the entries `kept` (n, m) are 1 where they are not erased."""
    X_hat = g(f(X * kept))
    return -(X * X_hat.log() + (1 - X) * (1 - X_hat).log()).sum() / len(X)


@register
class DDAE(LayeredAutoEncoder):
    """Denoising deep auto-encoder."""

    name = "ddae"
    title = "D-DAE"
    summary = "Reconstructs the clean data from inputs of which a share was erased."
    paper = "Vincent et al., JMLR 2010"
    objective = r"\min\; \Delta\big(X, g_d(f_d(\tilde X))\big)"
    rules = (rules.training, rules.erased)

    denoising = held(Denoising)

    def phi(self, X: NDArray, split: Split) -> Phi:
        return self.denoising.phi()

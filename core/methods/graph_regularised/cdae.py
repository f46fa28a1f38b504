"""Contractive deep auto-encoder (Rifai et al., ICML 2011), a baseline of GR-DNN.

min Delta(X, g(f(X))) + gamma sum_l ||J_l||_F^2, with Delta as in `core.methods.graph_regularised.dae` and J_l the Jacobian of a
hidden layer with respect to its own input, averaged over samples; it has a closed form (`core.losses.contraction`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from numpy.typing import NDArray

from core.common import held
from core.methods.graph_regularised.family import LayeredAutoEncoder
from core.methods.graph_regularised.phi import Contraction, Phi
from core.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from core.training.heldout import Split


def objective(X: Tensor, X_hat: Tensor, W: Sequence[Tensor], H: Sequence[Tensor], *, gamma: float, activation: str) -> Tensor:
    """Delta(X, X_hat) + gamma/n sum_il ||J_l(x_i)||_F^2, for weights W_l (p, q) and outputs H_l (n, p) of the hidden layers."""
    slopes = [h * (1 - h) if activation == "sigmoid" else (h > 0).to(h.dtype) for h in H]
    J = [s[:, :, None] * w for s, w in zip(slopes, W, strict=True)]  # (n, p, q) of each layer
    phi = sum(((j**2).sum() for j in J), X.new_zeros(())) / len(X)
    return -(X * X_hat.log() + (1 - X) * (1 - X_hat).log()).sum() / len(X) + gamma * phi


@register
class CDAE(LayeredAutoEncoder):
    """Contractive deep auto-encoder."""

    name = "cdae"
    title = "C-DAE"
    summary = "Reconstructs the data through layers that hardly react to small changes of their inputs."
    paper = "Rifai et al., ICML 2011"
    objective = r"\min\; \Delta\big(X, g_d(f_d(X))\big) + \gamma \textstyle\sum_l \lVert J_l \rVert_F^2"
    symbols = {**LayeredAutoEncoder.symbols, "contraction": r"\gamma \textstyle\sum_l \lVert J_l \rVert_F^2"}

    contraction = held(Contraction)

    def phi(self, X: NDArray, split: Split) -> Phi:
        return self.contraction.phi()

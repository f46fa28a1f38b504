"""Deep auto-encoder, the first baseline of GR-DNN.

min Delta(X, g(f(X))), with Delta the binary cross-entropy to soft targets, summed over pixels and averaged over samples; it is
shown above its floor, the entropy of the grey levels. k-means groups the linear codes f(X).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.methods.graph_regularised.family import LayeredAutoEncoder
from core.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor


def objective(X: Tensor, X_hat: Tensor) -> Tensor:
    """Delta(X, X_hat) for samples and reconstructions (n, m) with values between 0 and 1."""
    return -(X * X_hat.log() + (1 - X) * (1 - X_hat).log()).sum() / len(X)


@register
class DAE(LayeredAutoEncoder):
    """Deep auto-encoder."""

    name = "dae"
    title = "DAE"
    summary = "Reconstructs the data through a narrow, linear code, with nothing else in the loss."
    paper = "Hinton and Salakhutdinov, Science 2006"
    objective = r"\min\; \Delta\big(X, g_d(f_d(X))\big)"

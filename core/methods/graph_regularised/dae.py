"""Deep auto-encoders, the baselines of GR-DNN: plain, denoising and contractive.

min Delta(X, dec(enc(X))) + gamma Phi, with Delta the binary cross-entropy summed over pixels and averaged over samples (shown
above its floor, the entropy of the grey levels), and k-means on the linear codes enc(X).

- DAE: Phi = 0.
- D-DAE (Vincent et al., JMLR 2010): Phi = 0; a share of the inputs is set to zero while single layers are trained, as in
  the paper's program, whose later stages see clean inputs; in the end-to-end recipe all the time.
- C-DAE (Rifai et al., ICML 2011): Phi is the squared Frobenius norm of the Jacobian of each hidden layer with respect to
  its own input, which has a closed form (`core.losses.contraction`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.common import flag, real
from core.methods.graph_regularised.family import LAYER_WISE, DeepCoding
from core.methods.registry import register

if TYPE_CHECKING:
    import torch

    from core.nets import Layer


@dataclass(kw_only=True)
class Denoising(DeepCoding):
    """A deep coding that masks its inputs."""

    corruption: float = real(
        0.2, symbol="p", low=0, high=0.95, soft=(0, 0.9), group="Objective", help="Share of the inputs that is set to zero."
    )
    always_mask: bool = flag(
        False, symbol=r"\tilde X", group=LAYER_WISE,
        help="Mask the inputs of the joint stage too; the paper's program masks those of single layers alone.",
    )  # fmt: skip

    @property
    def mask(self) -> float:
        return self.corruption

    @property
    def masks_jointly(self) -> bool:
        return self.always_mask or super().masks_jointly


@dataclass(kw_only=True)
class Contractive(DeepCoding):
    """A deep coding that keeps its layers from reacting to small changes of their inputs."""

    gamma: float = real(
        0.01, symbol=r"\gamma", low=0, high=1e4, soft=(1e-3, 100), log=True, group="Objective",
        help="Weight of the squared Jacobian norm of the hidden layers.",
    )  # fmt: skip

    @property
    def stiffness(self) -> float:
        """Weight of the Jacobian norm, 0 where it is not part of the loss."""
        return self.gamma

    def penalty(
        self, layers: Sequence[Layer], rows: torch.Tensor, layers_of: Callable[[torch.Tensor], Sequence[Layer]]
    ) -> Mapping[str, torch.Tensor]:
        import torch

        from core import losses

        if self.stiffness == 0 or not layers:
            return {}
        norms = [losses.contraction(layer.W, layer.slopes) for layer in layers]
        return {"contraction": self.stiffness * torch.stack(norms).sum()}

    def path_recipe(self) -> dict[str, Any]:
        return super().path_recipe() | ({"gamma": self.stiffness} if self.stiffness else {})


@register
class DAE(DeepCoding):
    """Deep auto-encoder."""

    name = "dae"
    title = "DAE"
    summary = "Reconstructs the data through a narrow, linear code, with nothing else in the loss."
    paper = "Hinton and Salakhutdinov, Science 2006"
    objective = r"\min\; \Delta\big(X, g_d(f_d(X))\big)"
    published = {"coil20": 0.7153, "mnist": 0.6236, "mnist2": 0.5736}


@register
class DDAE(Denoising):
    """Denoising deep auto-encoder."""

    name = "ddae"
    title = "D-DAE"
    summary = "Reconstructs the clean data from inputs of which a share was erased."
    paper = "Vincent et al., JMLR 2010"
    objective = r"\min\; \Delta\big(X, g_d(f_d(\tilde X))\big)"
    published = {"coil20": 0.7204, "mnist": 0.6410, "mnist2": 0.5987}


@register
class CDAE(Contractive):
    """Contractive deep auto-encoder."""

    name = "cdae"
    title = "C-DAE"
    summary = "Reconstructs the data through layers that hardly react to small changes of their inputs."
    paper = "Rifai et al., ICML 2011"
    objective = r"\min\; \Delta\big(X, g_d(f_d(X))\big) + \gamma \textstyle\sum_l \lVert J_l \rVert_F^2"
    symbols = {**DeepCoding.symbols, "contraction": r"\gamma \textstyle\sum_l \lVert J_l \rVert_F^2"}
    published = {"coil20": 0.7158, "mnist": 0.6378, "mnist2": 0.5881}

r"""GR-DNN (Yang et al., CVPR 2017): an auto-encoder whose code must also tell which anchors a sample lies near.

The data path (encoder f_d, decoder g_d) reconstructs X. A graph decoder g_g reads the same code h = f_d(x) and
reconstructs the sample's row of an anchor graph S:

    min  Delta(X, g_d(f_d(X))) + gamma Phi + eta Delta(S, g_g(f_d(X)))                                        (Eq. 5)

Delta is the binary cross-entropy to soft targets, summed over units, averaged over samples. It cannot fall below the entropy
of its targets, which is most of the graph term, so what is shown and minimised is the part above; gradients are the same.
gamma Phi is that of the base auto-encoder: none, or none but erased inputs, or the norm of Jacobians (`dae`, `ddae` and `cdae`
beside this file).

Graph. Each sample is joined to its k nearest anchors, k-means centres or random samples (Eq. 2); up to 5,000 samples the
anchors are the samples themselves, joined symmetrically and without self-loops, which a decoder could learn without
looking at any neighbour. Weights are exp(-d^2 ln 2 / s) with s the mean of d^2, so that the mean distance weighs 1/2. The
paper prints the distance unsquared and a sigma that depends on itself; its program takes exp(-d^2 / m). Both are options.

Training. The paper's recipe (see `core.methods.graph_regularised.family`) also trains a graph encoder f_g that reads S: its
layers and its path give g_g a start, then it is thrown away. New samples need no graph: they are encoded by f_d alone. eta
= 0 is the base auto-encoder, step by step: graph decoder and graph encoder have generators of their own.

What decided the gain over the base, measured on MNIST (20,000 images) and COIL-20: one hidden layer of sigmoid units with
their wide start in the graph decoder, and a small k (5 to 10). With ReLU or no hidden units the term did nothing or hurt; the
published graph decoder with its own pretraining gave nothing on COIL-20. The gain in ACC and NMI shrinks as training goes on,
for the base catches up (README); that in mAP stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.common import choice, held
from core.methods.contract import Cost
from core.methods.graph_regularised import rules
from core.methods.graph_regularised.anchor_graph import AnchorGraph
from core.methods.graph_regularised.family import LayeredAutoEncoder
from core.methods.graph_regularised.graph_term import GraphPath, GraphTerm
from core.methods.graph_regularised.phi import Contraction, Denoising, Phi
from core.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from core.training.heldout import Split


def objective(
    X: Tensor, X_hat: Tensor, S: Tensor, S_hat: Tensor, W: Sequence[Tensor], H: Sequence[Tensor], *, base: str, gamma: float,
    eta: float, activation: str,
) -> Tensor:  # fmt: skip
    """Eq. 5 for samples X (n, m), rows of the graph S (n, N_a), and W_l (p, q), H_l (n, p) of the hidden layers of f_d.

    X_hat and S_hat are read off the same codes, with base "ddae" those of erased inputs.
    """

    def delta(T: Tensor, T_hat: Tensor) -> Tensor:
        return -(T * T_hat.log() + (1 - T) * (1 - T_hat).log()).sum() / len(T)

    slopes = [h * (1 - h) if activation == "sigmoid" else (h > 0).to(h.dtype) for h in H]
    J = [s[:, :, None] * w for s, w in zip(slopes, W, strict=True)]  # (n, p, q) of each layer
    phi = sum(((j**2).sum() for j in J), X.new_zeros(())) / len(X) if base == "cdae" else 0
    return delta(X, X_hat) + gamma * phi + eta * delta(S, S_hat)


@register
class GRDNN(LayeredAutoEncoder):
    """Graph regularised deep neural network."""

    name = "grdnn"
    title = "GR-DNN"
    summary = "An auto-encoder whose code also reconstructs which anchors each sample lies near."
    paper = "Yang et al., CVPR 2017"
    objective = r"\min\; \Delta\big(X, g_d(f_d(X))\big) + \gamma\, \Phi + \eta\, \Delta\big(S, g_g(f_d(X))\big)"
    symbols = {
        **LayeredAutoEncoder.symbols,
        "contraction": r"\gamma \textstyle\sum_l \lVert J_l \rVert_F^2",
        "graph": r"\eta\, \Delta(S, \hat S)",
    }
    rules = (rules.training, rules.erased, rules.graph)

    base: str = choice(
        "ddae",
        symbol=r"\Phi",
        choices=("dae", "ddae", "cdae"),
        group="Objective",
        help="The auto-encoder: plain, denoising (uses corruption) or contractive (uses gamma).",
    )
    term = held(GraphTerm)
    denoising = held(Denoising)
    contraction = held(Contraction)
    joined = held(AnchorGraph)

    @classmethod
    def graph_term(cls, params: Mapping[str, Any]) -> tuple[GraphTerm, ...]:
        """The graph term, or none: whoever needs it goes through what this returns."""
        term = cls.term.of(params, cls.name)
        return (term,) if term.eta > 0 else ()

    def phi(self, X: NDArray, split: Split) -> Phi:
        return {"dae": Phi, "ddae": self.denoising.phi, "cdae": self.contraction.phi}[self.base]()

    def sides(self, X: NDArray, split: Split) -> Sequence[GraphPath]:
        """The path that reconstructs the graph of the samples, if there is a graph term."""
        fitted, held = (np.sort(rows.cpu().numpy()) for rows in (split.fitted, split.held))
        return [
            term.on(self.joined.join(X, fitted, held, self.random_state), self.widths[-1], self.random_state, self.device)
            for term in self.graph_term(vars(self))
        ]

    def check_data(self, X: NDArray) -> None:
        super().check_data(X)
        for term in self.graph_term(vars(self)):
            term.check(self.course.layer_wise)
            self.joined.check(len(X), self.course.fitted(len(X)))

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        cost, n = super().cost(shape, params), shape[0]
        fitted, graph = cls.course.of(params).fitted(n), cls.joined.of(params)
        for term in cls.graph_term(params):
            decoder = term.decoder_parameters(graph.ends(n, fitted), params["widths"][-1])
            more = graph.bytes(n, fitted, prod(shape[1:]), params["batch_size"])
            cost = cost.and_more(more, decoder)
        return cost

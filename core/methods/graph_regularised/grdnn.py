r"""GR-DNN (Yang et al., CVPR 2017): an auto-encoder whose code must also tell which anchors a sample lies near.

The data path (encoder f_d, decoder g_d) reconstructs X. A graph decoder g_g reads the same code h = f_d(x) and
reconstructs the sample's row of an anchor graph S:

    min  Delta(X, g_d(f_d(X))) + gamma Phi + eta Delta(S, g_g(f_d(X)))                                        (Eq. 5)

Delta is the binary cross-entropy to soft targets, summed over units, averaged over samples. It cannot fall below the entropy
of its targets, which is most of the graph term, so what is shown and minimised is the part above; gradients are the same.
gamma Phi is that of the base auto-encoder (`core.methods.graph_regularised.dae`).

Graph. Each sample is joined to its K nearest anchors, k-means centres or random samples (Eq. 2); up to 5,000 samples the
anchors are the samples themselves, joined symmetrically and without self-loops, which a decoder could learn without
looking at any neighbour. Weights are exp(-d^2 ln 2 / s) with s the mean of d^2, so that the mean distance weighs 1/2. The
paper prints the distance unsquared and a sigma that depends on itself; its program takes exp(-d^2 / m). Both are options.

Training. The paper's recipe (see `core.methods.graph_regularised.family`) also trains a graph encoder f_g that reads S: its
layers and its path give g_g a start, then it is thrown away. New samples need no graph: they are encoded by f_d alone. eta
= 0 is the base auto-encoder, step by step: graph decoder and graph encoder have generators of their own.

What decided the gain over the base, measured on MNIST (20,000 images) and COIL-20: one hidden layer of sigmoid units with
their wide start in the graph decoder, and a small K (5 to 10). With ReLU or no hidden units the term did nothing or hurt; the
published graph decoder with its own pretraining gave nothing on COIL-20. The gain in ACC and NMI shrinks as training goes on,
for the base catches up (README); that in mAP stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core import graphs
from core.common import Param, ParameterError, choice, flag, integer, real, sizes
from core.methods.contract import Cost
from core.methods.graph_regularised.dae import Contractive, Denoising
from core.methods.graph_regularised.family import LAYER_WISE, mirrored_parameters
from core.methods.registry import register
from core.training import Arrays, Step

if TYPE_CHECKING:
    import torch
    from scipy.sparse import csr_array

    from core.nets import Pair, Path
    from core.training.trainer import Trainer

ALL_NEIGHBORS_LIMIT = 5_000
KERNELS: Mapping[str, Any] = {"squared": "half", "unsquared": "half_unsquared", "code": "features"}
GRAPH_GROUP = "Graph"


@register
class GRDNN(Denoising, Contractive):
    """Graph regularised deep neural network."""

    name = "grdnn"
    title = "GR-DNN"
    summary = "An auto-encoder whose code also reconstructs which anchors each sample lies near."
    paper = "Yang et al., CVPR 2017"
    objective = r"\min\; \Delta\big(X, g_d(f_d(X))\big) + \gamma\, \Phi + \eta\, \Delta\big(S, g_g(f_d(X))\big)"
    symbols = {
        **Contractive.symbols, "contraction": r"\gamma \textstyle\sum_l \lVert J_l \rVert_F^2",
        "graph": r"\eta\, \Delta(S, \hat S)",
    }  # fmt: skip
    published = {"coil20": 0.7202, "mnist": 0.6602, "mnist2": 0.6076}

    base: str = choice(
        "ddae", symbol=r"\Phi", choices=("dae", "ddae", "cdae"), group="Objective",
        help="The auto-encoder: plain, denoising (uses corruption) or contractive (uses gamma).",
    )  # fmt: skip
    eta: float = real(
        1.0, symbol=r"\eta", low=0, high=1e4, soft=(0.01, 100), log=True, group="Objective",
        help="Weight of the graph term; 0 is the auto-encoder alone.",
    )  # fmt: skip
    graph: str = choice(
        "auto", symbol="S", choices=("auto", "neighbors", "anchors"), group=GRAPH_GROUP,
        help="Join samples to each other, or to anchors; auto takes anchors above 5,000 samples.",
    )  # fmt: skip
    n_neighbors: int = integer(
        20, symbol="K", low=1, high=10_000, soft=(2, 300), group=GRAPH_GROUP, help="Anchors (or other samples) of each sample."
    )  # fmt: skip
    n_anchors: int = integer(
        1000, symbol="N_a", low=2, high=50_000, soft=(50, 2000), group=GRAPH_GROUP,
        help="Anchors, where the graph is one over anchors.",
    )  # fmt: skip
    anchors: str = choice(
        "kmeans", symbol="a_j", choices=("kmeans", "random"), group=GRAPH_GROUP,
        help="Anchors are the centres of a short k-means, or random samples.",
    )  # fmt: skip
    kernel: str = choice(
        "squared", symbol=r"\kappa", choices=tuple(KERNELS), group=GRAPH_GROUP,
        help="Weights by squared distances with S(mean) = 0.5, by plain ones as printed, or exp(-d²/m) as in the program.",
    )  # fmt: skip
    scale_over: str = choice(
        "all", symbol=r"\sigma", choices=("all", "kept"), group=GRAPH_GROUP,
        help="The mean that weighs 0.5 is over all pairs, or over those that are kept (the program's kernel has none).",
    )  # fmt: skip
    graph_widths: tuple[int, ...] = sizes(
        (1200, 500, 100), symbol="m_g", low=1, high=20_000, group="Network",
        help="Hidden units of the graph encoder; the graph decoder mirrors them. The code is shared.",
    )  # fmt: skip

    graph_activation: str = choice(
        "sigmoid", symbol=r"\sigma_g", choices=("sigmoid", "relu"), group="Network",
        help="Activation of the hidden layers of the graph path.",
    )  # fmt: skip

    graph_start: bool = flag(
        True, symbol="f_g", group=LAYER_WISE,
        help="Train a graph path first, with an encoder of its own, that the graph decoder starts from; else from random.",
    )  # fmt: skip

    graph_: Pair = field(init=False, repr=False)
    anchors_: NDArray | None = field(init=False, repr=False, default=None)

    @classmethod
    def declared(cls) -> dict[str, Param]:
        """Its own weights of the objective before those of the base auto-encoders."""
        found = super().declared()
        first = ("base", "eta")
        return {name: found[name] for name in (*first, *(name for name in found if name not in first))}

    @property
    def mask(self) -> float:
        return self.corruption if self.base == "ddae" else 0.0

    @property
    def stiffness(self) -> float:
        return self.gamma if self.base == "cdae" else 0.0

    def check_data(self, X: NDArray) -> None:
        super().check_data(X)
        if self.recipe == "layer-wise" and self.graph_activation != "sigmoid":
            raise ParameterError(
                f"The 'graph_activation' parameter of {self.name} must be 'sigmoid' for the layer-wise recipe. "
                f"Got {self.graph_activation!r} instead."
            )
        fitted = len(X) - round(self.validation * len(X))
        most = fitted - 1 if self._over_neighbors(len(X), vars(self)) else min(self.n_anchors, fitted)
        if self.eta > 0 and self.n_neighbors > most:
            raise ParameterError(
                f"The 'n_neighbors' parameter of {self.name} must be at most {most} for {fitted} samples to learn from "
                f"and {self.n_anchors} anchors. Got {self.n_neighbors} instead."
            )

    @classmethod
    def _over_neighbors(cls, n: int, params: Mapping[str, Any]) -> bool:
        """Whether the graph joins n samples to each other."""
        return bool(params["graph"] == "neighbors" or (params["graph"] == "auto" and n <= ALL_NEIGHBORS_LIMIT))

    def prepare(self, X: NDArray, trainer: Trainer) -> Iterator[Step]:
        """Build S, and the networks that encode and reconstruct its rows."""
        if self.eta == 0:
            return
        from scipy.sparse import csr_array

        from core.nets import Pair, Rows

        fitted, held = (np.sort(rows.cpu().numpy()) for rows in (trainer.fitted, trainer.held))
        S = self._join(X.reshape(len(X), -1), fitted, held)
        self._S = S
        if self.anchors_ is None:  # kept with its columns numbered as the samples are
            self._S = csr_array((S.data, fitted[S.indices], S.indptr), shape=(len(X), len(X)))
        layers = (*self.graph_widths, self.widths[-1])
        encoder, decoder = self.new_paths(S.shape[1], self.random_state + 1, layers, self.graph_activation)
        self.graph_ = Pair("graph", "graph", Rows(S, self.device), encoder, decoder)
        yield Step("anchors", 1, 1, {"edges": float(S.nnz)}, {})

    def _join(self, X: NDArray, fitted: NDArray[np.int64], held: NDArray[np.int64]) -> csr_array:
        """S over the samples to learn from, or over anchors among them; held-out samples get rows against the same ends."""
        from scipy.sparse import csr_array, vstack

        K, kernel = self.n_neighbors, KERNELS[self.kernel]
        over: Any = self.scale_over if self.kernel != "code" else None
        if self._over_neighbors(len(X), vars(self)):
            ends, self.anchors_ = X[fitted], None
            own, scale = graphs.neighbor_graph(ends, K, kernel=kernel, over=over)
        else:
            count = min(self.n_anchors, len(fitted))
            ends = graphs.find_anchors(X[fitted], count, random_state=self.random_state, how=self.anchors)  # type: ignore[arg-type]
            self.anchors_ = ends.astype(np.float32)
            own, scale = graphs.anchor_weights(X[fitted], ends, K, kernel=kernel, over=over, normalized=False)
        if not len(held):
            return own  # all samples, in their order
        theirs, _ = graphs.anchor_weights(X[held], ends, K, kernel=kernel, normalized=False, scale=scale)
        return csr_array(vstack([own, theirs], format="csr"))[np.argsort(np.concatenate([fitted, held]))]

    def other_paths(self, trainer: Trainer) -> Iterator[Step]:
        if self.eta == 0 or not self.graph_start:
            return
        yield from self.path_stages(self.graph_, trainer.apart(self.random_state + 1), self.views())
        trainer.stages.forget("graph_encoder")

    def other_networks(self) -> Mapping[str, Path]:
        return {} if self.eta == 0 else {"graph_decoder": self.graph_.decoder}

    def terms(self, codes: torch.Tensor, rows: torch.Tensor) -> Mapping[str, torch.Tensor]:
        from core import losses

        if self.eta == 0:
            return {}
        return {"graph": self.eta * losses.divergence(self.graph_.X(rows), self.graph_.decoder(codes))}

    def floor(self, rows: torch.Tensor) -> float:
        return super().floor(rows) + (self.eta * self.graph_.X.entropy(rows) if self.eta else 0.0)

    def other_arrays(self) -> Arrays:
        """S, its columns the anchors or, where samples are joined to each other, the samples; and the anchors."""
        if self.eta == 0:
            return {}
        return {"S": self._S} if self.anchors_ is None else {"S": self._S, "anchors": self.anchors_}

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        cost, n = super().cost(shape, params), shape[0]
        if params["eta"] == 0:
            return cost
        over_neighbors = cls._over_neighbors(n, params)
        fitted = n - round(params["validation"] * n)
        ends = fitted if over_neighbors else min(params["n_anchors"], fitted)
        layers = [ends, *params["graph_widths"], params["widths"][-1]]
        decoder = (mirrored_parameters(layers) + sum(layers[:-1]) - sum(layers[1:])) // 2
        rows = {"rows of S in a step": 4 * min(params["batch_size"], n) * ends, "graph": 12 * n * params["n_neighbors"]}
        anchors = {} if over_neighbors else {"anchors": 8 * ends * prod(shape[1:])}
        return Cost(parameters=cost.parameters + decoder, matrices={**cost.matrices, **rows, **anchors})

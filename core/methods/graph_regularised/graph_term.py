"""The graph term of GR-DNN: eta Delta(S, g_g(h)), with the decoder g_g that reads the codes h of the data path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.common import ParameterError, Part, choice, flag, real, sizes
from core.methods.graph_regularised.mirrored_paths import mirrored, mirrored_parameters
from core.methods.graph_regularised.phi import Phi
from core.methods.graph_regularised.recipe import LAYER_WISE
from core.training import Arrays, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from core.methods.graph_regularised.anchor_graph import Joined
    from core.methods.graph_regularised.training import Training
    from core.nets import Pair, Path


@dataclass(frozen=True, kw_only=True)
class GraphTerm(Part):
    """How much the graph counts, and the path that reconstructs it."""

    eta: float = real(
        1.0, symbol=r"\eta", low=0, high=1e4, soft=(0.01, 100), log=True, group="Objective",
        help="Weight of the graph term; 0 is the auto-encoder alone.",
    )  # fmt: skip
    graph_widths: tuple[int, ...] = sizes(
        (1200, 500, 100),
        symbol="m_g",
        low=1,
        high=20_000,
        group="Network",
        help="Hidden units of the graph encoder; the graph decoder mirrors them. The code is shared.",
    )
    graph_activation: str = choice(
        "sigmoid",
        symbol=r"\sigma_g",
        choices=("sigmoid", "relu"),
        group="Network",
        help="Activation of the hidden layers of the graph path.",
    )
    graph_start: bool = flag(
        True,
        symbol="f_g",
        group=LAYER_WISE,
        help="Train a graph path first, with an encoder of its own, that the graph decoder starts from; else from random.",
    )

    def check(self, layer_wise: bool) -> None:
        """Refuse layers that reconstruct no values between 0 and 1."""
        if layer_wise and self.graph_activation != "sigmoid":
            raise ParameterError(
                f"The 'graph_activation' parameter of {self.owner} must be 'sigmoid' for the layer-wise recipe. "
                f"Got {self.graph_activation!r} instead."
            )

    def on(self, joined: Joined, code_size: int, random_state: int, device: str) -> GraphPath:
        """A fresh path for a graph; its weights are not those of the data path, whatever the seed."""
        from core.nets import Pair, Rows

        layers = [joined.S.shape[1], *self.graph_widths, code_size]
        encoder, decoder = mirrored(layers, self.graph_activation, random_state + 1, device)
        pair = Pair("graph", "graph", Rows(joined.S, device), encoder, decoder)
        return GraphPath(self.eta, pair, joined.kept, self.graph_start, joined.S.nnz)

    def decoder_parameters(self, ends: int, code_size: int) -> int:
        """Weights and biases of the graph decoder."""
        layers = [ends, *self.graph_widths, code_size]
        return (mirrored_parameters(layers) + sum(layers[:-1]) - sum(layers[1:])) // 2


@dataclass(frozen=True)
class GraphPath:
    """A graph on its samples: the decoder that stays, and the encoder that only gives it a start."""

    eta: float
    pair: Pair
    kept: Arrays
    starts: bool
    edges: int

    @property
    def built(self) -> Sequence[Step]:
        return [Step("anchors", 1, 1, {"edges": float(self.edges)}, {})]

    @property
    def networks(self) -> Mapping[str, Path]:
        return {"graph_decoder": self.pair.decoder}

    def terms(self, codes: Tensor, rows: Tensor) -> Mapping[str, Tensor]:
        from core import losses

        return {"graph": self.eta * losses.divergence(self.pair.X(rows), self.pair.decoder(codes))}

    def floor(self, rows: Tensor) -> float:
        """What the term leaves out of its cross-entropy."""
        return self.eta * self.pair.X.entropy(rows)

    def trained(self, training: Training, phi: Phi, views: Callable[[], Arrays]) -> Iterator[Step]:
        """Stages one and two of the graph path, after which its encoder is thrown away."""
        if self.starts:
            yield from training.apart().path(self.pair, phi.without_penalty(), views, lambda depth: {})
            training.stages.forget("graph_encoder")

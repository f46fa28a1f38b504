"""What GR-DNN and its baselines share: fully connected networks on data in [0, 1], trained in stages or end to end.

The paper's recipe ("layer-wise") has three stages. (1) Each layer of a path is trained as an auto-encoder of its own with
tied weights, sigmoid units and cross-entropy, on what the layers below it give. (2) The path is unrolled and trained as a
whole until the loss on held-out samples stops falling. (3) All terms are trained together, and stopped likewise. The quick
recipe ("end-to-end") is the third stage alone, from random weights; it is not the paper's.

Where the paper's program fixes the composition of its batches, samples are drawn anew for each epoch here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from core.common import DataError, ParameterError, choice, held, sizes
from core.methods.contract import Clusterer, Cost, Labeller
from core.methods.graph_regularised import rules
from core.methods.graph_regularised.mirrored_paths import mirrored, mirrored_parameters
from core.methods.graph_regularised.phi import Phi
from core.methods.graph_regularised.recipe import Recipe
from core.methods.parts.kmeans import KMeansReadout
from core.methods.parts.network import own_weights
from core.methods.rules import Rule
from core.training import Arrays, Stages, Step, in_chunks

if TYPE_CHECKING:
    from torch import Tensor

    from core.methods.graph_regularised.data_path import DataPath
    from core.methods.graph_regularised.graph_term import GraphPath
    from core.training.heldout import Split


@dataclass(kw_only=True)
class LayeredAutoEncoder(Clusterer):
    """An auto-encoder of dense layers with a linear code, and k-means on its codes.

    A method says what it is besides plain (`phi`), and what else reads its codes (`sides`).
    """

    learns = "deep"
    uses_gpu = True
    groups_test = True
    nmi = "max"
    family = "Graph-regularised"
    rules: ClassVar[tuple[Rule, ...]] = (rules.training,)
    symbols: ClassVar[Mapping[str, str]] = {
        "reconstruction": r"\Delta(X, \hat X)",
        "validation": r"\mathcal{L}\text{ on held-out samples}",
    }

    readout = held(KMeansReadout)
    course = held(Recipe)

    widths: tuple[int, ...] = sizes(
        (1000, 500, 250, 10),
        symbol="m_l",
        low=1,
        high=20_000,
        group="Network",
        help="Units of each layer of the encoder, the code last; the decoder mirrors them.",
    )
    activation: str = choice(
        "relu",
        symbol=r"\sigma",
        choices=("relu", "sigmoid"),
        group="Network",
        help="Activation of the hidden layers; the code is linear, the output a sigmoid. The paper has sigmoids.",
    )

    data_: DataPath = field(init=False, repr=False)

    # ---- what a method says ------------------------------------------------------------------------------------------

    def phi(self, X: NDArray, split: Split) -> Phi:
        """What it has besides its reconstruction, for samples (n, m)."""
        return Phi()

    def sides(self, X: NDArray, split: Split) -> Sequence[GraphPath]:
        """What else reads the codes of samples (n, m) in the joint stage."""
        return ()

    # ---- training ----------------------------------------------------------------------------------------------------

    def check_data(self, X: NDArray) -> None:
        low, high = float(X.min()), float(X.max())
        if low < 0 or high > 1:
            raise DataError(
                f"{self.name} needs data between 0 and 1: grey levels with the scaling 'unit', tables with 'columns'. "
                f"These lie between {low:.3g} and {high:.3g}."
            )
        if self.course.layer_wise and self.activation != "sigmoid":
            raise ParameterError(
                f"The 'activation' parameter of {self.name} must be 'sigmoid' for the layer-wise recipe, whose layers "
                f"reconstruct values between 0 and 1. Got {self.activation!r} instead."
            )

    def split(self, n: int) -> Split:
        """Which of n samples are learnt from; equal seeds give equal batches and masks, whatever else a method trains."""
        from core.training.heldout import Split

        return Split(n, self.course.validation, seed=self.random_state, device=self.device)

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        from core.methods.graph_regularised.problem import WholePath
        from core.methods.graph_regularised.training import Training

        self.clusters(X)
        self.check_data(X)
        on = self.data_ = self._data_path(X)
        recipe, split, flat = self.course, self.split(len(X)), X.reshape(len(X), -1)
        training = Training(stages or Stages(), recipe, split)
        phi, sides = self.phi(flat, split), self.sides(flat, split)
        yield from phi.built
        for side in sides:
            yield from side.built
        if recipe.layer_wise:
            yield from on.trained(training, phi, self.path_recipe(phi))
            for side in sides:
                yield from side.trained(training, phi, on.views)

        def seen() -> Arrays:
            return {**on.views(), **{name: value for side in sides for name, value in side.kept.items()}}

        masked = phi.always or not recipe.layer_wise
        problem = WholePath(on.pair, phi if masked else phi.without_noise(), sides)
        yield from training.stage("joint", recipe.joint, problem, seen)
        yield self.conclude(seen())

    def path_recipe(self, phi: Phi) -> dict[str, Any]:
        """What decides the data path after stage two, besides the data: equal recipes give equal paths."""
        known = {"network": "layer by layer", "pretrain_epochs": self.course.layer_epochs, "mask": phi.corruption}
        return {
            **known,
            **self.course.of_data_path(),
            "widths": self.widths,
            "random_state": self.random_state,
            **phi.decides,
        }

    def _data_path(self, X: NDArray) -> DataPath:
        """Fresh weights, and the samples on the device."""
        from core.methods.graph_regularised.data_path import DataPath
        from core.nets import Pair, Rows

        samples = self._tensor(X)
        layers = mirrored([prod(X.shape[1:]), *self.widths], self.activation, self.random_state, self.device)
        return DataPath(Pair("data", "reconstruction", Rows(samples, self.device), *layers), samples, X.shape[1:])

    def _tensor(self, X: NDArray) -> Tensor:
        """Samples as rows, on the device."""
        import torch

        return torch.from_numpy(np.ascontiguousarray(X.reshape(len(X), -1), dtype=np.float32)).to(self.device)

    # ---- clusters, new samples ---------------------------------------------------------------------------------------

    def labeller(self, arrays: Arrays, affinity: NDArray | None) -> Labeller:
        return self.readout.labeller(arrays["Z"], self.K)

    def test_labeller(self, Z: NDArray) -> Labeller:
        return self.readout.labeller(Z, self.K)

    def embed(self, X: NDArray) -> NDArray:
        return in_chunks(self.data_.pair.encoder, self._tensor(np.asarray(X))).cpu().numpy()

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        self.data_ = self._data_path(samples)
        for name, path in self.data_.pair.networks.items():
            path.load_state_dict(own_weights(weights, name))
        return super().restore(samples, arrays, weights)

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        n, m = shape[0], prod(shape[1:])
        layers = [m, *params["widths"]]
        batch = min(params["batch_size"], n)
        matrices = {"data": 4 * n * m, "activations of a step": 4 * batch * 4 * sum(layers)}
        parameters = mirrored_parameters(layers)
        return Cost(parameters=parameters, matrices=matrices, products=parameters)

"""What GR-DNN and its baselines share: fully connected networks on data in [0, 1], trained in stages or end to end.

The paper's recipe ("layer-wise") has three stages. (1) Each layer of a path is trained as an auto-encoder of its own with
tied weights, sigmoid units and cross-entropy, on what the layers below it give. (2) The path is unrolled and trained as a
whole until the loss on held-out samples stops falling. (3) All terms are trained together, and stopped likewise. The quick
recipe ("end-to-end") is the third stage alone, from random weights; it is not the paper's.

Where the paper's program fixes the composition of its batches, samples are drawn anew for each epoch here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from core.common import DataError, ParameterError, choice, integer, real, sizes
from core.methods.contract import Cost
from core.methods.parts.kmeans import GroupsCodes
from core.training import Arrays, Stages, Step

if TYPE_CHECKING:
    import torch

    from core.nets import Layer, Pair, Path
    from core.training.trainer import Trainer

LAYER_WISE = "Layer-wise recipe"
CHUNK = 8192  # samples encoded at a time when nothing is trained
PICTURES = 24  # reconstructions kept with a pretrained network
PATH_FACTOR, JOINT_FACTOR = 2, 10  # of early stopping, as in the paper's program


@dataclass(kw_only=True)
class DeepCoding(GroupsCodes):
    """An auto-encoder of dense layers with a linear code, and k-means on its codes.

    A subclass says how much of the input is masked, and may add terms on the layers (`penalty`) or on the codes (`terms`).
    """

    learns = "deep"
    uses_gpu = True
    published_on_test = True
    family = "Graph-regularised"
    paper = "Yang et al., CVPR 2017"
    symbols: ClassVar[Mapping[str, str]] = {
        "reconstruction": r"\Delta(X, \hat X)", "validation": r"\mathcal{L}\text{ on held-out samples}",
    }  # fmt: skip

    data_: Pair = field(init=False, repr=False)

    recipe: str = choice(
        "end-to-end", symbol=r"\mathcal{R}", choices=("end-to-end", "layer-wise"), group="Training",
        help="Train everything at once from random weights (quick), or layers, then paths, then all together (the paper).",
    )  # fmt: skip
    epochs: int = integer(
        20, symbol="T", low=0, high=10_000, soft=(0, 200), group="Training",
        help="Passes over the data in the joint stage, at most.",
    )  # fmt: skip
    learning_rate: float = real(
        2e-3, symbol=r"\rho", low=1e-6, high=1, soft=(1e-4, 1e-1), log=True, group="Training",
        help="Learning rate of the joint stage.",
    )  # fmt: skip
    schedule: str = choice(
        "cosine", symbol=r"\rho(t)", choices=("constant", "cosine"), group="Training",
        help="Keep the learning rate of the joint stage, or let it fall to zero along a cosine.",
    )  # fmt: skip
    optimizer: str = choice(
        "adam", symbol=r"\mathcal{O}", choices=("adam", "sgd"), group="Training",
        help="Adam, or plain stochastic gradient descent as in the paper.",
    )  # fmt: skip
    batch_size: int = integer(
        128, symbol="B", low=2, high=100_000, soft=(16, 1024), group="Training", help="Samples of each step.",
    )  # fmt: skip
    validation: float = real(
        0.1, symbol=r"v", low=0, high=0.5, soft=(0, 0.5), group="Training",
        help="Share of the training samples held out to say when to stop; 0 trains all epochs and keeps the last.",
    )  # fmt: skip
    patience: int = integer(
        10, symbol="P", low=1, high=10_000, soft=(1, 100), group="Training",
        help="Epochs before a stage may stop early; the wait grows with every clear improvement.",
    )  # fmt: skip
    widths: tuple[int, ...] = sizes(
        (1000, 500, 250, 10), symbol="m_l", low=1, high=20_000, group="Network",
        help="Units of each layer of the encoder, the code last; the decoder mirrors them.",
    )  # fmt: skip
    activation: str = choice(
        "relu", symbol=r"\sigma", choices=("relu", "sigmoid"), group="Network",
        help="Activation of the hidden layers; the code is linear, the output a sigmoid. The paper has sigmoids.",
    )  # fmt: skip
    layer_epochs: int = integer(
        50, symbol="T_1", low=0, high=10_000, soft=(0, 200), group=LAYER_WISE, help="Passes over the data for each layer.",
    )  # fmt: skip
    layer_learning_rate: float = real(
        0.01, symbol=r"\rho_1", low=1e-6, high=1, soft=(1e-4, 1e-1), log=True, group=LAYER_WISE,
        help="Learning rate of single layers.",
    )  # fmt: skip
    path_epochs: int = integer(
        1000, symbol="T_2", low=0, high=10_000, soft=(0, 1000), group=LAYER_WISE,
        help="Passes over the data for a whole path, at most.",
    )  # fmt: skip
    path_learning_rate: float = real(
        0.05, symbol=r"\rho_2", low=1e-6, high=1, soft=(1e-4, 1e-1), log=True, group=LAYER_WISE,
        help="Learning rate of whole paths.",
    )  # fmt: skip

    # ---- what a subclass may add ------------------------------------------------------------------------------------

    @property
    def mask(self) -> float:
        """Share of the inputs that is set to zero while single layers are trained, and in the end-to-end recipe."""
        return 0.0

    @property
    def masks_jointly(self) -> bool:
        """Whether the inputs of the joint stage are masked."""
        return self.recipe == "end-to-end"

    def penalty(
        self, layers: Sequence[Layer], rows: torch.Tensor, layers_of: Callable[[torch.Tensor], Sequence[Layer]]
    ) -> Mapping[str, torch.Tensor]:
        """Terms on the layers of the encoder that are being trained.

        Parameters
        ----------
        layers
            These layers at work on a batch.
        rows
            The samples of the batch.
        layers_of
            The same layers at work on other samples.
        """
        return {}

    def prepare(self, X: NDArray, trainer: Trainer) -> Iterator[Step]:
        """Whatever has to be computed once from the data, before training."""
        return iter(())

    def other_paths(self, trainer: Trainer) -> Iterator[Step]:
        """More stages of the layer-wise recipe, before the joint one."""
        return iter(())

    def other_networks(self) -> Mapping[str, Path]:
        """What the joint stage trains besides the data path, by name."""
        return {}

    def floor(self, rows: torch.Tensor) -> float:
        """What the terms of the joint stage leave out of their cross-entropies on some samples: the entropy of the targets."""
        return self.data_.X.entropy(rows)

    def terms(self, codes: torch.Tensor, rows: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """Terms of the joint stage on the codes of a batch."""
        return {}

    def other_arrays(self) -> Arrays:
        """What a run keeps besides codes and reconstructions."""
        return {}

    # ---- training ----------------------------------------------------------------------------------------------------

    def check_data(self, X: NDArray) -> None:
        super().check_data(X)
        low, high = float(X.min()), float(X.max())
        if low < 0 or high > 1:
            raise DataError(
                f"{self.name} needs data between 0 and 1, such as grey levels with the scaling 'unit'. "
                f"These lie between {low:.3g} and {high:.3g}."
            )
        if self.recipe == "layer-wise" and self.activation != "sigmoid":
            raise ParameterError(
                f"The 'activation' parameter of {self.name} must be 'sigmoid' for the layer-wise recipe, whose layers "
                f"reconstruct values between 0 and 1. Got {self.activation!r} instead."
            )

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        trainer = self.begin(X, stages or Stages())
        yield from self.prepare(X, trainer)
        if self.recipe == "layer-wise":
            yield from self._data_path(trainer)
            yield from self.other_paths(trainer)
        yield from trainer.run(
            "joint", self.epochs, {**self.data_.networks, **self.other_networks()}, partial(self._joint_terms, trainer),
            rate=self.learning_rate, falling=self.schedule == "cosine", stop_factor=JOINT_FACTOR,
            floor=self.floor(trainer.held), arrays={**self.views(), **self.other_arrays()},
        )  # fmt: skip
        yield self.conclude({**self.views(), **self.other_arrays()})

    def begin(self, X: NDArray, stages: Stages) -> Trainer:
        """Data and networks on the device; equal seeds give equal data paths, whatever else a method trains."""
        import torch

        from core.nets import Pair, Rows
        from core.training.trainer import Trainer

        self.clusters(X)
        self.check_data(X)
        self._sample_shape = X.shape[1:]
        encoder, decoder = self.new_paths(prod(self._sample_shape), self.random_state)
        self.data_ = Pair("data", "reconstruction", Rows(_flat(X), self.device), encoder, decoder)
        order = torch.Generator().manual_seed(self.random_state)
        rows, held = torch.randperm(len(X), generator=order).to(self.device), round(self.validation * len(X))
        noise = torch.Generator(self.device).manual_seed(self.random_state)
        return Trainer(stages, rows[held:], rows[:held], order, noise, self.optimizer, self.batch_size, self.patience)

    def new_paths(
        self, n_features: int, seed: int, widths: tuple[int, ...] | None = None, activation: str | None = None
    ) -> tuple[Path, Path]:
        """An encoder of the given layers, by default those of the data path, and its mirror; drawn on the CPU."""
        import torch

        from core.nets import Path

        generator = torch.Generator().manual_seed(seed)
        sizes = [n_features, *(widths or self.widths)]
        act: Any = activation or self.activation
        encoder = Path(sizes, act, generator=generator)
        decoder = Path(sizes[::-1], act, generator=generator)
        return encoder.to(self.device), decoder.to(self.device)

    def path_stages(self, pair: Pair, trainer: Trainer, arrays: Arrays) -> Iterator[Step]:
        """Stages one and two of a path: its layers one after the other, then all of them, from the tied weights."""
        for depth in range(len(pair.encoder.layers)):
            yield from trainer.run(
                f"{pair.name} layer {depth + 1}", self.layer_epochs, pair.networks,
                partial(self._layer_terms, trainer, pair, depth),
                rate=self.layer_learning_rate, parameters=pair.tied_parameters(depth),
                arrays={"X_hat": partial(self._reconstructed, partial(pair.unrolled, depth))} if pair is self.data_ else {},
            )  # fmt: skip
        pair.untie()
        yield from trainer.run(
            f"{pair.name} path", self.path_epochs, pair.networks, partial(self._path_terms, pair),
            rate=self.path_learning_rate, stop_factor=PATH_FACTOR, floor=pair.X.entropy(trainer.held), arrays=arrays,
        )  # fmt: skip

    def _layer_terms(
        self, trainer: Trainer, pair: Pair, depth: int, rows: torch.Tensor, learning: bool
    ) -> Mapping[str, torch.Tensor]:
        from core import losses

        x = pair.input_of(depth, rows)
        layer, logits = pair.tied(depth, trainer.masked(x, self.mask) if learning else x)

        def layers_of(others: torch.Tensor) -> Sequence[Layer]:
            return [pair.tied(depth, pair.input_of(depth, others))[0]]

        penalty = self.penalty([layer], rows, layers_of) if pair is self.data_ else {}
        return {pair.term: losses.divergence(x, logits), **penalty}

    def _path_terms(self, pair: Pair, rows: torch.Tensor, learning: bool) -> Mapping[str, torch.Tensor]:
        from core import losses

        x = pair.X(rows)
        layers, codes = pair.encoder.trace(x)
        penalty = self._penalty(layers, rows) if pair is self.data_ else {}
        return {pair.term: losses.divergence(x, pair.decoder(codes)), **penalty}

    def _joint_terms(self, trainer: Trainer, rows: torch.Tensor, learning: bool) -> Mapping[str, torch.Tensor]:
        from core import losses

        x = self.data_.X(rows)
        seen = trainer.masked(x, self.mask) if learning and self.masks_jointly else x
        layers, codes = self.data_.encoder.trace(seen)
        reconstruction = losses.divergence(x, self.data_.decoder(codes))
        return {"reconstruction": reconstruction, **self._penalty(layers, rows), **self.terms(codes, rows)}

    def _penalty(self, layers: Sequence[Layer], rows: torch.Tensor) -> Mapping[str, torch.Tensor]:
        return self.penalty(layers, rows, lambda others: self.data_.encoder.trace(self.data_.X(others))[0])

    # ---- a data path that other runs can start from --------------------------------------------------------------------

    def _data_path(self, trainer: Trainer) -> Iterator[Step]:
        """Stages one and two of the data path; or their result from the shelf, if it is there."""
        stages = trainer.stages
        if stages.shelf is None or stages.over("data path"):
            yield from self.path_stages(self.data_, trainer, self.views())
            return
        fresh = not stages.reached("data layer 1")
        kept = stages.shelf.get(self.path_recipe()) if fresh else None
        if kept is not None:
            for depth in range(len(self.widths)):
                stages.adopt(f"data layer {depth + 1}", self.layer_epochs, {})
            stages.adopt("data path", self.path_epochs, kept)
            yield Step("data path", 1, 1, {}, self.views())
        yield from self.path_stages(self.data_, trainer, self.views())
        if kept is None and fresh and not stages.stopping:
            self._shelve(stages)

    def path_recipe(self) -> dict[str, Any]:
        """What decides the data path after stage two, besides the data."""
        names = ["widths", "optimizer", "batch_size", "validation", "patience", "random_state"]
        names += ["layer_epochs", "layer_learning_rate", "path_epochs", "path_learning_rate"]
        values = {name: getattr(self, name) for name in names}
        return {"network": "layer by layer", "pretrain_epochs": self.layer_epochs, "mask": self.mask, **values}

    def _shelve(self, stages: Stages) -> None:
        """Keep the data path, with its error and a few pictures, for whoever follows the same recipe."""
        import torch

        assert stages.shelf is not None
        n, _ = self.data_.X.shape
        rows = torch.linspace(0, n - 1, min(PICTURES, n)).long().to(self.device)
        with torch.no_grad():
            X, X_hat = self.data_.X(rows), torch.sigmoid(self.data_.decoder(self.data_.encoder(self.data_.X(rows))))
        pictures = {name: A.reshape(-1, *self._sample_shape).cpu().numpy() for name, A in (("X", X), ("X_hat", X_hat))}
        error = float((X - X_hat).square().mean())
        stages.shelf.put(self.path_recipe(), stages.kept("data path"), {"mean_squared_error": error}, pictures)

    # ---- afterwards --------------------------------------------------------------------------------------------------

    def views(self) -> Arrays:
        """Codes and reconstructions, computed only if somebody looks."""
        encoder, decoder = self.data_.encoder, self.data_.decoder
        return {
            "Z": lambda: self._each(encoder),
            "X_hat": lambda: self._reconstructed(lambda x: decoder(encoder(x)).sigmoid_()),
        }

    def _reconstructed(self, f: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """f of all samples, in their shape."""
        return self._each(f).reshape(-1, *self._sample_shape)

    def _each(self, f: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """f of all samples without gradients, so many at a time that the activations stay small."""
        import torch

        rows = torch.arange(self.data_.X.shape[0], device=self.device)
        with torch.no_grad():
            return torch.cat([f(self.data_.X(part)) for part in rows.split(CHUNK)])

    def embed(self, X: NDArray) -> NDArray:
        import torch

        with torch.no_grad():
            parts = [self.data_.encoder(part.to(self.device)).cpu() for part in _flat(np.asarray(X)).split(CHUNK)]
        return torch.cat(parts).numpy()

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        from core.nets import Pair, Rows

        encoder, decoder = self.new_paths(prod(samples.shape[1:]), self.random_state)
        for name, path in (("encoder.", encoder), ("decoder.", decoder)):
            path.load_state_dict({key.removeprefix(name): value for key, value in weights.items() if key.startswith(name)})
        self.data_ = Pair("data", "reconstruction", Rows(_flat(samples), self.device), encoder, decoder)
        return super().restore(samples, arrays, weights)

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        n, m = shape[0], prod(shape[1:])
        layers = [m, *params["widths"]]
        batch = min(params["batch_size"], n)
        matrices = {"data": 4 * n * m, "activations of a step": 4 * batch * 4 * sum(layers)}
        return Cost(parameters=mirrored_parameters(layers), matrices=matrices)


def mirrored_parameters(layers: Sequence[int]) -> int:
    """Weights and biases of an encoder of the given layers and of its mirror."""
    return sum(2 * a * b + a + b for a, b in pairwise(layers))


def _flat(X: NDArray) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(X.reshape(len(X), -1), dtype=np.float32))

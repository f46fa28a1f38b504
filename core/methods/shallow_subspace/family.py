"""What self-expressive methods without a network share: features in, one solver, clusters out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.common import choice
from core.graphs import nearest_of
from core.methods.contract import Cost
from core.methods.parts.pretrained import Autoencoding
from core.methods.parts.readout import SelfExpressive
from core.solvers import Progress as Progress
from core.training import Arrays, Stages, Step


@dataclass(kw_only=True)
class Shallow(SelfExpressive):
    """A method that expresses given features, samples in rows, by each other: X ~ C X."""

    family = "Shallow subspace"

    normalize: str = choice(
        "unit",
        symbol=r"\lVert x \rVert",
        choices=("unit", "none"),
        help="Scale every sample to unit norm, or leave it.",
    )

    def solve(self, X: NDArray[np.float64]) -> Iterator[Progress]:
        """Find C for the rows of X; the last of what it yields is the solution."""
        raise NotImplementedError  # pragma: no cover

    def solve_scope(self, scope: str, X: NDArray[np.float64]) -> Iterator[Progress]:
        """As `solve`, under the scope that was chosen; X are the samples that C speaks of."""
        return self.solve(X)

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        """Stages: solve, spectral."""
        self.clusters(X)
        self.check_data(X)
        yield from self.express(np.asarray(X).reshape(len(X), -1), stages or Stages())

    def express(self, Z: NDArray, stages: Stages, shown: Arrays | None = None) -> Iterator[Step]:
        """Express the rows of Z (n, d) by each other, and cut the affinity; a stop ends the solver where it is."""
        features = self.features(Z)
        rows = self.chosen_rows(len(features))
        arrays: Arrays = {**(shown or {}), "Z": features}
        if rows is not None:
            arrays = {**arrays, "rows": rows, "nearest": nearest_of(features, features[rows])}
        scope = self.scope_for(len(features), vars(self))
        for reached in self.solve_scope(scope, features if rows is None else features[rows]):
            yield Step("solve", reached.step, reached.total, reached.scalars, {**arrays, "C": reached.C})
            if stages.stopping:
                break
        yield self.conclude({**arrays, "C": reached.C})

    def embed(self, X: NDArray) -> NDArray:
        return self.features(super().embed(X))

    def features(self, Z: NDArray) -> NDArray[np.float64]:
        """The rows as the solver takes them."""
        Z = np.asarray(Z, dtype=np.float64)
        if self.normalize == "none":
            return Z
        norms = np.linalg.norm(Z, axis=1, keepdims=True)
        return np.asarray(Z / np.where(norms > 0, norms, 1))


if TYPE_CHECKING:  # what it is mixed into; as a base it would hide the defaults that the method declares anew

    class _Mixed(Autoencoding, Shallow):
        pass

else:
    _Mixed = Autoencoding


@dataclass(kw_only=True)
class OnCodes(_Mixed):
    """A shallow method on the codes of a pretrained auto-encoder; mixed in before the method: Z ~ C Z."""

    family = "On pretrained codes"

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        """Stages: pretrain, solve, spectral."""
        stages = stages or Stages()
        self.clusters(X)
        data, net, generator = self.begin(X)
        yield from self.pretrain(net, data, generator, stages)
        shown = {"X_hat": self.views(net, data)["X_hat"]}
        yield from self.express(self.codes(net, data).cpu().numpy(), stages, shown)

    def embed(self, X: NDArray) -> NDArray:
        return self.features(super().embed(X))

    @classmethod
    def both_costs(cls, shape: tuple[int, ...], params: Mapping[str, Any], solver: Cost) -> Cost:
        """The network's cost and that of the solver."""
        network = cls.network_cost(shape, params)
        return Cost(parameters=network.parameters, matrices={**network.matrices, **solver.matrices})

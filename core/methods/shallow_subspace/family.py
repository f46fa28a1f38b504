"""Self-expression of given features, or of pretrained codes: features in, one solver, clusters out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from core.common import Held, choice, held
from core.graphs import nearest_of
from core.methods.contract import Clusterer, Cost, Labeller
from core.methods.parts import rules
from core.methods.parts.network import PretrainedNetwork
from core.methods.parts.readout import AffinityReadout
from core.methods.parts.ridge_strength import unit_rows
from core.methods.rules import Rule
from core.methods.shallow_subspace.scope import SolverScope
from core.methods.shallow_subspace.solver import Solver
from core.training import Arrays, Stages, Step

if TYPE_CHECKING:
    from core.training.pretraining import NetworkOnData


@dataclass(kw_only=True)
class ShallowSubspace(Clusterer):
    """A method that expresses features, samples in rows, by each other: X ~ C X, or Z ~ C Z on pretrained codes.

    A method holds its `solver`; the `extent` of what it expresses, if that is more than all samples or a subset; and a
    `coder`, if it works on the codes of an auto-encoder.
    """

    family = "Shallow subspace"
    reads = "C"
    shows = frozenset({"affinity constants"})
    rules: ClassVar[tuple[Rule, ...]] = (rules.readout_of_features,)

    solver: ClassVar[Held[Solver]]
    coder: ClassVar[Held[PretrainedNetwork] | None] = None

    readout = held(AffinityReadout)
    extent: ClassVar[Held[SolverScope]] = held(SolverScope)

    normalize: str = choice(
        "unit", symbol=r"\lVert x \rVert", choices=("unit", "none"), help="Scale every sample to unit norm, or leave it."
    )

    coder_: NetworkOnData = field(init=False, repr=False)

    # ---- features ----------------------------------------------------------------------------------------------------

    def features(self, Z: NDArray) -> NDArray[np.float64]:
        """The rows as the solver takes them."""
        Z = np.asarray(Z, dtype=np.float64)
        return Z if self.normalize == "none" else unit_rows(Z)

    def embed(self, X: NDArray) -> NDArray:
        return self.features(super().embed(X) if self.coder is None else self.coder.embed(self.coder_, X))

    # ---- training ----------------------------------------------------------------------------------------------------

    def check_data(self, X: NDArray) -> None:
        if self.coder is not None:
            self.coder.check(X)
        self.extent.check(len(X), self.n_clusters, self.true_labels is not None)

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        """Stages: pretrain, with a coder; solve; spectral."""
        stages = stages or Stages()
        self.clusters(X)
        self.check_data(X)
        if self.coder is None:
            yield from self._express(X, np.asarray(X).reshape(len(X), -1), stages, {})
            return
        on = self.coder_ = self.coder.on(X, random_state=self.random_state, device=self.device)
        yield from on.pretrain(self.coder.pretraining, stages)
        yield from self._express(X, on.codes().cpu().numpy(), stages, {"X_hat": on.views()["X_hat"]})

    def _express(self, X: NDArray, Z: NDArray, stages: Stages, shown: Arrays) -> Iterator[Step]:
        """Express the rows of Z (n, d) by each other, and cut the affinity; a stop ends the solver where it is."""
        features = self.features(Z)
        rows = self.extent.rows(len(features), self.true_labels, self.random_state)
        arrays: Arrays = {**shown, "Z": features}
        if self.extent.is_square(len(features)):
            codes = None if self.coder is None else Z
            own = slice(None) if rows is None else rows
            arrays = {**arrays, **self.readout.beside(X[own], None if codes is None else codes[own])}
        if rows is not None:
            arrays = {**arrays, "rows": rows, "nearest": nearest_of(features, features[rows])}
        expressed = features if rows is None else features[rows]
        solver = self.solver.settled(expressed, self.K, self.random_state)
        for reached in self.extent.solve(solver, expressed, len(features), self.random_state):
            yield Step("solve", reached.step, reached.total, reached.scalars, {**arrays, "C": reached.C})
            if stages.stopping:
                break
        yield self.conclude({**arrays, "C": reached.C})

    # ---- clusters, new samples ---------------------------------------------------------------------------------------

    def affinity(self, arrays: Arrays) -> NDArray | None:
        return self.readout.affinity(arrays["C"], self.K, arrays)

    def taken(self, arrays: Arrays) -> Mapping[str, Any]:
        return self.readout.taken(arrays["C"], self.K, arrays)

    def labeller(self, arrays: Arrays, affinity: NDArray | None) -> Labeller:
        return self.readout.labeller(arrays, affinity, self.K)

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        if self.coder is not None:
            self.coder_ = self.coder.on(samples, random_state=self.random_state, device=self.device)
            self.coder_.load_weights(weights)
        return super().restore(samples, arrays, weights)

    def uses_labels(self, n: int) -> bool:
        return self.extent.uses_labels(n)

    @classmethod
    def scope_of(cls, n: int, params: Mapping[str, Any]) -> str | None:
        return cls.extent.of(params).chosen(n)

    @classmethod
    def scope_words(cls, n: int, params: Mapping[str, Any]) -> str | None:
        told = (cls.extent.of(params).words(n), cls.readout.of(params).words if cls.extent.of(params).is_square(n) else None)
        return " ".join(filter(None, told)) or None

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        solved = cls.solver.of(params).bytes(cls.extent.of(params), shape)
        if cls.coder is None:
            return Cost(matrices=solved)
        return cls.coder.of(params).cost(shape).and_more(solved)

"""Deep self-expression: network and C trained together, Z ~ C Z, X ~ decoder(C Z), from a pretrained auto-encoder."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from core.common import choice, held, integer, real
from core.graphs import nearest_of
from core.methods.contract import Clusterer, Cost, Labeller
from core.methods.deep_subspace import rules
from core.methods.deep_subspace.scope import Drawn, DrawnScope
from core.methods.parts import rules as parts
from core.methods.parts.network import PretrainedNetwork
from core.methods.parts.readout import AffinityReadout
from core.methods.parts.ridge_strength import chosen_strength, unit_rows
from core.methods.rules import Rule
from core.solvers import ridge_representation
from core.training import Arrays, Stages, Step

if TYPE_CHECKING:
    import torch

    from core.methods.deep_subspace.problem import Problem
    from core.training.pretraining import NetworkOnData

OBJECTIVE, TRAINING = "Objective", "Training"


@dataclass(kw_only=True)
class DeepSubspace(Clusterer):
    """A method that trains an auto-encoder and a self-expression C together.

    Stages: pretrain, subset (where it may be drawn again), graph (what the objective needs of the pretrained codes),
    finetune (one full-batch Adam step of network and C per epoch), spectral. With a subset, pretraining sees all samples,
    fine-tuning those of the subset as one batch, and every other sample takes the cluster of its nearest neighbour among
    their codes.

    A method gives `terms`, whether it forbids the diagonal (`forbids_diagonal`), and, if it has any, `constants`.
    """

    family = "Deep subspace"
    learns = "deep"
    reads = "C"
    uses_gpu = True
    shows = frozenset({"network", "affinity constants"})
    gauges = {
        "code_norm": "Size of the codes (start: 1)",
        "relative_error": "Unexplained share of the codes",
        "effective_rank": "Effective rank of the codes",
    }
    rules: ClassVar[tuple[Rule, ...]] = (parts.pretraining, parts.layers, parts.readout, rules.start, rules.subset)

    coder = held(PretrainedNetwork)
    readout = held(AffinityReadout)
    extent = held(DrawnScope)

    epochs: int = integer(
        30, symbol="T", low=1, high=100_000, soft=(10, 3000), group=TRAINING,
        help="Full-batch steps on network and C together. C is far from converged when they end: it is a regulariser too.",
    )  # fmt: skip
    learning_rate: float = real(
        1e-3, symbol=r"\eta", low=1e-6, high=1, soft=(1e-5, 1e-1), log=True, group=TRAINING,
        help="Learning rate of Adam for C.",
    )  # fmt: skip
    network_learning_rate: float = real(
        1e-3, symbol=r"\eta_\theta", low=0, high=1, soft=(1e-5, 1e-1), log=True, group=TRAINING,
        help="Learning rate of Adam for the network; the papers use the same for both.",
    )  # fmt: skip
    start: str = choice(
        "constant",
        symbol=r"C^{(0)}",
        choices=("constant", "ridge", "ridge_unit", "ridge_samples"),
        group=TRAINING,
        help="C begins as a constant (the papers), or as the ridge solution with a zero diagonal on the pretrained codes, on "
        "these with unit norm, or on the samples with unit norm.",
    )
    ridge_strength: float | None = real(
        0.1, symbol=r"\lambda", low=1e-6, high=1e4, soft=(1e-3, 10), log=True, group=TRAINING, optional=True,
        none_means="chosen without labels",
        help="Penalty of the ridge start, relative to the mean squared norm of a code; none takes, of .1, 1 and 10, the one "
        "whose affinity falls most clearly into K blocks.",
    )  # fmt: skip
    initial_c: float = real(
        1e-8, symbol="C_0", low=0, high=1, soft=(1e-8, 1e-2), log=True, group=TRAINING,
        help="Value of every entry of C at the start, if it starts as a constant.",
    )  # fmt: skip
    tolerance: float = real(
        0.0, symbol=r"\epsilon", low=0, high=1, soft=(1e-8, 1e-3), log=True, group=TRAINING,
        help="Stop when the relative change of C is below this twice in a row; 0 never stops early.",
    )  # fmt: skip
    precision: str = choice(
        "float32",
        symbol=r"\mathrm{bits}",
        choices=("float32", "bfloat16"),
        group=TRAINING,
        help="Number format of the products with C; bfloat16 is faster where the processor has it.",
    )

    coder_: NetworkOnData = field(init=False, repr=False)

    # ---- what a method says ------------------------------------------------------------------------------------------

    def terms(self, problem: Problem) -> dict[str, torch.Tensor]:
        """The weighted terms of the objective, by name."""
        raise NotImplementedError  # pragma: no cover

    @classmethod
    def departures(cls, params: Mapping[str, Any]) -> list[str]:
        if params["start"] == "constant":
            return []
        return [
            "C starts from a ridge solution in closed form, and not from a constant: see the note for what that reaches alone."
        ]

    def forbids_diagonal(self) -> bool:
        """Whether diag(C) = 0 from the start to the end."""
        return False

    def constants(self, X: torch.Tensor, Z: NDArray) -> tuple[dict[str, Any], Arrays]:
        """What `terms` needs of the samples X and their pretrained codes Z (s, d), and what of it can be looked at."""
        return {}, {}

    def read(self, C: torch.Tensor) -> torch.Tensor:
        """The matrix that is clustered: C itself, unless a method says otherwise."""
        return C.detach()

    # ---- training ----------------------------------------------------------------------------------------------------

    def check_data(self, X: NDArray) -> None:
        self.coder.check(X)
        self.extent.check(len(X), self.n_clusters, self.true_labels is not None)

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        stages = stages or Stages()
        self.clusters(X)
        self.check_data(X)
        on = self.coder_ = self.coder.on(X, random_state=self.random_state, device=self.device)
        yield from on.pretrain(self.coder.pretraining, stages)

        known: dict[str, Any] = {"Z_pretrained": on.codes().cpu().numpy()}
        part, Z = on.X, known["Z_pretrained"]
        rows = yield from self._subset(X, known, stages)
        if rows is not None:
            part, Z = self.coder.tensor(X[rows], self.device), Z[rows]
        constants, seen = self.constants(part, Z)
        known |= seen
        beside = self.readout.beside(X if rows is None else X[rows], Z)
        yield Step("graph", 1, 1, {"edges": known["prior"].nnz} if "prior" in known else {}, known)

        if stages.stopping and not stages.reached("finetune"):
            return  # nothing to conclude from: spare the start of C, which may be a large inverse
        from core.methods.deep_subspace.problem import Problem

        problem = Problem(self, on.net, self._first_representation(part, Z), part, **constants)
        still = {"Z_pretrained": known["Z_pretrained"], **beside}
        yield from problem.trainer(lambda: {**still, **self._seen(problem, rows)}).run(stages, "finetune", self.epochs)
        if stages.reached("finetune"):
            yield self.conclude({**known, **beside, **self._seen(problem, rows)})

    def _subset(self, X: NDArray, known: Arrays, stages: Stages) -> Generator[Step, None, NDArray[np.int64] | None]:
        """The samples that C speaks of; None for all."""
        drawn = Drawn(self.extent.draws(len(X), self.random_state))
        if not drawn.subsets:
            return self.extent.rows(len(X), self.true_labels, self.random_state)

        def cut(place: int) -> tuple[Mapping[str, Any], Arrays]:
            labels = self._cut_of(X, known["Z_pretrained"], drawn.subsets[place])
            return {"converged": drawn.try_next(labels, self.K)}, known

        yield from stages.run("subset", len(drawn.subsets), {"drawn": drawn}, cut)
        return drawn.best

    def _cut_of(self, X: NDArray, Z: NDArray, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Clusters of all samples by a ridge solution on the codes of some, read as C will be."""
        features = unit_rows(Z[rows])
        arrays = {"C": self._ridge(features), "nearest": nearest_of(Z, Z[rows]), **self.readout.beside(X[rows], Z[rows])}
        return self.labeller(arrays, self.affinity(arrays))(self.random_state)

    def _ridge(self, features: NDArray) -> NDArray:
        strength = self.ridge_strength
        if strength is None:
            strength = chosen_strength(features, self.K, self.random_state)
        return ridge_representation(features, strength)

    def _first_representation(self, X: torch.Tensor, Z: NDArray) -> torch.Tensor:
        """C before the first step."""
        import torch

        if self.start == "constant":
            return torch.full((len(Z), len(Z)), self.initial_c, device=self.device)
        features = X.flatten(1).cpu().numpy() if self.start == "ridge_samples" else Z
        if self.start != "ridge":
            features = unit_rows(features)
        return torch.from_numpy(self._ridge(features).astype(np.float32)).to(self.device)

    def _seen(self, problem: Problem, rows: NDArray[np.int64] | None) -> Arrays:
        """C as it is clustered, codes, what C leaves of them, reconstructions decoder(C Z); computed only if somebody looks."""
        on = self.coder_
        views = {**on.views(), "C": lambda: self.read(problem.C), "unexplained": problem.unexplained}
        if rows is None:
            return {**views, "X_hat": lambda: on.shown(problem.reconstructions())}

        def nearest() -> NDArray[np.int64]:
            Z = on.codes().cpu().numpy()
            return nearest_of(Z, Z[rows])

        return {**views, "rows": rows, "nearest": nearest}

    # ---- clusters, new samples ---------------------------------------------------------------------------------------

    def affinity(self, arrays: Arrays) -> NDArray | None:
        return self.readout.affinity(arrays["C"], self.K, arrays)

    def taken(self, arrays: Arrays) -> Mapping[str, Any]:
        return self.readout.taken(arrays["C"], self.K, arrays)

    def labeller(self, arrays: Arrays, affinity: NDArray | None) -> Labeller:
        return self.readout.labeller(arrays, affinity, self.K)

    def embed(self, X: NDArray) -> NDArray:
        return self.coder.embed(self.coder_, X)

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
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
        coder, extent = cls.coder.of(params), cls.extent.of(params)
        n = extent.size(shape[0])
        network = coder.cost(shape)
        tuned = cls.coder.of({**params, "batch_size": None}).cost((n, *shape[1:]))  # fine-tuning takes all at once
        dense = 2 if params["affinity_by"] == "medoid" else 5  # its graphs are sparse, and nothing is decomposed whole
        squares = extent.bytes(shape[0], {"constants, affinity and its decomposition": dense})
        codes = {"codes, C Z and their gradients": 6 * 4 * n * coder.code_size(shape[1:])}
        return tuned.and_more({"data": network.matrices["data"], **codes, **squares}, n**2)

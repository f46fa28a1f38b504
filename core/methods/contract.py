"""The estimator contract: what a method is, and what training tells its observer.

A method is a dataclass of declared hyperparameters with one generator, `iter_fit`. Whoever runs it owns the loop, so
progress, pause, one-step, snapshots and stop need no code in any method.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from core.common import NotFitted, Param, ParameterError, check_all, flatten, idle_in, integer, params_of
from core.graphs import nearest_of
from core.methods.presets import Preset
from core.methods.reading import Asked, Kept, Reading
from core.methods.rules import ByRule, Facts, Rule, apply_rules
from core.training import Arrays, Stages, Step, to_host

TRAINED = 16
"""Bytes of a parameter that Adam trains."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a run will need, as far as it is known before the start."""

    parameters: int = 0
    matrices: Mapping[str, int] = field(default_factory=dict)  # name -> bytes
    products: int = 0  # multiplications of one sample on its way through the network

    @property
    def parts(self) -> dict[str, int]:
        """Bytes by name: the matrices, and the parameters as they are trained, with gradients and the two moments of Adam."""
        return {**self.matrices, **({"parameters in training": TRAINED * self.parameters} if self.parameters else {})}

    @property
    def bytes(self) -> int:
        return sum(self.parts.values())

    def and_more(self, matrices: Mapping[str, int] | None = None, parameters: int = 0) -> Cost:
        """This, and further matrices and parameters."""
        return replace(self, parameters=self.parameters + parameters, matrices={**self.matrices, **(matrices or {})})


CAPABILITIES = {
    "network": "pretrains an auto-encoder that is kept, and can start from one",
    "affinity constants": "a stored C can be cut again under other constants of the read-out",
    "reconstructs": "writes samples as sums of parts, so that its Z is a code, though nothing deep is learnt",
}
"""What a method may say that can be shown of it, besides the arrays that its runs store."""

Labels = NDArray[np.int64]
Labeller = Callable[[int], Labels]
"""Clusters (n,) of all samples, from a seed."""


@runtime_checkable
class Repeats(Protocol):
    """A labeller that has a cheaper way to be repeated than to start over with every seed."""

    def repeat(self, seed: int, count: int) -> list[Labels]: ...


def repeated(labeller: Labeller, seed: int, count: int) -> list[Labels]:
    """Clusters from `count` repetitions of the last step, which differ by chance alone; the first is that of `seed`."""
    if isinstance(labeller, Repeats):
        return labeller.repeat(seed, count)
    return [labeller(seed + s) for s in range(count)]


def with_ours(objective: str, terms: Sequence[str]) -> str:
    """An objective in LaTeX with terms of our own, which a brace marks; a constraint behind it stays at its end."""
    if not terms:
        return objective
    body, comma, constraint = objective.partition(r",\quad")
    signed = " ".join(term if term.startswith("-") else f"+ {term}" for term in terms)
    return rf"{body} \underbrace{{{signed}}}_{{\text{{ours}}}}{comma}{constraint}"


@dataclass(kw_only=True)
class Clusterer:
    """Base of every method; a subclass is decorated with ``core.methods.register``.

    Class attributes describe the method to people: `name` (identifier), `title`, `summary` (one sentence), `paper`,
    `objective` (LaTeX), `symbols` (LaTeX of each term of the loss), `gauges` (what else is watched while it trains, in
    words), `presets` (by default those of ``<name>.toml`` beside its file),
    `rules` (what it takes for data that no preset was made for), `family` (the heading it stands under), `learns` ("instant"
    or "deep"), `reads` (the array that the last step turns into clusters: "C", "A" or "Z"), `shows` (what else can be shown of
    it), `renamed` (hyperparameters that stored runs may have under another name: old to new, or to None where one that did
    nothing is gone), `nmi` (how its paper normalises that score: "geometric", "arithmetic" or "max"), `uses_gpu`.

    After `fit`: ``labels_`` (n,) int64, and where the method has them ``embedding_`` (n, d),
    ``representation_matrix_`` (n, n) and ``affinity_matrix_`` (n, n).
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    objective: ClassVar[str] = ""
    family: ClassVar[str] = "Baselines"
    learns: ClassVar[str] = "instant"
    reads: ClassVar[str] = "Z"
    nmi: ClassVar[str] = "geometric"
    uses_gpu: ClassVar[bool] = False
    symbols: ClassVar[Mapping[str, str]] = {}
    gauges: ClassVar[Mapping[str, str]] = {}
    presets: ClassVar[Mapping[str, Preset]] = {}
    rules: ClassVar[tuple[Rule, ...]] = ()
    shows: ClassVar[frozenset[str]] = frozenset()  # names of CAPABILITIES
    renamed: ClassVar[Mapping[str, str | None]] = {}
    restored_from: ClassVar[tuple[str, ...]] = ()  # arrays of the last step that `restore` needs besides labels and Z
    groups_test: ClassVar[bool] = False  # whether `test_labeller` clusters held-out codes by themselves

    n_clusters: int | None = integer(
        None, symbol="K", low=2, high=1000, soft=(2, 100), optional=True, group="Clusters",
        none_means="classes of the data",
        help="Number of clusters; none takes the number of classes of the data set.",
    )  # fmt: skip
    random_state: int = integer(
        0,
        symbol="s",
        low=0,
        high=2**31 - 1,
        soft=(0, 100),
        group="Run",
        help="Seed of every random number of the method.",
    )
    device: str = "cpu"

    labels_: NDArray[np.int64] = field(init=False, repr=False)
    labeller_: Labeller = field(init=False, repr=False)
    embedding_: NDArray = field(init=False, repr=False)
    _kept: Kept | None = field(init=False, repr=False, compare=False, default=None)
    true_labels: NDArray[np.int64] | None = field(init=False, repr=False, default=None)  # only for a method that `uses_labels`

    def __init_subclass__(cls) -> None:
        flatten(cls)

    def __post_init__(self) -> None:
        declared = self.declared()
        for name, param in declared.items():
            setattr(self, name, param.check(getattr(self, name), self.name))

    @classmethod
    def declared(cls) -> dict[str, Param]:
        """The hyperparameters, by name."""
        return params_of(cls)

    @classmethod
    def idle(cls, params: Mapping[str, Any]) -> frozenset[str]:
        """The hyperparameters that make no difference under these values: a form shows them grey."""
        return idle_in(cls, params)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.init}

    def set_params(self, **params: Any) -> Self:
        device = params.pop("device", self.device)
        for name, value in check_all(self.declared(), params, self.name).items():
            setattr(self, name, value)
        self.device = device
        return self

    @classmethod
    def by_rule(cls, facts: Facts) -> ByRule:
        """Hyperparameters for data that no preset was made for, with the rule behind each; others keep their defaults."""
        found = apply_rules(cls.rules, facts)
        return ByRule(check_all(cls.declared(), found.values, cls.name), found.sources)

    @classmethod
    def suited_to(cls, X: NDArray, **given: Any) -> Self:
        """A method set by rule for samples (n, m) or images (n, h, w[, c]), as the app sets it for a user's own data.

        What is given counts more than a rule. Class defaults are the same for all data, and some methods collapse under them:
        DSCDAN on ORL has ACC .07 with these (mean of seeds 0 to 2), and .755 by rule (seed 0).
        """
        ruled = cls.by_rule(Facts.of(X, given.get("n_clusters")))
        return cls(**{**ruled.values, **given})

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        """Memory and parameters for data of the given shape (n, ...); no import of anything heavy."""
        return Cost()

    @classmethod
    def by_columns(cls, params: Mapping[str, Any], columns: Sequence[int], n_classes: int | None) -> dict[str, Any]:
        """Hyperparameters that `params` leave to the data, from how many values each further column of labels has; few do."""
        return {}

    @classmethod
    def scope_of(cls, n: int, params: Mapping[str, Any]) -> str | None:
        """How C expresses n samples: "full", "subset", "neighbors" or "anchors"; None for a method without C."""
        return None

    @classmethod
    def scope_words(cls, n: int, params: Mapping[str, Any]) -> str | None:
        """What a user must know about how n samples are learnt from, in a sentence; None if all are, in full."""
        return None

    @classmethod
    def minimised(cls, params: Mapping[str, Any]) -> str:
        """The objective that these settings minimise, in LaTeX; what is ours stands over a brace that says so."""
        return cls.objective

    @classmethod
    def departures(cls, params: Mapping[str, Any]) -> list[str]:
        """What of these settings is ours and not the paper's, in sentences, and what it carries where that was measured."""
        return []

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        """Train on vectors (n, m) or images (n, h, w[, c]), yielding every step; at the end ``labels_`` is set."""
        raise NotImplementedError  # pragma: no cover

    def affinity(self, arrays: Arrays) -> NDArray | None:
        """The affinity that the last step cuts, from a step's arrays; None for methods without one."""
        return arrays.get("A")

    def labeller(self, arrays: Arrays, affinity: NDArray | None) -> Labeller:
        """The last step of the method, but for its seed: what reads the clusters off what has been learnt, with any seed.

        What all seeds have in common, the embedding of a graph for one, is worked out here, once.
        """
        raise NotImplementedError  # pragma: no cover

    def taken(self, arrays: Arrays) -> Mapping[str, Any]:
        """Hyperparameters that were left to the data, as they were chosen at the end, from the arrays of the last step."""
        return {}

    def side_labels(self, arrays: Arrays) -> Mapping[str, NDArray[np.int64]]:
        """Clusters (n,) that a method finds on the way to its result, by the codes they are of; most find none."""
        return {}

    def check_data(self, X: NDArray) -> None:
        """Refuse data that the method cannot use, before anything starts.

        Raises
        ------
        ParameterError, DataError
            Naming what does not fit.
        """

    def uses_labels(self, n: int) -> bool:
        """Whether, set as it is, the method uses the true labels of n samples; then ``true_labels`` must be set.

        No method does by default. A run that does says so wherever its scores are shown.
        """
        return False

    def reading_of(self, arrays: Arrays) -> Reading:
        """What the clusters are read off: affinity and last step, for the host arrays of a step.

        If somebody has looked at the same just before, and asked to `keep` it, it is not worked out again.
        """
        kept, self._kept = self._kept, None
        if kept is not None and kept.is_of(arrays):
            return kept.reading
        asked = Asked(arrays)
        affinity = self.affinity(asked)
        return Reading(affinity, self.labeller(asked, affinity), asked)

    def keep(self, reading: Reading) -> None:
        """Have a reading, which has given labels, at hand the next time: a method concludes with what its last look saw."""
        self._kept = Kept(reading)

    def conclude(self, arrays: Arrays) -> Step:
        """The last step: cut the graph, or group the codes, with the seed of the run."""
        host = to_host(arrays)
        found = self.reading_of(host)
        affinity, self.labeller_ = found.affinity, found.labeller
        self.labels_ = self.labeller_(self.random_state)
        for attribute, value in (
            ("embedding_", host.get("Z")),
            ("representation_matrix_", host.get("C")),
            ("affinity_matrix_", affinity),
        ):
            if value is not None:
                setattr(self, attribute, value)
        return Step("spectral", 1, 1, {}, host)

    def fit(self, X: NDArray, y: Any = None) -> Self:
        """Train to the end. `y` is ignored; it is there for pipelines."""
        for _ in self.iter_fit(X):
            pass
        return self

    def fit_predict(self, X: NDArray, y: Any = None) -> NDArray[np.int64]:
        return self.fit(X).labels_

    def embed(self, X: NDArray) -> NDArray:
        """Samples, new ones or those of training, where ``embedding_`` (n, d) lives."""
        return np.asarray(X).reshape(len(X), -1)

    def predict(self, X: NDArray) -> NDArray[np.int64]:
        """Clusters of new samples, by `label_codes`; on the training samples it returns their own labels."""
        if not hasattr(self, "labels_"):
            raise NotFitted(f"{self.name} has not been fitted yet: call fit first.")
        return self.label_codes(self.embed(X))

    def label_codes(self, Z: NDArray) -> NDArray[np.int64]:
        """Clusters of single samples from their codes Z (n, d): each takes that of the training sample with the nearest code.

        C has a row for every training sample and none for others, so this is the one way out of the sample that all
        methods share (RGRL section 5.2). A method whose model says more of a code than that overrides it.
        """
        return self.labels_[nearest_of(Z, self.embedding_)]

    def test_labeller(self, Z: NDArray) -> Labeller:
        """Clusters of held-out samples from their codes Z (n, d), for any seed: here those of `label_codes`.

        A method that groups codes groups these by themselves, as GR-DNN's protocol has it.
        """
        labels = self.label_codes(Z)
        return lambda _: labels

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        """Return to the state after `fit`: from the training samples, arrays of the last step, tensors of the networks."""
        self.labels_ = arrays["labels"]
        if "Z" in arrays:
            self.embedding_ = arrays["Z"]
        return self

    @property
    def K(self) -> int:
        """The number of clusters, once it is known.

        Raises
        ------
        ParameterError
            If it was not given.
        """
        if self.n_clusters is None:
            raise ParameterError(f"The 'n_clusters' parameter of {self.name} must be given for data without classes.")
        return self.n_clusters

    def clusters(self, X: NDArray) -> int:
        """The number of clusters, checked against the number of samples.

        Raises
        ------
        ParameterError
            If it was not given, or there are fewer samples than clusters.
        """
        if len(X) < self.K + 1:
            raise ParameterError(
                f"The 'n_clusters' parameter of {self.name} must be less than the number of samples, {len(X)}. "
                f"Got {self.n_clusters} instead."
            )
        return self.K

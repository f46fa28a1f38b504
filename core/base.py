"""The estimator contract: what a method is, and what training tells its observer.

A method is a dataclass of declared hyperparameters with one generator, `iter_fit`. Whoever runs it owns the loop, so
progress, pause, one-step, snapshots and stop need no code in any method.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from core.errors import NotFitted, ParameterError
from core.neighbours import nearest_of
from core.params import Param, check_all, integer, params_of

Arrays = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a training stage.

    Attributes
    ----------
    stage, step, total
        Name of the stage, steps done in it (from 1), and steps planned.
    scalars
        Every loss term by name, as a float or a 0-d tensor; weighted as it enters the objective.
    arrays
        What can be looked at now, by name: ``Z`` (codes, n x d), ``C`` (self-expression, n x n), ``A`` (an affinity
        learnt directly), ``X_hat`` (reconstructions), ``Z_pretrained``, ``prior`` (sparse graph). A value may live on
        the device, or be a function that computes it: nothing is copied or computed unless somebody looks.
    """

    stage: str
    step: int
    total: int
    scalars: Mapping[str, Any] = field(default_factory=dict)
    arrays: Arrays = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named set of hyperparameters for one data set.

    `source` says where the values come from ("paper", "code", "ours"), `note` what a reader must know about them, above
    all whether they were chosen with the labels.
    """

    title: str
    dataset: str
    params: Mapping[str, Any]
    source: str = "ours"
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a run will need, as far as it is known before the start."""

    parameters: int = 0
    matrices: Mapping[str, int] = field(default_factory=dict)  # name -> bytes

    @property
    def bytes(self) -> int:
        return sum(self.matrices.values())


def to_host(arrays: Arrays) -> dict[str, Any]:
    """Compute what is only promised and copy what lies on a device; other arrays pass through."""
    values = {name: value() if callable(value) else value for name, value in arrays.items()}
    return {name: v.detach().cpu().numpy() if hasattr(v, "detach") else v for name, v in values.items()}


class Shelf(Protocol):
    """Where pretrained networks of the data at hand are kept between runs."""

    def get(self, recipe: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The final state of the stage that followed this recipe, or None."""

    def put(self, recipe: Mapping[str, Any], state: Mapping[str, Any], facts: Mapping[str, Any], arrays: Arrays) -> None:
        """Keep such a state, with what people may want to know and see of it."""


class Stages:
    """What the training stages of a run have reached; the only state that a checkpoint has to hold.

    A method runs each stage through `run` and names the stateful objects it trains (modules, optimisers, generators).
    From that the observer can checkpoint at any step, resume in the middle of a stage, and stop: a stop ends the
    current stage at once and skips the later ones, after which the method concludes from what was reached.
    """

    def __init__(self, saved: Mapping[str, Any] | None = None, shelf: Shelf | None = None) -> None:
        self.shelf = shelf
        self._saved: dict[str, dict[str, Any]] = {name: dict(value) for name, value in (saved or {}).items()}
        self._live: tuple[str, Mapping[str, Any]] | None = None
        self.stopping = False

    def reached(self, stage: str) -> int:
        """Steps done in a stage, 0 if it never began."""
        return int(self._saved.get(stage, {}).get("step", 0))

    def stop(self) -> None:
        self.stopping = True

    def over(self, stage: str) -> bool:
        """Whether a stage ended by itself, or was taken from another run."""
        return bool(self._saved.get(stage, {}).get("over", False))

    def run(
        self,
        stage: str,
        total: int,
        parts: Mapping[str, Any],
        body: Callable[[int], tuple[Mapping[str, Any], Arrays]],
        finish: Callable[[], None] | None = None,
    ) -> Iterator[Step]:
        """Repeat `body` up to `total` times, each a `Step`, starting where the checkpoint left off.

        Parameters
        ----------
        parts
            The objects that the stage changes, by name; each has ``state_dict``/``load_state_dict`` or, as random
            generators do, ``get_state``/``set_state``.
        body
            Takes the index of the step and returns its scalars and arrays. A scalar named ``converged`` that is true
            ends the stage early.
        finish
            Called once no more steps are made, before the final state is kept: to go back to the best one, for example.
        """
        before = self._saved.setdefault(stage, {"step": 0, "state": {}, "over": False})
        for name, state in before["state"].items():
            _load_state(parts[name], state)
        self._live = (stage, parts)
        while not before["over"] and before["step"] < total and not self.stopping:
            scalars, arrays = body(before["step"])
            before["step"] += 1
            before["over"] = bool(scalars.get("converged", False))
            yield Step(stage, before["step"], total, {k: v for k, v in scalars.items() if k != "converged"}, arrays)
        if finish is not None and before["step"]:
            finish()
        # A finished stage is kept as it ended: a later stage goes on with the same objects, and a resumed run must be
        # able to return to this point (a prior graph is built from the codes as they are here). Its optimiser is done.
        before["state"] = {name: copy.deepcopy(_state(part)) for name, part in parts.items() if name != "optimizer"}
        self._live = None

    def adopt(self, stage: str, step: int, state: Mapping[str, Any]) -> None:
        """Count a stage as done, with the final state that another run reached in it."""
        self._saved[stage] = {"step": step, "state": dict(state), "over": True}

    def forget(self, part: str, *, before: str | None = None) -> None:
        """Drop a part that no later stage needs; or what the stages before one kept of it, which that one has trained on."""
        for stage, saved in self._saved.items():
            if stage == before:
                return
            saved["state"].pop(part, None)

    def kept(self, stage: str) -> Mapping[str, Any]:
        """The final state of a stage that is over."""
        state: Mapping[str, Any] = self._saved[stage]["state"]
        return state

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs, by stage; tensors are the live ones, so save before the next step."""
        saved = {name: dict(value) for name, value in self._saved.items()}
        if self._live is not None:
            stage, parts = self._live
            saved[stage]["state"] = {name: _state(part) for name, part in parts.items()}
        return saved

    def weights(self) -> dict[str, Any]:
        """Every trained tensor as it is now, by ``<part>.<parameter>``; optimisers are left out."""
        return {
            f"{name}.{key}": value.contiguous()
            for saved in self._saved.values()
            for name, state in saved["state"].items()
            if isinstance(state, Mapping)
            for key, value in state.items()
            if hasattr(value, "contiguous")
        }


def _state(part: Any) -> Any:
    return part.state_dict() if hasattr(part, "state_dict") else part.get_state()


def _load_state(part: Any, state: Any) -> None:
    if hasattr(part, "load_state_dict"):
        part.load_state_dict(state)
    else:
        part.set_state(state)


@dataclass(kw_only=True)
class Clusterer:
    """Base of every method; a subclass is decorated with ``core.registry.register``.

    Class attributes describe the method to people: `name` (identifier), `title`, `summary` (one sentence), `paper`,
    `objective` (LaTeX), `symbols` (LaTeX of each term of the loss), `gauges` (what else is watched while it trains, in
    words), `published` (the paper's ACC by data set), `presets`, `family` (the heading it stands under), `learns` ("instant"
    or "deep"), `reads` (the array that the last step turns into clusters: "C", "A" or "Z"), `uses_gpu`.

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
    uses_gpu: ClassVar[bool] = False
    symbols: ClassVar[Mapping[str, str]] = {}
    gauges: ClassVar[Mapping[str, str]] = {}
    published: ClassVar[Mapping[str, float]] = {}
    presets: ClassVar[Mapping[str, Preset]] = {}
    restored_from: ClassVar[tuple[str, ...]] = ()  # arrays of the last step that `restore` needs besides labels and Z
    groups_test: ClassVar[bool] = False  # whether `label_test` clusters held-out codes by themselves
    published_on_test: ClassVar[bool] = False  # whether `published` speaks of a held-out part

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
    embedding_: NDArray = field(init=False, repr=False)
    true_labels: NDArray[np.int64] | None = field(init=False, repr=False, default=None)  # only for a method that `peeks`

    def __post_init__(self) -> None:
        declared = self.declared()
        for name, param in declared.items():
            setattr(self, name, param.check(getattr(self, name), self.name))

    @classmethod
    def declared(cls) -> dict[str, Param]:
        """The hyperparameters, by name."""
        return params_of(cls)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.init}

    def set_params(self, **params: Any) -> Self:
        device = params.pop("device", self.device)
        for name, value in check_all(self.declared(), params, self.name).items():
            setattr(self, name, value)
        self.device = device
        return self

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        """Memory and parameters for data of the given shape (n, ...); no import of anything heavy."""
        return Cost()

    @classmethod
    def by_columns(cls, params: Mapping[str, Any], columns: Sequence[int], n_classes: int | None) -> dict[str, Any]:
        """Hyperparameters that `params` leave to the data, from how many values each further column of labels has; few do."""
        return {}

    @classmethod
    def reported(cls, dataset: str, params: Mapping[str, Any]) -> float | None:
        """ACC that the paper reports on a data set, set as in `params`; None where it reports none."""
        return cls.published.get(dataset)

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        """Train on vectors (n, m) or images (n, h, w[, c]), yielding every step; at the end ``labels_`` is set."""
        raise NotImplementedError  # pragma: no cover

    def affinity(self, arrays: Arrays) -> NDArray | None:
        """The affinity that the last step cuts, from a step's arrays; None for methods without one."""
        return arrays.get("A")

    def assign(self, arrays: Arrays, affinity: NDArray | None, *, random_state: int) -> NDArray[np.int64]:
        """Read the clusters off what has been learnt, with the given seed: the last step of the method."""
        raise NotImplementedError  # pragma: no cover

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

    def peeks(self, n: int) -> bool:
        """Whether, set as it is, the method uses the true labels of n samples; then ``true_labels`` must be set.

        No method does by default. A run that does says so wherever its scores are shown.
        """
        return False

    def conclude(self, arrays: Arrays) -> Step:
        """The last step: cut the graph, or group the codes, with the seed of the run."""
        host = to_host(arrays)
        affinity = self.affinity(host)
        self.labels_ = self.assign(host, affinity, random_state=self.random_state)
        for attribute, value in (
            ("embedding_", host.get("Z")), ("representation_matrix_", host.get("C")), ("affinity_matrix_", affinity),
        ):  # fmt: skip
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

    def label_test(self, Z: NDArray, *, random_state: int) -> NDArray[np.int64]:
        """Clusters of held-out samples from their codes Z (n, d): here those of `label_codes`.

        A method that groups codes groups these by themselves, as GR-DNN's protocol has it.
        """
        return self.label_codes(Z)

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        """Return to the state after `fit`: from the training samples, arrays of the last step, tensors of the networks."""
        self.labels_ = arrays["labels"]
        if "Z" in arrays:
            self.embedding_ = arrays["Z"]
        return self

    def clusters(self, X: NDArray) -> int:
        """The number of clusters, checked against the number of samples.

        Raises
        ------
        ParameterError
            If it was not given, or there are fewer samples than clusters.
        """
        if self.n_clusters is None:
            raise ParameterError(f"The 'n_clusters' parameter of {self.name} must be given for data without classes.")
        if len(X) < self.n_clusters + 1:
            raise ParameterError(
                f"The 'n_clusters' parameter of {self.name} must be less than the number of samples, {len(X)}. "
                f"Got {self.n_clusters} instead."
            )
        return self.n_clusters

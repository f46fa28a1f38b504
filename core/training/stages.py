"""What training tells its observer: steps, one by one, and the stages they belong to, from which a run can be resumed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

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


def to_host(arrays: Arrays) -> dict[str, Any]:
    """Compute what is only promised and copy what lies on a device; other arrays pass through."""
    values = {name: value() if callable(value) else value for name, value in arrays.items()}
    return {name: v.detach().cpu().numpy() if hasattr(v, "detach") else v for name, v in values.items()}


class Shelf(Protocol):
    """Where pretrained networks of the data at hand, and what else training starts from, are kept between runs.

    A recipe of something else than a network says what it is by its ``part``.
    """

    def get(self, recipe: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The state that following this recipe ended in, or None."""

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

    def shelved(
        self,
        stage: str,
        total: int,
        recipe: Mapping[str, Any],
        steps: Iterator[Step],
        views: Callable[[], Arrays],
        about: Callable[[], tuple[Mapping[str, Any], Arrays]],
    ) -> Iterator[Step]:
        """The steps of a stage, unless the shelf has the result of this recipe; a new result is put there.

        Parameters
        ----------
        views
            What can be looked at afterwards: of a result from the shelf there is this one step.
        about
            What people may want to know and see of a new result.
        """
        shelf = self.shelf
        known = shelf.get(recipe) if shelf is not None and not self.reached(stage) else None
        if known is not None:
            self.adopt(stage, total, known)
        seen = 0
        for step in steps:
            seen = step.step
            yield step
        if known is not None and total:
            yield Step(stage, total, total, {}, views())
        elif shelf is not None and seen and seen == total:
            shelf.put(recipe, self.kept(stage), *about())

    def recalled(self, recipe: Mapping[str, Any], make: Callable[[], Arrays]) -> Arrays:
        """Tensors that are no stage of their own: from the shelf, or made and put there; not once a stop was asked for."""
        shelf = None if self.stopping else self.shelf
        known = shelf.get(recipe) if shelf is not None else None
        if known is not None:
            return known
        made = make()
        if shelf is not None:
            shelf.put(recipe, made, {}, {})
        return made

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

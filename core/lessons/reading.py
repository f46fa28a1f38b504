"""Lessons as data: a file each in ``assets/lessons/``, so that a teacher can write one.

::

    title = "Who explains whom?"
    question = "What does it take for points to find their own kind?"

    [[steps]]
    text = "At most 120 words."
    film = "subspaces"                        # a prepared run; or, in place of it,
    look = { by = "circle", colour = "class" }  # how it is shown: at, by, colour, order, sel

    [[steps]]
    text = "..."
    method = "ridge"                          # an instant method that follows one knob
    data = { name = "subspaces", make = { noise = 0.02 } }
    params = { strength = 0.1 }
    knob = { name = "make.angle", label = "Angle", values = [5, 20, 60], start = 60 }
    tells = ["acc"]                           # which scores are told, of TOLD

    [[steps]]
    text = "..."
    sweep = "eta"                             # a sweep that comes with the app: a score against a knob
    score = "acc"

    [steps.predict]                           # asked before anything moves
    question = "..."
    options = ["...", "..."]
    right = 2                                 # counted from 1
    why = "..."

The name of a lesson is that of its file without the number that orders it. A knob is a hyperparameter, ``seed``,
``data.noise`` or another part of the data spec, or ``make.`` and a knob of data that are made on the fly.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from core import methods, runs
from core.common import InvalidInput
from core.datasets import DataSpec
from core.runs import RunSpec
from core.sweeps import prepared_sweep, scored

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "lessons"
MOST_WORDS = 120
LOOKS = ("at", "by", "colour", "order", "sel")
TOLD = {
    "acc": "ACC",
    "diagonal_mass": "share of C on its diagonal",
    "in_classes": "share of C inside the true blocks",
    "block_diagonality": "share of the affinity inside the clusters",
    "silhouette": "silhouette",
}


@dataclass(frozen=True, kw_only=True)
class Predict:
    """A question that is asked before the answer can be seen."""

    question: str
    options: tuple[str, ...]
    right: int
    why: str


@dataclass(frozen=True, kw_only=True)
class Knob:
    """The one thing that a step lets be changed."""

    name: str
    label: str
    values: tuple[Any, ...]
    start: Any


@dataclass(frozen=True, kw_only=True)
class Step:
    """Text, and what is beside it: a prepared film, a prepared sweep, or an instant method that follows a knob."""

    text: str
    film: str | None = None
    sweep: str | None = None
    score: str = "acc"
    look: Mapping[str, str] = field(default_factory=dict)
    method: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    knob: Knob | None = None
    tells: tuple[str, ...] = ("acc",)
    predict: Predict | None = None

    @property
    def turns(self) -> str | None:
        """The hyperparameter, or knob of data, that can be turned here or is swept."""
        if self.sweep is not None:
            return prepared_sweep(self.sweep)[0].sweep.axes[0].name.rpartition(".")[2]
        return None if self.knob is None else self.knob.name.rpartition(".")[2]

    def spec(self, value: Any = None) -> RunSpec:
        """What the method runs at a value of the knob."""
        assert self.method is not None
        data, params, seed = dict(self.data), dict(self.params), self.seed
        if self.knob is not None:
            where, _, name = self.knob.name.rpartition(".")
            value = self.knob.start if value is None else value
            if where == "make":
                data["make"] = {**data.get("make", {}), name: value}
            elif where == "data":
                data[name] = value
            elif name == "seed":
                seed = value
            else:
                params[name] = value
        spec = DataSpec.from_dict(data)
        preset = methods.made_for(self.method, spec.name)
        return runs.make_spec(self.method, spec, preset=preset, overrides=params, seed=seed, device="cpu")


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One question, in a few steps."""

    name: str
    title: str
    question: str
    steps: tuple[Step, ...]


@cache
def lessons() -> Mapping[str, Lesson]:
    """All lessons by name, in the order of their files."""
    files = sorted(FOLDER.glob("*.toml"), key=lambda file: (int("0" + file.stem.partition("-")[0]), file.stem))
    found = [read_lesson(file) for file in files]
    return {lesson.name: lesson for lesson in found}


def lesson_on(knob: str) -> tuple[Lesson, int] | None:
    """The first step about a hyperparameter or a knob of data, by its name; None if there is none."""
    return _taught().get(knob)


@cache
def _taught() -> Mapping[str, tuple[Lesson, int]]:
    found: dict[str, tuple[Lesson, int]] = {}
    for lesson in lessons().values():
        for number, step in enumerate(lesson.steps, 1):
            if step.turns is not None:
                found.setdefault(step.turns, (lesson, number))
    return found


def read_lesson(file: Path) -> Lesson:
    """One lesson, checked.

    Raises
    ------
    InvalidInput
        If it lacks something, is too long, or names what is not there.
    """
    try:
        facts = tomllib.loads(file.read_text(encoding="utf-8"))
        steps = tuple(_step(plain) for plain in facts.pop("steps"))
        return Lesson(name=file.stem.lstrip("0123456789-"), steps=steps, **facts)
    except (TypeError, KeyError, ValueError) as error:
        raise InvalidInput(f"The lesson {file.name} cannot be used: {error}") from error


def _step(plain: Mapping[str, Any]) -> Step:
    parts = dict(plain)
    if "knob" in parts:
        parts["knob"] = Knob(**{**parts["knob"], "values": tuple(parts["knob"]["values"])})
    if "predict" in parts:
        parts["predict"] = Predict(**{**parts["predict"], "options": tuple(parts["predict"]["options"])})
    step = Step(**{**parts, "tells": tuple(parts.get("tells", ("acc",)))})
    _check(step)
    return step


def _check(step: Step) -> None:
    if len(step.text.split()) > MOST_WORDS:
        raise InvalidInput(f"a step has {len(step.text.split())} words; at most {MOST_WORDS} are allowed.")
    if [step.film, step.method, step.sweep].count(None) != 2:
        raise InvalidInput("a step shows either a film, a sweep or a method.")
    unknown = [key for key in step.look if key not in LOOKS] + [name for name in step.tells if name not in TOLD]
    if unknown:
        raise InvalidInput(f"there is no {unknown[0]!r} to show. Known: {', '.join((*LOOKS, *TOLD))}.")
    if step.predict is not None and not 1 <= step.predict.right <= len(step.predict.options):
        raise InvalidInput(f"the right answer must be one of 1 to {len(step.predict.options)}. Got {step.predict.right}.")
    if step.film is not None:
        runs.prepared_run(step.film)
        return
    if step.sweep is not None:
        if step.score not in scored(prepared_sweep(step.sweep)[1]):
            raise InvalidInput(f"the sweep {step.sweep} has no score {step.score!r}.")
        return
    assert step.method is not None
    if methods.method_class(step.method).learns != "instant":
        raise InvalidInput(f"only an instant method can follow a knob. {step.method} is none.")
    if step.knob is not None and step.knob.start not in step.knob.values:
        raise InvalidInput(f"the knob {step.knob.name} must start at one of its values. Got {step.knob.start!r}.")
    for value in step.knob.values if step.knob is not None else (None,):
        step.spec(value)

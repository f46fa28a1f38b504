"""The papers' own figures of sensitivity, as sweeps that are data: ``figures.toml`` beside this file."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from core import runs
from core.common import named
from core.datasets import DataSpec
from core.sweeps.axes import Axis, parse_axis
from core.sweeps.spec import Sweep

FILE = Path(__file__).with_name("figures.toml")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of a paper.

    Attributes
    ----------
    title
        For people.
    method, preset, data, over, seeds
        The sweep: a preset of a method on a part of a data set, its axes as text, and how many seeds.
    score
        What the paper draws.
    note
        How this differs from the paper.
    shape
        Whether the paper's shape came out here, in a sentence; empty as long as nobody has run it.
    recommended
        The range that the paper recommends, by axis.
    params
        What else differs from the preset.
    """

    title: str
    method: str
    preset: str
    data: Mapping[str, Any]
    over: tuple[str, ...]
    seeds: int
    score: str
    note: str
    shape: str = ""
    recommended: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)

    def sweep(self, seeds: int | None = None) -> Sweep:
        """The sweep that draws it, with another number of seeds if one is given."""
        base = runs.make_spec(
            self.method, DataSpec.from_dict(self.data), preset=self.preset, overrides=self.params,
            arithmetic="exact",  # what ships depends as little as can be on the machine
        )  # fmt: skip
        axes = tuple(self._axis(text) for text in self.over)
        return Sweep(base=base, axes=axes, seeds=tuple(range(seeds or self.seeds)), name=self.title)

    def _axis(self, text: str) -> Axis:
        axis = parse_axis(self.method, text)
        return dataclasses.replace(axis, recommended=self.recommended.get(axis.name))


def axis_of_paper(method: str, name: str) -> tuple[str, tuple[float, float] | None] | None:
    """Along which values a figure of the method's paper varies something, as text, and the range that it recommends."""
    for found in figures().values():
        for text in found.over if found.method == method else ():
            axis, _, values = text.partition("=")
            if axis == name:
                return values, found.recommended.get(name)
    return None


@cache
def figures() -> Mapping[str, Figure]:
    """All of them, by name."""
    return read_figures(FILE)


def read_figures(file: Path) -> Mapping[str, Figure]:
    """What a file describes, by name."""
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    made = {}
    for name, table in tables.items():
        ranges = {axis: (low, high) for axis, (low, high) in table.get("recommended", {}).items()}
        made[name] = Figure(**{**table, "over": tuple(table["over"]), "recommended": ranges})
    return made


def figure(name: str) -> Figure:
    """One of them.

    Raises
    ------
    UnknownName
        If there is none of that name.
    """
    return named("figure", name, figures())

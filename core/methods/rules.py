"""Settings by rule: what a method takes for data that no preset was made for, from what can be seen of them without labels.

A rule is one documented function of `Facts`. It knows neither names of data sets nor their classes; a method lists those
that it goes by (`Clusterer.rules`), and of two that set the same hyperparameter the later one counts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

RULE = "rule"
"""The name under which runs keep that their values are by rule, as others keep the name of a preset."""


UNKNOWN_K = 10


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What rules may look at.

    Attributes
    ----------
    n
        Samples.
    shape
        Of one sample: (m,), or (h, w[, c]) of an image.
    n_clusters
        K, or `UNKNOWN_K` where nobody has said.
    variance
        Of a feature over the samples, mean over all features.
    """

    n: int
    shape: tuple[int, ...]
    n_clusters: int
    variance: float

    @classmethod
    def of(cls, X: NDArray, n_clusters: int | None = None) -> Facts:
        """Those of samples (n, ...)."""
        variance = float(X.reshape(len(X), -1).var(axis=0, dtype=np.float64).mean())
        return cls(n=len(X), shape=X.shape[1:], n_clusters=n_clusters or UNKNOWN_K, variance=variance)

    @property
    def n_features(self) -> int:
        return prod(self.shape)

    @property
    def is_image(self) -> bool:
        return len(self.shape) > 1


@dataclass(frozen=True)
class Rule:
    """A function from facts to hyperparameters, with a title; its docstring says why."""

    title: str
    values: Callable[[Facts], Mapping[str, Any]]

    @property
    def why(self) -> str:
        return " ".join((inspect.getdoc(self.values) or "").split())


def rule(title: str) -> Callable[[Callable[[Facts], Mapping[str, Any]]], Rule]:
    """Make a rule of a documented function."""
    return lambda values: Rule(title, values)


@dataclass(frozen=True)
class ByRule:
    """Values by rule, and which rule gave each."""

    values: Mapping[str, Any]
    sources: Mapping[str, Rule]

    def told(self) -> list[tuple[Rule, dict[str, Any]]]:
        """Every rule that gave any, with what it gave."""
        found: dict[str, tuple[Rule, dict[str, Any]]] = {}
        for name, source in self.sources.items():
            found.setdefault(source.title, (source, {}))[1][name] = self.values[name]
        return list(found.values())


def in_words(values: Mapping[str, Any]) -> str:
    """Values as the command line takes them: ``epochs=83, widths=500-120``."""
    return ", ".join(f"{name}={_text(value)}" for name, value in values.items())


def _text(value: Any) -> str:
    if value is None:
        return "auto"
    if isinstance(value, bool):
        return str(value).lower()
    return "-".join(map(str, value)) if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float) else str(value)


def apply_rules(rules: Iterable[Rule], facts: Facts) -> ByRule:
    """What the rules give for these facts."""
    values: dict[str, Any] = {}
    sources: dict[str, Rule] = {}
    for one in rules:
        found = one.values(facts)
        values |= found
        sources |= dict.fromkeys(found, one)
    return ByRule(values, sources)

"""Parts: hyperparameters that several methods share, with what can be done with them.

A part is a frozen dataclass of declared hyperparameters. A method holds one by a class attribute::

    class RGRL(Clusterer):
        readout = held(AffinityReadout, threshold=0.08)

The hyperparameters of the part become the method's own, under their own names and where the part stands in its body, so
that constructor, form, command line and ``clone`` see one flat list. ``method.readout`` is the part with the values that the
method has at that moment; on the class, ``RGRL.readout.of(params)`` makes one from a mapping of values.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

from core.common.params import redeclared


@dataclass(frozen=True, kw_only=True)
class Part:
    """Base of every part; `owner` names the method that holds it, for errors."""

    owner: str = ""

    @property
    def idle(self) -> frozenset[str]:
        """Those of its hyperparameters that make no difference as the others are set."""
        return frozenset()


P = TypeVar("P", bound=Part, covariant=True)


class Held(Generic[P]):
    """The place of a part in a method; see `held`."""

    def __init__(self, kind: type[P], changed: Mapping[str, Any]) -> None:
        declared = {field.name: field.default for field in dataclasses.fields(kind) if "param" in field.metadata}
        for name in changed:
            if name not in declared:
                raise TypeError(f"{kind.__name__} declares no {name!r}.")
        self.kind, self.defaults = kind, {**declared, **changed}

    def fields(self) -> dict[str, Any]:
        """The hyperparameters of the part as dataclass fields of whoever holds it."""
        return {name: redeclared(self.kind, name, default) for name, default in self.defaults.items()}

    def of(self, params: Mapping[str, Any], owner: str = "") -> P:
        """The part with values from a mapping; what is missing there has its default."""
        return self.kind(owner=owner, **{name: params.get(name, default) for name, default in self.defaults.items()})

    @overload
    def __get__(self, method: None, cls: type) -> Held[P]: ...
    @overload
    def __get__(self, method: Any, cls: type) -> P: ...
    def __get__(self, method: Any, cls: type) -> Held[P] | P:
        return self if method is None else self.of(vars(method), method.name)


def held(kind: type[P], **defaults: Any) -> Held[P]:
    """Hold a part, with other defaults for some of its hyperparameters."""
    return Held(kind, defaults)


def idle_in(cls: type, params: Mapping[str, Any]) -> frozenset[str]:
    """The hyperparameters of the parts of a class that make no difference under these values."""
    parts = [value for value in inspect.getmembers_static(cls) if isinstance(value[1], Held)]
    return frozenset[str]().union(*(part.of(params).idle for _, part in parts))


def flatten(cls: type) -> None:
    """Give a class the fields of the parts it holds, each where its part stands; before it becomes a dataclass."""
    written = inspect.get_annotations(cls)
    annotations: dict[str, Any] = {}
    for name, value in list(vars(cls).items()):
        if isinstance(value, Held):
            if name in value.defaults:
                raise TypeError(f"{cls.__name__} holds a part at {name!r}, the name of one of its hyperparameters.")
            for field_name, field in value.fields().items():
                annotations[field_name] = "Any"
                setattr(cls, field_name, field)
        elif name in written:
            annotations[name] = written[name]
    cls.__annotations__ = {**annotations, **{name: kind for name, kind in written.items() if name not in annotations}}

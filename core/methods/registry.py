"""Which methods there are, and how to build one.

Declarations are light: listing methods imports neither torch nor scikit-learn, because a method's module imports what
is heavy where its training starts.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, dataclass_transform

from core.common import UnknownName, check_all, choice, flag, integer, real, sizes
from core.methods.contract import Clusterer
from core.methods.presets import Preset, load_presets
from core.methods.rules import RULE

FAMILIES = (
    "Deep subspace", "Graph-regularised", "Deep spectral", "Deep centroids", "Deep assignments",
    "On pretrained codes", "Shallow subspace", "Baselines",
)  # fmt: skip
PREFERRED = ("paper", "code", "ours")  # of presets that are neither called like the data set nor its fast one
_METHODS: dict[str, type[Clusterer]] = {}
T = TypeVar("T", bound=Clusterer)


@dataclass_transform(kw_only_default=True, field_specifiers=(real, integer, flag, choice, sizes, field))
def register(cls: type[T]) -> type[T]:
    """Turn a class of declared hyperparameters into a dataclass and list it under its `name`."""
    made = dataclass(kw_only=True, repr=True, eq=False)(cls)
    if not made.name:
        raise TypeError(f"{cls.__name__} must set the class attribute 'name'.")
    if "presets" not in vars(cls):
        made.presets = load_presets(Path(inspect.getfile(cls)).with_name(f"{made.name}.toml"))
    made.presets = {
        name: replace(preset, params=check_all(made.declared(), preset.params, made.name))
        for name, preset in made.presets.items()
    }
    known = _METHODS.get(made.name)
    if known is not None and known.__module__ != made.__module__:
        raise TypeError(f"The name {made.name!r} is taken by {known.__module__}.")
    _METHODS[made.name] = made
    return made


def registered() -> Mapping[str, type[Clusterer]]:
    """All registered methods by name: deep ones first, then family by family and by title."""
    _import_families()
    ordered = sorted(
        _METHODS.values(),
        key=lambda method: (FAMILIES.index(method.family) if method.family in FAMILIES else len(FAMILIES), method.title),
    )
    return MappingProxyType({method.name: method for method in ordered})


@cache
def _import_families() -> None:
    """Import each family's package, and by that its methods; what only training needs is loaded by the method that trains."""
    import core.methods

    for module in pkgutil.iter_modules(core.methods.__path__, "core.methods."):
        importlib.import_module(module.name)


def method_class(name: str) -> type[Clusterer]:
    """The class of a method.

    Raises
    ------
    UnknownName
        If there is none of that name; the message lists the names there are.
    """
    if name not in _METHODS and name not in registered():  # looking through the folders is slow where records are many
        raise UnknownName("method", name, registered())
    return _METHODS[name]


def _found(name: str) -> type[Clusterer] | None:
    """A method if there is one; looking through the folders is slow where records are many."""
    return _METHODS.get(name) or registered().get(name)


def current(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters of a stored run under the names of today (`Clusterer.renamed`); of an unknown method as they are."""
    method = _found(name)
    names = {key: key if method is None else method.renamed.get(key, key) for key in params}
    return {new: params[old] for old, new in names.items() if new is not None}


def completed(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """`current`, and what is newer than a stored run at its default, which is what the method did before."""
    method = _found(name)
    defaults = {key: param.default for key, param in method.declared().items() if key != "random_state"} if method else {}
    return defaults | current(name, params)


def current_preset(name: str, preset: str, params: Mapping[str, Any]) -> tuple[str, bool]:
    """What the preset of a stored run is called today, and whether the values of the run are others than its own.

    A name may have been given to other values since: of the presets that have or had it (`Preset.once`) it is the one that
    the run differs least from.
    """
    method = _found(name)
    known = {key: found for key, found in (method.presets if method else {}).items() if preset in (key, *found.once)}
    if not known:
        return preset, False

    newer = any(key not in params for found in known.values() for key in found.params)
    values = completed(name, params) if newer else params  # which takes longer, and many records are read at once

    def apart(found: Preset) -> int:
        return sum(_plain(values[key]) != _plain(value) for key, value in found.params.items() if key != "n_clusters")

    nearest = min(known, key=lambda key: (apart(known[key]), key != preset))
    return nearest, apart(known[nearest]) > 0


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def build(name: str, **params: Any) -> Clusterer:
    """An instance of a method with the given hyperparameters, all checked.

    Raises
    ------
    UnknownName
        If the method or a parameter does not exist.
    ParameterError
        If a value is out of its bounds.
    """
    cls = method_class(name)
    device, declared = params.pop("device", "cpu"), cls.declared()
    params = current(name, params)  # scripts may know earlier names, as stored runs do
    for key in params:
        if key not in declared:
            raise UnknownName(f"parameter of {name}", key, declared)
    return cls(**params, device=device)  # which checks every value


def preset_for(name: str, dataset: str, preset: str | None = None) -> tuple[str, Preset | None]:
    """The preset to use: the named one, or with "auto" the most fitting one for the data, or none (rules, else defaults).

    For a data set it is the one that says so itself (`Preset.first`), else the one called like it, else its fast one, else any
    other that is made for it, the paper's before the program's, else "rule" where the method has rules, else the defaults. A
    preset of the data set may be named by its ending alone: "fast" means "coil20-fast" on COIL-20.

    Returns
    -------
    (str, Preset or None)
        Its name ("rule" or "defaults" when there is none) and the preset.
    """
    presets, bare = method_class(name).presets, [*([RULE] if method_class(name).rules else []), "defaults"]
    if preset in (None, "auto"):
        preset = _fitting(presets, dataset) or bare[0]
    if f"{dataset}-{preset}" in presets:
        preset = f"{dataset}-{preset}"
    if preset in bare:
        return preset, None
    if preset not in presets:
        raise UnknownName(f"preset of {name}", str(preset), [*presets, *bare])
    return str(preset), presets[str(preset)]


def against_paper(name: str, preset: str) -> dict[str, tuple[Any, Any]]:
    """Weights of the objective in which a preset differs from the paper's own for the same data: its value, and the paper's.

    Empty for the paper's own, and where the method has none for these data.
    """
    cls = method_class(name)
    own = cls.presets.get(preset)
    papers = [found for found in cls.presets.values() if own and found.source == "paper" and found.dataset == own.dataset]
    if own is None or own.source == "paper" or not papers:
        return {}
    ours, theirs = completed(name, own.params), completed(name, papers[0].params)
    weights = [key for key, param in cls.declared().items() if param.group == "Objective"]
    return {key: (ours[key], theirs[key]) for key in weights if _plain(ours[key]) != _plain(theirs[key])}


def made_for(name: str, dataset: str) -> str:
    """The preset that is made for a data set, or "defaults": for what must not change when a rule does."""
    found, chosen = preset_for(name, dataset)
    return "defaults" if chosen is None else found


def _fitting(presets: Mapping[str, Preset], dataset: str) -> str | None:
    """The name of the preset that is taken for a data set where none was named, if any is made for it."""
    own = [name for name, preset in presets.items() if preset.dataset == dataset]
    order = [name for name in own if presets[name].first]
    order += [name for name in (dataset, f"{dataset}-fast") if name in own]
    order += sorted(own, key=lambda name: PREFERRED.index(presets[name].source))
    return order[0] if order else None

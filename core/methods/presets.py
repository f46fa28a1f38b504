"""Presets: named sets of hyperparameters, kept as data beside the method that they are for.

``rgrl.toml`` beside ``rgrl.py`` holds the presets of the method ``rgrl``::

    [notes]                        # sentences that several presets need
    ridge = "The ridge solution on the pretrained codes carries the result."

    [shared.ridge]                 # values that several presets have in common
    start = "ridge_unit"

    [presets.coil20-fast]
    title = "COIL-20, fast: from the ridge solution"
    dataset = "coil20"
    source = "ours"                # paper, code or ours: where the values come from
    chosen = "with labels"         # published, with labels, carried over or untuned: how they were chosen
    note = ["Constants chosen with the labels.", "ridge"]
    extends = ["networks.coil20", "shared.ridge"]
    params = { beta = 100 }
    first = true                   # taken for these data where none is named; at most one is
    once = ["coil20-code"]         # what it was called before; stored runs may have that name

``extends`` names tables whose values come first: of the same file, or as ``file.table`` of another one beside it or in
``parts/``, where ``networks.toml`` has the auto-encoders and their pretraining by data set.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from core.common import InvalidInput

SOURCES = ("paper", "code", "ours")
CHOSEN = ("published", "with labels", "carried over", "untuned")
PARTS = Path(__file__).parent / "parts"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named set of hyperparameters for one data set.

    `source` says where the values come from ("paper", "code", "ours"), `chosen` how ("published", "with labels",
    "carried over", "untuned"), `note` what else a reader must know about them, `first` that it is taken for its data where
    none is named, and `once` what it was called before.
    """

    title: str
    dataset: str
    params: Mapping[str, Any]
    source: str = "ours"
    chosen: str = "untuned"
    note: str = ""
    first: bool = False
    once: tuple[str, ...] = ()


def load_presets(file: Path) -> dict[str, Preset]:
    """The presets of one method.

    Raises
    ------
    InvalidInput
        If a table is incomplete, has a key that is not known, or extends one that is not there.
    """
    tables = _tables(file)
    return {name: _preset(file, tables, name, table) for name, table in tables.get("presets", {}).items()}


@cache
def _tables(file: Path) -> Mapping[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _preset(file: Path, tables: Mapping[str, Any], name: str, table: Mapping[str, Any]) -> Preset:
    where = f"The preset {name!r} in {file.name}"
    if table.get("source") not in SOURCES or table.get("chosen") not in CHOSEN:
        told = f"Got {table.get('source')!r} and {table.get('chosen')!r}."
        raise InvalidInput(f"{where} needs a source of {', '.join(SOURCES)} and a chosen of {', '.join(CHOSEN)}. {told}")
    notes = [table["note"]] if isinstance(table.get("note"), str) else table.get("note", ())
    facts = {key: value for key, value in table.items() if key not in ("note", "extends", "params", "once")}
    try:
        note = " ".join(tables.get("notes", {}).get(part, part) for part in notes)
        return Preset(**facts, note=note, params=_values(file, tables, table), once=tuple(table.get("once", ())))
    except (KeyError, TypeError) as error:
        raise InvalidInput(f"{where} lacks something, has an unknown key, or extends what is not there: {error}.") from error


def _values(file: Path, tables: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a preset: those of what it extends in turn, then its own."""
    values: dict[str, Any] = {}
    for wanted in table.get("extends", ()):
        place, key = wanted.split(".", 1)
        if place == "presets":
            values |= _values(file, tables, tables[place][key])
        else:
            values |= (tables[place] if place in tables else _other(file, place))[key]
    return {**values, **table.get("params", {})}


def _other(file: Path, name: str) -> Mapping[str, Any]:
    """The tables of another file, beside this one or among the parts."""
    beside = file.with_name(f"{name}.toml")
    return _tables(beside if beside.is_file() else PARTS / f"{name}.toml")

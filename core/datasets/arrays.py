"""Which of the arrays of a file are the samples, the labels, and further labels.

Every container of arrays (.npz, .mat, HDF5, IDX) lists what it has by name and shape (`Stored`); an array is read once it is
chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.checks import MAX_CLASSES, listed, tidy
from core.datasets.choices import CHANNELS, NO_LABEL, Choices
from core.datasets.labels import Coded, Column, one_hot
from core.datasets.names import DATA_NAMES, LABEL_NAMES, PARTS, attribute_keys, check_known, first_named, simple
from core.datasets.raw import Contents

CLASSES_KEY = "classes"
CLASS_NAMES = ("target_names", "class_names", "label_names")
Labels = NDArray[Any] | Coded | None


@dataclass(frozen=True)
class Stored:
    """An array of a file: its shape, its type in a word, and how to read it as samples or as labels."""

    shape: tuple[int, ...]
    type: str
    read: Callable[[], Any]
    as_labels: Callable[[], Any] | None = None

    def labels(self) -> Any:
        return (self.as_labels or self.read)()


def choose(source: str, stored: Mapping[str, Stored], choices: Choices) -> Contents:
    """Take samples and labels by their names, or as the user says.

    Raises
    ------
    DataError
        If nothing tells which array holds the samples, or an array that was asked for is not there.
    """
    in_parts = _parts(stored)
    if in_parts:
        return _joined(source, stored, in_parts, choices)
    names = list(stored)
    data_key = _data_key(source, stored, choices)
    label_key = label_of(source, [name for name in names if name not in {data_key, *choices.further}], choices)
    further = {} if choices.label == NO_LABEL else attribute_keys(source, names, choices.further)
    class_keys = [CLASSES_KEY, *CLASS_NAMES, *(f"{CLASSES_KEY}_{name}" for name in further)]
    used = {data_key, label_key, *further.values(), *(name for name in names if name in class_keys)}
    unused = [name for name in names if name not in used]
    data = stored[data_key].read()
    labels = None if label_key is None else stored[label_key].labels()
    attributes = {
        name: Column(stored[key].labels(), class_names(source, stored, [f"{CLASSES_KEY}_{name}"]))
        for name, key in further.items()
    }
    found = Contents(
        data,
        labels,
        None if label_key == CLASSES_KEY else class_names(source, stored, [CLASSES_KEY, *CLASS_NAMES]),
        attributes,
        notes=(_roles(data_key, label_key), f"Not used: {listed(unused)}." if unused else ""),
    )
    return turned(found, choices)


def roles_of(source: str, stored: Mapping[str, Stored], choices: Choices) -> dict[str, str]:
    """What each array is taken for, in a word; nothing where nothing tells which one holds the samples."""
    in_parts = _parts(stored)
    if in_parts:
        said = {"data": "samples", "labels": "label"}
        return {key: f"{said[role]}, {part}" for part, keys in in_parts.items() for role, key in keys.items()}
    try:
        data_key = _data_key(source, stored, choices)
    except DataError:
        return {}
    label_key = label_of(source, [name for name in stored if name != data_key], choices)
    further = dict.fromkeys(attribute_keys(source, stored, choices.further).values(), "further label")
    return {**further, **({} if label_key is None else {label_key: "label"}), data_key: "samples"}


def _roles(data_key: str, label_key: str | None) -> str:
    return f"Samples from {tidy(data_key)!r}, " + (f"classes from {tidy(label_key)!r}." if label_key else "without classes.")


def _data_key(source: str, stored: Mapping[str, Stored], choices: Choices) -> str:
    names = [name for name in stored if name not in {*choices.drop, *choices.further, choices.label}]
    check_known(source, "array", [*choices.drop, *choices.keep, *choices.further], list(stored))
    if choices.keep:
        return choices.keep[0]
    found = first_named(names, DATA_NAMES)
    if found is not None:
        return found
    wide = [
        name
        for name in names
        if len(stored[name].shape) > 1 and min(stored[name].shape) > 1 and simple(name) not in LABEL_NAMES
    ]
    if len(wide) == 1:
        return wide[0]
    raise DataError(
        f"{source} must hold its samples under one of {', '.join(DATA_NAMES)}, or as its only array of two or more axes. "
        f"It holds {listed(names)}."
    )


def label_of(source: str, names: Sequence[str], choices: Choices) -> str | None:
    """The array of classes; one called ``classes`` lists their names where another holds the labels."""
    if choices.label is not None:
        check_known(source, "array", [choices.label] if choices.label else [], names)
        return choices.label or None
    left = [name for name in names if name not in choices.drop]
    others = first_named(left, [name for name in LABEL_NAMES if name != CLASSES_KEY])
    return others or first_named(left, [CLASSES_KEY])


def class_names(source: str, stored: Mapping[str, Stored], keys: Sequence[str]) -> list[str] | None:
    """Names of the classes where the file lists them as text."""
    key = next((key for key in keys if key in stored and stored[key].type == "text"), None)
    if key is None:
        return None
    if len(stored[key].shape) != 1 or stored[key].shape[0] > MAX_CLASSES:
        raise DataError(f"{source}: {key!r} must list at most {MAX_CLASSES} names. Got shape {stored[key].shape}.")
    found = stored[key].labels()
    values = [found.names[code] for code in found.codes] if isinstance(found, Coded) else found.tolist()
    return [name.decode("latin-1") if isinstance(name, bytes) else str(name) for name in values]


def _parts(stored: Mapping[str, Stored]) -> dict[str, dict[str, str]]:
    """Samples and labels of each part of a set that is stored in parts: part, then role, then key."""
    found: dict[str, dict[str, str]] = {}
    for key in stored:
        words = simple(key).split("_")
        if len(words) == 2 and len(set(words) & set(PARTS)) == 1:
            part, name = sorted(words, key=lambda word: word not in PARTS)
            role = "data" if name in DATA_NAMES else "labels" if name in LABEL_NAMES else None
            if role is not None:
                found.setdefault(part, {})[role] = key
    return {part: found[part] for part in PARTS if "data" in found.get(part, {})}


def _joined(source: str, stored: Mapping[str, Stored], parts: Mapping[str, Mapping[str, str]], choices: Choices) -> Contents:
    """All parts in a row; the one called test is the published test part."""
    pieces = {part: stored[keys["data"]].read() for part, keys in parts.items()}
    if len({piece.shape[1:] for piece in pieces.values()}) > 1:
        raise DataError(
            f"{source}: its parts must have samples of one shape. Got {[piece.shape for piece in pieces.values()]}."
        )
    sizes = [len(piece) for piece in pieces.values()]
    labelled = choices.label != NO_LABEL and all("labels" in keys for keys in parts.values())
    labels = [_flat(stored[keys["labels"]].labels(), n) for keys, n in zip(parts.values(), sizes)] if labelled else None
    start = sum(n for part, n in zip(parts, sizes) if part != "test")
    used = [key for keys in parts.values() for key in keys.values()]
    unused = [name for name in stored if name not in used]
    found = Contents(
        np.concatenate(list(pieces.values())),
        None if labels is None else np.concatenate(labels),
        test=np.arange(start, sum(sizes)) if 0 < start < sum(sizes) else None,
        notes=(f"Joined from {listed(used)}.", f"Not used: {listed(unused)}." if unused else ""),
    )
    return turned(found, choices)


def _flat(labels: NDArray[Any], n: int) -> NDArray[Any]:
    labels = one_hot(labels, n)
    return labels.reshape(-1) if labels.size == n else labels


def turned(found: Contents, choices: Choices) -> Contents:
    """Samples first and channels last, where the labels or the sizes say that they are not."""
    data, notes = found.data, list(found.notes)
    n = _count(found.labels, next(iter(found.attributes.values()), None))
    if choices.transpose:
        data = data.T if data.ndim == 2 else np.moveaxis(data, -1, 0)
    elif data.ndim == 2 and n is not None and len(data) != n == data.shape[1]:
        data = data.T
        notes.append(f"Turned: samples are columns in the file, of which there are as many as labels, {n}.")
    elif data.ndim > 2 and n is not None and len(data) != n == data.shape[-1]:
        data = np.moveaxis(data, -1, 0)
        notes.append("The last axis of the file counts the samples.")
    if data.ndim == 4 and data.shape[1] in CHANNELS and data.shape[3] not in CHANNELS:
        data = np.moveaxis(data, 1, 3)
        notes.append("Channels stand first in the file; here they are last.")
    return replace(found, data=data, notes=tuple(notes))


def _count(labels: Labels, column: Column | None) -> int | None:
    """How many samples the labels speak of; of one-hot rows the longer side counts."""
    if labels is None and column is not None:
        labels = column.labels
    if labels is None:
        return None
    values = labels.codes if isinstance(labels, Coded) else labels
    return int(max(values.shape, default=0))

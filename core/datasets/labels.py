"""Labels of any kind as numbers 0..K-1 with a name each; -1 is a sample without one.

An empty cell and NaN are no label, and so is a value that the user names. Such samples count in no score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.checks import MAX_CLASSES, MAX_NAME, check_kind, tidy

UNLABELLED = "no label"
_SAMPLE = 2**16


@dataclass(frozen=True, eq=False)
class Coded:
    """Labels as positions in a list of names; -1 marks a missing one."""

    codes: NDArray[Any]
    names: Sequence[str]


@dataclass(frozen=True, eq=False)
class Column:
    """A column of labels as a file gives it, and names for labels that are 0..K-1 already."""

    labels: NDArray[Any] | Coded
    names: Sequence[str] | None = None


class Encoded(NamedTuple):
    """Labels (n,), the names of their classes, and whether any was the value that stands for no label."""

    y: NDArray[np.int64]
    names: tuple[str, ...]
    marked: bool


def encode(
    source: str,
    labels: NDArray[Any] | Coded,
    n: int,
    class_names: Sequence[str] | None,
    *,
    new: bool = False,
    unlabelled: str | None = None,
) -> Encoded:
    """Labels 0..K-1 in the sorted order of the given ones, -1 where one is missing, and the K names.

    `unlabelled` is a value that stands for no label, as ``"-1"``.

    Raises
    ------
    DataError
        If there is not one label a sample, or they name too many classes, or one for each sample; the last is fine of
        samples that are `new`.
    """
    values = labels.codes if isinstance(labels, Coded) else one_hot(labels, n)
    if values.ndim == 0 or values.size != max(values.shape):
        raise DataError(f"{source}: labels must have shape (n,), (n, 1) or (1, n), or be one-hot (n, K). Got {values.shape}.")
    if values.size != n:
        raise DataError(f"{source}: there must be one label a sample. It has {values.size} labels for {n} samples.")
    values = values.reshape(-1)
    if isinstance(labels, Coded):
        y, names = _encode_codes(source, values, labels.names)
    else:
        y, names = _encode_values(source, values)
    check_classes(source, len(names))
    marked = unlabelled in names
    if unlabelled is not None and marked:
        y, names = _without(y, names, list(names).index(unlabelled))
    if not new:
        _check_groups(source, len(names), n)
    if class_names is not None and set(names) <= {str(k) for k in range(len(class_names))}:
        names = [class_names[int(name)] for name in names]
    return Encoded(y, class_titles(names), marked)


def one_hot(labels: NDArray[Any], n: int) -> NDArray[Any]:
    """Indicator rows as numbers of classes; other labels as they are."""
    if labels.ndim != 2 or min(labels.shape) < 2 or labels.dtype.kind not in "biuf" or n not in labels.shape:
        return labels
    rows = labels if len(labels) == n else labels.T
    if not (np.isin(rows, (0, 1)).all() and (rows.sum(axis=1) == 1).all()):
        return labels
    return rows.argmax(axis=1)


def _without(y: NDArray[np.int64], names: Sequence[str], gone: int) -> tuple[NDArray[np.int64], Sequence[str]]:
    """The labels when one of the values is none."""
    return np.where(y == gone, -1, y - (y > gone)), [*names[:gone], *names[gone + 1 :]]


def check_classes(source: str, n_classes: int, *, at_least: bool = False) -> None:
    """Refuse more classes than can be told apart."""
    if n_classes > MAX_CLASSES:
        more = "at least " if at_least else ""
        raise DataError(f"{source}: the labels name {more}{n_classes} classes; at most {MAX_CLASSES} are allowed.")


def _check_groups(source: str, n_classes: int, n: int) -> None:
    if n_classes == n:
        raise DataError(
            f"{source}: each of the {n} samples has a class of its own, so these are no labels. "
            "Remove them, or give the class of each sample."
        )


def _encode_values(source: str, values: NDArray[Any]) -> tuple[NDArray[np.int64], Sequence[str]]:
    check_kind(source, "the array of labels", values.dtype, "biufUS")
    there = _there(values)
    if values.dtype.kind == "f":
        broken = values[there & ~(np.isfinite(values) & (values == np.floor(values)))]
        if broken.size:
            raise DataError(f"{source}: labels must be whole numbers or text. {broken.size} are not: {broken[0]:g}.")
    check_distinct(source, values)
    y = np.full(values.size, -1, np.int64)
    found, y[there] = np.unique(values[there], return_inverse=True)
    if found.dtype.kind == "S":
        return y, [name.decode("latin-1") for name in found.tolist()]
    if found.dtype.kind == "f":
        return y, [str(int(name)) for name in found.tolist()]
    return y, [str(name) for name in found.tolist()]


def _there(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where there is a label: no NaN, and no empty text."""
    if values.dtype.kind == "f":
        return np.asarray(~np.isnan(values))
    if values.dtype.kind in "US":
        return np.asarray(np.strings.str_len(np.strings.strip(values)) > 0)
    return np.ones(values.size, np.bool_)


def check_distinct(source: str, values: NDArray[Any]) -> None:
    """Refuse too many classes by the first of the labels, before all of them are sorted."""
    if values.size > _SAMPLE:
        check_classes(source, np.unique(values[:_SAMPLE]).size, at_least=True)


def _encode_codes(source: str, codes: NDArray[Any], names: Sequence[str]) -> tuple[NDArray[np.int64], Sequence[str]]:
    check_distinct(source, codes)
    used = np.unique(codes[codes >= 0])
    check_classes(source, used.size)
    order = sorted((code for code in used.tolist() if names[code].strip()), key=lambda code: names[code])
    place = np.full(len(names) + 1, -1, np.int64)  # the last is that of a missing one
    place[order] = np.arange(len(order))
    return place[codes], [names[code] for code in order]


def renumbered(
    y: NDArray[np.int64], classes: Sequence[str], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels of the chosen rows and the names of those that occur, numbered again where one is left out."""
    chosen = y[rows]
    found, there = np.full(len(rows), -1, np.int64), chosen >= 0
    present, found[there] = np.unique(chosen[there], return_inverse=True)
    return found, tuple(classes[label] for label in present.tolist())


def in_groups(y: NDArray[np.int64], classes: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels as groups of a picture: samples without one are a group of their own, the last, where there are such."""
    missing = y < 0
    if not missing.any():
        return y, tuple(classes)
    return np.where(missing, len(classes), y), (*classes, UNLABELLED)


def class_titles(names: Sequence[str]) -> tuple[str, ...]:
    """Class names fit to show: no control characters, at most `MAX_NAME` long, all different."""
    titles: list[str] = []
    seen: set[str] = set()
    for name in names:
        title = base = tidy(name) or "(empty)"
        count = 1
        while title in seen:
            count += 1
            title = f"{base[: MAX_NAME - 7]} ({count})"
        seen.add(title)
        titles.append(title)
    return tuple(titles)

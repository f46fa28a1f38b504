"""Labels of any kind as numbers 0..K-1 with a name each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.checks import MAX_CLASSES, MAX_NAME, check_kind, tidy

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


def encode(
    source: str, labels: NDArray[Any] | Coded, n: int, class_names: Sequence[str] | None, *, new: bool = False
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels 0..K-1 in the sorted order of the given ones, and the K names.

    Raises
    ------
    DataError
        If there is not one label a sample, one is missing, or they name too many classes, or one for each sample; the last
        is fine of samples that are `new`.
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
    if not new:
        _check_groups(source, len(names), n)
    if class_names is not None and set(names) <= {str(k) for k in range(len(class_names))}:
        names = [class_names[int(name)] for name in names]
    return y, class_titles(names)


def one_hot(labels: NDArray[Any], n: int) -> NDArray[Any]:
    """Indicator rows as numbers of classes; other labels as they are."""
    if labels.ndim != 2 or min(labels.shape) < 2 or labels.dtype.kind not in "biuf" or n not in labels.shape:
        return labels
    rows = labels if len(labels) == n else labels.T
    if not (np.isin(rows, (0, 1)).all() and (rows.sum(axis=1) == 1).all()):
        return labels
    return rows.argmax(axis=1)


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
    if values.dtype.kind == "f":
        missing = int((~np.isfinite(values)).sum())
        if missing:
            raise DataError(f"{source}: {missing} of {values.size} labels are missing or infinite.")
        broken = values[values != np.floor(values)]
        if broken.size:
            raise DataError(f"{source}: labels must be whole numbers or text. {broken.size} are not: {broken[0]:g}.")
    check_distinct(source, values)
    found, y = np.unique(values, return_inverse=True)
    if found.dtype.kind == "S":
        return y.astype(np.int64), [name.decode("latin-1") for name in found.tolist()]
    if found.dtype.kind == "f":
        return y.astype(np.int64), [str(int(name)) for name in found.tolist()]
    return y.astype(np.int64), [str(name) for name in found.tolist()]


def check_distinct(source: str, values: NDArray[Any]) -> None:
    """Refuse too many classes by the first of the labels, before all of them are sorted."""
    if values.size > _SAMPLE:
        check_classes(source, np.unique(values[:_SAMPLE]).size, at_least=True)


def _encode_codes(source: str, codes: NDArray[Any], names: Sequence[str]) -> tuple[NDArray[np.int64], Sequence[str]]:
    missing = int((codes < 0).sum())
    if missing:
        raise DataError(f"{source}: {missing} of {codes.size} labels are missing.")
    check_distinct(source, codes)
    used = np.unique(codes)
    check_classes(source, used.size)
    order = sorted(used.tolist(), key=lambda code: names[code])
    place = np.zeros(len(names), np.int64)
    place[order] = np.arange(len(order))
    return place[codes], [names[code] for code in order]


def renumbered(
    y: NDArray[np.int64], classes: Sequence[str], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels of the chosen rows and the names of those that occur, numbered again where one is left out."""
    present, found = np.unique(y[rows], return_inverse=True)
    return found.astype(np.int64), tuple(classes[label] for label in present.tolist())


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

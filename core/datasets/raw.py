"""What a file holds once it has been checked, and the checks that every format shares.

Every file is untrusted. A reader first looks at what the file declares (`check_size`), then expands it, then hands its
arrays to `assemble`, which refuses whatever cannot be clustered. Nothing is repaired in silence.
"""

from __future__ import annotations

import csv
import math
import re
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError

MAX_BYTES = 2**31
"""Largest expanded size of a file and of any array in it, stored or as float32."""
MAX_COLUMNS = 20_000
MAX_CLASSES = 1_000
MIN_SAMPLES = 4
MAX_NAME = 80
MAX_ATTRIBUTES, MAX_ATTRIBUTE_NAME = 8, 40
CHANNELS = (1, 3, 4)
DATA_KEYS = ("images", "fea", "X", "img")
LABEL_KEYS = ("labels", "gnd", "y", "Y", "label")
_ATTRIBUTE_KEY = re.compile(r"\s*labels?_(.*)", re.IGNORECASE | re.DOTALL)

_DAMAGED: tuple[type[Exception], ...] = (
    *(OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, SyntaxError, ArithmeticError),
    *(MemoryError, RuntimeError, UnicodeError, struct.error, csv.Error, zlib.error, zipfile.BadZipFile),
)
"""What parsing libraries raise on damaged files; SciPy and PyArrow have errors of their own besides."""


@dataclass(frozen=True, eq=False)
class Attribute:
    """A named column of labels beside the classes: to colour and to score, never to train on.

    Attributes
    ----------
    y : (n,)
        Values 0..K-1, int64.
    classes
        Names of the K values.
    """

    y: NDArray[np.int64]
    classes: tuple[str, ...]

    def of(self, rows: NDArray[np.int64]) -> Attribute:
        """The column of some rows alone; a value that none of them has drops out."""
        return Attribute(*renumbered(self.y, self.classes, rows))


@dataclass(frozen=True, eq=False)
class RawData:
    """The checked content of a file.

    Attributes
    ----------
    X
        Samples in rows, (n, m): uint8 where the file held that, float32 otherwise. Finite, not constant.
    y
        Labels 0..K-1 in the sorted order of the original ones, or None.
    image_shape
        (h, w) or (h, w, c) where the rows are images.
    classes
        Names of the K classes; empty without labels.
    test
        Rows of the published test part; None where there is none.
    attributes
        Further columns of labels, by name.
    """

    X: NDArray[Any]
    y: NDArray[np.int64] | None
    image_shape: tuple[int, ...] | None
    classes: tuple[str, ...] = ()
    test: NDArray[np.int64] | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


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


def quoted(path: Path | str) -> str:
    """A file's name as messages show it: without its folders, without control characters, not too long."""
    return repr(tidy(Path(path).name))


def tidy(text: str) -> str:
    """Text of unknown origin without control characters, in at most `MAX_NAME` characters."""
    spaced = " ".join(text[: 16 * MAX_NAME].split())
    shown = "".join(mark for mark in spaced if unicodedata.category(mark)[0] != "C")
    return shown if len(shown) <= MAX_NAME else shown[: MAX_NAME - 1] + "…"


@contextmanager
def refusing_damage(source: str, form: str, *also: type[Exception]) -> Iterator[None]:
    """Turn whatever a parsing library raises on a damaged file into a `DataError`."""
    damaged = _DAMAGED + also
    try:
        yield
    except DataError:
        raise
    except damaged as error:
        reason = tidy(str(error)) or type(error).__name__
        raise DataError(f"{source} cannot be read as {form}: cut off, damaged or another kind ({reason}).") from error


def check_size(source: str, what: str, shape: Sequence[int], itemsize: int) -> None:
    """Refuse an array by its declared shape, before anything is expanded."""
    if any(size < 0 for size in shape):
        raise DataError(f"{source}: {what} declares the impossible shape {tuple(shape)}.")
    size = math.prod(shape) * max(itemsize, 4)
    if size > MAX_BYTES:
        raise DataError(
            f"{source}: {what} of shape {tuple(shape)} would take {size / 2**30:.1f} GiB once expanded; "
            f"at most {MAX_BYTES / 2**30:g} GiB are allowed."
        )


def choose_keys(source: str, names: Iterable[str]) -> tuple[str, str | None]:
    """Which array holds the samples and which the labels."""
    present = list(names)
    data = [name for name in present if name in DATA_KEYS]
    labels = [name for name in present if name in LABEL_KEYS]
    shown = ", ".join(repr(tidy(name)) for name in present[:10]) or "nothing"
    if not data:
        raise DataError(f"{source} must hold its samples under one of {', '.join(DATA_KEYS)}. It holds {shown}.")
    if len(data) > 1 or len(labels) > 1:
        raise DataError(
            f"{source} must hold one array of samples ({', '.join(DATA_KEYS)}) and at most one of labels "
            f"({', '.join(LABEL_KEYS)}). It holds {shown}."
        )
    return data[0], labels[0] if labels else None


def attribute_keys(source: str, keys: Iterable[str]) -> dict[str, str]:
    """Which arrays or columns hold attributes: name of the attribute to the key, ``label_<name>`` or ``labels_<name>``.

    Raises
    ------
    DataError
        If a name cannot be used or stands twice, or there are more than `MAX_ATTRIBUTES`.
    """
    found: dict[str, str] = {}
    for key in keys:
        match = _ATTRIBUTE_KEY.match(key)
        if match is None:
            continue
        name = " ".join(match[1].split())
        if not 1 <= len(name) <= MAX_ATTRIBUTE_NAME or tidy(name) != name or set(name) & set("/\\"):
            raise DataError(
                f"{source}: a label column is called label_<name>, with a name of 1 to {MAX_ATTRIBUTE_NAME} characters that "
                f"can be shown, none of them a slash. Got {tidy(key)!r}."
            )
        if name in found:
            raise DataError(f"{source} holds the label column {name!r} twice.")
        found[name] = key
    if len(found) > MAX_ATTRIBUTES:
        raise DataError(f"{source} has {len(found)} label columns beside its classes; at most {MAX_ATTRIBUTES} are allowed.")
    return found


def check_kind(source: str, what: str, dtype: np.dtype[Any], allowed: str) -> None:
    """Refuse an array by its type: `allowed` lists NumPy kinds."""
    if dtype.kind in allowed:
        return
    if dtype.hasobject:
        raise DataError(f"{source}: {what} is a pickled (object) array, which is never opened. Save plain numbers.")
    names = {"c": "complex numbers", "U": "text", "S": "text", "M": "dates", "m": "durations", "V": "records"}
    words = "numbers or text" if "U" in allowed else "real numbers"
    raise DataError(f"{source}: {what} must hold {words}. It holds {names.get(dtype.kind, str(dtype))}.")


def assemble(
    source: str,
    data: NDArray[Any],
    labels: NDArray[Any] | Coded | None,
    image_shape: tuple[int, ...] | None = None,
    class_names: Sequence[str] | None = None,
    attributes: Mapping[str, Column] | None = None,
) -> RawData:
    """Check samples and labels together.

    Parameters
    ----------
    source
        The file, as messages name it.
    data
        (n, m), or (n, h, w), or (n, h, w, c): only the last two are images, unless `image_shape` says so.
    class_names
        Names for labels that are 0..K-1 already.
    attributes
        Further columns of labels, by name; each must pass the checks of labels.

    Raises
    ------
    DataError
        If anything in it cannot be used.
    """
    X, shape = _features(source, data, image_shape)
    further = {
        name: Attribute(*_labels(f"{source}, label column {name!r}", column.labels, len(X), column.names))
        for name, column in (attributes or {}).items()
    }
    if labels is None:
        return RawData(X, None, shape, attributes=further)
    y, classes = _labels(source, labels, len(X), class_names)
    return RawData(X, y, shape, classes, attributes=further)


def _features(
    source: str, data: NDArray[Any], image_shape: tuple[int, ...] | None
) -> tuple[NDArray[Any], tuple[int, ...] | None]:
    check_kind(source, "the array of samples", data.dtype, "biuf")
    if data.ndim not in (2, 3, 4):
        raise DataError(f"{source}: samples must have shape (n, m), (n, h, w) or (n, h, w, c). Got {data.shape}.")
    if data.shape[0] < MIN_SAMPLES or 0 in data.shape:
        raise DataError(f"{source}: at least {MIN_SAMPLES} samples of at least 1 feature are needed. Got {data.shape}.")
    check_size(source, "the array of samples", data.shape, data.itemsize)
    shape = _image_shape(source, data.shape, image_shape)
    flat = data.reshape(len(data), -1)
    with np.errstate(over="ignore", invalid="ignore"):
        X = np.ascontiguousarray(flat, dtype=np.uint8 if data.dtype == np.uint8 else np.float32)
    _check_finite(source, flat, X)
    if X.min() == X.max():
        raise DataError(f"{source}: every value is {X.flat[0]:g}, so there is nothing to cluster.")
    return X, shape


def _check_finite(source: str, stored: NDArray[Any], X: NDArray[Any]) -> None:
    if X.dtype == np.uint8:
        return
    bad = ~np.isfinite(X)
    count = int(bad.sum())
    if count:
        row, column = (int(place) for place in np.unravel_index(int(np.argmax(bad)), X.shape))
        raise DataError(
            f"{source}: every value must be a finite number within float32. {count} of {X.size} are not; the first is "
            f"{stored[row, column]} at sample {row + 1}, feature {column + 1} (counted from 1)."
        )


def _image_shape(source: str, stored: tuple[int, ...], given: tuple[int, ...] | None) -> tuple[int, ...] | None:
    given = None if given is None else check_image_shape(given)
    found = stored[1:] if len(stored) > 2 else None
    if found is not None:
        if len(found) == 3 and found[2] not in CHANNELS:
            raise DataError(f"{source}: images must be (n, h, w) or (n, h, w, c) with c in {CHANNELS}. Got {stored}.")
        found = found[:2] if found[2:] == (1,) else found
        if given not in (None, found):
            raise DataError(f"{source} holds images of shape {found}; an image_shape of {given} was expected.")
        return found
    if given is not None and math.prod(given) != stored[1]:
        raise DataError(f"{source}: image_shape {given} needs {math.prod(given)} features; the file has {stored[1]}.")
    return given


def check_image_shape(given: Sequence[int]) -> tuple[int, ...]:
    """The shape (h, w) or (h, w, c) as a tuple; one channel is the same as none."""
    whole = all(isinstance(size, int | np.integer) and not isinstance(size, bool) for size in given)
    if not whole or len(given) not in (2, 3) or min(given) < 1 or (len(given) == 3 and given[2] not in CHANNELS):
        raise DataError(f"image_shape must be (h, w) or (h, w, c) with c in {CHANNELS}. Got {tuple(given)!r}.")
    shape = tuple(int(size) for size in given)
    return shape[:2] if shape[2:] == (1,) else shape


def _labels(
    source: str, labels: NDArray[Any] | Coded, n: int, class_names: Sequence[str] | None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    values = labels.codes if isinstance(labels, Coded) else labels
    if values.ndim == 0 or values.size != max(values.shape):
        raise DataError(f"{source}: labels must have shape (n,), (n, 1) or (1, n). Got {values.shape}.")
    if values.size != n:
        raise DataError(f"{source}: there must be one label a sample. It has {values.size} labels for {n} samples.")
    values = values.reshape(-1)
    if isinstance(labels, Coded):
        y, names = _encode_codes(source, values, labels.names)
    else:
        y, names = _encode_values(source, values)
    _check_classes(source, len(names), n)
    if class_names is not None and list(names) == [str(k) for k in range(len(class_names))]:
        names = list(class_names)
    return y, class_titles(names)


def _encode_values(source: str, values: NDArray[Any]) -> tuple[NDArray[np.int64], Sequence[str]]:
    check_kind(source, "the array of labels", values.dtype, "biufUS")
    if values.dtype.kind == "f":
        missing = int((~np.isfinite(values)).sum())
        if missing:
            raise DataError(f"{source}: {missing} of {values.size} labels are missing or infinite.")
        broken = values[values != np.floor(values)]
        if broken.size:
            raise DataError(f"{source}: labels must be whole numbers or text. {broken.size} are not: {broken[0]:g}.")
    found, y = np.unique(values, return_inverse=True)
    if found.dtype.kind == "S":
        return y.astype(np.int64), [name.decode("latin-1") for name in found[: MAX_CLASSES + 1].tolist()]
    if found.dtype.kind == "f":
        return y.astype(np.int64), [str(int(name)) for name in found.tolist()]
    return y.astype(np.int64), [str(name) for name in found.tolist()]


def _encode_codes(source: str, codes: NDArray[Any], names: Sequence[str]) -> tuple[NDArray[np.int64], Sequence[str]]:
    missing = int((codes < 0).sum())
    if missing:
        raise DataError(f"{source}: {missing} of {codes.size} labels are missing.")
    used = np.unique(codes)
    _check_classes(source, used.size, codes.size)
    order = sorted(used.tolist(), key=lambda code: names[code])
    place = np.zeros(len(names), np.int64)
    place[order] = np.arange(len(order))
    return place[codes], [names[code] for code in order]


def _check_classes(source: str, n_classes: int, n: int) -> None:
    if n_classes > MAX_CLASSES:
        raise DataError(f"{source}: the labels name {n_classes} classes; at most {MAX_CLASSES} are allowed.")
    if n_classes == n:
        raise DataError(
            f"{source}: each of the {n} samples has a class of its own, so these are no labels. "
            "Remove them, or give the class of each sample."
        )


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

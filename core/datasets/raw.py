"""What a file holds once it has been checked.

Readers hand what they found to `assemble`, which refuses whatever cannot be clustered.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.checks import MIN_SAMPLES, check_kind, check_size, listed
from core.datasets.choices import CHANNELS, Choices
from core.datasets.labels import Coded, Column, Encoded, encode, renumbered
from core.datasets.ranges import Range

_PIECE = 2**22


@dataclass(frozen=True, eq=False)
class Attribute:
    """A named column of labels beside the classes: to colour and to score, never to train on.

    Attributes
    ----------
    y : (n,)
        Values 0..K-1, int64; -1 where a sample has none.
    classes
        Names of the K values.
    """

    y: NDArray[np.int64]
    classes: tuple[str, ...]

    def of(self, rows: NDArray[np.int64]) -> Attribute:
        """The column of some rows alone; a value that none of them has drops out."""
        return Attribute(*renumbered(self.y, self.classes, rows))


MINUS_ONE = "One class is called '-1'. If that stands for samples without a label, say so when the file is read."


@dataclass(frozen=True, eq=False)
class RawData:
    """The checked content of a file.

    Attributes
    ----------
    X
        Samples in rows, (n, m): uint8 where the file held that, float32 otherwise. Finite, not constant.
    y
        Labels 0..K-1 in the sorted order of the original ones, -1 where a sample has none; None without any.
    image_shape
        (h, w) or (h, w, c) where the rows are images.
    classes
        Names of the K classes; empty without labels.
    test
        Rows of the published test part; None where there is none.
    attributes
        Further columns of labels, by name.
    columns
        Names of the features of a table, in their order; empty for arrays.
    range
        What becomes 0..1, where the user has said so; None for what `used_range` finds.
    notes
        Its provenance: what was taken for what, and what is not used, in sentences.
    """

    X: NDArray[Any]
    y: NDArray[np.int64] | None
    image_shape: tuple[int, ...] | None
    classes: tuple[str, ...] = ()
    test: NDArray[np.int64] | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    range: Range | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Contents:
    """What a reader took from a file, not yet checked.

    Attributes
    ----------
    data
        (n, m), or (n, h, w), or (n, h, w, c): only the last two are images, unless the user says so.
    names
        Names for labels that are 0..K-1 already.
    attributes
        Further columns of labels, by name; each must pass the checks of labels.
    range
        What the reader knows to become 0..1; the user's choice goes before it.
    """

    data: NDArray[Any]
    labels: NDArray[Any] | Coded | None = None
    names: Sequence[str] | None = None
    attributes: Mapping[str, Column] = field(default_factory=dict)
    test: NDArray[np.int64] | None = None
    columns: tuple[str, ...] = ()
    range: Range | None = None
    notes: tuple[str, ...] = ()


def assemble(source: str, found: Contents, choices: Choices) -> RawData:
    """Check samples and labels together; `source` is the file, as messages name it.

    Raises
    ------
    DataError
        If anything in it cannot be used.
    """
    X, shape = _features(source, found.data, choices, found.columns)
    about: dict[str, Any] = {"new": choices.new, "unlabelled": choices.unlabelled}
    columns = {
        name: encode(f"{source}, label column {name!r}", column.labels, len(X), column.names, **about)
        for name, column in found.attributes.items()
    }
    further = {name: Attribute(column.y, column.names) for name, column in columns.items() if column.names}
    label = None if found.labels is None else encode(source, found.labels, len(X), found.names, **about)
    y, classes = (None, ()) if label is None else (label.y, label.names)
    _check_marked(source, [*columns.values(), *([label] if label else [])], choices)
    if y is not None and len(classes) == 1 and not choices.new:
        raise DataError(
            f"{source}: all {int((y >= 0).sum())} labels are {classes[0]!r}, and one class is nothing to compare clusters "
            "with. Leave the labels out, or take those that differ."
        )
    notes = tuple(note for note in (*found.notes, _labelled_words(y, classes), choices.words()) if note)
    return RawData(
        X, y if classes else None, shape, classes, found.test, further, found.columns, choices.range or found.range, notes
    )


def _check_marked(source: str, columns: Sequence[Encoded], choices: Choices) -> None:
    """Refuse a value that is to stand for no label and is among none."""
    if choices.unlabelled is None or choices.new or not columns or any(column.marked for column in columns):
        return
    names = dict.fromkeys(name for column in columns for name in column.names)
    raise DataError(
        f"{source}: {choices.unlabelled!r} is to stand for no label, but no label is {choices.unlabelled!r}. "
        f"They are {listed(list(names))}."
    )


def _labelled_words(y: NDArray[np.int64] | None, classes: Sequence[str]) -> str:
    """How many samples have a label, where some have none; and what may be none."""
    if y is None:
        return ""
    known, words = int((y >= 0).sum()), []
    if known < len(y):
        words.append(
            f"{known:,} of {len(y):,} samples have a label: scores count these alone." if known else "No sample has a label."
        )
    if "-1" in classes:
        words.append(MINUS_ONE)
    return " ".join(words)


def _features(
    source: str, data: NDArray[Any], choices: Choices, columns: Sequence[str]
) -> tuple[NDArray[Any], tuple[int, ...] | None]:
    check_kind(source, "the array of samples", data.dtype, "biuf")
    if data.ndim not in (2, 3, 4):
        raise DataError(f"{source}: samples must have shape (n, m), (n, h, w) or (n, h, w, c). Got {data.shape}.")
    least = 1 if choices.new else MIN_SAMPLES
    if data.shape[0] < least or 0 in data.shape:
        raise DataError(f"{source}: at least {least} samples of at least 1 feature are needed. Got {data.shape}.")
    check_size(source, "the array of samples", data.shape, data.itemsize)
    shape = _image_shape(source, data.shape, choices.image_shape)
    _check_differing(source, data, choices)
    flat = data.reshape(len(data), -1)
    with np.errstate(over="ignore", invalid="ignore"):
        X = np.ascontiguousarray(flat, dtype=np.uint8 if data.dtype == np.uint8 else np.float32)
    check_finite(source, flat, X, columns)
    _check_differing(source, X, choices)
    return X, shape


def _check_differing(source: str, values: NDArray[Any], choices: Choices) -> None:
    """Refuse one value everywhere, or one sample: before a copy is made, and again as it is kept."""
    if choices.new:
        return
    if values.min() == values.max():
        raise DataError(f"{source}: every value is {values.flat[0]:g}, so there is nothing to cluster.")
    if all((row == values[0]).all() for row in values):  # ends at the first that differs
        raise DataError(f"{source}: all {len(values):,} samples are the same, so there is nothing to cluster.")


def check_finite(source: str, stored: NDArray[Any], X: NDArray[Any], columns: Sequence[str] = ()) -> None:
    """Refuse values that are missing, infinite or too large; `stored` is what the file has in their place.

    `columns` names the features of a table: what is left out of it is not counted, so a number alone would mislead.
    """
    if X.dtype == np.uint8:
        return
    rows = max(1, _PIECE // X.shape[1])
    count, first = 0, None
    for start in range(0, len(X), rows):
        bad = ~np.isfinite(X[start : start + rows])
        here = int(bad.sum())
        if here and first is None:
            row, column = (int(place) for place in np.unravel_index(int(np.argmax(bad)), bad.shape))
            first = (start + row, column)
        count += here
    if first is not None:
        called = f", called {columns[first[1]]!r}" if columns else ""
        raise DataError(
            f"{source}: every value must be a finite number within float32. {count} of {X.size} are not; the first is "
            f"{stored[first]} at sample {first[0] + 1}, feature {first[1] + 1} (counted from 1){called}."
        )


def _image_shape(source: str, stored: tuple[int, ...], given: tuple[int, ...] | None) -> tuple[int, ...] | None:
    found = stored[1:] if len(stored) > 2 else None
    if found is not None:
        if len(found) == 3 and found[2] not in CHANNELS:
            raise DataError(f"{source}: images must be (n, h, w) or (n, h, w, c) with c in {CHANNELS}. Got {stored}.")
        found = found[:2] if found[2:] == (1,) else found
        if given not in (None, found):
            raise DataError(f"{source} holds images of shape {found}; an image_shape of {given} was expected.")
        return found
    if given is not None and math.prod(given) != stored[1]:
        colour = (
            f" As colour it is {'x'.join(map(str, given))}x{stored[1] // math.prod(given)}."
            if (len(given) == 2 and stored[1] in [c * math.prod(given) for c in CHANNELS])
            else ""
        )
        raise DataError(f"{source}: image_shape {given} needs {math.prod(given)} features; the file has {stored[1]}.{colour}")
    return given

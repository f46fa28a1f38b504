"""What a user decides about a file: which part of it is what. What is left open is guessed, and said."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from core.common import DataError

CHANNELS = (1, 3, 4)
MAX_SIDE = 4096
NO_LABEL = ""


@dataclass(frozen=True)
class Choices:
    """Decisions about a file; the defaults leave them to what is found in it.

    Attributes
    ----------
    label
        Array or column of the classes; ``""`` for none.
    drop, keep
        Columns that are no features; columns that are, whatever they look like.
    image_shape
        (h, w) or (h, w, c) where rows are flattened images; the size that pictures are brought to.
    transpose
        Samples are columns.
    range
        What is black and what is white, or 0 and 1; None for what the values say.
    new
        Samples to label, not to learn from: one is enough, they may be equal, and each may have a class of its own.
    columns
        The features by name, in the order of the data that a run learnt from.
    further
        Arrays or columns of further labels, by any name; ``label_<name>`` always is one.
    text
        Columns of text that become tf-idf weights of their words, and with those of `keep` are all features.
    unlabelled
        A value among the labels that stands for no label, as ``"-1"``; empty cells and NaN always do.
    """

    label: str | None = None
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    image_shape: tuple[int, ...] | None = None
    transpose: bool = False
    range: tuple[float, float] | None = None
    new: bool = False
    columns: tuple[str, ...] = ()
    unlabelled: str | None = None
    text: tuple[str, ...] = ()
    further: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.image_shape is not None:
            object.__setattr__(self, "image_shape", check_image_shape(self.image_shape))
        if self.range is not None:
            object.__setattr__(self, "range", check_range(self.range))
        roles = [*self.drop, *dict.fromkeys((*self.keep, *self.text)), *self.further, *([self.label] if self.label else [])]
        both = next((name for name in roles if roles.count(name) > 1), None)
        if both is not None:
            raise DataError(
                f"A column has one role: it is dropped, a feature, the label or a further label. Got {both!r} for two."
            )

    def to_dict(self) -> dict[str, Any]:
        """What differs from the defaults, as plain data."""
        return {
            field.name: list(value) if isinstance(value, tuple) else value
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) != field.default
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Choices:
        """The inverse of `to_dict`."""
        values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
        return cls(**values)

    def words(self) -> str:
        """The decisions in one sentence; empty where all was left open."""
        said = [
            *(["no labels"] if self.label == NO_LABEL else [f"label {self.label!r}"] if self.label else []),
            *([f"further labels {', '.join(map(repr, self.further))}"] if self.further else []),
            *([f"dropped {', '.join(map(repr, self.drop))}"] if self.drop else []),
            *([f"kept {', '.join(map(repr, self.keep))}"] if self.keep else []),
            *([f"words of {', '.join(map(repr, self.text))} as tf-idf"] if self.text else []),
            *([f"{self.unlabelled!r} is no label"] if self.unlabelled is not None else []),
            *([f"images of {'x'.join(map(str, self.image_shape))}"] if self.image_shape else []),
            *(["transposed"] if self.transpose else []),
            *([f"range {self.range[0]:g} to {self.range[1]:g}"] if self.range else []),
        ]
        return f"Chosen at import: {'; '.join(said)}." if said else ""


def check_image_shape(given: Sequence[int]) -> tuple[int, ...]:
    """The shape (h, w) or (h, w, c) as a tuple; one channel is the same as none."""
    whole = all(isinstance(size, int | np.integer) and not isinstance(size, bool) for size in given)
    if not whole or len(given) not in (2, 3) or min(given) < 1 or (len(given) == 3 and given[2] not in CHANNELS):
        raise DataError(f"image_shape must be (h, w) or (h, w, c) with c in {CHANNELS}. Got {tuple(given)!r}.")
    shape = tuple(int(size) for size in given)
    return shape[:2] if shape[2:] == (1,) else shape


def check_range(given: Sequence[float]) -> tuple[float, float]:
    """Black and white as two finite numbers, the smaller one first."""
    if len(given) != 2 or not all(math.isfinite(end) for end in given) or not given[0] < given[1]:
        raise DataError(f"A range is two numbers, the smaller one first. Got {tuple(given)!r}.")
    return float(given[0]), float(given[1])


def parse_image_shape(text: str) -> tuple[int, ...]:
    """``28x28`` or ``32x32x3`` as a shape."""
    sizes = text.lower().replace("×", "x").split("x")
    if len(sizes) not in (2, 3) or not all(size.strip().isdecimal() and len(size) < 6 for size in sizes):
        raise DataError(f"An image shape is written HxW or HxWxC, as 28x28 or 32x32x3. Got {text!r}.")
    return check_image_shape([int(size) for size in sizes])


def parse_range(text: str) -> tuple[float, float] | None:
    """``0,255`` as a range, ``auto`` as none."""
    if text.strip().lower() == "auto":
        return None
    try:
        return check_range([float(end) for end in text.split(",")])
    except ValueError as error:  # a DataError is one too
        raise DataError(f"A range is written lo,hi, as 0,255, or auto. Got {text!r}.") from error


def parse_change(text: str) -> tuple[float, float] | Literal["auto"] | None:
    """A range as it is changed: what is not written stays as it is."""
    return parse_range(text) or "auto" if text.strip() else None

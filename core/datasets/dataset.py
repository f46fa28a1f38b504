"""What every method gets: a `Dataset`, and the `DataSpec` that says how it was made."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.peculiar import peculiarities
from core.datasets.raw import Attribute
from core.datasets.synthetic import MAKERS, checked_knobs

Scaling = Literal["unit", "columns", "standard", "l2", "none"]
SCALINGS: tuple[str, ...] = get_args(Scaling)
MAX_NOISE = 5.0


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples, their labels where there are any, and how to show them.

    Attributes
    ----------
    name
        Name in the catalogue, of an upload, or path of a file.
    X
        Samples in rows, float32, (n, m).
    y
        Labels 0..K-1, int64, -1 where a sample has none; None without any. Methods never see them; only scores do.
    image_shape
        (h, w) or (h, w, c) where the samples are images.
    title, classes
        For people: the name of the data set and of each class.
    scaling
        How the stored values were scaled.
    test
        Held-out samples that no method learns from, scaled as these are; None unless `DataSpec.n_test` asks for some.
    attributes
        Further columns of labels, by name. No method sees them: they colour and they score.
    columns
        Names of the features of a table, in their order; empty for arrays.
    notes
        Provenance: what was taken for what when the file was read, which range becomes 0 to 1, what is not used.
    """

    name: str
    X: NDArray[np.float32]
    y: NDArray[np.int64] | None
    image_shape: tuple[int, ...] | None
    title: str
    classes: tuple[str, ...]
    scaling: str
    test: Dataset | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return len(self.X)

    @property
    def n_classes(self) -> int | None:
        """Number of classes; None without labels."""
        return None if self.y is None else len(self.classes)

    @property
    def n_labelled(self) -> int:
        """Number of samples that have a label: only these count in scores."""
        return 0 if self.y is None else int((self.y >= 0).sum())

    @property
    def partly_labelled(self) -> bool:
        """Whether some samples have a label and others have none."""
        return 0 < self.n_labelled < self.n_samples

    @property
    def samples(self) -> NDArray[np.float32]:
        """The samples as methods take them: (n, h, w[, c]) for images, else (n, m). A view of `X`."""
        return self.X if self.image_shape is None else self.X.reshape(len(self.X), *self.image_shape)

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with the content: values, labels or image shape.

        Attributes do not change it: no result depends on them, and runs and networks that are kept refer to it.
        """
        digest = hashlib.sha256(f"{self.X.shape} {self.image_shape} {self.y is None} ".encode())
        digest.update(np.ascontiguousarray(self.X).data)
        if self.y is not None:
            digest.update(np.ascontiguousarray(self.y).data)
        return digest.hexdigest()[:16]

    @cached_property
    def peculiarities(self) -> list[str]:
        """Sentences on equal samples and on features that never change."""
        return peculiarities(self.X)

    @cached_property
    def _range(self) -> tuple[float, float]:
        low, high = float(self.X.min()), float(self.X.max())
        return (min(low, 0.0), max(high, 1.0)) if self.scaling == "unit" else (low, high)

    def images(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """Samples as pictures, (len, h, w[, c]) in 0..255, as methods see them.

        Of the scaling ``unit`` black is 0 and white is 1, as far as the values stay within; else black and white are the
        extremes of the whole data set.

        Raises
        ------
        DataError
            If the samples are not images.
        """
        if self.image_shape is None:
            raise DataError(f"The samples of {self.name!r} are not images: they have {self.X.shape[1]} plain features.")
        low, high = self._range
        chosen = self.X[np.asarray(indices, dtype=np.intp)].astype(np.float64)
        grey = np.rint((chosen - low) * (255 / ((high - low) or 1))).astype(np.uint8)
        return grey.reshape(len(chosen), *self.image_shape)

    def class_counts(self) -> dict[str, int]:
        """Number of samples of each class; empty without labels."""
        if self.y is None:
            return {}
        counts = np.bincount(self.y[self.y >= 0], minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist(), strict=True))


@dataclass(frozen=True)
class DataSpec:
    """Which data set, and which part of it.

    The part is chosen in this order: the first `n_classes` classes, then the `n_test` samples that are held out, then
    `per_class` samples of each class, then `n_samples` of what is left. All random choices come from `seed` and keep the
    stored order.

    Attributes
    ----------
    name
        Name in the catalogue, of an upload, or path of a file.
    n_samples
        Size of a uniformly random subset.
    per_class
        Random samples of each class.
    n_classes
        Number of classes, from the first.
    n_test
        Samples held out for testing: random ones of the published test part where there is one, which then is kept out of
        the training samples whole; else of all.
    seed
        Seed of the random choices.
    scaling
        ``unit``: by the range of the whole stored array that `core.datasets.ranges.used_range` finds, or that was chosen at
        import; 8-bit images by 255. ``columns``: each feature by its own range over the chosen samples, to 0 to 1.
        ``standard``: zero mean and unit variance of each feature over the chosen samples. ``l2``: ``unit``, then rows of
        unit length. ``none``: as stored.
    noise
        Standard deviation of the Gaussian noise that is added to every value after scaling, also to the held-out samples;
        it is drawn from `seed`, and nothing is clipped.
    make
        Knobs of a data set that is made on the fly, those that differ from their defaults; it is made from `seed`.
    """

    name: str
    n_samples: int | None = None
    per_class: int | None = None
    n_classes: int | None = None
    seed: int = 0
    scaling: Scaling = "unit"
    n_test: int | None = None
    noise: float = 0.0
    make: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise DataError(f"The name of a data set must be text. Got {self.name!r}.")
        for key, low in (("n_samples", 4), ("per_class", 1), ("n_classes", 1), ("n_test", 4)):
            value = getattr(self, key)
            if value is not None and not (_is_whole(value) and value >= low):
                raise DataError(f"{key} must be an integer of at least {low}, or None. Got {value!r}.")
        if not (_is_whole(self.seed) and 0 <= self.seed < 2**63):
            raise DataError(f"seed must be an integer in [0, 2^63). Got {self.seed!r}.")
        if self.scaling not in SCALINGS:
            raise DataError(f"scaling must be one of {', '.join(SCALINGS)}. Got {self.scaling!r}.")
        if not (_is_real(self.noise) and 0 <= self.noise <= MAX_NOISE):
            raise DataError(f"noise must be a number in [0, {MAX_NOISE:g}]. Got {self.noise!r}.")
        object.__setattr__(self, "make", checked_knobs(self.name, self.make))

    @property
    def label(self) -> str:
        """The name for people, the knobs that were turned, and the noise where there is some."""
        turned = ", ".join(f"{knob} {value:g}" for knob, value in self.make.items())
        return with_noise(f"{self.name} ({turned})" if turned else self.name, self.noise)

    @property
    def knobs(self) -> dict[str, Any]:
        """The value of every knob of a data set that is made on the fly; empty for all others."""
        return MAKERS[self.name].values(self.make) if self.name in MAKERS else {}

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain data."""
        return {name: getattr(self, name) for name in _SPEC_FIELDS} | {"make": dict(self.make)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> DataSpec:
        """The inverse of `to_dict`; fields that are left out keep their defaults.

        Raises
        ------
        DataError
            If a field is unknown, missing or out of bounds.
        """
        unknown = sorted(str(key) for key in set(fields) - set(_SPEC_FIELDS))
        if unknown or "name" not in fields:
            problem = f"has the unknown fields {unknown}" if unknown else "has no 'name'"
            raise DataError(f"The description of a data set {problem}. Known: {', '.join(_SPEC_FIELDS)}.")
        return cls(**fields)


_SPEC_FIELDS = tuple(field.name for field in dataclasses.fields(DataSpec))


def with_noise(title: str, noise: float) -> str:
    """A title that says how much noise was added, if any was."""
    return f"{title} with noise {noise:g}" if noise else title


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_real(value: object) -> bool:
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))

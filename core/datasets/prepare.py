"""From the stored values to what methods get: choose a part, scale, then add noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.checks import MIN_SAMPLES, listed
from core.datasets.dataset import Dataset, DataSpec, with_noise
from core.datasets.labels import renumbered
from core.datasets.ranges import Range, found_range, of_another_scale, range_words, used_range
from core.datasets.raw import Attribute, RawData

Rows = NDArray[np.int64]
_FAR, _TINY = 1.0, 1e-30
_HOLD_OUT, _NOISE, _NOISE_OF_TEST, _NOISE_OF_NEW = 1, 2, 3, 4
"""Streams of random numbers of their own, so that no draw changes another; new samples get new noise."""


def prepare(raw: RawData, spec: DataSpec, title: str) -> Dataset:
    """Make the data set that `spec` describes of the content of a file."""
    rows, held_out = choose_rows(raw, spec)
    if len(rows) < MIN_SAMPLES:
        raise DataError(f"At least {MIN_SAMPLES} samples are needed. The chosen part of {spec.name!r} has {len(rows)}.")
    both = np.concatenate([rows, held_out])  # a class, or a value of an attribute, has one number in both parts
    y, classes = _labels(raw, both)
    y_train, y_test = (None, None) if y is None else (_known(y[: len(rows)]), _known(y[len(rows) :]))
    attributes = {name: attribute.of(both) for name, attribute in raw.attributes.items()}
    title, shape, test = with_noise(title, spec.noise), raw.image_shape, None
    if spec.n_test is not None:
        X_test = _noisy(scale(raw, held_out, spec.scaling, model=raw, model_rows=rows), spec, _NOISE_OF_TEST)
        apart = _sliced(attributes, slice(len(rows), None))
        test = Dataset(
            spec.name, X_test, y_test, shape, f"{title}, held out", classes, spec.scaling, attributes=apart, columns=raw.columns
        )
    X, own = _noisy(scale(raw, rows, spec.scaling), spec, _NOISE), _sliced(attributes, slice(len(rows)))
    notes = (*raw.notes, range_words(raw.X, _unit_range(raw), raw.range)) if spec.scaling == "unit" else raw.notes
    return Dataset(spec.name, X, y_train, shape, title, classes, spec.scaling, test, own, raw.columns, notes)


def prepare_like(raw: RawData, spec: DataSpec, title: str, model: RawData, model_spec: DataSpec) -> Dataset:
    """New samples, scaled as those of another data set were: by its range, or by its means and deviations.

    They get the noise that their own spec asks for, none by default, and never that of the other data set.

    Raises
    ------
    DataError
        If the new samples have another shape.
    """
    raw = _unfolded(_in_the_order_of(raw, spec, model), model)
    if raw.X.shape[1] != model.X.shape[1] or raw.image_shape != model.image_shape:
        raise DataError(
            f"The new samples must be {_shape(model)}, like those of {model_spec.name!r}. Got {_shape(raw)} in {spec.name!r}."
        )
    raw, note = _on_the_scale_of(raw, model, model_spec.scaling)
    rows, _ = choose_rows(raw, spec)
    X = scale(raw, rows, model_spec.scaling, model=model, model_rows=choose_rows(model, model_spec)[0])
    y, classes = _labels(raw, rows)
    attributes = _sliced({name: attribute.of(rows) for name, attribute in raw.attributes.items()}, slice(None))
    X, title = _noisy(X, spec, _NOISE_OF_NEW), with_noise(title, spec.noise)
    return Dataset(
        spec.name, X, y, raw.image_shape, title, classes, model_spec.scaling, attributes=attributes, columns=raw.columns,
        notes=(*raw.notes, *([note] if note else [])),
    )  # fmt: skip


def _unfolded(raw: RawData, model: RawData) -> RawData:
    """Rows that are as long as a flattened picture of the model are such pictures."""
    if raw.image_shape is not None or model.image_shape is None or raw.X.shape[1] != model.X.shape[1]:
        return raw
    shape = " x ".join(map(str, model.image_shape))
    return replace(raw, image_shape=model.image_shape, notes=(*raw.notes, f"Rows are taken for flattened images of {shape}."))


def _in_the_order_of(raw: RawData, spec: DataSpec, model: RawData) -> RawData:
    """The columns of the model by their names; what else there is does not matter."""
    if not (raw.columns and model.columns) or raw.columns == model.columns:
        return raw
    place = {name: number for number, name in enumerate(raw.columns)}
    missing = [name for name in model.columns if name not in place]
    if missing:
        raise DataError(
            f"{spec.name!r} lacks the column {listed(missing)} that the run learnt from. It has {listed(raw.columns)}."
        )
    order = [place[name] for name in model.columns]
    further = [name for name in raw.columns if name not in model.columns]
    said = "Columns are matched by name." + (f" Not learnt from: {listed(further)}." if further else "")
    return replace(raw, X=np.ascontiguousarray(raw.X[:, order]), columns=model.columns, notes=(*raw.notes, said))


def _on_the_scale_of(raw: RawData, model: RawData, scaling: str) -> tuple[RawData, str]:
    """New pictures in the range of those of the model, where they were stored in another one; and what to say of it."""
    used, (low, high) = _unit_range(model), found_range(raw.X)
    if raw.image_shape is not None and scaling != "none" and of_another_scale(raw.X, used):
        own = _unit_range(raw)
        stretch = (used[1] - used[0]) / (own[1] - own[0])
        X = ((raw.X.astype(np.float64) - own[0]) * stretch + used[0]).astype(np.float32)
        return replace(raw, X=X), (
            f"The new pictures span {low:g} to {high:g} where those of the run span {used[0]:g} to {used[1]:g}: "
            f"{own[0]:g} to {own[1]:g} was brought to that range."
        )
    span = used[1] - used[0]
    if low < used[0] - _FAR * span or high > used[1] + _FAR * span:
        return raw, (
            f"The new values span {low:g} to {high:g}, far beyond the range {used[0]:g} to {used[1]:g} that the run learnt "
            "from: check that they are measured alike."
        )
    return raw, ""


def _shape(raw: RawData) -> str:
    return f"images of {' x '.join(map(str, raw.image_shape))}" if raw.image_shape else f"vectors of {raw.X.shape[1]}"


def choose_rows(raw: RawData, spec: DataSpec) -> tuple[Rows, Rows]:
    """Sorted row numbers of the part that `spec` asks for, and of what it holds out for testing."""
    random = np.random.default_rng(spec.seed)
    rows = np.arange(len(raw.X))
    if spec.n_classes is not None:
        y = _needed_labels(raw, spec, "n_classes")
        rows = rows[(y >= 0) & (y < _checked_classes(raw, spec))]
    rows, held_out = _hold_out(raw, rows, spec)
    if spec.per_class is not None:
        rows = _per_class(_needed_labels(raw, spec, "per_class"), rows, spec, raw.classes, random)
    if spec.n_samples is not None:
        if spec.n_samples > len(rows):
            raise DataError(f"n_samples must be at most {len(rows)} for {spec.name!r}. Got {spec.n_samples}.")
        rows = np.sort(random.choice(rows, spec.n_samples, replace=False))
    return rows, held_out


def _hold_out(raw: RawData, rows: Rows, spec: DataSpec) -> tuple[Rows, Rows]:
    """Rows to learn from, and rows to test on; the draw has a stream of its own, so that it changes no other."""
    if spec.n_test is None:
        return rows, rows[:0]
    pool = rows if raw.test is None else np.intersect1d(rows, raw.test)
    most = len(pool) - MIN_SAMPLES if raw.test is None else len(pool)
    if spec.n_test > most:
        raise DataError(f"n_test must be at most {most} for {spec.name!r}. Got {spec.n_test}.")
    held_out = np.sort(np.random.default_rng([spec.seed, _HOLD_OUT]).choice(pool, spec.n_test, replace=False))
    return np.setdiff1d(rows, held_out if raw.test is None else raw.test), held_out


def _needed_labels(raw: RawData, spec: DataSpec, key: str) -> NDArray[np.int64]:
    if raw.y is None:
        raise DataError(f"{key} needs labels, and {spec.name!r} has none. Use n_samples.")
    return raw.y


def _checked_classes(raw: RawData, spec: DataSpec) -> int:
    wanted = spec.n_classes or 0
    if wanted > len(raw.classes):
        raise DataError(f"n_classes must be at most {len(raw.classes)} for {spec.name!r}. Got {wanted}.")
    return wanted


def _per_class(y: Rows, rows: Rows, spec: DataSpec, classes: tuple[str, ...], random: np.random.Generator) -> Rows:
    chosen: list[Rows] = []
    for label in np.unique(y[rows][y[rows] >= 0]).tolist():
        members = rows[y[rows] == label]
        if len(members) < (spec.per_class or 0):
            raise DataError(
                f"per_class must be at most {len(members)} here: the class {classes[label]!r} of {spec.name!r} has no "
                f"more samples. Got {spec.per_class}."
            )
        chosen.append(random.choice(members, spec.per_class, replace=False))
    return np.sort(np.concatenate(chosen))


def _labels(raw: RawData, rows: Rows) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Labels of the chosen rows, numbered again where a class is left out; None where none of them has one."""
    y, classes = (None, ()) if raw.y is None else renumbered(raw.y, raw.classes, rows)
    return (y, classes) if classes else (None, ())


def _known(y: Rows) -> Rows | None:
    return y if (y >= 0).any() else None


def _sliced(attributes: Mapping[str, Attribute], part: slice) -> dict[str, Attribute]:
    """The columns of a part, as far as they say anything of it."""
    parts = {name: Attribute(attribute.y[part], attribute.classes) for name, attribute in attributes.items()}
    return {name: attribute for name, attribute in parts.items() if (attribute.y >= 0).any()}


def _noisy(X: NDArray[np.float32], spec: DataSpec, stream: int) -> NDArray[np.float32]:
    """The scaled samples with the noise of the spec; they themselves where it asks for none."""
    if not spec.noise:
        return X
    noise = np.random.default_rng([spec.seed, stream]).standard_normal(X.shape, dtype=np.float32)
    noise *= np.float32(spec.noise)
    noise += X
    return noise


def scale(
    raw: RawData, rows: Rows, scaling: str, *, model: RawData | None = None, model_rows: Rows | None = None
) -> NDArray[np.float32]:
    """The chosen rows as float32, scaled (see `DataSpec`) by themselves, or by those of a model."""
    X = raw.X[rows].astype(np.float32)
    model = model or raw
    if scaling == "none":
        return X
    if scaling in ("standard", "columns"):
        by_columns = _standard if scaling == "standard" else _columns
        return by_columns(X, X if model_rows is None else model.X[model_rows].astype(np.float32))
    low, high = _unit_range(model)
    if low == 0 and high >= _TINY:
        X /= np.float32(high)
    else:
        X = ((X.astype(np.float64) - low) / (high - low)).astype(np.float32)
    return _unit_rows(X) if scaling == "l2" else X


def _unit_range(raw: RawData) -> Range:
    return used_range(raw.X, images=raw.image_shape is not None, given=raw.range)


def _standard(X: NDArray[np.float32], model: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = model.mean(axis=0, dtype=np.float64)
    spread = (model - mean).std(axis=0)
    constant = model.min(axis=0) == model.max(axis=0)
    centred: NDArray[Any] = X - mean
    centred[:, constant] = 0
    return (centred / np.where(constant, 1, spread)).astype(np.float32)


def _columns(X: NDArray[np.float32], model: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = model.min(axis=0).astype(np.float64), model.max(axis=0).astype(np.float64)
    moved: NDArray[Any] = X - low
    moved[:, low == high] = 0
    return (moved / np.where(low == high, 1, high - low)).astype(np.float32)


def _unit_rows(X: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(X.astype(np.float64), axis=1, keepdims=True)
    return (X / np.where(length == 0, 1, length)).astype(np.float32)

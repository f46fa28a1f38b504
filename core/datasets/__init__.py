"""Data sets: named ones, files and uploads, all through `load`.

Uses `core.common`.

>>> from core.datasets import load
>>> load("digits", per_class=10).X.shape
(100, 64)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.common import DataError, UnknownName
from core.datasets.apart import look_at, read_file
from core.datasets.catalogue import Entry, available, checksum_matches, entries, entry, find, origin_note, read_entry
from core.datasets.checks import tidy
from core.datasets.choices import Choices, parse_change, parse_image_shape, parse_range
from core.datasets.dataset import MAX_NOISE, SCALINGS, Dataset, DataSpec, Scaling
from core.datasets.errand import Errand
from core.datasets.export import export
from core.datasets.fetch import fetch, known_as, megabytes
from core.datasets.labels import UNLABELLED, in_groups
from core.datasets.prepare import prepare, prepare_like
from core.datasets.raw import MINUS_ONE, Attribute, RawData
from core.datasets.readers import SUFFIXES, is_data_file, read_here
from core.datasets.recipes import RECIPES, Recipe
from core.datasets.scratch import scratch
from core.datasets.subspaces import principal_angles, subspace_bases
from core.datasets.synthetic import MAKERS, Maker, parse_knobs
from core.datasets.table import recommends_standard
from core.datasets.telling import heard_by
from core.datasets.uploads import (
    change_upload,
    find_upload,
    import_file,
    put_down,
    sample_shape,
    store_upload,
    store_uploads,
    uploads,
)

__all__ = [
    "MAKERS",
    "MAX_NOISE",
    "MINUS_ONE",
    "RECIPES",
    "SCALINGS",
    "SUFFIXES",
    "UNLABELLED",
    "Attribute",
    "Choices",
    "DataError",
    "DataSpec",
    "Dataset",
    "Entry",
    "Errand",
    "Maker",
    "RawData",
    "Recipe",
    "Scaling",
    "available",
    "change_upload",
    "checksum_matches",
    "dataset_names",
    "entries",
    "entry",
    "export",
    "fetch",
    "find",
    "heard_by",
    "import_file",
    "in_groups",
    "is_upload",
    "known_as",
    "load",
    "load_like",
    "look_at",
    "megabytes",
    "origin_note",
    "parse_change",
    "parse_image_shape",
    "parse_knobs",
    "parse_range",
    "principal_angles",
    "put_down",
    "read_file",
    "recommends_standard",
    "sample_shape",
    "scratch",
    "store_upload",
    "store_uploads",
    "subspace_bases",
    "uploads",
]


def is_upload(name: str) -> bool:
    """Whether a user has brought it."""
    return find_upload(name) is not None


def dataset_names() -> dict[str, bool]:
    """Names that `load` knows, the catalogue before the uploads, and whether each is on this machine."""
    return {listed.name: available(listed.name) for listed in entries()} | {path.stem: True for path in uploads()}


def load(
    name_or_path_or_spec: str | Path | DataSpec,
    *,
    n_samples: int | None = None,
    per_class: int | None = None,
    n_classes: int | None = None,
    n_test: int | None = None,
    seed: int = 0,
    scaling: Scaling = "unit",
    noise: float = 0.0,
    make: Mapping[str, Any] | None = None,
    image_shape: tuple[int, ...] | None = None,
) -> Dataset:
    """Load a data set, whole or in part.

    Parameters
    ----------
    name_or_path_or_spec
        Name in the catalogue or of an upload, path of a file whose name ends in one of `SUFFIXES`, or a `DataSpec`,
        which then says all the rest.
    n_samples, per_class, n_classes, n_test, seed, scaling, noise, make
        As in `DataSpec`.
    image_shape
        (h, w) or (h, w, c) where the rows of a file are flattened images.

    Raises
    ------
    UnknownName
        If nothing has that name.
    DataError
        If it is not on this machine, or cannot be read or used.
    """
    part = {"n_samples": n_samples, "per_class": per_class, "n_classes": n_classes, "n_test": n_test}
    if isinstance(name_or_path_or_spec, DataSpec):
        if any(value is not None for value in part.values()) or seed or scaling != "unit" or noise or make:
            raise DataError("Give the part of a data set in its DataSpec or as keywords, not both.")
        spec = name_or_path_or_spec
    else:
        spec = DataSpec(os.fspath(name_or_path_or_spec), **part, seed=seed, scaling=scaling, noise=noise, make=make or {})
    raw, title = _read(spec, Choices(image_shape=image_shape))
    return prepare(raw, spec, title)


def load_like(spec: DataSpec, model: DataSpec) -> Dataset:
    """New samples for a method that was fitted on `model`: of the same shape, and scaled as those were.

    Noise is that of `spec` alone: the noise of `model` belongs to its training, so new samples are clean unless they ask
    for some of their own.

    Raises
    ------
    UnknownName, DataError
        As `load`; also if the shapes differ.
    """
    learnt, title = _read(model, Choices())
    if spec.name == model.name:
        return prepare_like(learnt, spec, title, learnt, model)
    raw, title = _read(spec, Choices(new=True, columns=learnt.columns), of_pictures=learnt.image_shape)
    return prepare_like(raw, spec, title, learnt, model)


def _read(spec: DataSpec, choices: Choices, of_pictures: tuple[int, ...] | None = None) -> tuple[RawData, str]:
    """The content behind a name, and its title; what the app has not checked is read apart, and pictures get a size."""
    known, name = {listed.name: listed for listed in entries()}, spec.name
    if name in known:
        if choices.image_shape not in (None, known[name].shape):
            raise DataError(f"The images of {name!r} have shape {known[name].shape}. Got image_shape {choices.image_shape}.")
        return read_entry(name, spec.make, spec.seed), known[name].title
    upload = find_upload(name)
    if upload is not None:
        return read_here(upload, replace(choices, columns=())), upload.stem
    if "\0" not in name and (is_data_file(name) or len(Path(name).parts) > 1):
        pictures = Path(name).is_dir() or Path(name).suffix.lower() == ".zip"
        return read_file(name, replace(choices, image_shape=of_pictures) if pictures else choices), tidy(Path(name).stem)
    raise UnknownName("data set", name, dataset_names())


def modified(name: str) -> float:
    """Time at which the file behind a name changed last; 0 for what is bundled or not there."""
    path = find_upload(name) or (find(name) if name in dataset_names() else Path(name))
    return path.stat().st_mtime if path is not None and path.is_file() else 0.0

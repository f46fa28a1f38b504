"""Read MATLAB files: version 4 (`mat4`), 5 to 7 (`mat5`), and 7.3, which is HDF5 (`hdf5`).

MATLAB stores arrays by columns. A row that holds a flattened image is therefore folded by columns, which turns the
image upright; this concerns the field's own files (`KNOWN`) and an `image_shape` that the user gives.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.arrays import Stored, choose
from core.datasets.checks import quoted, refusing_damage
from core.datasets.choices import Choices, check_image_shape
from core.datasets.hdf5 import list_hdf5
from core.datasets.mat4 import is_version_4, list_mat4
from core.datasets.mat5 import list_mat5
from core.datasets.raw import Contents, RawData, assemble

KNOWN: dict[str, tuple[int, int]] = {
    "coil20.mat": (32, 32),
    "orl_32x32.mat": (32, 32),
    "umist-32-32.mat": (32, 32),
    "yalebcrop025.mat": (48, 42),
}
"""Files of the field whose rows are images, and the height and width of those."""
_YALE = "yalebcrop025.mat"


def read_mat(path: Path, choices: Choices) -> RawData:
    """Read samples, labels and label columns of a MATLAB file."""
    source, name = quoted(path), path.name.lower()
    known = KNOWN.get(name)
    with refusing_damage(source, "a MATLAB file"):
        stored = list_mat(path)
        is_yale = name == _YALE and "Y" in stored
        found = _unfold_yale(source, stored["Y"].read()) if is_yale else choose(source, stored, choices)
        if known is not None or (choices.image_shape is not None and found.data.ndim == 2):
            found = replace(found, data=_upright(source, found.data, known or check_image_shape(choices.image_shape or ())))
        return assemble(source, found, choices)


def list_mat(path: Path) -> Mapping[str, Stored]:
    """The variables of a MATLAB file; those of its only struct, where it holds nothing else."""
    import h5py

    source = quoted(path)
    with refusing_damage(source, "a MATLAB file"):
        if h5py.is_hdf5(path):
            return list_hdf5(path, source)
        return list_mat4(path, source) if is_version_4(path) else list_mat5(path, source)


def _unfold_yale(source: str, data: NDArray[Any]) -> Contents:
    """(pixels, images, subjects), as in YaleBCrop025.mat, to rows in the order of the subjects."""
    if data.ndim != 3 or data.shape[0] != math.prod(KNOWN[_YALE]):
        raise DataError(f"{source}: the variable Y must have shape (2016, images, subjects). Got {data.shape}.")
    pixels, images, subjects = data.shape
    return Contents(data.transpose(2, 1, 0).reshape(-1, pixels), np.repeat(np.arange(subjects), images))


def _upright(source: str, data: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Fold rows into images by columns, MATLAB's order."""
    if data.size != len(data) * math.prod(shape):
        raise DataError(f"{source}: images of shape {shape} need {math.prod(shape)} features. Got shape {data.shape}.")
    folded = data.reshape(len(data), *reversed(shape))
    return folded.transpose(0, *range(folded.ndim - 1, 0, -1))

"""Read MATLAB files: version 5 to 7 (see `mat5`), and version 7.3, which is HDF5, through h5py.

Only plain numeric arrays are opened, and what a variable is and how large is checked before anything of it is loaded.
An HDF5 variable may not live in another file, and its compressed chunks may not be larger than they declare.

MATLAB stores arrays by columns. A row that holds a flattened image is therefore folded by columns, which turns the
image upright; this concerns the field's own files (`KNOWN`) and an `image_shape` that the user gives.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.mat5 import NUMERIC, read_variable, variables
from core.datasets.raw import (
    Column,
    RawData,
    assemble,
    attribute_keys,
    check_image_shape,
    check_size,
    choose_keys,
    quoted,
    refusing_damage,
    tidy,
)

if TYPE_CHECKING:
    import h5py

KNOWN: dict[str, tuple[int, int]] = {
    "coil20.mat": (32, 32),
    "orl_32x32.mat": (32, 32),
    "umist-32-32.mat": (32, 32),
    "yalebcrop025.mat": (48, 42),
}
"""Files of the field whose rows are images, and the height and width of those."""
_YALE = "yalebcrop025.mat"
_CHUNK, _PIECE = 2**20, 2**14
Labels = NDArray[Any] | None
Read = tuple[NDArray[Any], Labels, dict[str, NDArray[Any]]]
"""Samples, labels, and further columns of labels by name."""


def read_mat(path: Path, image_shape: tuple[int, ...] | None = None) -> RawData:
    """Read samples, labels and label columns of a MATLAB file."""
    source = quoted(path)
    known = KNOWN.get(path.name.lower())
    yale = path.name.lower() == _YALE
    with refusing_damage(source, "a MATLAB file"):
        data, labels, further = _read_hdf5(path, source, yale) if _is_hdf5(path) else _read_v5(path, source, yale)
        if yale and labels is None:
            data, labels = _unfold_yale(source, data)
        elif known is None and data.ndim > 2:
            data = _samples_first(data, next(iter(further.values()), None) if labels is None else labels)
        if known is not None or (image_shape is not None and data.ndim == 2):
            data = _upright(source, data, known or check_image_shape(image_shape or ()))
    attributes = {name: Column(values) for name, values in further.items()}
    return assemble(source, data, labels, image_shape, attributes=attributes)


def _is_hdf5(path: Path) -> bool:
    import h5py

    return bool(h5py.is_hdf5(path))


def _keys(source: str, names: list[str], yale: bool) -> tuple[str, str | None]:
    if len(set(names)) != len(names):
        raise DataError(f"{source} holds two variables of the same name.")
    return ("Y", None) if yale and "Y" in names else choose_keys(source, names)


def _samples_first(data: NDArray[Any], labels: Labels) -> NDArray[Any]:
    """MATLAB often puts the samples last: the labels tell, and without labels the first axis counts."""
    n = len(data) if labels is None else labels.size
    return np.moveaxis(data, -1, 0) if data.shape[-1] == n != len(data) else data


def _unfold_yale(source: str, data: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """(pixels, images, subjects), as in YaleBCrop025.mat, to rows in the order of the subjects."""
    if data.ndim != 3 or data.shape[0] != math.prod(KNOWN[_YALE]):
        raise DataError(f"{source}: the variable Y must have shape (2016, images, subjects). Got {data.shape}.")
    pixels, images, subjects = data.shape
    return data.transpose(2, 1, 0).reshape(-1, pixels), np.repeat(np.arange(subjects), images)


def _upright(source: str, data: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Fold rows into images by columns, MATLAB's order."""
    if data.size != len(data) * math.prod(shape):
        raise DataError(f"{source}: images of shape {shape} need {math.prod(shape)} features. Got shape {data.shape}.")
    folded = data.reshape(len(data), *reversed(shape))
    return folded.transpose(0, *range(folded.ndim - 1, 0, -1))


def _read_v5(path: Path, source: str, yale: bool) -> Read:
    listed = variables(path, source)
    names = [variable.name for variable in listed if variable.name]
    data_key, label_key = _keys(source, names, yale)
    further = attribute_keys(source, names)
    by_name = {variable.name: variable for variable in listed}
    wanted = [by_name[key] for key in (data_key, label_key, *further.values()) if key is not None]
    for variable in wanted:
        if variable.kind not in NUMERIC:
            raise _not_numeric(source, variable.name, variable.kind)
        check_size(source, f"the variable {variable.name!r}", variable.shape, 8)
    arrays = {variable.name: read_variable(path, source, variable) for variable in wanted}
    labels = None if label_key is None else arrays[label_key]
    return arrays[data_key], labels, {name: arrays[key] for name, key in further.items()}


def _not_numeric(source: str, name: str, kind: str) -> DataError:
    return DataError(f"{source}: {tidy(name)!r} must hold real numbers in a full array, not {tidy(kind)!r}.")


def _inflated(packed: bytes, limit: int) -> int:
    """Number of bytes that a zlib stream inflates to, counted until it is beyond `limit`."""
    inflater, total = zlib.decompressobj(), 0
    for start in range(0, len(packed), _PIECE):
        piece = packed[start : start + _PIECE]
        while piece and not inflater.eof and total <= limit:
            total += len(inflater.decompress(piece, _CHUNK))
            piece = inflater.unconsumed_tail
    return total


def _read_hdf5(path: Path, source: str, yale: bool) -> Read:
    import h5py

    with h5py.File(path, "r") as store:
        names = [name for name in store if not name.startswith("#")]
        data_key, label_key = _keys(source, names, yale)
        data = _hdf5_array(store, source, data_key)
        labels = None if label_key is None else _hdf5_array(store, source, label_key)
        further = {name: _hdf5_array(store, source, key) for name, key in attribute_keys(source, names).items()}
    return data, labels, further


def _hdf5_array(store: h5py.File, source: str, name: str) -> NDArray[Any]:
    import h5py

    if not isinstance(store.get(name, getlink=True), h5py.HardLink):
        raise DataError(f"{source}: the variable {name!r} is a link, which is never followed.")
    item = store[name]
    if not isinstance(item, h5py.Dataset):
        raise _not_numeric(source, name, "sparse" if "MATLAB_sparse" in item.attrs else "struct")
    if item.external or item.is_virtual:
        raise DataError(f"{source}: the variable {name!r} lies in another file, which is never opened.")
    kind = item.attrs.get("MATLAB_class", b"double")
    kind = kind.decode("latin-1") if isinstance(kind, bytes) else str(kind)
    if item.dtype.kind == "V":
        raise _not_numeric(source, name, "complex")
    if kind not in NUMERIC or item.dtype.kind not in "biuf":
        raise _not_numeric(source, name, kind if kind not in NUMERIC else "cell")
    check_size(source, f"the variable {name!r}", item.shape, item.dtype.itemsize)
    _check_chunks(item, source, name)
    return np.asarray(item[()]).T  # HDF5 keeps MATLAB's axes in reverse


def _check_chunks(item: h5py.Dataset, source: str, name: str) -> None:
    """Refuse compressed chunks that inflate to more than a chunk."""
    from h5py import h5z

    if item.chunks is None:
        return
    check_size(source, f"a chunk of {name!r}", item.chunks, item.dtype.itemsize)
    listed = item.id.get_create_plist()
    filters = [listed.get_filter(place)[0] for place in range(listed.get_nfilters())]
    known = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32}
    if not set(filters) <= known or filters.count(h5z.FILTER_DEFLATE) > 1:
        raise DataError(f"{source}: the variable {name!r} is compressed in a way that MATLAB does not write.")
    if h5z.FILTER_DEFLATE not in filters:
        return
    limit = math.prod(item.chunks) * item.dtype.itemsize + 64
    for place in range(item.id.get_num_chunks()):
        skipped, packed = item.id.read_direct_chunk(item.id.get_chunk_info(place).chunk_offset)
        if not skipped and _inflated(packed, limit) > limit:
            raise DataError(f"{source}: a compressed chunk of {name!r} holds more than it declares.")

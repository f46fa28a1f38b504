"""Compressed rows or columns made full, in plain NumPy: what a file says of them is checked first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.checks import check_kind, check_size


def full(
    source: str, kind: str, shape: tuple[int, ...], data: NDArray[Any], indices: NDArray[Any], indptr: NDArray[Any]
) -> NDArray[Any]:
    """The full (n, m) matrix of a sparse one; `kind` is ``csr`` or ``csc``. Values that stand twice are added.

    Raises
    ------
    DataError
        If it would be too large, or its parts do not fit together.
    """
    if kind not in ("csr", "csc") or len(shape) != 2:
        raise DataError(
            f"{source}: a sparse matrix must be stored by rows (csr) or columns (csc). Got {kind!r} of shape {shape}."
        )
    check_size(source, "the sparse matrix", shape, data.dtype.itemsize)
    check_kind(source, "the sparse matrix", data.dtype, "biuf")
    major, minor = shape if kind == "csr" else shape[::-1]
    ends = indptr.astype(np.int64).reshape(-1)
    places = indices.astype(np.int64).reshape(-1)
    counts = np.diff(ends)
    fits = len(ends) == major + 1 and ends[0] == 0 and (counts >= 0).all() and ends[-1] == len(places) == data.size
    if not fits or (len(places) and not (places.min() >= 0 and places.max() < minor)):
        raise DataError(f"{source}: the parts of the sparse matrix of shape {shape} do not fit together.")
    rows = np.repeat(np.arange(major), counts)
    out = np.zeros(shape, data.dtype if data.dtype.kind == "f" else np.float64)
    np.add.at(out, (rows, places) if kind == "csr" else (places, rows), data.reshape(-1))
    return out

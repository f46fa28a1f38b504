"""Read a data file of any accepted format."""

from __future__ import annotations

from pathlib import Path

from core.common import DataError
from core.datasets.mat import read_mat
from core.datasets.npz import read_npz
from core.datasets.raw import MAX_BYTES, RawData, quoted
from core.datasets.table import read_csv, read_parquet

_READERS = {".npz": read_npz, ".csv": read_csv, ".parquet": read_parquet, ".mat": read_mat}
SUFFIXES = tuple(_READERS)


def check_suffix(name: str) -> str:
    """The suffix of a file name in lower case.

    Raises
    ------
    DataError
        If no reader takes it.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in _READERS:
        raise DataError(f"A data file must end in one of {', '.join(SUFFIXES)}. Got {quoted(name)}.")
    return suffix


def read_file(path: str | Path, *, image_shape: tuple[int, ...] | None = None) -> RawData:
    """Read and check one file.

    Parameters
    ----------
    path
        A ``.npz``, ``.csv``, ``.parquet`` or ``.mat`` file.
    image_shape
        (h, w) or (h, w, c) of rows that are flattened images: by rows, in a ``.mat`` file by columns. Without it only
        arrays of 3 or 4 axes, and the field's own ``.mat`` files, are images.

    Raises
    ------
    DataError
        If the file does not exist, is damaged, too large, or holds something that cannot be clustered.
    """
    path = Path(path)
    suffix = check_suffix(path.name)
    if not path.is_file():
        raise DataError(f"There is no file {quoted(path)} in the folder {str(path.parent)!r}.")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise DataError(f"{quoted(path)} has {size} bytes; at most {MAX_BYTES} are allowed.")
    if size == 0:
        raise DataError(f"{quoted(path)} is empty.")
    return _READERS[suffix](path, image_shape)

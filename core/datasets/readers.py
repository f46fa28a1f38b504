"""Read a data file of any accepted format, in this process. What users bring is read by `apart`, in one of its own."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.common import DataError
from core.datasets.checks import MAX_FILE, quoted, refusing_damage
from core.datasets.choices import Choices
from core.datasets.delimited import MAX_TEXT, read_text
from core.datasets.h5ad import read_h5ad
from core.datasets.idx import is_idx_name, read_idx
from core.datasets.mat import read_mat
from core.datasets.npz import read_npy, read_npz
from core.datasets.parquet import read_parquet
from core.datasets.pictures import read_pictures
from core.datasets.raw import RawData
from core.datasets.scratch import scratch

Reader = Callable[[Path, Choices], RawData]
_PIECE = 2**20
_TEXTS = (".csv", ".tsv", ".txt")
_READERS: dict[str, Reader] = {
    ".npz": read_npz,
    ".npy": read_npy,
    ".csv": read_text,
    ".tsv": read_text,
    ".txt": read_text,
    ".parquet": read_parquet,
    ".mat": read_mat,
    ".h5ad": read_h5ad,
    ".zip": read_pictures,
}
SUFFIXES = (*_READERS, ".csv.gz", "-ubyte", "-ubyte.gz")
"""How the names of accepted files end; IDX files are called ``...-ubyte``."""


def check_suffix(name: str) -> str:
    """The ending of a file name in lower case, by which its reader is found.

    Raises
    ------
    DataError
        If no reader takes it.
    """
    lower = Path(name).name.lower()
    packed = next((f"{text}.gz" for text in _TEXTS if lower.endswith(f"{text}.gz")), None)
    if packed is not None:
        return packed
    if is_idx_name(lower):
        return "-ubyte.gz" if lower.endswith(".gz") else "-ubyte"
    suffix = Path(lower).suffix
    if suffix not in _READERS:
        raise DataError(f"A data file must end in one of {', '.join(SUFFIXES)}. Got {quoted(name)}.")
    return suffix


def is_data_file(name: str) -> bool:
    """Whether a file of that name would be read."""
    try:
        check_suffix(name)
    except DataError:
        return False
    return True


def check_file(path: Path) -> None:
    """Refuse what is not there, is empty, or has too many bytes, before any of it is read."""
    if path.is_dir() and not path.suffix:
        return
    check_suffix(path.name)
    if not path.is_file():
        raise DataError(f"There is no file {quoted(path)} in the folder {str(path.parent)!r}.")
    size = path.stat().st_size
    if size > MAX_FILE:
        raise DataError(f"{quoted(path)} has {size} bytes; at most {MAX_FILE} are allowed.")
    if size == 0:
        raise DataError(f"{quoted(path)} is empty.")


def read_here(path: str | Path, choices: Choices | None = None) -> RawData:
    """Read and check one file, or a folder of pictures.

    Parameters
    ----------
    path
        A file whose name ends in one of `SUFFIXES`, or a folder.
    choices
        What of it is what; an image shape of rows that are flattened images counts by rows, in a ``.mat`` file by columns.
        Without it only arrays of 3 or 4 axes, pictures, and the field's own ``.mat`` files, are images.

    Raises
    ------
    DataError
        If the file does not exist, is damaged, too large, or holds something that cannot be clustered.
    """
    path, choices = Path(path), choices or Choices()
    check_file(path)
    if path.is_dir():
        return read_pictures(path, choices)
    suffix = check_suffix(path.name)
    if suffix.startswith("-ubyte"):
        return read_idx(path, choices)
    if suffix.endswith(".gz"):
        with unpacked(path) as plain:
            return read_text(plain, choices)
    return _READERS[suffix](path, choices)


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A table of text as a plain file; of a packed one no more is unpacked than a table may have."""
    if path.suffix.lower() != ".gz":
        yield path
        return
    with scratch() as folder:
        plain = folder / path.name[: -len(".gz")]
        with refusing_damage(quoted(path), "a packed table"), gzip.open(path, "rb") as packed, plain.open("wb") as out:
            while some := packed.read(_PIECE):
                out.write(some)
                if out.tell() > MAX_TEXT:
                    raise DataError(f"{quoted(path)} holds more than {MAX_TEXT // 2**20} MB of text.")
        if not plain.stat().st_size:
            raise DataError(f"{quoted(path)} is empty.")
        yield plain

"""Read MATLAB 7.3 files and AnnData, both HDF5, through h5py.

Only plain arrays are opened, and what one is and how large is checked before anything of it is loaded. A variable may not
live in another file, and its compressed chunks may not be larger than they declare: all are looked at in one pass.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.arrays import Stored
from core.datasets.checks import MAX_BYTES, check_size, tidy
from core.datasets.elements import NUMERIC
from core.datasets.sparse import full
from core.datasets.words import coded_words, rows_of_text

if TYPE_CHECKING:
    import h5py

MAX_CHUNKS = 20_000
MAX_CELLS = 200_000
_MAX_ITEMS = 10_000
_CHUNK, _PIECE = 2**20, 2**14
_MOST = 1032  # bytes that one byte of a deflate stream can stand for


def list_hdf5(path: Path, source: str) -> dict[str, Stored]:
    """The variables of a MATLAB 7.3 file; of its only struct, the fields."""
    import h5py

    with h5py.File(path, "r") as store:
        names = [name for name in store if not name.startswith("#")]
        if len(names) > _MAX_ITEMS:
            raise DataError(f"{source} has more than {_MAX_ITEMS} variables.")
        found = {name: _stored(store, path, source, name) for name in names}
        if len(names) == 1 and isinstance(_at(store, source, names[0]), h5py.Group) and found[names[0]].type == "struct":
            inner = [f"{names[0]}/{key}" for key in store[names[0]]]
            found = {key.split("/", 1)[1]: _stored(store, path, source, key) for key in inner} or found
    return found


def _at(store: h5py.File, source: str, name: str) -> Any:
    """An object of the file itself; links are never followed."""
    import h5py

    here: Any = store
    for part in name.split("/"):
        if not isinstance(here.get(part, getlink=True), h5py.HardLink):
            raise DataError(f"{source}: the variable {tidy(name)!r} is a link, which is never followed.")
        here = here[part]
    return here


def _stored(store: h5py.File, path: Path, source: str, name: str) -> Stored:
    import h5py

    if not isinstance(store.get(name, getlink=True), h5py.HardLink):
        return Stored((), "link", opened(path, lambda again: _at(again, source, name)))
    item = _at(store, source, name)
    kind = kind_of(item)
    if kind == "sparse":
        rows = int(item.attrs["MATLAB_sparse"])
        shape = (rows, len(item["jc"]) - 1) if isinstance(item.get("jc"), h5py.Dataset) else (rows, 0)
        return Stored(shape, kind, opened(path, lambda again: _sparse(_at(again, source, name), source, name)))
    shape = tuple(item.shape[::-1]) if isinstance(item, h5py.Dataset) else ()
    numbers = opened(path, lambda again: _numbers(_at(again, source, name), source, name))
    if kind == "char":
        text = opened(path, lambda again: rows_of_text(array_of(_at(again, source, name), source, name).T))
        return Stored(shape[:1], "text", numbers, text)
    if kind == "cell":
        return Stored((math.prod(shape),), "text", numbers, opened(path, lambda again: _cells(again, source, name)))
    return Stored(shape, kind if kind not in NUMERIC else "numbers", numbers)


def opened(path: Path, read: Callable[[h5py.File], Any]) -> Callable[[], Any]:
    """A reader that opens the file for itself."""

    def reading() -> Any:
        import h5py

        with h5py.File(path, "r") as store:
            return read(store)

    return reading


def kind_of(item: Any) -> str:
    """MATLAB's class of an object."""
    import h5py

    if not isinstance(item, h5py.Dataset):
        return "sparse" if "MATLAB_sparse" in item.attrs else "struct"
    if item.dtype.kind == "V":
        return "complex"
    kind = item.attrs.get("MATLAB_class", b"double")
    kind = kind.decode("latin-1") if isinstance(kind, bytes) else str(kind)
    if item.dtype.kind not in "biuf":
        return "cell"
    return kind


def _numbers(item: Any, source: str, name: str) -> NDArray[Any]:
    kind = kind_of(item)
    if kind not in NUMERIC:
        raise not_numeric(source, name, kind)
    return array_of(item, source, name).T  # HDF5 keeps MATLAB's axes in reverse


def not_numeric(source: str, name: str, kind: str) -> DataError:
    """What to say of a variable that is no plain array."""
    return DataError(f"{source}: {tidy(name)!r} must hold real numbers in a full array, not {tidy(kind)!r}.")


def array_of(item: Any, source: str, name: str) -> NDArray[Any]:
    """A data set of the file, once nothing in it can hurt."""
    if item.external or item.is_virtual:
        raise DataError(f"{source}: the variable {name!r} lies in another file, which is never opened.")
    check_size(source, f"the variable {name!r}", item.shape, item.dtype.itemsize)
    _check_chunks(item, source, name)
    return np.asarray(item[()])


def _sparse(group: Any, source: str, name: str) -> NDArray[Any]:
    import h5py

    parts = [group.get(part) for part in ("data", "ir", "jc")]
    if not all(isinstance(part, h5py.Dataset) and part.dtype.kind in "biuf" for part in parts):
        raise not_numeric(source, name, "sparse")
    data, places, ends = (array_of(part, source, f"{name}/{key}") for part, key in zip(parts, ("data", "ir", "jc")))
    shape = (int(group.attrs["MATLAB_sparse"]), len(ends) - 1)
    return full(source, "csc", shape, data, places, ends)


def _cells(store: h5py.File, source: str, name: str) -> Any:
    """Words, each in a variable of its own that the cell refers to."""
    import h5py

    item = _at(store, source, name)
    if item.dtype != h5py.ref_dtype:
        raise not_numeric(source, name, "cell")
    if item.size > MAX_CELLS:
        raise DataError(f"{source}: the cell {name!r} has {item.size} words; at most {MAX_CELLS} are allowed.")
    references = array_of(item, source, name).T.reshape(-1, order="F")
    words = []
    for reference in references:
        word = store[reference] if reference else None
        if not isinstance(word, h5py.Dataset) or word.dtype.kind not in "iu" or word.size > 10_000:
            raise DataError(f"{source}: the cell {name!r} must hold words.")
        words.append("".join(chr(int(code)) for code in array_of(word, source, name).reshape(-1)))
    return coded_words(words)


def _check_chunks(item: h5py.Dataset, source: str, name: str) -> None:
    """Refuse compressed chunks that inflate to more than a chunk."""
    from h5py import h5z

    if item.chunks is None:
        return
    check_size(source, f"a chunk of {name!r}", item.chunks, item.dtype.itemsize)
    count = math.prod(-(-size // chunk) for size, chunk in zip(item.shape, item.chunks))
    if count > MAX_CHUNKS:
        raise DataError(f"{source}: the variable {name!r} lies in {count} chunks; at most {MAX_CHUNKS} are allowed.")
    listed = item.id.get_create_plist()
    filters = [listed.get_filter(place)[0] for place in range(listed.get_nfilters())]
    known = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32}
    if not set(filters) <= known or filters.count(h5z.FILTER_DEFLATE) > 1:
        raise DataError(f"{source}: the variable {name!r} is compressed in a way that MATLAB does not write.")
    if math.prod(item.chunks) * item.dtype.itemsize * count > 2 * MAX_BYTES:
        raise DataError(f"{source}: the chunks of {name!r} are much larger than what they hold.")
    if h5z.FILTER_DEFLATE not in filters:
        return
    limit = math.prod(item.chunks) * item.dtype.itemsize + 64
    places: list[tuple[int, ...]] = []
    item.id.chunk_iter(lambda info: places.append(info.chunk_offset))
    for place in places:
        skipped, packed = item.id.read_direct_chunk(place)
        harmless = len(packed) * _MOST <= 2 * limit  # so that what is mostly zeros is not inflated twice
        if not skipped and not harmless and _inflated(packed, limit) > limit:
            raise DataError(f"{source}: a compressed chunk of {name!r} holds more than it declares.")


def _inflated(packed: bytes, limit: int) -> int:
    """Number of bytes that a zlib stream inflates to, counted until it is beyond `limit`."""
    inflater, total = zlib.decompressobj(), 0
    for start in range(0, len(packed), _PIECE):
        piece = packed[start : start + _PIECE]
        while piece and not inflater.eof and total <= limit:
            total += len(inflater.decompress(piece, _CHUNK))
            piece = inflater.unconsumed_tail
    return total

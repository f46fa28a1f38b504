"""Read AnnData (``.h5ad``) by h5py alone: the matrix X, full or sparse, and the columns of ``obs``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.arrays import Stored, choose
from core.datasets.checks import quoted, refusing_damage, tidy
from core.datasets.choices import Choices
from core.datasets.hdf5 import MAX_CELLS, array_of, opened
from core.datasets.labels import Coded
from core.datasets.raw import RawData, assemble
from core.datasets.sparse import full
from core.datasets.words import coded_words


def read_h5ad(path: Path, choices: Choices) -> RawData:
    """Read the samples, and the labels among the observations."""
    source = quoted(path)
    with refusing_damage(source, "an AnnData file"):
        return assemble(source, choose(source, list_h5ad(path), choices), choices)


def list_h5ad(path: Path) -> dict[str, Stored]:
    """X and the columns of ``obs``."""
    import h5py

    source = quoted(path)
    with refusing_damage(source, "an AnnData file"), h5py.File(path, "r") as store:
        _inside(store, source, "X")
        found = {
            "X": Stored(_shape(store["X"]), "numbers", opened(path, lambda again: _matrix(_inside(again, source, "X"), source)))
        }
        obs = _inside(store, source, "obs") if "obs" in store else {}
        if isinstance(obs, h5py.Group):
            found |= {
                name: _column(path, source, name) for name in obs if name not in ("X", "__categories", obs.attrs.get("_index"))
            }
    return found


def _inside(store: Any, source: str, name: str) -> Any:
    """An object of the file itself."""
    import h5py

    here = store
    for part in name.split("/"):
        if not isinstance(here, h5py.Group) or not isinstance(here.get(part, getlink=True), h5py.HardLink):
            raise DataError(f"{source} is no AnnData file: it has no {tidy(name)!r} of its own.")
        here = here[part]
    return here


def _shape(item: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in (item.shape if hasattr(item, "shape") else item.attrs.get("shape", ())))


def _matrix(item: Any, source: str) -> NDArray[Any]:
    if hasattr(item, "shape"):
        return array_of(item, source, "X")
    kind = item.attrs.get("encoding-type", "")
    parts = (array_of(_inside(item, source, key), source, f"X/{key}") for key in ("data", "indices", "indptr"))
    return full(source, str(kind).removesuffix("_matrix"), _shape(item), *parts)


def _column(path: Path, source: str, name: str) -> Stored:
    def labels(store: Any) -> Any:
        item = _inside(store, source, f"obs/{name}")
        if hasattr(item, "shape"):
            return _values(item, source, name)
        codes = array_of(_inside(item, source, "codes"), source, name)
        names = _values(_inside(item, source, "categories"), source, name)
        words = [names.names[code] for code in names.codes] if isinstance(names, Coded) else [f"{value:g}" for value in names]
        if codes.size and not (codes.min() >= -1 and codes.max() < len(words)):
            raise DataError(f"{source}: the column {tidy(name)!r} has codes without a category.")
        return Coded(codes.astype(np.int64), words)

    def refuse(store: Any) -> Any:
        raise DataError(f"{source}: {tidy(name)!r} is a column of obs, and no samples.")

    return Stored((), "column", opened(path, refuse), opened(path, labels))


def _values(item: Any, source: str, name: str) -> Any:
    """Numbers, or words as labels."""
    import h5py

    if h5py.check_string_dtype(item.dtype) is None:
        return array_of(item, source, name)
    if item.size > MAX_CELLS:
        raise DataError(f"{source}: the column {tidy(name)!r} has {item.size} words; at most {MAX_CELLS} are allowed.")
    words = array_of(item, source, name).tolist()
    return coded_words([word.decode("utf-8", errors="replace") if isinstance(word, bytes) else str(word) for word in words])

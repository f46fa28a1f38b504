"""A data set as a file: what methods get of it, with its labels. Imported again it is the same, by its fingerprint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.common import DataError, atomic_write
from core.datasets.choices import Choices
from core.datasets.dataset import Dataset
from core.datasets.handover import write_clean
from core.datasets.npz import to_about
from core.datasets.parquet import ABOUT_SCHEMA
from core.datasets.raw import RawData

if TYPE_CHECKING:
    import pyarrow as pa

FORMS = (".npz", ".parquet")
_FEATURES, _CLASS = "features", "class"


def export(data: Dataset, target: Path) -> None:
    """Write the samples as they are scaled, the held-out ones apart, to ``.npz`` or ``.parquet``.

    Raises
    ------
    DataError
        If the name ends in neither.
    """
    if target.suffix.lower() not in FORMS:
        raise DataError(f"A data set is exported to a file that ends in {' or '.join(FORMS)}. Got {target.name!r}.")
    note = f"Exported from {data.title}: {data.n_samples} samples, scaling {data.scaling}."
    raw = RawData(
        data.X, data.y, data.image_shape, data.classes if data.y is not None else (), attributes=data.attributes,
        columns=data.columns, range=(0.0, 1.0), notes=(*data.notes, note),
    )  # fmt: skip
    with atomic_write(target) as out:
        if target.suffix.lower() == ".npz":
            write_clean(raw, out)
        else:
            _write_parquet(raw, out)


def _write_parquet(raw: RawData, out: Any) -> None:
    """A column for each named feature, else one of lists; the class and further labels as words."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    labels = {} if raw.y is None else {_CLASS: _words(raw.y, raw.classes)}
    labels |= {f"label_{name}": _words(column.y, column.classes) for name, column in raw.attributes.items()}
    named = raw.columns if raw.columns and not {*raw.columns} & {*labels} else ()
    if named:
        features = {name: pa.array(raw.X[:, place]) for place, name in enumerate(named)}
    else:
        values = pa.array(np.ascontiguousarray(raw.X).reshape(-1))
        features = {_FEATURES: pa.FixedSizeListArray.from_arrays(values, raw.X.shape[1])}
    choices = Choices(label=None if raw.y is None else _CLASS, keep=tuple(features), image_shape=raw.image_shape)
    about = json.dumps({"choices": choices.to_dict(), "about": to_about(raw)}).encode()
    pq.write_table(pa.table({**features, **labels}).replace_schema_metadata({ABOUT_SCHEMA: about}), out)


def _words(y: Any, classes: tuple[str, ...]) -> pa.DictionaryArray[Any]:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(y, mask=y < 0).cast(pa.int32()), pa.array(list(classes)))

"""What was found in a file, and what each part of it is taken for: plain data, for a page to show before anything is kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.arrays import Stored, roles_of
from core.datasets.checks import listed, quoted, tidy
from core.datasets.choices import Choices
from core.datasets.columns import Cells, Numbers, Prose, Unusable, is_yes_no
from core.datasets.delimited import table_of_text
from core.datasets.h5ad import list_h5ad
from core.datasets.idx import list_idx
from core.datasets.labels import Coded
from core.datasets.mat import list_mat
from core.datasets.npz import list_npy, list_npz
from core.datasets.parquet import table_of_parquet
from core.datasets.pictures import list_pictures
from core.datasets.readers import check_file, check_suffix, unpacked
from core.datasets.roles import Roles, is_text, roles

MOST = 500
_SHOWN = 5
_LISTS = {".npz": list_npz, ".npy": list_npy, ".mat": list_mat, ".h5ad": list_h5ad, "-ubyte": list_idx, "-ubyte.gz": list_idx}


def look(path: Path, choices: Choices) -> dict[str, Any]:
    """The parts of a file: a list of rows with name, type, range, missing, preview and role.

    Returns
    -------
    dict
        ``kind`` (arrays, table, pictures) and ``parts``, at most `MOST` of them; ``problem``, a sentence, where they cannot be
        used as they are: other choices may help.

    Raises
    ------
    DataError
        If the file cannot be read at all.
    """
    check_file(path)
    suffix = "" if path.is_dir() else check_suffix(path.name)
    if suffix in ("", ".zip"):
        names = list_pictures(path)
        return {
            "kind": "pictures",
            "parts": [{"name": f"{len(names)} pictures", "type": "pictures", "preview": listed(names, _SHOWN)}],
        }
    if suffix in _LISTS:
        return {"kind": "arrays", "parts": _arrays(quoted(path), _LISTS[suffix](path), choices)}
    return {"kind": "table", **_columns(path, suffix, choices)}


def _arrays(source: str, stored: Mapping[str, Stored], choices: Choices) -> list[dict[str, Any]]:
    found = roles_of(source, stored, choices)
    return [
        {"name": name, "role": found.get(name, "not used"), "type": array.type, "shape": " x ".join(map(str, array.shape))}
        for name, array in list(stored.items())[:MOST]
    ]


def _columns(path: Path, suffix: str, choices: Choices) -> dict[str, Any]:
    open_choices = Choices(label=choices.label, new=True, text=choices.text)
    if suffix == ".parquet":
        table = table_of_parquet(path, open_choices)
    else:
        with unpacked(path) as plain:
            table = table_of_text(plain, open_choices)
    try:
        found, problem = roles(quoted(path), table, choices), {}
    except DataError as error:
        found, problem = None, {"problem": str(error)}
    parts = [
        {"name": name, "role": "" if found is None else role_of(name, found, choices), **_described(cells)}
        for name, cells in list(table.columns.items())[:MOST]
    ]
    return {"parts": parts, **problem}


def role_of(name: str, found: Roles, choices: Choices) -> str:
    """What a column is taken for, in a word."""
    if name in choices.text:
        return "text"
    if name == found.label:
        return "label"
    if name in found.attributes.values():
        return "further label"
    if name in found.features:
        return "feature"
    return "numbering" if name in found.numbering else "not used"


def _described(cells: Cells) -> dict[str, Any]:
    if isinstance(cells, Unusable):
        return {"type": "text" if is_text(cells) else "other", "preview": cells.why}
    if isinstance(cells, Prose):
        return {"type": "text", "preview": tidy(" | ".join(cells.texts[:_SHOWN]))}
    if isinstance(cells, Coded):
        words = [tidy(cells.names[code]) for code in cells.codes[cells.codes >= 0][:_SHOWN].tolist()]
        kind = "yes or no" if is_yes_no(cells) else "text"
        return {
            "type": kind,
            "range": f"{len(cells.names)} values",
            "missing": int((cells.codes < 0).sum()),
            "preview": ", ".join(words),
        }
    return _numbers(cells)


def _numbers(cells: Numbers) -> dict[str, Any]:
    values: NDArray[Any] = cells.values
    known = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    spread = f"{known.min():g} to {known.max():g}" if known.size and known.dtype.kind != "b" else ""
    shown = ", ".join(f"{value:g}" for value in np.asarray(values[:_SHOWN], np.float64).reshape(-1)[:_SHOWN])
    return {"type": "numbers", "range": spread, "missing": int(values.size - known.size), "preview": shown}

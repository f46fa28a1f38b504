"""What one process hands to another: a folder of arrays, which the taker maps, and what is said of them."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.datasets.arrays import CLASSES_KEY
from core.datasets.npz import ABOUT_KEY, from_about, to_about
from core.datasets.raw import Attribute, RawData

ABOUT, PROGRESS = "about.json", "progress.json"
_COMPRESSED = 2**26


def hand_over(raw: RawData, folder: Path) -> None:
    """Write the arrays, and last what is said of them."""
    columns = {"X": raw.X} | ({} if raw.y is None else {"y": raw.y})
    columns |= {f"column{place}": attribute.y for place, attribute in enumerate(raw.attributes.values())}
    for name, array in columns.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    said = {
        "image_shape": raw.image_shape,
        "classes": raw.classes,
        "attributes": {name: attribute.classes for name, attribute in raw.attributes.items()},
        "labelled": raw.y is not None,
        "about": to_about(raw),
    }
    (folder / ABOUT).write_text(json.dumps(said), encoding="utf-8")


def take_over(folder: Path, said: dict[str, Any]) -> RawData:
    """The inverse of `hand_over`; the samples are mapped, and their file may go."""

    def array(name: str) -> NDArray[Any]:
        found: NDArray[Any] = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        return np.asarray(found)

    attributes = {
        name: Attribute(np.array(array(f"column{place}")), tuple(classes))
        for place, (name, classes) in enumerate(said["attributes"].items())
    }
    shape = said["image_shape"]
    raw = RawData(
        array("X"),
        np.array(array("y")) if said["labelled"] else None,
        None if shape is None else tuple(shape),
        tuple(said["classes"]),
        attributes=attributes,
    )
    return from_about(raw, said["about"])


def write_clean(raw: RawData, out: Path | BinaryIO) -> None:
    """Keep checked arrays as an ``.npz`` that `read_npz` takes, with what is said of them."""
    shape = raw.image_shape
    arrays: dict[str, NDArray[Any]] = {"X": raw.X} if shape is None else {"images": raw.X.reshape(len(raw.X), *shape)}
    if raw.y is not None:
        arrays |= {"labels": _stored(raw.y), CLASSES_KEY: np.array(raw.classes, dtype=np.str_)}
    for name, attribute in raw.attributes.items():
        arrays |= {f"label_{name}": _stored(attribute.y), f"{CLASSES_KEY}_{name}": np.array(attribute.classes, dtype=np.str_)}
    arrays[ABOUT_KEY] = np.frombuffer(json.dumps(to_about(raw)).encode(), np.uint8)
    save = np.savez_compressed if raw.X.nbytes < _COMPRESSED else np.savez
    with out.open("wb") if isinstance(out, Path) else nullcontext(out) as stream:
        save(stream, allow_pickle=False, **arrays)


def _stored(y: NDArray[np.int64]) -> NDArray[Any]:
    """Labels as any file of numbers holds them: a missing one is NaN."""
    return np.where(y < 0, np.nan, y) if (y < 0).any() else y

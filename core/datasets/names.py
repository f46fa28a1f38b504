"""How people call samples, classes and running numbers: one list for all formats, whatever the case."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from core.common import DataError
from core.datasets.checks import listed, tidy

LABEL_NAMES = (
    *("label", "labels", "class", "classes", "y", "target", "targets", "gnd", "gt", "ground_truth", "truth"),
    *("species", "category", "categories", "target_name", "outcome", "cluster", "clusters", "cell_type"),
)
"""Names of the array or column of classes; the first that a file has is taken."""
DATA_NAMES = ("images", "image", "imgs", "img", "x", "fea", "feat", "features", "data", "samples", "pixels")
"""Names of the array of samples, in the same way."""
ID_NAMES = (
    "id",
    "ids",
    "index",
    "idx",
    "uuid",
    "row",
    "rowid",
    "row_id",
    "sample_id",
    "rownames",
    "unnamed: 0",
    "__index_level_0__",
)
"""Names of columns that number the samples."""
PARTS = ("train", "val", "valid", "validation", "test")
"""Parts of a set that Keras and MedMNIST store apart, as ``x_train`` or ``train_images``."""
MAX_ATTRIBUTES, MAX_ATTRIBUTE_NAME = 8, 40
_ATTRIBUTE = re.compile(r"\s*labels?_(.*)", re.IGNORECASE | re.DOTALL)
_NOT_ATTRIBUTES = {f"{word}_{part}" for word in ("label", "labels") for part in PARTS}


def simple(name: str) -> str:
    """A name as names are compared."""
    return name.strip().lower()


def first_named(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The name that stands first in a list of wanted ones."""
    by_name = {simple(name): name for name in reversed(names)}
    return next((by_name[want] for want in wanted if want in by_name), None)


def label_like(names: Iterable[str]) -> list[str]:
    """The names that can stand for classes."""
    return [name for name in names if simple(name) in LABEL_NAMES]


def label_column(names: Sequence[str]) -> str | None:
    """The column of classes of a table; x and y together are coordinates."""
    coordinates = {"x", "y"} <= {simple(name) for name in names}
    return first_named(names, [name for name in LABEL_NAMES if not (coordinates and name == "y")])


def attribute_keys(source: str, keys: Iterable[str], chosen: Sequence[str] = ()) -> dict[str, str]:
    """Which arrays or columns hold attributes: name of the attribute to the key, ``label_<name>`` or ``labels_<name>``.

    Those that are `chosen` are such by any name.

    Raises
    ------
    DataError
        If a name cannot be used or stands twice, or there are more than `MAX_ATTRIBUTES`.
    """
    found: dict[str, str] = {}
    for key in keys:
        match = None if simple(key) in _NOT_ATTRIBUTES else _ATTRIBUTE.match(key)
        if match is None and key not in chosen:
            continue
        name = " ".join((match[1] if match else key).split())
        if not 1 <= len(name) <= MAX_ATTRIBUTE_NAME or tidy(name) != name or set(name) & set("/\\"):
            raise DataError(
                f"{source}: a label column is called label_<name>, with a name of 1 to {MAX_ATTRIBUTE_NAME} characters that "
                f"can be shown, none of them a slash. Got {tidy(key)!r}."
            )
        if name in found:
            raise DataError(f"{source} holds the label column {name!r} twice.")
        found[name] = key
    if len(found) > MAX_ATTRIBUTES:
        raise DataError(f"{source} has {len(found)} label columns beside its classes; at most {MAX_ATTRIBUTES} are allowed.")
    return found


def check_known(source: str, what: str, wanted: Iterable[str], names: Sequence[str]) -> None:
    """Refuse a choice of a column or an array that the file does not have."""
    missing = [name for name in wanted if name not in names]
    if missing:
        raise DataError(f"{source} has no {what} {tidy(missing[0])!r}. It has {listed(names)}.")

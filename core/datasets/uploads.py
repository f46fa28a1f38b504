"""Files that users bring: read fully first, then kept as a clean ``.npz`` that holds nothing but checked arrays."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from typing import Literal

from core.common import (
    DataError,
    UnknownName,
    demand_writable,
    home,
    named,
    temporary_neighbour,
    written_by_the_dead,
)
from core.datasets.apart import store_file
from core.datasets.checks import MAX_FILE
from core.datasets.choices import Choices, check_range
from core.datasets.handover import write_clean
from core.datasets.npz import list_npz
from core.datasets.pictures import PICTURES
from core.datasets.ranges import Range
from core.datasets.raw import Attribute, RawData
from core.datasets.readers import check_suffix, read_here
from core.datasets.scratch import scratch

_STEM = re.compile(r"[\w-]{1,49}-[0-9a-f]{8}")
_MAX_STEM = 40
Given = tuple[str, bytes]


def uploads_folder() -> Path:
    """Where uploads are kept."""
    return home() / "data" / "uploads"


def uploads() -> list[Path]:
    """All uploads, by name; the stem of each is its name for `load`."""
    folder = uploads_folder()
    found = folder.glob("*.npz") if folder.is_dir() else ()
    return sorted(path for path in found if _STEM.fullmatch(path.stem) and path.is_file())


def find_upload(name: str) -> Path | None:
    """The file of an upload by its name."""
    path = uploads_folder() / f"{name}.npz"
    return path if _STEM.fullmatch(name) and path.is_file() else None


def sample_shape(path: Path) -> tuple[int, ...] | None:
    """The shape of one sample of an upload, by its header; None where the file is broken, which is told when it is loaded."""
    try:
        stored = list_npz(path)
    except DataError:
        return None
    samples = stored.get("images") or stored.get("X")
    return None if samples is None else samples.shape[1:]


def store_upload(
    filename: str, content: bytes, *, image_shape: tuple[int, ...] | None = None, choices: Choices | None = None
) -> Path:
    """Check an uploaded file and keep its content.

    Parameters
    ----------
    filename
        As the browser gave it: only its suffix and a tidied stem are used.
    content
        The bytes of the file.
    image_shape
        (h, w) or (h, w, c) of rows that are flattened images.
    choices
        What else is decided about it.

    Returns
    -------
    Path
        ``<home>/data/uploads/<stem>-<8 digits of the hash of what is kept>.npz``. On any error nothing is left there.

    Raises
    ------
    DataError
        If the file cannot be used.
    """
    choices = choices or Choices()
    return store_uploads([(filename, content)], choices if image_shape is None else replace(choices, image_shape=image_shape))


def store_uploads(given: Sequence[Given], choices: Choices | None = None, name: str | None = None) -> Path:
    """Keep one file, several pictures, or an IDX file of images with its labels; see `store_upload`."""
    with scratch() as folder:
        return import_file(put_down(given, folder), choices, name)


def put_down(given: Sequence[Given], folder: Path) -> Path:
    """Write what the browser gave into a folder; returns the file, or the folder, that is to be read."""
    total = sum(len(content) for _, content in given)
    if total > MAX_FILE:
        raise DataError(f"An upload may have {MAX_FILE} bytes. Got {total}.")
    pictures = bool(given) and all(PureWindowsPath(name).suffix.lower() in PICTURES for name, _ in given)
    if not pictures and not (len(given) == 1 or _is_idx_pair(given)):
        raise DataError(
            f"Give one file, several pictures, or an IDX file of images and one of its labels. Got {len(given)} files."
        )
    inside = folder / "pictures" if pictures else folder
    inside.mkdir(exist_ok=True)
    paths = [inside / _file_name(name, place if pictures else None) for place, (name, _) in enumerate(given)]
    for path, (_, content) in zip(paths, given, strict=True):
        path.write_bytes(content)
    return inside if pictures else next((path for path in paths if "images" in path.name), paths[0])


def _is_idx_pair(given: Sequence[Given]) -> bool:
    names = [PureWindowsPath(name).name for name, _ in given]
    return len(given) == 2 and all("ubyte" in name for name in names) and sum("images" in name for name in names) == 1


def _file_name(filename: str, place: int | None) -> str:
    if place is not None:
        return f"{place:06d}{PureWindowsPath(filename).suffix.lower()}"
    stem, suffix = _safe_name(filename)
    return f"{stem}{suffix}"


def import_file(path: Path, choices: Choices | None = None, name: str | None = None) -> Path:
    """Check a file or a folder of pictures, and keep its content under a name; see `store_upload`."""
    demand_writable("an upload")
    stem = _safe_stem(name) if name else _safe_stem(path.name) if path.is_dir() else _safe_name(path.name)[0]
    return _kept(stem, lambda draft: store_file(path, draft, choices))


def change_upload(name: str, *, range: Range | Literal["auto"] | None = None, label: str | None = None) -> Path:
    """Keep a stored set once more, with another range, or with another of its columns of labels to score by.

    The set itself stays, for runs refer to it. A `range` of None leaves it as it is, "auto" takes what the values say; the
    column of the classes becomes a further one, called ``class``.

    Raises
    ------
    UnknownName
        If there is no such set or column.
    DataError
        If nothing would be changed.
    """
    demand_writable("an upload")
    stored = find_upload(name)
    if stored is None:
        raise UnknownName("upload", name, [path.stem for path in uploads()])
    raw, said = read_here(stored), []
    if range is not None:
        raw = replace(raw, range=None if range == "auto" else check_range(range))
        said.append("range " + ("as the values say" if raw.range is None else f"{raw.range[0]:g} to {raw.range[1]:g}"))
    if label is not None:
        raw = _scored_by(raw, label)
        said.append(f"scored by {label!r}")
    if not said:
        raise DataError(f"Nothing would be changed of {name!r}. Give a range, or another column of labels to score by.")
    raw = replace(raw, notes=(*raw.notes, f"Changed from {name}: {', '.join(said)}."))
    return _kept(name.rpartition("-")[0], lambda draft: write_clean(raw, draft))


def _scored_by(raw: RawData, label: str) -> RawData:
    chosen = named("label column", label, raw.attributes)
    others: dict[str, Attribute] = {} if raw.y is None else {"class": Attribute(raw.y, raw.classes)}
    others |= {name: attribute for name, attribute in raw.attributes.items() if name != label}
    return replace(raw, y=chosen.y, classes=chosen.classes, attributes=others)


def _kept(stem: str, write: Callable[[Path], None]) -> Path:
    """Write a draft, then give it the name that its content has; drafts of the killed are cleared first."""
    folder = uploads_folder()
    folder.mkdir(parents=True, exist_ok=True)
    for draft in folder.glob(".*.tmp"):
        if written_by_the_dead(draft):
            draft.unlink(missing_ok=True)
    draft = temporary_neighbour(folder / stem)
    try:
        write(draft)
        with draft.open("r+b") as stream:
            os.fsync(stream)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()[:8]
        target = folder / f"{stem}-{digest}.npz"
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
    return target


def _safe_name(filename: str) -> tuple[str, str]:
    name = PureWindowsPath(filename).name  # drops folders written with / and with \
    suffix = check_suffix(name)
    return _safe_stem(name[: -len(suffix)] if name.lower().endswith(suffix) else Path(name).stem), suffix


def _safe_stem(name: str) -> str:
    """Letters and digits of any script, joined by dashes."""
    stem = re.sub(r"[^\w-]+", "-", unicodedata.normalize("NFC", name))[:_MAX_STEM].strip("-")
    return stem or "data"

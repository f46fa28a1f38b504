"""Files that users upload: read fully first, then kept as a clean ``.npz`` that holds nothing but checked arrays."""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path, PureWindowsPath

import numpy as np

from core.common import DataError, atomic_write, demand_writable, home
from core.datasets.npz import CLASSES_KEY
from core.datasets.raw import MAX_BYTES, RawData
from core.datasets.readers import check_suffix, read_file

_STEM = re.compile(r"[A-Za-z0-9_-]{1,49}-[0-9a-f]{8}")
_MAX_STEM = 40


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


def store_upload(filename: str, content: bytes, *, image_shape: tuple[int, ...] | None = None) -> Path:
    """Check an uploaded file and keep its content.

    Parameters
    ----------
    filename
        As the browser gave it: only its suffix and a tidied stem are used.
    content
        The bytes of the file.
    image_shape
        (h, w) or (h, w, c) of rows that are flattened images.

    Returns
    -------
    Path
        ``<home>/data/uploads/<stem>-<8 digits of the content's hash>.npz``. On any error nothing is left there.

    Raises
    ------
    DataError
        If the file cannot be used.
    """
    demand_writable("an upload")
    stem, suffix = _safe_name(filename)
    if len(content) > MAX_BYTES:
        raise DataError(f"An upload may have {MAX_BYTES} bytes. Got {len(content)}.")
    with tempfile.TemporaryDirectory(prefix="affinity-lab-") as folder:
        given = Path(folder) / f"{stem}{suffix}"
        given.write_bytes(content)
        raw = read_file(given, image_shape=image_shape)
    digest = hashlib.sha256(content + repr(image_shape).encode() if image_shape else content).hexdigest()[:8]
    target = uploads_folder() / f"{stem}-{digest}.npz"
    target.parent.mkdir(parents=True, exist_ok=True)
    _write(raw, target)
    return target


def _safe_name(filename: str) -> tuple[str, str]:
    name = PureWindowsPath(filename).name  # drops folders written with / and with \
    suffix = check_suffix(name)
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", name[: -len(suffix)])[:_MAX_STEM].strip("-")
    return stem or "data", suffix


def _write(raw: RawData, target: Path) -> None:
    shape = raw.image_shape
    arrays = {"X": raw.X} if shape is None else {"images": raw.X.reshape(len(raw.X), *shape)}
    if raw.y is not None:
        arrays |= {"labels": raw.y, CLASSES_KEY: np.array(raw.classes, dtype=np.str_)}
    for name, attribute in raw.attributes.items():
        arrays |= {f"label_{name}": attribute.y, f"{CLASSES_KEY}_{name}": np.array(attribute.classes, dtype=np.str_)}
    with atomic_write(target) as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)

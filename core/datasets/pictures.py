"""Read pictures: a ``.zip`` of them, a folder, or several at once. Sub-folders are classes.

What each picture declares is added up before any is decoded; all are brought to one size, with a word.
"""

from __future__ import annotations

import math
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.checks import check_size, quoted, refusing_damage, tidy
from core.datasets.choices import NO_LABEL, Choices
from core.datasets.labels import Coded
from core.datasets.raw import Contents, RawData, assemble
from core.datasets.telling import tell
from core.datasets.words import coded_words
from core.datasets.zips import check_directory

if TYPE_CHECKING:
    from PIL import Image

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
MAX_PICTURES, MAX_PIXELS, MAX_ALL_PIXELS = 200_000, 2**26, 2**30
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
_GREY = ("1", "L", "LA", "I", "I;16", "I;16B", "F")
_ORIENTATION, _SIDEWAYS = 0x0112, 5
_LARGEST_KEPT, _SIDE = 128, 64
_MAX_PACKED = 2**26


@dataclass(frozen=True)
class Picture:
    """A picture by its name within what was given."""

    name: PurePosixPath
    size: int


class Album(Protocol):
    """Where pictures come from."""

    def pictures(self) -> list[Picture]: ...

    def content(self, picture: Picture) -> bytes: ...


def read_pictures(path: Path, choices: Choices) -> RawData:
    """Read a zip or a folder of pictures."""
    source = quoted(path)
    with refusing_damage(source, "pictures"):
        if path.is_dir():
            return _read(source, _Folder(path), choices)
        check_directory(path, source, MAX_PICTURES)
        with zipfile.ZipFile(path) as archive:
            return _read(source, _Zip(archive, source), choices)


def list_pictures(path: Path) -> list[str]:
    """The names of the pictures."""
    source = quoted(path)
    with refusing_damage(source, "pictures"):
        if path.is_dir():
            return [str(picture.name) for picture in _usable(source, _Folder(path))]
        check_directory(path, source, MAX_PICTURES)
        with zipfile.ZipFile(path) as archive:
            return [str(picture.name) for picture in _usable(source, _Zip(archive, source))]


class _Folder:
    def __init__(self, path: Path) -> None:
        self._path = path

    def pictures(self) -> list[Picture]:
        found = []
        for place, path in enumerate(self._path.rglob("*")):
            if place > 2 * MAX_PICTURES:
                raise DataError(f"{quoted(self._path)} holds more than {2 * MAX_PICTURES} files.")
            if path.is_file() and not path.is_symlink():
                found.append(Picture(PurePosixPath(path.relative_to(self._path).as_posix()), path.stat().st_size))
        return found

    def content(self, picture: Picture) -> bytes:
        return self._path.joinpath(*picture.name.parts).read_bytes()


class _Zip:
    def __init__(self, archive: zipfile.ZipFile, source: str) -> None:
        self._archive = archive
        if any(info.flag_bits & 1 for info in archive.infolist()):
            raise DataError(f"{source} is encrypted.")

    def pictures(self) -> list[Picture]:
        return [Picture(PurePosixPath(info.filename), info.file_size) for info in self._archive.infolist() if not info.is_dir()]

    def content(self, picture: Picture) -> bytes:
        with self._archive.open(str(picture.name)) as stream:
            return stream.read(_MAX_PACKED + 1)


def _usable(source: str, album: Album) -> list[Picture]:
    found = [p for p in album.pictures() if p.name.suffix.lower() in PICTURES and not _hidden(p.name)]
    if not found:
        raise DataError(f"{source} holds no pictures. They must end in one of {', '.join(PICTURES)}.")
    if len(found) > MAX_PICTURES:
        raise DataError(f"{source} holds {len(found)} pictures; at most {MAX_PICTURES} are allowed.")
    large = next((p for p in found if p.size > _MAX_PACKED), None)
    if large is not None:
        raise DataError(
            f"{source}: the picture {tidy(large.name.name)!r} has {large.size} bytes; at most {_MAX_PACKED} are allowed."
        )
    return sorted(found, key=lambda picture: picture.name.parts)


def _hidden(name: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.parts)


def _read(source: str, album: Album, choices: Choices) -> RawData:
    chosen = _usable(source, album)
    sizes, colour = _declared(source, album, chosen)
    shape, notes = _shape(sizes, colour, choices)
    check_size(source, "the pictures", (len(chosen), *shape), 1)
    data = np.empty((len(chosen), *shape), np.uint8)
    for place, picture in enumerate(chosen):
        tell(len(chosen) + place, 2 * len(chosen))
        with _opened(source, album, picture) as image:
            data[place] = _pixels(image, shape)
    labels = None if choices.label == NO_LABEL else _classes(chosen)
    said = (
        f"Each folder is a class: {len(labels.names)}."
        if labels
        else "The pictures lie in one folder, so there are no classes."
    )
    return assemble(source, Contents(data, labels, notes=(f"{len(chosen)} pictures.", *notes, said)), choices)


def _classes(chosen: Sequence[Picture]) -> Coded | None:
    """The folder of each picture, where they lie in more than one."""
    folders = [picture.name.parent.name for picture in chosen]
    return coded_words(folders) if len(set(folders)) > 1 else None


def _declared(source: str, album: Album, chosen: Sequence[Picture]) -> tuple[Counter[tuple[int, int]], bool]:
    """How many pictures have each height and width, and whether any is coloured."""
    sizes: Counter[tuple[int, int]] = Counter()
    colour, total = False, 0
    for place, picture in enumerate(chosen):
        tell(place, 2 * len(chosen))
        with _opened(source, album, picture) as image:
            width, height = image.size
            total += width * height
            if width * height > MAX_PIXELS or total > MAX_ALL_PIXELS:
                raise DataError(
                    f"{source}: the picture {tidy(picture.name.name)!r} has {width} x {height} pixels; at most {MAX_PIXELS} "
                    f"are allowed, and {MAX_ALL_PIXELS} of all pictures."
                )
            turned = image.format == "JPEG" and image.getexif().get(_ORIENTATION, 1) >= _SIDEWAYS  # others would be decoded
            colour |= image.mode not in _GREY
        sizes[(width, height) if turned else (height, width)] += 1
    return sizes, colour


def _shape(
    sizes: Counter[tuple[int, int]], colour: bool, choices: Choices
) -> tuple[tuple[int, ...], Iterator[str] | list[str]]:
    channels = (3,) if colour else ()
    if choices.image_shape is not None:
        shape = (*choices.image_shape[:2], *choices.image_shape[2:3])
        return shape, [f"Brought to {' x '.join(map(str, shape))}, as chosen."]
    height, width = max(sizes, key=lambda size: sizes[size])
    scale = min(1.0, _SIDE / max(height, width)) if max(height, width) > _LARGEST_KEPT else 1.0
    height, width = max(1, round(height * scale)), max(1, round(width * scale))
    notes = (
        []
        if scale == 1 and len(sizes) == 1
        else [
            f"Resized to {height} x {width}: " + (f"{len(sizes)} sizes were found." if len(sizes) > 1 else "they were larger.")
        ]
    )
    return (height, width, *channels), notes


def _opened(source: str, album: Album, picture: Picture) -> Image.Image:
    from PIL import Image, UnidentifiedImageError

    content = album.content(picture)
    if len(content) > _MAX_PACKED:
        raise DataError(f"{source}: the picture {tidy(picture.name.name)!r} holds more than it declares.")
    try:
        return Image.open(BytesIO(content), formats=_FORMATS)
    except (UnidentifiedImageError, Image.DecompressionBombError, ValueError, OSError, SyntaxError) as error:
        raise DataError(f"{source}: {tidy(picture.name.name)!r} cannot be read as a picture.") from error


def _pixels(image: Image.Image, shape: tuple[int, ...]) -> NDArray[Any]:
    """A picture turned upright, in grey or colour, in its final size; 16-bit grey keeps its upper half."""
    from PIL import Image, ImageOps

    image.draft("RGB" if len(shape) > 2 else "L", (4 * shape[1], 4 * shape[0]))
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "I;16", "I;16B"):
        image = Image.fromarray((np.asarray(image, np.int64).clip(0, 65535) >> 8).astype(np.uint8))
    image = image.convert({2: "L", 3: "RGB"}[len(shape)] if shape[2:] != (4,) else "RGBA")
    if image.size != (shape[1], shape[0]):
        image = image.resize(
            (shape[1], shape[0]),
            Image.Resampling.BOX if math.prod(image.size) > 4 * math.prod(shape[:2]) else Image.Resampling.BILINEAR,
        )
    return np.asarray(image)

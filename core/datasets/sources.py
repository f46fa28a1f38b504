"""Where the classics are, and how each becomes the file that the catalogue reads.

The addresses are the originals, or those that torchvision and scikit-learn use, with the checksums that these publish. What
comes out is the same array for array as the files that the app was tested with, where that can be.
"""

from __future__ import annotations

import bz2
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.choices import Choices
from core.datasets.download import Remote
from core.datasets.zips import check_directory

Arrays = dict[str, NDArray[Any]]
_COLUMBIA = "https://www.cs.columbia.edu/CAVE/databases/SLAM_coil-20_coil-100"
_MOST_MEMBERS, _MOST_BYTES = 10_000, 2**24


@dataclass(frozen=True)
class Source:
    """Files elsewhere, what is made of them, and how that differs from what the papers used (empty: not at all)."""

    remotes: tuple[Remote, ...]
    make: Callable[[Sequence[Path]], Arrays]
    differs: str = ""

    @property
    def megabytes(self) -> float:
        """About how much has to be loaded."""
        return sum(remote.megabytes for remote in self.remotes)


def _idx(base: str, megabytes: Sequence[float], checksums: Sequence[str]) -> tuple[Remote, ...]:
    """The four files of MNIST and of what is shaped like it."""
    names = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
    return tuple(Remote(f"{base}/{name}", f"md5:{md5}", size) for name, md5, size in zip(names, checksums, megabytes))


def _of_idx(files: Sequence[Path]) -> Arrays:
    from core.datasets.readers import read_here

    train, test = (read_here(file, Choices(new=True)) for file in (files[0], files[2]))
    assert train.image_shape and train.y is not None and test.y is not None
    X = np.concatenate([train.X, test.X]).reshape(-1, *train.image_shape)
    return {"images": X, "labels": np.concatenate([train.y, test.y])}


def _of_libsvm(files: Sequence[Path]) -> Arrays:
    """USPS: values in [-1, 1] and labels 1..10, as ``label 1:value 2:value ...``."""
    from sklearn.datasets import load_svmlight_file

    found = [load_svmlight_file(BytesIO(bz2.decompress(file.read_bytes())), n_features=256) for file in files]
    X = np.concatenate([values.toarray() for values, _ in found])
    images = np.rint((X + 1) / 2 * 255).astype(np.uint8).reshape(-1, 16, 16)
    return {"images": images, "labels": np.concatenate([labels for _, labels in found]).astype(np.int64) - 1}


def _of_olivetti(files: Sequence[Path]) -> Arrays:
    """Faces of 64 x 64 in columns, brought to 32 x 32 by means of four."""
    from scipy.io import loadmat

    faces = loadmat(files[0])["faces"].T.reshape(400, 64, 64).transpose(0, 2, 1)
    images = np.rint(faces.reshape(400, 32, 2, 32, 2).mean(axis=(2, 4), dtype=np.float64)).astype(np.uint8)
    return {"images": images, "labels": np.repeat(np.arange(40), 10)}


def _of_coil20(files: Sequence[Path]) -> Arrays:
    """128 x 128 in grey, brought to 32 x 32 by means of sixteen."""
    labels, pictures = _turntable(files[0])
    images = [np.asarray(image.convert("L"), np.float64).reshape(32, 4, 32, 4).mean(axis=(1, 3)) for image in pictures]
    return {"images": np.rint(images).astype(np.uint8), "labels": labels}


def _of_coil100(files: Sequence[Path]) -> Arrays:
    """128 x 128 in colour, brought to 32 x 32 by the means of the middle four pixels of sixteen (bilinear), then to grey."""
    from PIL import Image

    images = []
    labels, pictures = _turntable(files[0])
    for picture in pictures:
        colour = np.asarray(picture.convert("RGB"), np.uint16).reshape(32, 4, 32, 4, 3)[:, 1:3, :, 1:3]
        small = ((colour.sum(axis=(1, 3)) + 2) // 4).astype(np.uint8)
        images.append(np.asarray(Image.fromarray(small).convert("L")))
    return {"images": np.stack(images), "labels": labels}


def _turntable(archive: Path) -> tuple[NDArray[np.int64], list[Any]]:
    """The pictures ``obj<n>__<pose>.png``, objects from 0 and poses in their order."""
    found = {}
    for name, content in _members(archive, r"(?:.*/)?obj(\d+)__(\d+)\.png"):
        found[int(name[1]), int(name[2])] = _picture(archive, content, (128, 128))
    return np.array([thing - 1 for thing, _ in sorted(found)], np.int64), [found[place] for place in sorted(found)]


def _of_yaleb(files: Sequence[Path]) -> Arrays:
    """Cropped faces of 192 x 168 at a quarter of their size, those of damaged files too; without the ambient ones."""
    from PIL import Image

    images, names = [], []
    inside = r"(?:.*/)?(yaleB\d+_P00A[+-]\d+E[+-]\d+)\.pgm(\.bad)?"
    for name, content in sorted(_members(files[0], inside), key=lambda found: found[0][0].rpartition("/")[2]):
        picture = _picture(files[0], content, (168, 192))
        images.append(np.asarray(picture.convert("L").resize((42, 48), Image.Resampling.BICUBIC)))
        names.append((name[1], name[2] is not None))
    people = sorted({stem[:7] for stem, _ in names})
    labels = np.array([people.index(stem[:7]) for stem, _ in names])
    return {
        "images": np.stack(images), "labels": labels, "bad": np.array([bad for _, bad in names]),
        "names": np.array([stem for stem, _ in names]),
    }  # fmt: skip


def _of_umist(files: Sequence[Path]) -> Arrays:
    """Faces of 112 x 92, a cell for each person, brought to 32 x 32."""
    from PIL import Image
    from scipy.io import loadmat

    cells = loadmat(files[0])["facedat"].ravel()
    faces = [np.moveaxis(cell, 2, 0) for cell in cells]
    small = [Image.fromarray(face.astype(np.uint8)).resize((32, 32), Image.Resampling.BOX) for cell in faces for face in cell]
    return {
        "images": np.stack([np.asarray(face) for face in small]),
        "labels": np.repeat(np.arange(len(faces)), list(map(len, faces))),
    }


def _members(archive: Path, pattern: str) -> list[tuple[re.Match[str], bytes]]:
    """Name and content of the members of a zip that are called so."""
    check_directory(archive, repr(archive.name), _MOST_MEMBERS)
    found = []
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            match = re.fullmatch(pattern, info.filename)
            if match and "__MACOSX" not in info.filename:
                if info.file_size > _MOST_BYTES:
                    raise DataError(f"{archive.name!r} holds {info.filename!r} of {info.file_size} bytes.")
                found.append((match, opened.read(info)))
    return found


def _picture(archive: Path, content: bytes, size: tuple[int, int]) -> Any:
    from PIL import Image

    picture = Image.open(BytesIO(content), formats=("PNG", "PPM"))
    if picture.size != size:
        raise DataError(f"{archive.name!r} holds a picture of {picture.size}, not {size}.")
    return picture


SOURCES: Mapping[str, Source] = {
    "orl.npz": Source(
        (
            Remote(
                "https://ndownloader.figshare.com/files/5976027",
                "sha256:b612fb967f2dc77c9c62d3e1266e0c73d5fca46a4b8906c18e454d41af987794", 2.8,
            ),
        ),
        _of_olivetti, "The papers' ORL_32x32.mat was made smaller in another way.",
    ),
    "mnist.npz": Source(
        _idx(
            "https://ossci-datasets.s3.amazonaws.com/mnist", (9.9, 0.03, 1.6, 0.01),
            ("f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432", "9fb629c4189551a2d022fa330f9573f3",
             "ec29112dd5afa0611ce80d1b7f02629c"),
        ),
        _of_idx,
    ),
    "fashion_mnist.npz": Source(
        _idx(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com", (26.4, 0.03, 4.4, 0.01),
            ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe", "bef4ecab320f06d8554ea6380940ec79",
             "bb300cfdad3c16e7a12a480ee83cd310"),
        ),
        _of_idx,
    ),
    "usps.npz": Source(
        (
            Remote(
                "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/usps.bz2",
                "md5:ec16c51db3855ca6c91edd34d0e9b197", 6.6,
            ),
            Remote(
                "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/usps.t.bz2",
                "md5:8ea070ee2aca1ac39742fdd1ef5ed118", 1.8,
            ),
        ),
        _of_libsvm,
    ),
    "coil20.npz": Source((Remote(f"{_COLUMBIA}/coil-20/coil-20-proc.zip", "", 12.1),), _of_coil20),
    "coil100.npz": Source(
        (
            Remote(
                f"{_COLUMBIA}/coil-100/coil-100.zip",
                "sha256:fcb4b8b01c0778f416d8d7a09f45082c4f7075cc74743dcddd5c44307bd4afe7", 124.6,
            ),
        ),
        _of_coil100,
    ),
    "yaleb.npz": Source((Remote("http://vision.ucsd.edu/extyaleb/CroppedYaleBZip/CroppedYale.zip", "", 58.0),), _of_yaleb),
    "umist.npz": Source(
        (Remote("https://cs.nyu.edu/~roweis/data/umist_cropped.mat", "", 5.0),), _of_umist,
        "These are the 575 faces that are published; which 480 of them the papers took is not.",
    ),
}  # fmt: skip
"""By the file that is made. RCV1 comes through scikit-learn (`rcv1`)."""

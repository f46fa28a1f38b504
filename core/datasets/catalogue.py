"""The data sets that have a name: what they are, whose they are, and where to get them.

Only scikit-learn's digits come with the app, and data that are made from a seed. The others are files that the user puts into
a data folder; no faces and no objects are part of the project.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError, data_folders, named
from core.datasets.choices import Choices
from core.datasets.dataset import DataSpec
from core.datasets.labels import class_titles, renumbered
from core.datasets.raw import Attribute, Contents, RawData, assemble
from core.datasets.readers import read_here
from core.datasets.rotated import angle, with_rotated_copies
from core.datasets.synthetic import MAKERS, make
from core.datasets.turntable import pose

Selection = Callable[[NDArray[np.int64]], NDArray[np.int64]]
Derivation = Callable[[RawData], Attribute | None]


@dataclass(frozen=True)
class Entry:
    """One named data set.

    Attributes
    ----------
    name, title, summary
        Key, short title, and one sentence for people.
    file, also
        File it is read from (None: bundled with scikit-learn, or made), and other file names that are accepted.
    n, shape, n_classes
        Number of samples, shape of one image (or length of one vector), number of classes.
    terms
        Under which terms it is passed on, and whom to cite.
    sha256
        Checksum of the file that the app was tested with; None where there is none.
    how_to_get
        What to put where, in words.
    demo
        A part of it that trains within a minute or two on a laptop.
    classes
        Names of the classes where numbers say too little.
    rows, file_rows
        Which rows of the file belong to it, by their labels, and how many rows the file must then have.
    derive
        What is made of the rows of the file, where the data set is not they themselves.
    test
        First row of the published test part, which goes on to the end; None where there is none.
    attributes
        Further columns of labels, by name: each is made of the whole data set, or is None where the file does not allow it.
    """

    name: str
    title: str
    summary: str
    file: str | None
    n: int
    shape: tuple[int, ...]
    n_classes: int
    terms: str
    sha256: str | None
    how_to_get: str
    demo: DataSpec
    also: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    rows: Selection | None = None
    file_rows: int | None = None
    derive: Callable[[RawData], RawData] | None = None
    test: int | None = None
    attributes: Mapping[str, Derivation] = field(default_factory=dict)


def _made(name: str, title: str, summary: str, n: int, m: int, n_classes: int, terms: str) -> Entry:
    """A data set that is made from a seed, as its knobs are at first."""
    return Entry(
        name=name, title=title, summary=summary, file=None, n=n, shape=(m,), n_classes=n_classes, terms=terms, sha256=None,
        how_to_get="Nothing to do: it is made from its seed.", demo=DataSpec(name),
    )  # fmt: skip


def _first_forty(y: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.arange(2880)


def _test_rows(y: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.arange(60_000, 70_000)


def _hundred_each(y: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first 100 images of each digit among the training rows 5000..59999, sorted by digit."""
    train = y[5_000:60_000]
    return 5_000 + np.concatenate([np.flatnonzero(train == digit)[:100] for digit in range(10)])


def _place(file: str, n: int, shape: tuple[int, ...], last: int, source: str) -> str:
    size = " x ".join(map(str, shape))
    return (
        f"Put {file} into the folder <home>/data of the app (<home> is AFFINITY_LAB_HOME, else .affinity_lab beside "
        f"the code) or into a folder that the environment variable AFFINITY_LAB_DATA names. It holds 'images' "
        f"({n} x {size}, uint8, upright, 0 to 255) and 'labels' ({n} integers, 0 to {last}). {source}"
    )


_MNIST_SOURCE = (
    "Source: sklearn.datasets.fetch_openml('mnist_784', version=1, as_frame=False); its 70000 rows keep the original "
    "order, training images first. Reshape to 70000 x 28 x 28, then numpy.savez_compressed('mnist.npz', "
    "images=X.astype('uint8'), labels=y.astype('int64'))."
)
_MNIST_TERMS = "Commonly stated CC BY-SA 3.0; cite LeCun, Bottou, Bengio, Haffner 1998."
_MNIST_SHA = "64bfa5488c1639023292d599e519b14bee588b030554ffd8ed71adba79e6e6b9"
_MNIST_HELP = _place("mnist.npz", 70_000, (28, 28), 9, _MNIST_SOURCE)
_COIL100_SHA = "8e2b7f84d67bb7bb53550c50fb5f9a5b3fe98bd3747475769fa90e90b72a9624"
_COIL100_TERMS = "Columbia University, for research; cite Nene, Nayar, Murase 1996 (CUCS-006-96)."
_COIL100_HELP = _place(
    "coil100.npz",
    7_200,
    (32, 32),
    99,
    "Objects in numeric order, 72 poses each in order, grey. Source: the originals (128 x 128, colour) are at Columbia "
    "University, www.cs.columbia.edu/CAVE/software/softlib/coil-100.php; resize them to 32 x 32 grey.",
)
_DSC = "the folder Data of the repository panji1990/Deep-subspace-clustering-networks on GitHub (DSC-Net)"
_MADE_BY_SKLEARN = "Made by scikit-learn's generator of that name, free of any terms."
_FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")

_ENTRIES = (
    Entry(
        name="digits",
        title="Digits (8 x 8)",
        summary="1797 small handwritten digits that come with scikit-learn.",
        file=None,
        n=1_797,
        shape=(8, 8),
        n_classes=10,
        terms="UCI optical recognition of handwritten digits, test part, CC BY 4.0; cite Alpaydin and Kaynak 1998.",
        sha256=None,
        how_to_get="Nothing to do: it comes with scikit-learn.",
        demo=DataSpec("digits"),
    ),
    Entry(
        name="orl",
        title="ORL faces",
        summary="Faces of 40 people, ten pictures each, with changing expression and pose.",
        file="orl.npz",
        also=("ORL_32x32.mat",),
        n=400,
        shape=(32, 32),
        n_classes=40,
        terms="Credit AT&T Laboratories Cambridge; cite Samaria and Harter 1994. Real people: research and teaching.",
        sha256="d2775799245ee670dd58f53c26aad4dd447a4b2edefdf66e236ecfa1ed011737",
        how_to_get=_place("orl.npz", 400, (32, 32), 39, f"ORL_32x32.mat (keys fea, gnd) of {_DSC} works as it is."),
        demo=DataSpec("orl"),
    ),
    Entry(
        name="coil20",
        title="COIL-20 objects",
        summary="20 objects on a turntable, 72 poses each.",
        file="coil20.npz",
        also=("COIL20.mat",),
        n=1_440,
        shape=(32, 32),
        n_classes=20,
        terms="Columbia University, for research; cite Nene, Nayar, Murase 1996 (CUCS-005-96).",
        sha256="b42330602bae58e13430f93c7e81c47941addfed9cfbba4a6b06cd0bf8852166",
        how_to_get=_place("coil20.npz", 1_440, (32, 32), 19, f"COIL20.mat (keys fea, gnd) of {_DSC} works as it is."),
        demo=DataSpec("coil20"),
        attributes={"pose": pose},
    ),
    Entry(
        name="coil40",
        title="COIL-40 objects",
        summary="The first 40 objects of COIL-100, 72 poses each.",
        file="coil100.npz",
        n=2_880,
        shape=(32, 32),
        n_classes=40,
        terms=_COIL100_TERMS,
        sha256=_COIL100_SHA,
        how_to_get=_COIL100_HELP,
        demo=DataSpec("coil40", n_classes=10),
        rows=_first_forty,
        file_rows=7_200,
        attributes={"pose": pose},
    ),
    Entry(
        name="coil100",
        title="COIL-100 objects",
        summary="100 objects on a turntable, 72 poses each.",
        file="coil100.npz",
        n=7_200,
        shape=(32, 32),
        n_classes=100,
        terms=_COIL100_TERMS,
        sha256=_COIL100_SHA,
        how_to_get=_COIL100_HELP,
        demo=DataSpec("coil100", n_classes=10),
        attributes={"pose": pose},
    ),
    Entry(
        name="yaleb",
        title="Extended Yale B faces",
        summary="Faces of 38 people under 64 directions of light each.",
        file="yaleb.npz",
        also=("YaleBCrop025.mat",),
        n=2_432,
        shape=(48, 42),
        n_classes=38,
        terms="Free for research with acknowledgement; cite Georghiades 2001 and Lee 2005. Real people.",
        sha256="2bcdabb272b420b729014cf4095cbba9f2f2ef4ff8e853ddeaf441258fadadd5",
        how_to_get=_place(
            "yaleb.npz",
            2_432,
            (48, 42),
            37,
            "YaleBCrop025.mat (key Y, 2016 x 64 x 38), which comes with the code of sparse subspace clustering "
            "(SSC, E. Elhamifar) and of DSC-Net, works as it is.",
        ),
        demo=DataSpec("yaleb", n_classes=10),
    ),
    Entry(
        name="umist",
        title="UMIST faces",
        summary="Faces of 20 people turning from profile to front, 24 pictures each.",
        file="umist.npz",
        also=("umist-32-32.mat",),
        n=480,
        shape=(32, 32),
        n_classes=20,
        terms="University of Manchester, for research; cite Graham and Allinson 1998. Real people.",
        sha256=None,
        how_to_get=_place(
            "umist.npz",
            480,
            (32, 32),
            19,
            "The keys img and label are accepted too. umist-32-32.mat (keys img, label), as code for RGRL and its "
            "successors uses it, works as it is.",
        ),
        demo=DataSpec("umist"),
    ),
    Entry(
        name="mnist",
        title="MNIST digits",
        summary="70,000 handwritten digits: 60,000 training images, then 10,000 test images.",
        file="mnist.npz",
        n=70_000,
        shape=(28, 28),
        n_classes=10,
        terms=_MNIST_TERMS,
        sha256=_MNIST_SHA,
        how_to_get=_MNIST_HELP,
        demo=DataSpec("mnist", per_class=100),
        test=60_000,
    ),
    Entry(
        name="mnist2",
        title="MNIST2, rotated digits",
        summary="MNIST and 50,000 copies turned by a random angle of at most 45 degrees: 100,000 training, 20,000 test images.",
        file="mnist.npz",
        n=120_000,
        shape=(28, 28),
        n_classes=10,
        terms=_MNIST_TERMS,
        sha256=_MNIST_SHA,
        how_to_get=_MNIST_HELP,
        demo=DataSpec("mnist2", per_class=100),
        file_rows=70_000,
        derive=with_rotated_copies,
        test=100_000,
        attributes={"angle": angle},
    ),
    Entry(
        name="mnist_test",
        title="MNIST test digits",
        summary="The 10,000 test images of MNIST.",
        file="mnist.npz",
        n=10_000,
        shape=(28, 28),
        n_classes=10,
        terms=_MNIST_TERMS,
        sha256=_MNIST_SHA,
        how_to_get=_MNIST_HELP,
        demo=DataSpec("mnist_test", per_class=100),
        rows=_test_rows,
        file_rows=70_000,
    ),
    Entry(
        name="mnist_1000",
        title="MNIST-1000 digits",
        summary="The first 100 images of each digit among the MNIST training images 5000 to 59999, sorted by digit.",
        file="mnist.npz",
        n=1_000,
        shape=(28, 28),
        n_classes=10,
        terms=_MNIST_TERMS,
        sha256=_MNIST_SHA,
        how_to_get=_MNIST_HELP,
        demo=DataSpec("mnist_1000"),
        rows=_hundred_each,
        file_rows=70_000,
    ),
    Entry(
        name="usps",
        title="USPS digits",
        summary="9298 digits from envelopes: 7291 training images, then 2007 test images.",
        file="usps.npz",
        n=9_298,
        shape=(16, 16),
        n_classes=10,
        terms="As given with Hastie, Tibshirani, Friedman (ESL), no explicit licence; cite LeCun et al. 1990.",
        sha256="1cb8d5028114065c7709a1a99cf3b1a26a23159ff4f30f9beb3798a595e6e0d8",
        how_to_get=_place(
            "usps.npz",
            9_298,
            (16, 16),
            9,
            "Source: sklearn.datasets.fetch_openml(data_id=41082, as_frame=False); its values lie in [-1, 1] and its "
            "labels in 1..10, so store round((x + 1) / 2 * 255) and labels - 1.",
        ),
        demo=DataSpec("usps", per_class=100),
        test=7_291,
    ),
    Entry(
        name="fashion_mnist",
        title="Fashion-MNIST",
        summary="70,000 pictures of clothes: 60,000 training images, then 10,000 test images.",
        file="fashion_mnist.npz",
        n=70_000,
        shape=(28, 28),
        n_classes=10,
        terms="MIT licence, (c) 2017 Zalando SE; cite Xiao, Rasul, Vollgraf 2017.",
        sha256="316ec90756eea53ad8cc50bc4ca9274464b2773a5e0a97b8840cf0783b9d1d5b",
        how_to_get=_place(
            "fashion_mnist.npz",
            70_000,
            (28, 28),
            9,
            "Source: sklearn.datasets.fetch_openml('Fashion-MNIST', version=1, as_frame=False), as 70000 x 28 x 28.",
        ),
        demo=DataSpec("fashion_mnist", per_class=100),
        classes=_FASHION,
        test=60_000,
    ),
    Entry(
        name="rcv1_10k",
        title="RCV1, 10,000 stories",
        summary="News stories of four topics, each a vector of the tf-idf weights of 2,000 words.",
        file="rcv1_10k.npz",
        n=10_000,
        shape=(2_000,),
        n_classes=4,
        terms="Reuters, for research; cite Lewis, Yang, Rose, Li 2004.",
        sha256=None,
        how_to_get=(
            "Run python -m core fetch rcv1_10k: it downloads RCV1 through scikit-learn (656 MB, once) and keeps the cut of "
            "10,000 stories and 2,000 words. With rcv1_10k_rows.npz in a data folder the stories are those of the published "
            "split. Or put rcv1_10k.npz with 'X' (10000 x 2000) and 'y' into <home>/data or a folder in AFFINITY_LAB_DATA."
        ),
        demo=DataSpec("rcv1_10k", per_class=250),
        classes=("Corporate", "Economics", "Government", "Markets"),
    ),
    _made(
        "subspaces",
        "Subspaces",
        "Points on linear subspaces with one angle between any two: what subspace clustering assumes.",
        180,
        10,
        3,
        "Made here, free of any terms.",
    ),
    _made("moons", "Two moons", "Two half circles that reach into each other.", 300, 2, 2, _MADE_BY_SKLEARN),
    _made("circles", "Circles", "A circle inside another.", 300, 2, 2, _MADE_BY_SKLEARN),
    _made("planes", "Planes", "Planes in space that need not meet in the origin.", 300, 3, 3, "Made here, free of any terms."),
    _made("swiss_roll", "Swiss roll", "A band rolled up, with a hole; the classes are its parts.", 300, 3, 4, _MADE_BY_SKLEARN),
    _made("spirals", "Spirals", "Arms that turn about one middle.", 300, 2, 3, "Made here, free of any terms."),
    _made("blobs", "Blobs", "Round clouds of points, the model of k-means.", 300, 2, 4, _MADE_BY_SKLEARN),
)
_BY_NAME = {entry.name: entry for entry in _ENTRIES}


def entries() -> tuple[Entry, ...]:
    """All named data sets, the bundled one first."""
    return _ENTRIES


def entry(name: str) -> Entry:
    """One named data set.

    Raises
    ------
    UnknownName
        If there is none of that name.
    """
    return named("data set", name, _BY_NAME)


def find(name: str) -> Path | None:
    """The file of a named data set on this machine; None if it is not here, or comes with scikit-learn."""
    listed = entry(name)
    names = () if listed.file is None else (listed.file, *listed.also)
    places = (folder / file for file in names for folder in data_folders())
    return next((place for place in places if place.is_file()), None)


def available(name: str) -> bool:
    """Whether `load` can read it on this machine."""
    return entry(name).file is None or find(name) is not None


def checksum_matches(name: str) -> bool:
    """Whether the file here is, byte for byte, the one that the app was tested with. Reads the whole file.

    A file in another accepted format, and one without a known checksum (umist), does not match; the bundled set does.

    Raises
    ------
    DataError
        If it is not on this machine.
    """
    listed, path = entry(name), find(name)
    if listed.file is None:
        return True
    if path is None:
        raise missing(listed)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == listed.sha256


def origin_note(name: str) -> str:
    """One sentence to show where the file here is not the one that the app was tested with; else empty."""
    if checksum_matches(name):
        return ""
    path = find(name)
    shown = "It" if path is None else path.name
    return f"{shown} is not the file this was tested with, so published numbers may not be comparable."


def missing(listed: Entry) -> DataError:
    """What to say when a named data set is not on this machine."""
    return DataError(f"The data set {listed.name!r} is not on this machine. {listed.how_to_get}")


def read_entry(name: str, knobs: Mapping[str, Any] | None = None, seed: int = 0) -> RawData:
    """Read a named data set whole, or make it: then `knobs` and `seed` say how.

    Raises
    ------
    UnknownName
        If there is none of that name.
    DataError
        If its file is not here, or is not what it should be.
    """
    listed = entry(name)
    if name in MAKERS:
        return make(name, knobs or {}, seed)
    raw = _with_names(_read_digits() if listed.file is None else _read_listed(listed), listed.classes)
    raw = replace(raw, attributes=_derived(raw, listed) | dict(raw.attributes))  # the file itself knows best
    return raw if listed.test is None else replace(raw, test=np.arange(listed.test, len(raw.X)))


def _derived(raw: RawData, listed: Entry) -> dict[str, Attribute]:
    """The attributes of an entry that its file allows."""
    found = {name: made for name, derive in listed.attributes.items() if (made := derive(raw)) is not None}
    for name, attribute in found.items():
        if len(attribute.y) != len(raw.X):
            raise DataError(f"The label column {name!r} of {listed.name!r} has {len(attribute.y)} rows, not {len(raw.X)}.")
    return found


def _read_listed(listed: Entry) -> RawData:
    path = find(listed.name)
    if path is None:
        raise missing(listed)
    raw = replace(read_here(path, Choices(image_shape=listed.shape if len(listed.shape) > 1 else None)), notes=())
    if listed.file_rows is None:
        return raw
    if raw.y is None or len(raw.X) != listed.file_rows:
        raise DataError(
            f"{listed.name!r} is a part of {path.name}, which must hold {listed.file_rows} labelled images in their "
            f"original order. It holds {len(raw.X)}{' without labels' if raw.y is None else ''}."
        )
    if listed.derive is not None:
        return listed.derive(raw)
    assert listed.rows is not None
    rows = listed.rows(raw.y)
    y, classes = renumbered(raw.y, raw.classes, rows)
    attributes = {name: attribute.of(rows) for name, attribute in raw.attributes.items()}
    return RawData(raw.X[rows], y, raw.image_shape, classes, attributes=attributes)


def _with_names(raw: RawData, classes: tuple[str, ...]) -> RawData:
    if not classes or len(classes) != len(raw.classes):
        return raw
    return replace(raw, classes=class_titles(classes))


def _read_digits() -> RawData:
    images, target = _digits()
    return assemble("scikit-learn's digits", Contents(images.copy(), target.copy()), Choices())


@cache
def _digits() -> tuple[NDArray, NDArray]:
    """Read once: they come as text."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.images, bunch.target

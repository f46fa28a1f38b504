"""Files as people have them: each is read to the stated samples and labels, or refused with the stated words."""

from __future__ import annotations

import gzip
import io
import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import datasets, methods
from core.common import DataError
from core.datasets import Choices, load, load_like
from core.datasets.choices import parse_image_shape, parse_range
from core.datasets.dataset import DataSpec
from core.datasets.looking import look
from core.datasets.readers import read_here
from core.datasets.tfidf import tfidf
from core.datasets.zips import check_directory

pytestmark = pytest.mark.usefixtures("read_in_this_process")

RANDOM = np.random.default_rng(5)
X = RANDOM.integers(0, 90, (12, 6)).astype(np.float64) / 4
Y = np.array([2, 0, 1] * 4)
WORDS = np.array(["c", "a", "b"] * 4)
IMAGES = RANDOM.integers(0, 256, (12, 4, 3), np.uint8)
COLOUR = RANDOM.integers(0, 256, (12, 4, 6, 3), np.uint8)
Write = Callable[[Path], Any]


@dataclass(frozen=True)
class Case:
    """A file: how it is written, and what must come of it (`words`: the error, or a part of the notes)."""

    name: str
    write: Write
    X: Any = None
    y: Any = None
    shape: tuple[int, ...] | None = None
    words: str = ""
    refused: bool = False
    choices: dict[str, Any] = field(default_factory=dict)


def npz(**arrays: Any) -> Write:
    return lambda path: np.savez(path, **arrays)


def text(content: str, encoding: str = "utf-8") -> Write:
    return lambda path: path.write_bytes(content.encode(encoding))


SENTENCES = ["apple apple pear", "pear plum", "fig quince fig fig"] * 4
PROSE = [("said", "p", "label"), *((sentence, f"{p:g}", str(y)) for sentence, p, y in zip(SENTENCES, X[:, 0], Y))]


def weights_of_words() -> Any:
    """tf-idf as its definition has it: counts times ln((1 + n) / (1 + df)) + 1, rows of unit length."""
    words = ["apple", "fig", "pear", "plum", "quince"]
    counts = np.array([[sentence.split().count(word) for word in words] for sentence in SENTENCES], float)
    weights = counts * (np.log(13 / (1 + (counts > 0).sum(axis=0))) + 1)
    return weights / np.linalg.norm(weights, axis=1, keepdims=True)


WORD_WEIGHTS = weights_of_words()


def prose(sentences: list[str] = SENTENCES) -> str:
    """A table with a column of text, a number and a label."""
    return "\n".join([",".join(PROSE[0]), *(f"{text},{p},{y}" for text, (_, p, y) in zip(sentences, PROSE[1:]))]) + "\n"


def pd_frame(content: str) -> Any:
    import pandas as pd

    return pd.read_csv(io.StringIO(content))


def rows(separator: str = ",", header: str = "p,q,r,s,t,u,label", decimal: str = ".", X: Any = X, y: Any = Y) -> str:
    header = header.replace(",", separator)
    lines = [separator.join([*(f"{value:g}".replace(".", decimal) for value in row), str(label)]) for row, label in zip(X, y)]
    return "\n".join([header, *lines, ""])


def frame(**more: Any) -> Any:
    import pandas as pd

    return pd.DataFrame(X, columns=list("pqrstu")).assign(**more)


def parquet(make: Callable[[], Any]) -> Write:
    return lambda path: make().to_parquet(path)


def mat(form: str = "5", **arrays: Any) -> Write:
    from scipy.io import savemat

    return lambda path: savemat(path, arrays, format=form)


def sparse_npz(path: Path) -> None:
    from scipy.sparse import csr_array, save_npz

    save_npz(path, csr_array(X * (X > 5)))


def sparse_mat(path: Path) -> None:
    from scipy.io import savemat
    from scipy.sparse import csc_array

    savemat(path, {"fea": csc_array(X * (X > 5)), "gnd": Y[:, None]})


def cells(words: Any) -> Any:
    found = np.empty((len(words), 1), object)
    found[:, 0] = list(words)
    return found


def hdf5(fill: Callable[[Any], None]) -> Write:
    import h5py

    def write(path: Path) -> None:
        with h5py.File(path, "w") as store:
            fill(store)

    return write


def v73_words(store: Any) -> None:
    import h5py

    store.create_dataset("fea", data=X.T)
    made = store.create_dataset("gnd", (1, 12), dtype=h5py.ref_dtype)
    made.attrs["MATLAB_class"] = np.bytes_("cell")
    for place, word in enumerate(WORDS):
        inner = store.create_dataset(f"#refs#/{place}", data=np.array([[ord(word)]], np.uint16))
        inner.attrs["MATLAB_class"] = np.bytes_("char")
        made[0, place] = inner.ref


def v73_sparse(store: Any) -> None:
    from scipy.sparse import csc_array

    matrix = csc_array(X * (X > 5))
    group = store.create_group("fea")
    group.attrs["MATLAB_sparse"] = np.uint64(12)
    for key, values in (("data", matrix.data), ("ir", matrix.indices), ("jc", matrix.indptr)):
        group.create_dataset(key, data=values)


def v73_struct(store: Any) -> None:
    group = store.create_group("data")
    group.create_dataset("X", data=X.T)
    group.create_dataset("labels", data=Y[None].astype(np.float64))


def anndata(store: Any, sparse: bool = False) -> None:
    from scipy.sparse import csr_array

    if sparse:
        matrix = csr_array(X * (X > 5))
        group = store.create_group("X")
        group.attrs["encoding-type"], group.attrs["shape"] = "csr_matrix", X.shape
        for key in ("data", "indices", "indptr"):
            group.create_dataset(key, data=getattr(matrix, key))
    else:
        store.create_dataset("X", data=X.astype(np.float32))
    column = store.create_group("obs/cell_type")
    column.create_dataset("codes", data=(Y + 0).astype(np.int8))
    column.create_dataset("categories", data=["a", "b", "c"])


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()


def idx_pair(path: Path, packed: bool = False) -> None:
    pack = gzip.compress if packed else bytes
    path.write_bytes(pack(idx(IMAGES)))
    path.with_name(path.name.replace("images-idx3", "labels-idx1")).write_bytes(pack(idx(Y)))


def png(pixels: np.ndarray, form: str = "PNG", **options: Any) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form, **options)
    return stream.getvalue()


def pictures(images: Any = IMAGES, folders: Any = WORDS) -> Write:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for place, image in enumerate(images):
                archive.writestr(f"set/{'' if folders is None else folders[place] + '/'}{place:02d}.png", png(image))
            archive.writestr("__MACOSX/set/._00.png", b"nothing")
            archive.writestr("set/read me.txt", b"nothing")

    return write


def of_zip() -> np.ndarray:
    """The order of the names: by folder, then by number."""
    return np.argsort(WORDS, kind="stable")


SPARSE = X * (X > 5)
ONE_HOT = np.eye(3)[Y]
PAIR = {"x_train": IMAGES[:8], "y_train": Y[:8], "x_test": IMAGES[8:], "y_test": Y[8:]}
MEDMNIST = {
    f"{part}_{name}": values[rows]
    for part, rows in (("train", slice(6)), ("val", slice(6, 9)), ("test", slice(9, None)))
    for name, values in (("images", IMAGES), ("labels", Y[:, None]))
}
FLAT = IMAGES.reshape(12, -1)
CASES = [
    # arrays: types and orders
    Case("f16.npz", npz(X=X.astype("f2"), y=Y), X, Y),
    Case("big-endian.npz", npz(X=X.astype(">f8"), y=Y.astype(">i4")), X, Y),
    Case("fortran.npz", npz(X=np.asfortranarray(X), y=Y), X, Y),
    Case("bool.npz", npz(X=X > 9, y=Y), X > 9, Y),
    Case("bytes.npz", npz(X=X, y=WORDS.astype("S")), X, Y),
    Case("words.npz", npz(X=X, y=WORDS), X, Y),
    Case("floats.npz", npz(X=X, y=Y.astype(float)), X, Y),
    Case("column.npz", npz(X=X, y=Y[:, None]), X, Y),
    Case("wide-range.npz", npz(X=X * 1e30, y=Y), X * 1e30, Y),
    # arrays: names
    *(
        Case(f"{label}.npz", npz(**{"X": X, label: Y}), X, Y)
        for label in ("labels", "gnd", "GT", "Target", "classes", "species", "outcome", "cluster", "Y", "ground_truth")
    ),
    *(Case(f"data-{data}.npz", npz(**{data: X, "y": Y}), X, Y) for data in ("fea", "data", "features", "x", "samples", "img")),
    Case("sklearn.npz", npz(data=X, target=Y, target_names=np.array(["u", "v", "w"]), feature_names=np.array(["a"])), X, Y,
         words="Not used: 'feature_names'"),
    Case("digits.npz", npz(data=FLAT, images=IMAGES, target=Y), IMAGES, Y, (4, 3), "Not used: 'data'"),
    Case("any-name.npz", npz(stuff=X, y=Y), X, Y, words="Samples from 'stuff'"),
    Case("one-hot.npz", npz(X=X, y=ONE_HOT), X, Y),
    Case("one-hot-columns.npz", npz(X=X, y=ONE_HOT.T), X, Y),
    Case("keras.npz", npz(**PAIR), IMAGES, Y, (4, 3), "Joined from"),
    Case("medmnist.npz", npz(**MEDMNIST), IMAGES, Y, (4, 3), "Joined from"),
    Case("parts.npz", npz(train_data=X[:8], train_labels=Y[:8], test_data=X[8:], test_labels=Y[8:]), X, Y),
    Case("ambiguous.npz", npz(a=X, b=X), words="It holds 'a', 'b'", refused=True),
    Case("chosen.npz", npz(a=X, b=X + 1, c=Y), X, Y, choices={"keep": ("a",), "label": "c"}),
    Case("missing.npz", npz(X=X), words="no array 'nix'", refused=True, choices={"label": "nix"}),
    Case("no-label.npz", npz(X=X, y=np.arange(12)), X, None, choices={"label": ""}),
    # arrays: axes
    Case("columns.npz", npz(X=X.T, y=Y), X, Y, words="samples are columns in the file"),
    Case("transposed.npz", npz(X=X.T), X, None, choices={"transpose": True}),
    Case("last-axis.npz", npz(X=np.moveaxis(IMAGES, 0, 2), y=Y), IMAGES, Y, (4, 3), "last axis"),
    Case("last-colour.npz", npz(X=np.moveaxis(COLOUR, 0, 3), y=Y), COLOUR, Y, (4, 6, 3), "last axis"),
    Case("channels.npz", npz(images=np.moveaxis(COLOUR, 3, 1), y=Y), COLOUR, Y, (4, 6, 3), "Channels stand first"),
    Case("one-channel.npz", npz(images=IMAGES[..., None], y=Y), IMAGES, Y, (4, 3)),
    Case("one-pixel.npz", npz(images=IMAGES[:, :, :1], y=Y), IMAGES[:, :, :1], Y, (4, 1)),
    Case("flat-colour.npz", npz(X=COLOUR.reshape(12, -1), y=Y), COLOUR, Y, (4, 6, 3), choices={"image_shape": (4, 6, 3)}),
    Case("flat-no-channels.npz", npz(X=COLOUR.reshape(12, -1)), words="As colour it is 4x6x3", refused=True,
         choices={"image_shape": (4, 6)}),
    Case("plain.npy", lambda path: np.save(path, X), X),
    Case("pictures.npy", lambda path: np.save(path, IMAGES), IMAGES, None, (4, 3)),
    Case("pickled.npy", lambda path: np.save(path, np.array([{}, 1, 2, 3], object)), words="never opened", refused=True),
    Case("scipy.npz", sparse_npz, SPARSE),
    Case("one-class.npz", npz(X=X, y=np.zeros(12)), words="all 12 labels are '0', and one class is nothing", refused=True),
    # tables
    Case("comma.csv", text(rows()), X, Y),
    Case("semicolon.csv", text(rows(";")), X, Y),
    Case("decimal.csv", text(rows(";", decimal=",")), X, Y),
    Case("header.csv", text(rows(";").replace("p;", '"size, in cm, or so";')), X, Y),
    Case("bare-header.csv", text(rows(";").replace("p;", "size, in cm, or so, at least, more or less, yes;")), X, Y),
    Case("tab.tsv", text(rows("\t")), X, Y),
    Case("pipe.txt", text(rows("|")), X, Y),
    Case("space.txt", text(rows(" ")), X, Y),
    Case("spaces.txt", text(rows("   ")), X, Y),
    Case("bom.csv", text(rows(), "utf-8-sig"), X, Y),
    Case("utf-16.csv", text(rows(), "utf-16"), X, Y),
    Case("latin.csv", text(rows(header="größe,q,r,s,t,u,label"), "latin-1"), X, Y, words="not UTF-8"),
    Case("crlf.csv", text(rows().replace("\n", "\r\n")), X, Y),
    Case("packed.csv.gz", lambda path: path.write_bytes(gzip.compress(rows().encode())), X, Y),
    Case("trailing.csv", text(rows().replace("\n", ",\n")), X, Y, words="ends with a separator"),
    Case("trailing-rows.csv", text(rows().replace("\n", ",\n").replace("label,", "label")), X, Y, words="ends with"),
    Case("headerless.csv", text(rows(header="").strip()), words="first row is empty|row of column names", refused=True),
    Case("iris.csv", text(rows(header="5.1,3.5,1.4,1.4,1,2,c", y=WORDS)), words="looks like a sample: 5.1", refused=True),
    Case("more.csv", text(rows().replace("\n", ",1\n").replace("label,1", "label")), words="as many fields as its first row, 7",
         refused=True),
    *(
        Case(f"{label}.csv", text(rows(header=f"p,q,r,s,t,u,{label}")), X, Y)
        for label in ("labels", "gnd", "Classes", "species", "category", "target_name", "Outcome", "cluster", "y", "gt")
    ),
    Case("text.csv", text(rows(header="p,q,r,s,t,u,kind", y=WORDS)), X, Y, words="'kind' is the label"),
    Case("roles.csv", text(rows(header="p,q,r,s,t,class,label", X=np.c_[X[:, :5], Y % 2])), X[:, :5], Y % 2,
         words="label 'class'; further labels 'label'", choices={"label": "class", "further": ("label",)}),
    Case("roles.npz", npz(X=X, y=Y, more=Y % 2), X, Y, words="further labels 'more'", choices={"further": ("more",)}),
    Case("no-role.npz", npz(X=X, y=Y), words="no array 'more'", refused=True, choices={"further": ("more",)}),
    Case("two.csv", text(rows(header="p,q,r,s,t,class,label")), X[:, :5], Y, words="'class' (another column of labels)"),
    Case("twins.csv", text(rows(header="p,p,r,r,r,u,label")), X, Y),
    Case("kept.csv", text(rows(header="p,q,r,s,t,class,label")), X, Y, choices={"keep": ("class",)}),
    Case("coordinates.csv", text(rows(header="x,y,r,s,t,u,label")), X, Y),
    Case("points.csv", text("x,y\n" + "\n".join(f"{a},{b}" for a, b in X[:, :2])), X[:, :2]),
    Case("id.csv", text("id," + rows().replace("\n", "\n7,")[:-2]), X, Y, words="numbers or identifiers: 'id'"),
    Case("index.csv", lambda path: frame(label=Y).to_csv(path), X, Y, words="'Unnamed: 0'"),
    Case("running.csv", lambda path: frame(label=Y).assign(n=np.arange(12) * 3).to_csv(path, index=False), X, Y,
         words="numbers or identifiers: 'n'"),
    Case("running-kept.csv", lambda path: frame(label=Y).assign(n=np.arange(12) * 3).to_csv(path, index=False),
         np.c_[X, np.arange(12) * 3], Y, choices={"keep": ("n",)}),
    Case("dropped.csv", text(rows()), X[:, 1:], Y, choices={"drop": ("p",)}),
    Case("flags.csv", lambda path: frame(flag=X[:, 0] > 9, label=Y).to_csv(path, index=False), np.c_[X, X[:, 0] > 9], Y),
    Case("yes.csv", lambda path: frame(flag=np.where(X[:, 0] > 9, "Yes", "no"), label=Y).to_csv(path, index=False),
         np.c_[X, X[:, 0] > 9], Y),
    Case("notes.csv", lambda path: frame(note=[f"n{i}" for i in range(12)], label=Y).to_csv(path, index=False), X, Y,
         words="'note' (text)"),
    Case("missing-names.csv", text(rows(y=np.array(["null", "NA", "None"] * 4))), X, np.array([2, 0, 1] * 4)),
    Case("missing-label.csv", text(rows(y=["", "a", "b"] * 4)), X, np.array([-1, 0, 1] * 4), words="8 of 12 samples have a"),
    Case("no-labels-at-all.csv", text(rows(y=[""] * 12)), X, None, words="No sample has a label"),
    Case("minus.csv", text(rows(y=[-1, 4, 5] * 4)), X, np.array([0, 1, 2] * 4), words="One class is called '-1'"),
    Case("minus-and-empty.csv", text(rows(y=[-1, "", 4, 5] * 3)), X, np.array([0, -1, 1, 2] * 3),
         words="One class is called '-1'"),
    Case("minus-none.csv", text(rows(y=[-1, 4, 5] * 4)), X, np.array([-1, 0, 1] * 4), words="'-1' is no label",
         choices={"unlabelled": "-1"}),
    Case("minus-none-mistyped.csv", text(rows(y=[-1, 4, 5] * 4)), choices={"unlabelled": "-9"}, refused=True,
         words="no label is '-9'. They are '-1', '4', '5'"),
    Case("minus-none-further.csv", text(rows(header="a,b,c,d,e,f,y,place", y=["-1,p", "4,q", "5,p"] * 4)), X,
         np.array([-1, 0, 1] * 4), words="'-1' is no label", choices={"unlabelled": "-1", "label": "y", "further": ("place",)}),
    Case("nan.npz", npz(X=X, y=np.array([np.nan, 7, 3] * 4)), X, np.array([-1, 1, 0] * 4), words="8 of 12"),
    Case("empty-words.npz", npz(X=X, y=np.array(["", "b", "a"] * 4)), X, np.array([-1, 1, 0] * 4), words="8 of 12"),
    Case("unknown.npz", npz(X=X, y=np.array(["?", "b", "a"] * 4)), X, np.array([-1, 1, 0] * 4), words="8 of 12",
         choices={"unlabelled": "?"}),
    Case("infinite.npz", npz(X=X, y=np.array([np.inf, 7, 3] * 4)), words="labels must be whole numbers", refused=True),
    Case("one-of-few.npz", npz(X=X, y=np.array([np.nan, 7, np.nan] * 4)), words="all 4 labels are '7'", refused=True),
    Case("scales.csv", text(rows(X=X * [1, 1, 1, 1, 1, 1e4])), X * [1, 1, 1, 1, 1, 1e4], Y, words="'standard' is recommended"),
    Case("flat.csv", text(rows(header=",".join([*(f"p{i}" for i in range(12)), "label"]), X=FLAT)), IMAGES, Y, (4, 3),
         choices={"image_shape": (4, 3)}),
    Case("one-cell.csv", text(rows().replace("\n", "\nx,", 2).replace("x,p", "p")), refused=True, words="."),
    Case("table.parquet", parquet(lambda: frame(label=WORDS)), X, Y),
    Case("category.parquet", parquet(lambda: frame(species=WORDS).astype({"species": "category"})), X, Y),
    Case("nullable.parquet", parquet(lambda: frame(label=Y).convert_dtypes()), X, Y),
    Case("bool.parquet", parquet(lambda: frame(flag=X[:, 0] > 9, label=Y)), np.c_[X, X[:, 0] > 9], Y),
    Case("hole.parquet", parquet(lambda: frame(label=[None, 0, 1] * 4).convert_dtypes()), X, np.array([-1, 0, 1] * 4),
         words="8 of 12"),
    Case("lists.parquet", parquet(lambda: frame(label=Y).assign(e=[list(row) for row in X])[["e", "label"]]), X, Y),
    Case("index.parquet", parquet(lambda: frame(label=Y).set_index(np.arange(12)[::-1] ** 2)), X, Y, words="'Unnamed: 0'"),
    # text
    Case("prose.csv", text(prose()), WORD_WEIGHTS, Y, words="5 features are tf-idf weights", choices={"text": ("said",)}),
    Case("prose.parquet", parquet(lambda: pd_frame(prose())), WORD_WEIGHTS, Y, choices={"text": ("said",)}),
    Case("prose-beside.csv", text(prose()), np.c_[WORD_WEIGHTS, X[:, 0]], Y, choices={"text": ("said",), "keep": ("p",)}),
    Case("prose-unasked.csv", text(prose()), X[:, :1], Y, words="'said' \\(text\\)"),
    Case("prose-alone.csv", text("\n".join(f"{a},{b}" for a, _, b in PROSE)), words="choose 'said' as text", refused=True),
    Case("wordless.csv", text(prose(["1", "?", ""] * 4)), words="no word of two letters", refused=True,
         choices={"text": ("said",)}),
    Case("no-text.parquet", parquet(lambda: frame(label=Y)), words="Column 'p' holds double", refused=True,
         choices={"text": ("p",)}),
    # MATLAB
    Case("v5.mat", mat(fea=X, gnd=Y[:, None]), X, Y),
    Case("v4.mat", mat("4", fea=X, gnd=Y[:, None].astype(float)), X, Y),
    Case("v4-words.mat", mat("4", fea=X, gnd=np.array([f"w{w}" for w in WORDS])), X, Y),
    Case("struct.mat", mat(data={"X": X, "labels": Y[:, None]}), X, Y),
    Case("cell.mat", mat(fea=X, gnd=cells(WORDS)), X, Y),
    Case("struct-cell.mat", mat(data={"X": X, "labels": cells(WORDS)}), X, Y),
    Case("char.mat", mat(fea=X, gnd=np.array([f"w{w}" for w in WORDS])), X, Y),
    Case("sparse.mat", sparse_mat, SPARSE, Y),
    Case("features.mat", mat(fea=X.T, gnd=Y[:, None]), X, Y, words="samples are columns"),
    Case("colour.mat", mat(X=np.moveaxis(COLOUR, 0, 3), y=Y[:, None]), COLOUR, Y, (4, 6, 3)),
    Case("v73-cell.mat", hdf5(v73_words), X, Y),
    Case("v73-sparse.mat", hdf5(v73_sparse), SPARSE),
    Case("v73-struct.mat", hdf5(v73_struct), X, Y),
    # others
    Case("cells.h5ad", hdf5(anndata), X, Y),
    Case("sparse.h5ad", hdf5(lambda store: anndata(store, True)), SPARSE, Y),
    Case("other.h5ad", hdf5(lambda store: store.create_dataset("Y", data=X)), words="no 'X' of its own", refused=True),
    Case("train-images-idx3-ubyte", idx_pair, IMAGES, Y, (4, 3), "Labels from 'train-labels-idx1-ubyte'"),
    Case("train-images-idx3-ubyte.gz", lambda path: idx_pair(path, True), IMAGES, Y, (4, 3)),
    Case("alone-idx3-ubyte", lambda path: path.write_bytes(idx(IMAGES)), IMAGES, None, (4, 3)),
    Case("cut-idx3-ubyte", lambda path: path.write_bytes(idx(IMAGES)[:-5]), words="must hold 144 bytes", refused=True),
    Case("grey.zip", pictures(), IMAGES[of_zip()], np.sort(Y), (4, 3), "Each folder is a class: 3"),
    Case("unlabelled.zip", pictures(folders=None), IMAGES, None, (4, 3), "no classes"),
    Case("colour.zip", pictures(COLOUR), COLOUR[of_zip()], np.sort(Y), (4, 6, 3)),
    Case("empty.zip", pictures([]), words="holds no pictures", refused=True),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_file_is_read_to_what_it_says_or_refused_in_words(case: Case, tmp_path: Path) -> None:
    path = tmp_path / case.name
    case.write(path)
    choices = Choices(**case.choices)
    if case.refused:
        with pytest.raises(DataError, match=case.words):
            read_here(path, choices)
        return
    raw = read_here(path, choices)
    np.testing.assert_allclose(raw.X, np.asarray(case.X, np.float64).reshape(12, -1), rtol=1e-6)
    assert raw.image_shape == case.shape
    if case.y is None:
        assert raw.y is None
    else:
        np.testing.assert_array_equal(raw.y, case.y)
    assert case.words in " ".join(raw.notes) or re.search(case.words, " ".join(raw.notes)), raw.notes
    assert look(path, choices)["parts"], "what was found can be shown"


CRASHING = (".h5ad", "cell.mat")
"""Text in a damaged HDF5 file can crash the library: there the process that reads is what helps."""


@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.refused and not case.name.endswith(CRASHING)], ids=lambda case: case.name
)
def test_a_file_that_is_cut_or_changed_anywhere_raises_nothing_else(case: Case, tmp_path: Path) -> None:
    path, random = tmp_path / case.name, np.random.default_rng(11)
    case.write(path)
    good = path.read_bytes()
    for _ in range(3):
        changed = bytearray(good[: random.integers(1, len(good) + 1)])
        changed[random.integers(len(changed))] = int(random.integers(256))
        path.write_bytes(changed)
        for read in (read_here, look):
            try:
                read(path, Choices(**case.choices))
            except DataError:
                continue


def test_the_cases_are_many_and_all_different() -> None:
    assert len(CASES) >= 90 and len({case.name for case in CASES}) == len(CASES)


# ---- one range for all containers ------------------------------------------------------------------------------------


def same_pictures(folder: Path, images: Any = IMAGES, y: Any = Y) -> dict[str, Path]:
    """The same pictures in many containers; the extremes are in them."""
    images = images.copy()
    images[0, 0, :2] = 0, 255
    n, flat = len(images), images.reshape(len(images), -1)
    np.savez(folder / "bytes.npz", images=images, labels=y)
    np.savez(folder / "fractions.npz", images=images / 255, labels=y)
    np.savez(folder / "floats.npz", images=images.astype(np.float32), labels=y)
    np.save(folder / "plain.npy", images)
    mat(fea=images.transpose(0, 2, 1).reshape(n, -1), gnd=y[:, None])(folder / "flat.mat")
    (folder / "all-images-idx3-ubyte").write_bytes(idx(images))
    (folder / "all-labels-idx1-ubyte").write_bytes(idx(y))
    pictures(images, [f"{label}" for label in y])(folder / "folders.zip")
    text(rows(header=",".join([*(f"p{i}" for i in range(flat.shape[1])), "label"]), X=flat, y=y))(folder / "rows.csv")
    return {path.name: path for path in folder.iterdir() if "labels" not in path.name}


def test_the_same_pictures_come_out_the_same_from_every_container(tmp_path: Path) -> None:
    found = {name: load(path, image_shape=(4, 3)) for name, path in same_pictures(tmp_path).items()}
    expected = found["bytes.npz"].X
    assert len(found) == 8 and (expected.min(), expected.max()) == (0, 1)
    by_folder = np.argsort(Y, kind="stable")
    for name, data in found.items():
        np.testing.assert_allclose(data.X, expected[by_folder] if name == "folders.zip" else expected, atol=1e-6, err_msg=name)
        assert any("0 to 255" in note or "0 to 1 (" in note for note in data.notes)


def test_the_same_clusters_come_out_of_every_container(tmp_path: Path) -> None:
    digits = load("digits", per_class=8, n_classes=3)
    order = np.argsort(digits.y, kind="stable")  # as folders have them
    images, y = np.rint(digits.X[order].reshape(-1, 8, 8) * 255).astype(np.uint8), digits.y[order]  # type: ignore[index]
    files = same_pictures(tmp_path, images, y)
    few = {"epochs": 3, "layer_epochs": 1, "widths": (16, 4), "anchors": "random", "n_anchors": 8, "n_neighbors": 3}
    for method, params in (("ridge", {}), ("grdnn", few)):
        declared = methods.method_class(method).declared()
        given = {name: value for name, value in params.items() if name in declared}
        found = {
            name: methods.build(method, n_clusters=3, **given).fit_predict(load(path, image_shape=(8, 8)).samples).tolist()
            for name, path in files.items()
        }
        assert len(found) == 8 and len(set(found["bytes.npz"])) == 3
        assert all(labels == found["bytes.npz"] for labels in found.values()), (method, found)


@pytest.mark.parametrize(
    ("values", "used"),
    [
        (np.arange(48, dtype=np.uint8) % 17, (0, 16)),
        (np.arange(48, dtype=np.uint8) % 3 % 2, (0, 1)),
        (np.arange(48, dtype=np.uint8) % 3 % 2 * 255, (0, 255)),
        (np.arange(48, dtype=np.uint8) * 4 + 20, (0, 255)),
        (np.arange(48, dtype=np.uint8) + 200, (200, 247)),
        (np.arange(48) / 47, (0, 1)),
        (np.arange(48) / 47 * 0.6, (0, 1)),
        (np.arange(48) / 47 * 1e-7, (0, 1e-7)),
        (np.arange(48) % 17 * 1.0, (0, 16)),
        (np.arange(48) * 5.0, (0, 255)),
        (np.arange(48) * 5.5, (0, 258.5)),
        (np.arange(48) - 20.0, (-20, 27)),
    ],
)
def test_the_range_is_what_the_values_say(values: np.ndarray, used: tuple[float, float], tmp_path: Path) -> None:
    np.savez(tmp_path / "range.npz", images=values.reshape(12, 2, 2))
    data = load(tmp_path / "range.npz")
    low, high = used
    np.testing.assert_allclose(data.X, (values.reshape(12, 4).astype(float) - low) / (high - low), rtol=1e-5, atol=1e-6)
    assert f"the range {low:g} to {high:g}" in data.notes[-1]
    np.testing.assert_array_equal(data.images(range(12)).reshape(12, -1), np.rint(data.X * 255)), "as the network sees it"


def test_a_range_that_was_chosen_is_kept_and_said(tmp_path: Path) -> None:
    np.savez(tmp_path / "dark.npz", images=IMAGES // 16)
    path = datasets.import_file(tmp_path / "dark.npz", Choices(range=(0, 255)))
    data = load(path.stem)
    np.testing.assert_allclose(data.X.reshape(IMAGES.shape), (IMAGES // 16) / 255, rtol=1e-6)
    said = " ".join(data.notes)
    assert "range 0 to 255 (as chosen)" in said and "Chosen at import: range 0 to 255" in said
    assert load(path).fingerprint == data.fingerprint, "also by its path"


# ---- what is kept with a data set ------------------------------------------------------------------------------------


def test_choices_survive_storing_and_speak(tmp_path: Path) -> None:
    chosen = Choices("kind", ("a",), ("b",), (2, 2), True, (0, 1))
    assert Choices.from_dict(chosen.to_dict()) == chosen and Choices.from_dict({}) == Choices() and Choices().words() == ""
    for word in ("'kind'", "dropped 'a'", "kept 'b'", "2x2", "transposed", "0 to 1"):
        assert word in chosen.words()
    text(rows())(tmp_path / "t.csv")
    data = load(datasets.import_file(tmp_path / "t.csv", Choices(drop=("p",)), "A name/of it").stem)
    assert data.name.startswith("A-name-of-it-") and data.columns == tuple("qrstu")
    assert "Chosen at import: dropped 'p'." in data.notes


@pytest.mark.parametrize("written", ["28", "28x", "axb", "0x4", "4x4x2", "1x2x3x4", ""])
def test_an_image_shape_that_is_none(written: str) -> None:
    with pytest.raises(DataError, match=r"mage shape is written HxW|image_shape must be"):
        parse_image_shape(written)


def test_shapes_and_ranges_as_they_are_written() -> None:
    assert [datasets.parse_change(text) for text in ("", " auto", "0,255")] == [None, "auto", (0, 255)]
    assert parse_image_shape("28x28") == (28, 28) and parse_image_shape("32X32x3") == (32, 32, 3)
    assert parse_image_shape("5x4x1") == (5, 4) and parse_range("auto") is None and parse_range("0, 255") == (0, 255)
    for wrong in ("1", "5,1", "a,b", "0,inf", "1,2,3"):
        with pytest.raises(DataError, match="range is"):
            parse_range(wrong)
    with pytest.raises(DataError, match="A column has one role"):
        Choices(drop=("a",), keep=("a",))


@pytest.mark.parametrize(
    ("given", "stem"),
    [("данные.npz", "данные"), ("数据集.npz", "数据集"), ("é té.npz", "é-té"), ("a\u202eb.npz", "a-b"), ("...npz", "data")],
)
def test_names_of_any_script_stay_readable(given: str, stem: str, tmp_path: Path) -> None:
    npz(X=X)(tmp_path / "x.npz")
    path = datasets.store_upload(given, (tmp_path / "x.npz").read_bytes())
    assert path.stem.rpartition("-")[0] == stem and datasets.uploads() == [path] and load(path.stem).n_samples == 12


def test_several_pictures_and_pairs_of_idx_files_are_one_upload() -> None:
    several = [(f"p{place}.png", png(image)) for place, image in enumerate(IMAGES)]
    assert load(datasets.store_uploads(several).stem, scaling="none").samples.shape == (12, 4, 3)
    pair = [("t-labels-idx1-ubyte", idx(Y)), ("t-images-idx3-ubyte", idx(IMAGES))]
    np.testing.assert_array_equal(load(datasets.store_uploads(pair).stem).y, Y)
    with pytest.raises(DataError, match="Give one file, several pictures, or an IDX file"):
        datasets.store_uploads([("a.csv", b"1"), ("b.csv", b"1")])


def test_pictures_are_turned_and_brought_to_one_size_with_a_word(tmp_path: Path) -> None:
    folder = tmp_path / "album"
    tall, wide = np.zeros((300, 200, 3), np.uint8), np.zeros((200, 300, 3), np.uint8)
    tall[:150], wide[:, 150:] = 255, 255
    from PIL import Image

    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held upright: to be turned by 90 degrees, clockwise
    for place in range(6):
        (folder / "ab"[place % 2]).mkdir(parents=True, exist_ok=True)
        content = png(tall) if place % 2 else png(wide[:, ::-1].copy(), "JPEG", exif=turned)
        (folder / "ab"[place % 2] / f"{place}.{'png' if place % 2 else 'jpg'}").write_bytes(content)
    raw = read_here(folder)
    assert raw.image_shape == (64, 43, 3) and raw.classes == ("a", "b")
    assert any("Resized to 64 x 43" in note for note in raw.notes)
    for picture in raw.X.reshape(6, 64, 43, 3):
        assert picture[:28].min() > 200 and picture[36:].max() < 50, "white above, black below"
    assert read_here(folder, Choices(image_shape=(8, 8))).image_shape == (8, 8)


def test_a_zip_may_say_in_eight_bytes_how_many_members_it_has(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    pictures()(path)
    content = path.read_bytes()
    start = content.rfind(b"PK\x05\x06")
    record = b"PK\x06\x06" + bytes(28) + struct.pack("<QQQ", 70_000, 5000, 0)
    for place, words in ((start, "lists 70000 members in 5000 bytes"), (start - 9, "is not where it says")):
        locator = b"PK\x06\x07" + bytes(4) + struct.pack("<Q", place) + bytes(4)
        path.write_bytes(content[:start] + record + locator + content[start:])
        with pytest.raises(DataError, match=words):
            check_directory(path, "'many.zip'", 69_999)
    path.write_bytes(
        content[:start] + record + b"PK\x06\x07" + bytes(4) + struct.pack("<Q", start) + bytes(4) + content[start:]
    )
    check_directory(path, "'many.zip'", 70_000)


@pytest.mark.slow
def test_a_zip_of_more_members_than_it_can_count_in_two_bytes(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for place in range(65_600):
            archive.writestr(f"{place}.txt", b"")
        for place, image in enumerate(IMAGES):
            archive.writestr(f"{place}.png", png(image))
    check_directory(path, "'many.zip'", 65_612)
    with pytest.raises(DataError, match="lists 65612 members in"):
        check_directory(path, "'many.zip'", 65_611)
    assert len(read_here(path).X) == 12
    path.write_bytes(path.read_bytes()[1000:])
    with pytest.raises(DataError, match="not an archive"):
        check_directory(path, "'many.zip'", 10**6)


def test_the_test_part_of_keras_is_the_published_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "mnist.npz", **PAIR)
    path = datasets.import_file(tmp_path / "mnist.npz")
    data = load(path.stem, n_test=4)
    assert data.n_samples == 8 and data.test is not None
    np.testing.assert_array_equal(data.test.y, Y[8:])


def test_the_words_of_the_largest_sums_stay() -> None:
    random = np.random.default_rng(0)
    texts = [" ".join(f"w{k:04d}" for k in random.choice(2100, 40)) + " often often" for _ in range(300)]
    weights, words = tfidf("'t'", [*texts, "seldomone", "seldomtwo"])
    assert weights.shape == (302, 2000) and "often" in words and list(words) == sorted(words)
    assert (np.linalg.norm(weights, axis=1) <= 1 + 1e-6).all()


def test_what_is_found_in_a_table_is_told_by_column(tmp_path: Path) -> None:
    frame(note=[f"n{i}" for i in range(12)], label=WORDS).assign(id=range(12)).to_csv(tmp_path / "t.csv", index=False)
    parts = {part["name"]: part for part in look(tmp_path / "t.csv", Choices())["parts"]}
    assert {name: part["role"] for name, part in parts.items()} == {
        **dict.fromkeys("pqrstu", "feature"), "note": "not used", "label": "label", "id": "numbering"
    }  # fmt: skip
    assert parts["p"]["range"] == f"{X[:, 0].min():g} to {X[:, 0].max():g}" and parts["p"]["missing"] == 0
    assert parts["label"]["preview"] == "c, a, b, c, a"


def test_the_first_values_of_a_label_are_shown_though_others_are_missing(tmp_path: Path) -> None:
    frame(label=[""] * 8 + list("abca")).to_csv(tmp_path / "t.csv", index=False)
    shown = {part["name"]: part for part in look(tmp_path / "t.csv", Choices())["parts"]}["label"]
    assert (shown["preview"], shown["missing"], shown["role"]) == ("a, b, c, a", 8, "label")


@pytest.mark.parametrize(
    ("arrays", "roles"),
    [
        ({"X": X, "y": Y, "label_side": Y, "more": Y}, ["samples", "label", "further label", "not used"]),
        (PAIR, ["samples, train", "label, train", "samples, test", "label, test"]),
        ({"a": X, "b": X}, ["not used", "not used"]),
    ],
)
def test_what_is_found_in_an_archive_is_told_by_array(arrays: dict[str, Any], roles: list[str], tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    parts = look(tmp_path / "a.npz", Choices())["parts"]
    assert [part["name"] for part in parts] == list(arrays) and [part["role"] for part in parts] == roles
    assert parts[0]["shape"] == " x ".join(map(str, next(iter(arrays.values())).shape))


# ---- new samples -----------------------------------------------------------------------------------------------------


def kept(folder: Path, name: str, write: Write, **choices: Any) -> str:
    write(folder / name)
    return datasets.import_file(folder / name, Choices(**choices)).stem


@pytest.mark.parametrize("by_upload", [True, False])
def test_columns_of_new_samples_are_matched_by_name(by_upload: bool, tmp_path: Path) -> None:
    model = DataSpec(kept(tmp_path, "model.csv", text(rows())))
    order = [3, 1, 5, 0, 2, 4]
    header = ",".join("pqrstu"[place] for place in order)
    text(rows(header=f"{header},more,label".replace("more", "extra"), X=np.c_[X[:, order], Y * 9]))(tmp_path / "new.csv")
    name = datasets.import_file(tmp_path / "new.csv").stem if by_upload else str(tmp_path / "new.csv")
    new = load_like(DataSpec(name), model)
    np.testing.assert_allclose(new.X, load(model).X)
    assert new.columns == tuple("pqrstu")
    text(rows(header="p,q,r,s,t,other,label"))(tmp_path / "lacks.csv")
    name = datasets.import_file(tmp_path / "lacks.csv").stem if by_upload else str(tmp_path / "lacks.csv")
    with pytest.raises(DataError, match="lacks the column 'u' that the run learnt from"):
        load_like(DataSpec(name), model)


def test_new_pictures_in_another_range_are_brought_to_that_of_the_run(tmp_path: Path) -> None:
    images = IMAGES.copy()
    images[0, 0, :2] = 0, 255
    model = DataSpec(kept(tmp_path, "model.npz", npz(images=images, labels=Y)))
    np.savez(tmp_path / "new.npz", images=images / 255)
    for scaling in ("unit", "standard"):
        new = load_like(DataSpec(str(tmp_path / "new.npz")), DataSpec(model.name, scaling=scaling))
        np.testing.assert_allclose(new.X, load(model.name, scaling=scaling).X, atol=1e-5)
        assert any("brought to that range" in note for note in new.notes)
    np.savez(tmp_path / "far.npz", images=images.astype(float) * 100)
    assert any("far beyond" in note for note in load_like(DataSpec(str(tmp_path / "far.npz")), model).notes)
    dark = load_like(DataSpec(str(kept(tmp_path, "dark.npz", npz(images=images // 8)))), model)
    assert dark.X.max() < 0.2 and not any("brought" in note for note in dark.notes), "dark pictures stay dark"


@pytest.mark.parametrize(
    "arrays",
    [
        {"images": IMAGES[:1]},
        {"images": IMAGES[:2], "labels": Y[:2]},
        {"images": np.zeros((1, 4, 3), np.uint8)},
        {"images": IMAGES[:3], "labels": [0, 1, 2]},
        {"images": IMAGES[:3], "labels": [1, 1, 1]},
    ],
)
def test_few_and_odd_new_samples_are_fine(arrays: dict[str, Any], tmp_path: Path) -> None:
    model = DataSpec(kept(tmp_path, "model.npz", npz(images=IMAGES, labels=Y)))
    np.savez(tmp_path / "new.npz", **arrays)
    name = datasets.import_file(tmp_path / "new.npz", Choices(new=True)).stem
    for new in (load_like(DataSpec(name), model), load_like(DataSpec(str(tmp_path / "new.npz")), model)):
        np.testing.assert_allclose(new.X, arrays["images"].reshape(len(arrays["images"]), -1) / np.float32(255))


def test_rows_as_long_as_a_picture_of_the_run_are_pictures(tmp_path: Path) -> None:
    model = DataSpec(kept(tmp_path, "model.npz", npz(images=IMAGES, labels=Y)))
    np.savez(tmp_path / "flat.npz", X=FLAT)
    assert load_like(DataSpec(str(tmp_path / "flat.npz")), model).image_shape == (4, 3)

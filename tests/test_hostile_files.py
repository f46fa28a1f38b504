"""Every file is untrusted: each test is one way in which a file can be wrong, and it must be refused with a reason."""

from __future__ import annotations

import pickle
import struct
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import datasets
from core.common import DataError
from core.datasets import checks, load
from tests.hostile import deflated, mat_of, npy_header, zip_of

pytestmark = pytest.mark.usefixtures("read_in_this_process")

RANDOM = np.random.default_rng(0)
GOOD = RANDOM.normal(size=(12, 5))
LABELS = np.arange(12) % 3
FORMATS = ("npz", "csv", "parquet", "mat", "v73.mat")


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


@pytest.fixture(autouse=True)
def app_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    monkeypatch.setenv("AFFINITY_LAB_HOME", str(home))
    return home


def write(path: Path, X: Any, y: Any = None) -> Path:
    """Store samples and labels in the format that the file's name asks for."""
    arrays = {"X": np.asarray(X)} | ({} if y is None else {"y": np.asarray(y)})
    if path.name.endswith(".v73.mat"):
        _write_hdf5(path, arrays)
    elif path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".mat":
        from scipy.io import savemat

        savemat(path, {key: value[:, None] if value.ndim == 1 else value for key, value in arrays.items()})
    else:
        _write_table(path, arrays)
    return path


def _write_hdf5(path: Path, arrays: dict[str, np.ndarray]) -> None:
    import h5py

    with h5py.File(path, "w") as store:
        for key, value in arrays.items():
            store.create_dataset(key, data=value.T, compression="gzip" if value.size > 4 else None)


def _write_table(path: Path, arrays: dict[str, np.ndarray]) -> None:
    import pandas as pd

    frame = pd.DataFrame(arrays["X"], columns=[f"f{place}" for place in range(arrays["X"].shape[1])])
    if "y" in arrays:
        frame["label"] = arrays["y"]
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)


def refused(path: Path, message: str = ".", **options: Any) -> str:
    with pytest.raises(DataError, match=message) as caught:
        load(path, **options)
    assert repr(path.name) in str(caught.value)
    return str(caught.value)


def cheaply(path: Path, message: str = ".", seconds: float = 1.0, megabytes: float = 20) -> None:
    """Refused before anything large is made; seconds are of this process, not of what else the machine does."""
    tracemalloc.start()
    began = time.process_time()
    try:
        refused(path, message)
        took = time.process_time() - began
        peak = tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()
    assert took < seconds and peak < megabytes


# --- content, in every format ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_good_files_load(form: str, tmp_path: Path) -> None:
    data = load(write(tmp_path / f"good.{form}", GOOD, LABELS), scaling="none")
    np.testing.assert_allclose(data.X, GOOD, rtol=1e-5)
    np.testing.assert_array_equal(data.y, LABELS)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_missing_and_infinite_values(form: str, value: float, tmp_path: Path) -> None:
    X = GOOD.copy()
    X[3, 2] = X[7, 0] = value
    refused(write(tmp_path / f"bad.{form}", X, LABELS), r"2 of 60 are not; the first is .* at sample 4, feature 3")


def test_values_beyond_float32(tmp_path: Path) -> None:
    X = GOOD.copy()
    X[0, 1] = 1e300
    refused(write(tmp_path / "huge.npz", X), r"within float32. 1 of 60 are not; the first is 1e\+300 at sample 1")


@pytest.mark.parametrize("form", FORMATS)
def test_constant_data(form: str, tmp_path: Path) -> None:
    refused(write(tmp_path / f"flat.{form}", np.full((12, 5), 2.0), LABELS), "every value is 2, so there is nothing")


@pytest.mark.parametrize("form", FORMATS)
def test_fewer_than_four_samples(form: str, tmp_path: Path) -> None:
    refused(write(tmp_path / f"few.{form}", GOOD[:3]), r"at least 4 samples .* Got \(3, 5\)")


@pytest.mark.parametrize("form", ["npz", "mat", "v73.mat"])
def test_complex_numbers(form: str, tmp_path: Path) -> None:
    refused(write(tmp_path / f"complex.{form}", GOOD + 1j, LABELS), "complex")


@pytest.mark.parametrize("form", ["npz", "csv", "parquet", "mat"])
def test_text_is_no_feature(form: str, tmp_path: Path) -> None:
    refused(write(tmp_path / f"text.{form}", np.full((12, 5), "one"), LABELS), "real numbers")


@pytest.mark.parametrize("form", FORMATS)
def test_yes_and_no_count_as_numbers(form: str, tmp_path: Path) -> None:
    data = load(write(tmp_path / f"flags.{form}", GOOD > 0))
    np.testing.assert_array_equal(data.X, GOOD > 0)


@pytest.mark.parametrize("form", ["npz", "mat", "v73.mat"])
def test_number_of_labels(form: str, tmp_path: Path) -> None:
    refused(write(tmp_path / f"count.{form}", GOOD, LABELS[:11]), "one label a sample. It has 11 labels for 12 samples")


def test_shape_of_labels(tmp_path: Path) -> None:
    refused(write(tmp_path / "wide.npz", GOOD, np.zeros((12, 3))), r"labels must have shape .* Got \(12, 3\)")


@pytest.mark.parametrize("shape", [(), (60,), (2, 2, 3, 5, 1)])
def test_shape_of_samples(shape: tuple[int, ...], tmp_path: Path) -> None:
    refused(write(tmp_path / "shape.npz", np.resize(GOOD, shape)), "samples must have shape")


@pytest.mark.parametrize("form", FORMATS)
def test_broken_labels(form: str, tmp_path: Path) -> None:
    refused(write(tmp_path / f"half.{form}", GOOD, LABELS + 0.5), "labels must be whole numbers or text. 12 are not")
    if form != "csv":  # where it is a word
        refused(write(tmp_path / f"infinite.{form}", GOOD, np.where(LABELS == 1, np.inf, LABELS)), "4 are not: inf")


@pytest.mark.parametrize("form", FORMATS)
def test_missing_labels_are_none(form: str, tmp_path: Path) -> None:
    data = load(write(tmp_path / f"missing.{form}", GOOD, np.where(LABELS == 1, np.nan, LABELS)))
    np.testing.assert_array_equal(data.y, np.where(LABELS == 1, -1, LABELS // 2))
    assert data.classes == ("0", "2") and data.n_labelled == 8


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_missing_text_labels_are_none(form: str, tmp_path: Path) -> None:
    labels = np.array(["a", None, "b"] * 4, dtype=object)
    np.testing.assert_array_equal(load(write(tmp_path / f"none.{form}", GOOD, labels)).y, [0, -1, 1] * 4)


@pytest.mark.parametrize("form", FORMATS)
def test_every_sample_its_own_class(form: str, tmp_path: Path) -> None:
    refused(write(tmp_path / f"own.{form}", GOOD, np.arange(12)), "each of the 12 samples has a class of its own")


@pytest.mark.parametrize("form", FORMATS)
def test_too_many_classes(form: str, tmp_path: Path) -> None:
    X = RANDOM.normal(size=(1500, 2))
    refused(write(tmp_path / f"many.{form}", X, np.arange(1500) % 1001), "1001 classes; at most 1000")


@pytest.mark.parametrize("form", ["npz", "csv", "parquet"])
def test_too_many_classes_of_text(form: str, tmp_path: Path) -> None:
    labels = np.array([f"class {place % 1001}" for place in range(1500)])
    refused(write(tmp_path / f"many.{form}", RANDOM.normal(size=(1500, 2)), labels), "1001 classes; at most 1000")


@pytest.mark.parametrize("form", ["npz", "csv", "parquet"])
def test_hostile_class_names(form: str, tmp_path: Path) -> None:
    names = ["<script>alert(1)</script>", "line\nbreak\x1b[31m\u202e", "x" * 500, "x" * 499 + "y"]
    labels = np.array([names[place % 4] for place in range(12)])
    data = load(write(tmp_path / f"names.{form}", GOOD, labels))
    assert data.n_classes == len(set(data.classes)) == 4
    assert all(len(name) <= 80 and name.isprintable() for name in data.classes)
    assert "line break[31m" in data.classes


@pytest.mark.parametrize("form", ["npz", "csv", "parquet"])
@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"label_": LABELS}, r"label_<name>, with a name of 1 to 40 characters .* Got 'label_'"),
        ({f"label_{'x' * 41}": LABELS}, "a name of 1 to 40 characters"),
        ({"label_../../x": LABELS}, "none of them a slash"),
        ({"label_a\u202eb": LABELS}, "that can be shown"),
        ({"label_a": LABELS, "labels_a": LABELS}, "the label column 'a' twice"),
        ({f"label_{place}": LABELS for place in range(9)}, "9 label columns beside its classes; at most 8"),
        ({"label_half": LABELS + 0.5}, "label column 'half': labels must be whole numbers or text"),
        ({"label_id": np.arange(12)}, "label column 'id': each of the 12 samples has a class of its own"),
    ],
)
def test_label_columns_that_cannot_be_used(form: str, columns: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    import pandas as pd

    path = tmp_path / f"columns.{form}"
    if form == "npz":
        np.savez(path, X=GOOD, **columns)
    else:
        frame = pd.DataFrame(GOOD, columns=list("abcde")).assign(**columns)
        frame.to_csv(path, index=False) if form == "csv" else frame.to_parquet(path)
    refused(path, message)


@pytest.mark.parametrize("form", ["npz", "mat"])
def test_number_of_values_in_a_label_column(form: str, tmp_path: Path) -> None:
    from scipy.io import savemat

    arrays = {"X": GOOD, "label_side": LABELS[:11]}
    np.savez(tmp_path / "count.npz", **arrays)
    savemat(tmp_path / "count.mat", arrays)
    refused(tmp_path / f"count.{form}", "label column 'side': there must be one label a sample. It has 11 labels for 12")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "flipped"])
def test_damaged_files(form: str, damage: str, tmp_path: Path) -> None:
    good = write(tmp_path / f"good.{form}", RANDOM.normal(size=(40, 30)), np.arange(40) % 3).read_bytes()
    content = {
        "cut": good[: len(good) // 2 + 3],
        "noise": np.random.default_rng(1).bytes(5000),
        "empty": b"",
        "flipped": good[:200] + bytes(255 - byte for byte in good[200:600]) + good[600:],
    }[damage]
    path = tmp_path / f"{damage}.{form}"
    path.write_bytes(content)
    if damage != "flipped" or not form.endswith("mat"):  # a .mat file has no checksum: other numbers are numbers
        refused(path)


@pytest.mark.parametrize("form", FORMATS)
def test_files_cut_or_changed_anywhere_raise_nothing_else(form: str, tmp_path: Path) -> None:
    good = write(tmp_path / f"good.{form}", GOOD, LABELS).read_bytes()
    random = np.random.default_rng(7)
    path = tmp_path / f"bad.{form}"
    for _ in range(40):
        content = bytearray(good[: random.integers(1, len(good) + 1)])
        content[random.integers(len(content))] = int(random.integers(256))
        path.write_bytes(content)
        try:
            load(path)
        except DataError:
            continue


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_another_kind_under_this_name(form: str, tmp_path: Path) -> None:
    for other in FORMATS:
        if other.split(".")[-1] != form.split(".")[-1]:
            path = tmp_path / f"disguised.{form}"
            path.write_bytes(write(tmp_path / f"good.{other}", GOOD, LABELS).read_bytes())
            refused(path)


# --- .npz ------------------------------------------------------------------------------------------------------------


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    mark = tmp_path / "opened"
    objects = np.array([Bomb(mark)] * 12, dtype=object)
    refused(write(tmp_path / "data.npz", objects[:, None]), "'X' is a pickled .object. array, which is never opened")
    refused(write(tmp_path / "labels.npz", GOOD, objects), "'y' is a pickled .object. array, which is never opened")
    (tmp_path / "raw.npz").write_bytes(pickle.dumps(Bomb(mark)))
    refused(tmp_path / "raw.npz", "no zip directory")
    np.savez(tmp_path / "beside.npz", X=GOOD, notes=objects)
    assert load(tmp_path / "beside.npz").n_samples == 12
    assert not mark.exists()


def test_zip_bomb_is_not_expanded(tmp_path: Path) -> None:
    header = npy_header((3 * 2**17, 1024))
    packed = deflated(header, 3 * 2**10)
    (tmp_path / "bomb.npz").write_bytes(zip_of("X.npy", packed, len(header) + 3 * 2**30))
    assert (tmp_path / "bomb.npz").stat().st_size < 5_000_000
    cheaply(tmp_path / "bomb.npz", "3.0 GiB once expanded; at most 0.75 GiB")


def test_zip_bomb_that_lies_in_its_directory(tmp_path: Path) -> None:
    header = npy_header((3 * 2**17, 1024))
    packed = deflated(header, 3 * 2**10)
    (tmp_path / "liar.npz").write_bytes(zip_of("X.npy", packed, len(header) + 480))
    cheaply(tmp_path / "liar.npz")


def test_zip_that_holds_more_than_its_header_says(tmp_path: Path) -> None:
    header = npy_header((12, 5))
    packed = deflated(header, 700)
    (tmp_path / "more.npz").write_bytes(zip_of("X.npy", packed, len(header) + 700 * 2**20))
    cheaply(tmp_path / "more.npz", "takes .* bytes where its header asks for")
    (tmp_path / "tail.npz").write_bytes(zip_of("X.npy", packed, len(header) + 480))
    cheaply(tmp_path / "tail.npz")


def test_eight_bit_arrays_count_as_float32(tmp_path: Path) -> None:
    header = npy_header((2**9, 2**20), "|u1")
    (tmp_path / "bytes.npz").write_bytes(zip_of("X.npy", deflated(header, 2**9), len(header) + 2**29))
    cheaply(tmp_path / "bytes.npz", "2.0 GiB once expanded")


@pytest.mark.parametrize("shape", [(10**12, 10**12), (-4, 5), (0, 5), (12, 0)])
def test_absurd_shapes(shape: tuple[int, ...], tmp_path: Path) -> None:
    content = npy_header(shape) + GOOD.tobytes()
    (tmp_path / "absurd.npz").write_bytes(zip_of("X.npy", deflated(content, 0), len(content)))
    cheaply(tmp_path / "absurd.npz")


@pytest.mark.parametrize("content", [b"\x93NUMPY\x01\x00\xff\xff{", b"\x93NUMPY\x09\x00", b"[[[" * 3000, b""])
def test_broken_headers(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "header.npz").write_bytes(zip_of("X.npy", deflated(content, 0), len(content)))
    cheaply(tmp_path / "header.npz")


def test_encrypted_zip(tmp_path: Path) -> None:
    (tmp_path / "locked.npz").write_bytes(zip_of("X.npy", deflated(npy_header((12, 5)), 0), 128, flags=1))
    refused(tmp_path / "locked.npz", "is encrypted")


def test_zip_of_many_members(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.npz", "w") as archive:
        for place in range(101):
            archive.writestr(f"{place}.npy", b"")
    refused(tmp_path / "many.npz", "lists 101 members")


def test_zip_with_other_compression(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "lzma.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("X.npy", bytes(1000))
    refused(tmp_path / "lzma.npz", "compressed in a way that NumPy does not write")


def test_changed_bytes_are_noticed(tmp_path: Path) -> None:
    content = bytearray(write(tmp_path / "good.npz", GOOD).read_bytes())
    content[400] ^= 1
    (tmp_path / "changed.npz").write_bytes(content)
    refused(tmp_path / "changed.npz", "CRC")


def test_keys_that_say_nothing(tmp_path: Path) -> None:
    np.savez(tmp_path / "keys.npz", a=GOOD, b=GOOD)
    refused(tmp_path / "keys.npz", "under one of images, .* two or more axes. It holds 'a', 'b'")


# --- tables ----------------------------------------------------------------------------------------------------------


def test_csv_with_a_million_columns(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("\n".join([",".join(f"c{place}" for place in range(1_000_000)), ",".join(["1"] * 1_000_000)]))
    cheaply(path, "columns; at most 20000", seconds=2)
    path.write_text("\n".join([",".join(["a"] * 20_001), ",".join(["1"] * 20_001)]))
    cheaply(path, "20001 columns; at most 20000", seconds=2)


def test_csv_with_too_many_values(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text(",".join(f"c{place}" for place in range(20_000)) + "\n" * 20_000)
    cheaply(path, "GiB once expanded")


def test_parquet_with_too_many_columns(tmp_path: Path) -> None:
    cheaply(write(tmp_path / "wide.parquet", np.zeros((4, 20_001), np.int8)), "20001 columns; at most 20000", seconds=3)


def test_parquet_of_run_lengths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "runs.parquet", np.zeros((1_000_000, 2), np.int8))
    assert path.stat().st_size < 50_000
    monkeypatch.setattr(checks, "MAX_BYTES", 2**20)
    cheaply(path, "GiB once expanded")


def test_parquet_of_one_long_label(tmp_path: Path) -> None:
    labels = np.array(["x" * 1_000_000, "y"], dtype=object)[(np.arange(20_000) > 9).astype(int)[::-1]]
    path = write(tmp_path / "label.parquet", RANDOM.normal(size=(20_000, 1)), labels)  # 20 GB as plain text
    tracemalloc.start()
    try:
        assert load(path).n_classes == 2
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()


def test_parquet_of_lists(tmp_path: Path) -> None:
    import pandas as pd

    pd.DataFrame({"a": [[1, 2], [1]] * 3, "label": [0, 1] * 3}).to_parquet(tmp_path / "lists.parquet")
    refused(tmp_path / "lists.parquet", "'a': holds lists of different lengths")
    pd.DataFrame({"a": range(6), "label": [[1, 2]] * 6}).to_parquet(tmp_path / "labels.parquet")
    refused(tmp_path / "labels.parquet", "labels must be whole numbers or text.* Column 'label' holds lists")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n4,5,6\n7,8,9\n1,2,3\n4,5,6\n", "Its first row holds only numbers: 1, 2, 3"),
        ("a,b\n1,2\n3,4\n5,6,7\n8,9\n", "fields"),
        ("a,b\n1,2,3\n4,5,6\n7,8,9\n1,1,1\n", "as many fields as its first row, 2"),
        ("a,b\n1,2\n3\n4,5\n6,7\n", "1 of 8 are not; the first is nan at sample 2, feature 2"),
        ("id,a,b\n7,1,2\n8,3,\n9,4,5\n10,6,7\n", r"at sample 2, feature 2 \(counted from 1\), called 'b'\."),
        ("label\n1\n2\n1\n2\n", "no column of features"),
        ("a,b\nu,x\nv,y\nw,z\nq,w\n", "no column of features .* 'a': text. 'b': text"),
        ("a,b\n1,2\n2,3\n3,<b>\n4,5\n", "Column 'b' holds '<b>' at sample 3"),
        ("a,b\n", "at least 4 samples"),
        ("a,b\n" + "1,2\n" * 6, "all 6 samples are the same, so there is nothing to cluster"),
        ("\n\n\n", "Its first row is empty"),
        ('a,"b\n1,2\n3,4\n5,6\n7,8\n', "."),
        ("a,b\n1,2\n3,1e400\n5,6\n7,8\n", "1 of 8 are not; the first is inf"),
        ("a,b\n1,2\n3," + "9" * 400 + "\n5,6\n7,8\n", "."),
    ],
)
def test_broken_tables(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(text)
    refused(tmp_path / "table.csv", message)


# --- .mat ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (np.array([[1], "a"], dtype=object), "cell"),
        ({"a": 1, "b": 2}, "struct"),
        (np.array(["text"] * 12), "char"),
    ],
)
def test_mat_with_other_classes(value: Any, kind: str, tmp_path: Path) -> None:
    from scipy.io import savemat

    savemat(tmp_path / "class.mat", {"fea": value, "gnd": LABELS})
    refused(tmp_path / "class.mat", f"'fea' must hold real numbers in a full array, not '{kind}'")
    savemat(tmp_path / "other.mat", {"fea": GOOD, "gnd": LABELS[:, None], "notes": value})
    assert load(tmp_path / "other.mat").n_samples == 12


def test_sparse_mat(tmp_path: Path) -> None:
    from scipy.io import savemat
    from scipy.sparse import csc_array

    savemat(tmp_path / "sparse.mat", {"fea": csc_array((10**5, 10**5))})
    cheaply(tmp_path / "sparse.mat", "which is sparse, of shape .100000, 100000. would take")


def test_mat_bomb(tmp_path: Path) -> None:
    (tmp_path / "bomb.mat").write_bytes(mat_of((2**17, 3 * 2**10), struct.pack("<II", 9, 3 * 2**30), 3 * 2**10))
    assert (tmp_path / "bomb.mat").stat().st_size < 5_000_000
    cheaply(tmp_path / "bomb.mat", "'fea' of shape .131072, 3072. would take 4.5 GiB")


@pytest.mark.parametrize(
    ("shape", "data", "zeros"),
    [
        ((12, 5), struct.pack("<II", 9, 2**31) + GOOD.tobytes(), 2000),
        ((12, 5), struct.pack("<II", 9, 480) + GOOD.tobytes(), 2000),
        ((12, 5), struct.pack("<II", 9, 2**32 - 8), 0),
        ((12, -5), struct.pack("<II", 9, 480) + GOOD.tobytes(), 0),
        ((12, 5), struct.pack("<II", 77, 480) + GOOD.tobytes(), 0),
        ((12, 5), struct.pack("<II", 9, 480) + GOOD.tobytes()[:-8], 0),
    ],
)
def test_mat_that_lies(shape: tuple[int, int], data: bytes, zeros: int, tmp_path: Path) -> None:
    (tmp_path / "good.mat").write_bytes(mat_of((12, 5), struct.pack("<II", 9, 480) + GOOD.tobytes()))
    assert load(tmp_path / "good.mat").X.shape == (12, 5)
    (tmp_path / "liar.mat").write_bytes(mat_of(shape, data, zeros))
    cheaply(tmp_path / "liar.mat")


def test_mat_of_many_variables(tmp_path: Path) -> None:
    (tmp_path / "many.mat").write_bytes(b"MATLAB 5.0".ljust(124) + b"\0\1IM" + bytes(8) * 10_001)
    cheaply(tmp_path / "many.mat", "more than 10000 variables")


def test_mat_that_claims_more_than_it_holds(tmp_path: Path) -> None:
    content = bytearray(write(tmp_path / "good.mat", GOOD, LABELS).read_bytes())
    place = content.index(struct.pack("<II", 9, GOOD.nbytes))  # the tag of the numbers: type double, bytes
    content[place : place + 8] = struct.pack("<II", 9, 2**32 - 8)
    (tmp_path / "liar.mat").write_bytes(content)
    cheaply(tmp_path / "liar.mat")


def test_hdf5_with_other_classes(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "struct.mat", "w") as store:
        store.create_group("fea")
    refused(tmp_path / "struct.mat", "in a full array, not 'struct'")
    with h5py.File(tmp_path / "sparse.mat", "w") as store:
        store.create_group("fea").attrs["MATLAB_sparse"] = 4
    refused(tmp_path / "sparse.mat", "in a full array, not 'sparse'")
    with h5py.File(tmp_path / "cell.mat", "w") as store:
        store.create_dataset("fea", (12, 5), dtype=h5py.ref_dtype)
    refused(tmp_path / "cell.mat", "in a full array, not 'cell'")
    with h5py.File(tmp_path / "char.mat", "w") as store:
        store.create_dataset("fea", data=np.ones((12, 5), np.uint16)).attrs["MATLAB_class"] = np.bytes_("char")
    refused(tmp_path / "char.mat", "in a full array, not 'char'")


def test_hdf5_that_points_to_other_files(tmp_path: Path) -> None:
    import h5py

    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(range(60)))
    write(tmp_path / "good.v73.mat", GOOD)
    with h5py.File(tmp_path / "external.mat", "w") as store:
        store.create_dataset("X", (5, 12), np.uint8, external=[(str(secret), 0, 60)])
    refused(tmp_path / "external.mat", "lies in another file, which is never opened")
    with h5py.File(tmp_path / "link.mat", "w") as store:
        store["X"] = h5py.ExternalLink(str(tmp_path / "good.v73.mat"), "/X")
    refused(tmp_path / "link.mat", "is a link, which is never followed")
    with h5py.File(tmp_path / "virtual.mat", "w") as store:
        layout = h5py.VirtualLayout((5, 12), np.float64)
        layout[:] = h5py.VirtualSource(str(tmp_path / "good.v73.mat"), "X", (5, 12))
        store.create_virtual_dataset("X", layout)
    refused(tmp_path / "virtual.mat", "lies in another file, which is never opened")


def test_hdf5_bomb_by_shape(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "bomb.mat", "w") as store:
        store.create_dataset("X", (10**6, 10**6), np.float64, chunks=(100, 100), compression="gzip")
    cheaply(tmp_path / "bomb.mat", "would take")


def test_hdf5_bomb_by_chunk(tmp_path: Path) -> None:
    import h5py

    packer = zlib.compressobj(9)
    packed = packer.compress(bytes(2**27)) + packer.flush()
    with h5py.File(tmp_path / "chunk.mat", "w") as store:
        made = store.create_dataset("X", (12, 5), np.float64, chunks=(12, 5), compression="gzip")
        made.id.write_direct_chunk((0, 0), packed)
    cheaply(tmp_path / "chunk.mat", "a compressed chunk of 'X' holds more than it declares")
    with h5py.File(tmp_path / "lzf.mat", "w") as store:
        store.create_dataset("X", data=GOOD, chunks=(12, 5), compression="lzf")
    refused(tmp_path / "lzf.mat", "compressed in a way that MATLAB does not write")


# --- uploads ---------------------------------------------------------------------------------------------------------


def stored(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file()] if home.exists() else []


@pytest.mark.parametrize(
    "filename",
    [
        "../../../escape.npz",
        "..\\..\\escape.npz",
        "/etc/escape.npz",
        "C:\\escape.npz",
        "a/\0b.npz",
        "..npz.npz",
        "💥.npz",
        "-rf.npz",
        "x" * 5000 + ".npz",
        "<img src=x>.NPZ",
    ],
)
def test_upload_names_cannot_leave_the_folder(filename: str, app_home: Path, tmp_path: Path) -> None:
    content = write(tmp_path / "good.npz", GOOD, LABELS).read_bytes()
    path = datasets.store_upload(filename, content)
    assert stored(app_home) == [path] and path.parent == app_home / "data" / "uploads"
    assert len(path.name) <= 60 and path.stem.replace("-", "").replace("_", "").isalnum()
    assert load(path.stem).n_samples == 12


@pytest.mark.parametrize("filename", ["data.pkl", "data", "", ".npz", "data.npz.exe", "data.npz/", "data.npz\n"])
def test_uploads_of_other_kinds(filename: str, app_home: Path, tmp_path: Path) -> None:
    content = write(tmp_path / "good.npz", GOOD, LABELS).read_bytes()
    if filename == "data.npz/":
        assert datasets.store_upload(filename, content).stem.startswith("data-")
        return
    with pytest.raises(DataError, match=r"must end in one of .npz, .npy, .csv"):
        datasets.store_upload(filename, content)
    assert stored(app_home) == []


@pytest.mark.parametrize("form", ["npz", "csv", "parquet", "mat"])
def test_a_bad_upload_leaves_nothing(form: str, app_home: Path) -> None:
    with pytest.raises(DataError, match=f"'notes.{form}'"):
        datasets.store_upload(f"notes.{form}", b"no data at all")
    assert stored(app_home) == [] and datasets.uploads() == []


def test_a_failing_disk_leaves_nothing(app_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = write(tmp_path / "good.npz", GOOD, LABELS).read_bytes()

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        datasets.store_upload("good.npz", content)
    assert stored(app_home) == []


@pytest.mark.parametrize("name", ["../secret-0123abcd", "uploads/../../x-0123abcd", "x-0123abcd\0", "-0123abcd", ""])
def test_upload_names_that_are_paths(name: str) -> None:
    with pytest.raises(ValueError):
        load(name)


def test_foreign_files_in_the_folder_are_not_listed(app_home: Path) -> None:
    folder = app_home / "data" / "uploads"
    folder.mkdir(parents=True)
    for name in (".writing-abc", "plain.npz", "bad name-0123abcd.npz", "x-0123abcd.csv"):
        (folder / name).write_bytes(b"")
    assert datasets.uploads() == []

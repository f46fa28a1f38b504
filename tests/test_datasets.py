"""The named data sets, parts of them, scaling, and uploads."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import datasets
from core.common import DataError, UnknownName
from core.datasets import Dataset, DataSpec, RawData, load, load_like
from core.datasets.rotated import rotated
from core.datasets.turntable import pose

ROOT = Path(__file__).resolve().parent.parent
FILES = {
    "orl": ((400, 32, 32), 40, 10),
    "coil20": ((1440, 32, 32), 20, 72),
    "coil40": ((2880, 32, 32), 40, 72),
    "coil100": ((7200, 32, 32), 100, 72),
    "yaleb": ((2432, 48, 42), 38, 64),
    "mnist": ((70_000, 28, 28), 10, None),
    "mnist_test": ((10_000, 28, 28), 10, None),
    "mnist_1000": ((1_000, 28, 28), 10, 100),
    "usps": ((9_298, 16, 16), 10, None),
    "fashion_mnist": ((70_000, 28, 28), 10, 7_000),
    "mnist2": ((120_000, 28, 28), 10, None),
}

pytestmark = pytest.mark.usefixtures("read_in_this_process")


@pytest.fixture(scope="session")
def real_data() -> Iterator[Path]:
    """The folder of the real files; without it a test is skipped, but fails where CI runs it."""
    named = os.environ.get("AFFINITY_LAB_DATA", "").split(os.pathsep)
    places = [Path(part) for part in named if part] + [ROOT.parent / "shared" / "data"]
    folder = next((place for place in places if (place / "coil20.npz").is_file()), None)
    if folder is None:
        reason = "the benchmark files are not here: set AFFINITY_LAB_DATA to their folder"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFFINITY_LAB_DATA", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def app_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    monkeypatch.setenv("AFFINITY_LAB_HOME", str(home))
    return home


@pytest.fixture
def no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AFFINITY_LAB_DATA", raising=False)


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """60 samples of 3 classes named by letters, 6 features."""
    path = tmp_path / "toy.csv"
    values = np.random.default_rng(3).normal(size=(60, 6)) * 10
    rows = [",".join(f"{value:.6f}" for value in row) + f",{'cab'[i % 3]}" for i, row in enumerate(values)]
    path.write_text("\n".join(["a,b,c,d,e,f,Label", *rows]))
    return path


def digest(data: Dataset) -> tuple[bytes, bytes]:
    return data.X.tobytes(), b"" if data.y is None else data.y.tobytes()


# --- the catalogue ---------------------------------------------------------------------------------------------------


@pytest.mark.journey
@pytest.mark.parametrize("name", FILES)
def test_named_files_have_their_documented_shape(name: str, real_data: Path) -> None:
    shape, n_classes, each = FILES[name]
    data, listed = load(name), datasets.entry(name)
    assert data.samples.shape == shape
    assert (data.n_samples, data.n_classes, data.image_shape) == (shape[0], n_classes, shape[1:])
    assert (listed.n, listed.n_classes, listed.shape) == (shape[0], n_classes, shape[1:])
    assert data.X.dtype == np.float32 and data.y is not None and data.y.dtype == np.int64
    assert 0 <= data.X.min() < data.X.max() <= 1
    assert each is None or set(data.class_counts().values()) == {each}
    assert sorted(set(data.y.tolist())) == list(range(n_classes))


def test_unit_scaling_of_a_named_file_is_images_by_255(real_data: Path) -> None:
    stored = np.load(real_data / "orl.npz")
    data = load("orl")
    np.testing.assert_allclose(data.samples, stored["images"] / 255, rtol=1e-6)
    np.testing.assert_array_equal(data.y, stored["labels"])


def test_parts_of_files_are_the_rows_of_the_papers(real_data: Path) -> None:
    stored = np.load(real_data / "mnist.npz")
    images, labels = stored["images"], stored["labels"]
    thousand = load("mnist_1000", scaling="none")
    np.testing.assert_array_equal(thousand.y, np.repeat(np.arange(10), 100))
    sevens = 5_000 + np.flatnonzero(labels[5_000:60_000] == 7)[:100]
    np.testing.assert_array_equal(thousand.samples[700:800], images[sevens])
    np.testing.assert_array_equal(load("mnist_test", scaling="none").samples, images[60_000:])
    coil = np.load(real_data / "coil100.npz")
    np.testing.assert_array_equal(load("coil40", scaling="none").samples, coil["images"][:2880])


@pytest.mark.parametrize("name", ["orl", "coil20", "coil100", "yaleb", "mnist", "usps", "fashion_mnist"])
def test_checksums(name: str, real_data: Path) -> None:
    assert datasets.checksum_matches(name)
    assert datasets.origin_note(name) == ""


@pytest.mark.journey
def test_every_entry_can_be_shown(real_data: Path) -> None:
    for listed in datasets.entries():
        assert listed.title and listed.summary.endswith(".") and listed.terms and listed.how_to_get
        assert listed.demo.name == listed.name
        if datasets.available(listed.name):
            assert 100 <= load(listed.demo).n_samples <= 2_000
        if listed.file is not None:
            assert listed.file in listed.how_to_get and "AFFINITY_LAB_DATA" in listed.how_to_get


def test_fashion_classes_have_names(real_data: Path) -> None:
    assert load("fashion_mnist", n_samples=200).classes[::9] == ("T-shirt/top", "Ankle boot")


def test_digits_need_no_file(no_files: None) -> None:
    data = load("digits")
    assert data.samples.shape == (1797, 8, 8) and data.n_classes == 10
    assert (data.X.min(), data.X.max()) == (0, 1)
    assert datasets.find("digits") is None and datasets.available("digits") and datasets.checksum_matches("digits")


def test_a_known_set_that_is_not_here_says_how_to_get_it(no_files: None) -> None:
    with pytest.raises(DataError, match=r"'orl' is not on this machine. Put orl.npz .* ORL_32x32.mat"):
        load("orl")
    with pytest.raises(DataError, match="not on this machine"):
        datasets.checksum_matches("orl")
    assert not datasets.dataset_names()["orl"] and datasets.dataset_names()["digits"]


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"no data set named 'coil2'. Did you mean 'coil20'\?.*digits"):
        load("coil2")
    with pytest.raises(UnknownName):
        datasets.find("coil2")


def test_a_different_file_loads_but_is_told_apart(no_files: None, app_home: Path) -> None:
    folder = app_home / "data"
    folder.mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (480, 32, 32), np.uint8)
    np.savez(folder / "umist.npz", img=images, label=np.repeat(np.arange(20), 24))
    assert load("umist").samples.shape == (480, 32, 32)
    assert not datasets.checksum_matches("umist")
    assert "umist.npz is not the file this was tested with" in datasets.origin_note("umist")


def test_a_part_needs_the_whole_file(no_files: None, app_home: Path) -> None:
    folder = app_home / "data"
    folder.mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)
    np.savez(folder / "mnist.npz", images=images, labels=np.repeat(np.arange(10), 2))
    with pytest.raises(DataError, match=r"'mnist_1000' is a part of mnist.npz, which must hold 70000"):
        load("mnist_1000")


@pytest.mark.parametrize(
    ("name", "file", "keys", "shape"),
    [
        ("orl", "ORL_32x32.mat", ("fea", "gnd"), (32, 32)),
        ("coil20", "COIL20.mat", ("fea", "gnd"), (32, 32)),
        ("umist", "umist-32-32.mat", ("img", "label"), (32, 32)),
    ],
)
def test_the_fields_own_mat_files_are_turned_upright(
    name: str, file: str, keys: tuple[str, str], shape: tuple[int, int], app_home: Path, no_files: None
) -> None:
    from scipy.io import savemat

    (app_home / "data").mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (40, *shape), np.uint8)
    by_columns = images.transpose(0, 2, 1).reshape(40, -1)
    savemat(app_home / "data" / file, {keys[0]: by_columns, keys[1]: np.repeat([[1], [2]], 20, axis=0)})
    data = load(name, scaling="none")
    np.testing.assert_array_equal(data.samples, images)
    assert data.classes == ("1", "2")
    cube = by_columns.reshape(40, *shape)
    savemat(app_home / "data" / file, {keys[0]: cube, keys[1]: np.repeat([[1], [2]], 20, axis=0)})
    np.testing.assert_array_equal(load(name, scaling="none").samples, images)


def test_the_yale_mat_file_is_unfolded(app_home: Path, no_files: None) -> None:
    from scipy.io import savemat

    (app_home / "data").mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (3, 5, 48, 42), np.uint8)  # subject, picture, height, width
    stored = images.transpose(3, 2, 1, 0).reshape(2016, 5, 3)  # a column holds an image by columns
    savemat(app_home / "data" / "YaleBCrop025.mat", {"Y": stored, "Ind": np.zeros(3, object)})
    data = load("yaleb", scaling="none")
    np.testing.assert_array_equal(data.samples, images.reshape(15, 48, 42))
    np.testing.assert_array_equal(data.y, np.repeat(np.arange(3), 5))


# --- parts -----------------------------------------------------------------------------------------------------------


def test_per_class_keeps_order_and_counts() -> None:
    data = load("digits", per_class=7, scaling="none")
    assert set(data.class_counts().values()) == {7}
    whole = {row.tobytes(): place for place, row in enumerate(load("digits", scaling="none").X)}
    places = [whole[row.tobytes()] for row in data.X]
    assert places == sorted(places)


@pytest.mark.parametrize("part", [{"n_samples": 9}, {"per_class": 9}, {"per_class": 9, "n_classes": 4, "n_samples": 9}])
def test_parts_come_from_the_seed(part: dict[str, int]) -> None:
    first, again, other = (load("digits", seed=seed, **part) for seed in (5, 5, 6))
    assert digest(first) == digest(again)
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert first.X.shape == other.X.shape


def test_n_classes_takes_the_first_classes() -> None:
    data = load("digits", n_classes=3)
    assert data.classes == ("0", "1", "2") and data.n_classes == 3
    assert data.y is not None and set(data.y.tolist()) == {0, 1, 2}


def test_labels_are_numbered_again_where_a_class_is_left_out(toy: Path) -> None:
    data = load(toy, n_samples=4, seed=3)
    assert data.y is not None
    assert sorted(set(data.y.tolist())) == list(range(len(data.classes)))
    assert set(data.classes) <= {"a", "b", "c"}


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            {"per_class": 175},
            "per_class must be at most 174 here: the class '8' of 'digits' has no more samples. Got 175",
        ),
        ({"n_samples": 1798}, "n_samples must be at most 1797"),
        ({"n_classes": 11}, "n_classes must be at most 10"),
        ({"n_samples": 3}, "n_samples must be an integer of at least 4"),
        ({"per_class": 1, "n_classes": 3}, "At least 4 samples"),
        ({"seed": -1}, "seed must be"),
        ({"per_class": True}, "per_class must be an integer"),
        ({"scaling": "zscore"}, "scaling must be one of unit, columns, standard, l2, none. Got 'zscore'"),
    ],
)
def test_impossible_parts_are_refused_by_name(part: dict[str, int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load("digits", **part)  # type: ignore[arg-type]


def test_parts_by_class_need_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "plain.npz", X=np.random.default_rng(0).normal(size=(30, 5)))
    data = load(tmp_path / "plain.npz")
    assert data.y is None and data.n_classes is None and data.classes == () and data.class_counts() == {}
    for part in ({"per_class": 2}, {"n_classes": 2}):
        with pytest.raises(DataError, match="needs labels"):
            load(tmp_path / "plain.npz", **part)


def test_spec_round_trip() -> None:
    spec = DataSpec("digits", per_class=5, n_classes=4, seed=2, scaling="l2")
    assert DataSpec.from_dict(spec.to_dict()) == spec
    assert digest(load(spec)) == digest(load("digits", per_class=5, n_classes=4, seed=2, scaling="l2"))
    with pytest.raises(DataError, match=r"unknown fields \['sclaing'\]"):
        DataSpec.from_dict({"name": "digits", "sclaing": "l2"})
    with pytest.raises(DataError, match="has no 'name'"):
        DataSpec.from_dict({"seed": 1})
    with pytest.raises(DataError, match="not both"):
        load(spec, n_samples=4)


# --- scaling and display ---------------------------------------------------------------------------------------------


def test_unit_keeps_what_is_inside_and_stretches_the_rest(toy: Path, tmp_path: Path) -> None:
    stretched = load(toy).X
    assert (stretched.min(), stretched.max()) == (0, 1)
    inside = np.random.default_rng(0).uniform(0.1, 0.9, (10, 3)).astype(np.float32)
    np.savez(tmp_path / "inside.npz", X=inside)
    np.testing.assert_array_equal(load(tmp_path / "inside.npz").X, inside)


def test_unit_scales_a_sample_the_same_in_every_part(toy: Path) -> None:
    whole, part = load(toy).X, load(toy, n_samples=10).X
    rows = {row.tobytes() for row in whole}
    assert all(row.tobytes() in rows for row in part)


def test_columns_are_brought_to_zero_to_one_each_by_itself(tmp_path: Path) -> None:
    X = np.random.default_rng(0).standard_normal((30, 3)) * [1, 1000, 0] + [5, -20, 7]
    np.savez(tmp_path / "x.npz", X=X)
    data = load(tmp_path / "x.npz", scaling="columns", n_test=8)
    assert data.test is not None
    np.testing.assert_allclose(data.X[:, :2].min(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(data.X[:, :2].max(axis=0), 1, atol=1e-6)
    assert not data.X[:, 2].any(), "a column that never changes says nothing"
    everyone = np.concatenate([data.X, data.test.X])[:, :2]
    scaled, original = np.ptp(everyone, axis=0), np.ptp(X[:, :2], axis=0)
    whole = load(tmp_path / "x.npz", scaling="columns").X[:, :2]
    assert np.ptp(whole, axis=0) == pytest.approx(1) and (scaled >= 1 - 1e-6).all() and original[1] > 100 * original[0]
    ordered = np.sort(everyone, axis=0)  # held-out samples are on the scale of the others, wherever that puts them
    np.testing.assert_allclose((ordered - ordered[0]) / scaled, np.sort(whole, axis=0), atol=1e-5)


def test_standard_has_zero_mean_and_unit_variance() -> None:
    X = load("digits", scaling="standard").X
    assert np.abs(X.mean(axis=0)).max() < 1e-5
    spread = X.std(axis=0)
    constant = load("digits").X.std(axis=0) == 0
    assert constant.any() and (X[:, constant] == 0).all()
    np.testing.assert_allclose(spread[~constant], 1, rtol=1e-3)


def test_l2_has_unit_rows_in_the_direction_of_unit() -> None:
    unit, rows = load("digits").X, load("digits", scaling="l2").X
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(rows * np.linalg.norm(unit, axis=1, keepdims=True), unit, atol=1e-5)


def test_fingerprint_sees_values_labels_and_shape(tmp_path: Path) -> None:
    X = np.random.default_rng(0).uniform(size=(8, 16)).astype(np.float32)
    y = np.arange(8) % 2

    def made(**arrays: np.ndarray) -> str:
        np.savez(tmp_path / "made.npz", **arrays)
        return load(tmp_path / "made.npz").fingerprint

    changed, flipped = X.copy(), y.copy()
    changed[3, 4] += 1e-3
    flipped[0] = 1
    prints = [
        made(X=X, y=y),
        made(X=changed, y=y),
        made(X=X, y=flipped),
        made(X=X),
        made(images=X.reshape(8, 4, 4), labels=y),
        made(images=X.reshape(8, 2, 8), labels=y),
    ]
    assert len(set(prints)) == len(prints)
    assert made(X=X, y=y) == prints[0]
    assert load(tmp_path / "made.npz").fingerprint == prints[0]
    assert len(prints[0]) == 16 and int(prints[0], 16) >= 0


def test_images_for_display() -> None:
    data = load("digits", scaling="none")
    pictures = data.images([0, 5, 1796])
    assert pictures.shape == (3, 8, 8) and pictures.dtype == np.uint8
    np.testing.assert_array_equal(pictures[1], np.rint(data.samples[5] * 255 / 16))
    assert data.images([]).shape == (0, 8, 8)


def test_images_of_plain_features_are_refused(toy: Path) -> None:
    with pytest.raises(DataError, match="not images: they have 6 plain features"):
        load(toy).images([0])


# --- files -----------------------------------------------------------------------------------------------------------


def test_square_numbers_of_features_are_no_images(tmp_path: Path) -> None:
    X = np.random.default_rng(0).integers(0, 256, (20, 64), np.uint8)
    np.savez(tmp_path / "square.npz", X=X)
    assert load(tmp_path / "square.npz").image_shape is None
    data = load(tmp_path / "square.npz", image_shape=(8, 8), scaling="none")
    np.testing.assert_array_equal(data.samples, X.reshape(20, 8, 8))
    with pytest.raises(DataError, match="needs 63 features; the file has 64"):
        load(tmp_path / "square.npz", image_shape=(9, 7))
    with pytest.raises(DataError, match="image_shape must be"):
        load(tmp_path / "square.npz", image_shape=(64,))


def test_colour_images(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 5, 7, 3), np.uint8)
    np.savez(tmp_path / "colour.npz", images=images, labels=list("aabbcc"))
    data = load(tmp_path / "colour.npz")
    assert data.image_shape == (5, 7, 3) and data.samples.shape == (6, 5, 7, 3)
    assert data.images([1, 2]).shape == (2, 5, 7, 3)
    np.savez(tmp_path / "first.npz", images=images.transpose(0, 3, 1, 2), labels=list("aabbcc"))
    assert load(tmp_path / "first.npz").fingerprint == data.fingerprint
    np.savez(tmp_path / "five.npz", images=np.resize(images, (6, 5, 7, 5)))
    with pytest.raises(DataError, match=r"\(n, h, w, c\) with c in \(1, 3, 4\). Got \(6, 5, 7, 5\)"):
        load(tmp_path / "five.npz")


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["b", "a", "b", "c", "a", "c"], ("a", "b", "c")),
        ([10, -2, 10, 3, 3, -2], ("-2", "3", "10")),
        ([[2.0], [1.0], [2.0], [1.0], [1.0], [1.0]], ("1", "2")),
        ([[0, 1, 1, 0, 0, 1]], ("0", "1")),
        ([True, False, True, True, True, False], ("False", "True")),
    ],
)
def test_labels_are_numbered_in_sorted_order(labels: list[object], classes: tuple[str, ...], tmp_path: Path) -> None:
    values = np.array(labels)
    np.savez(tmp_path / "labels.npz", X=np.random.default_rng(0).normal(size=(6, 3)), y=values)
    data = load(tmp_path / "labels.npz")
    assert data.classes == classes and data.y is not None
    found, expected = np.unique(values.ravel(), return_inverse=True)
    assert len(found) == len(classes)
    np.testing.assert_array_equal(data.y, expected)


def test_tables_agree(toy: Path, tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.read_csv(toy)
    frame.to_parquet(tmp_path / "toy.parquet")
    frame.to_csv(tmp_path / "semi.csv", sep=";", index=False)
    frame.astype({"Label": "category"}).to_parquet(tmp_path / "category.parquet")
    data = load(toy)
    assert data.X.shape == (60, 6) and data.classes == ("a", "b", "c")
    for other in ("toy.parquet", "semi.csv", "category.parquet"):
        assert load(tmp_path / other).fingerprint == data.fingerprint
        assert load(tmp_path / other).classes == data.classes


def test_numbers_in_a_category_keep_the_order_of_numbers(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"a": np.arange(6.0), "target": pd.Categorical([10, 2, 10, 2, 10, 2])})
    frame.to_parquet(tmp_path / "numbers.parquet")
    assert load(tmp_path / "numbers.parquet").classes == ("2", "10")


def hdf5(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write as MATLAB's -v7.3 does: axes reversed, compressed, class in an attribute."""
    import h5py

    with h5py.File(path, "w", userblock_size=512) as store:
        for name, array in arrays.items():
            made = store.create_dataset(name, data=array.T, compression="gzip")
            made.attrs["MATLAB_class"] = np.bytes_("double" if array.dtype == np.float64 else str(array.dtype))


def v5(path: Path, arrays: dict[str, np.ndarray]) -> None:
    from scipy.io import savemat

    savemat(path, arrays, do_compression=True)


@pytest.mark.parametrize("write", [hdf5, v5])
def test_mat_of_both_generations(write: Callable[[Path, dict[str, np.ndarray]], None], tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(12, 6))
    y = np.repeat([[3.0], [1.0], [2.0]], 4, axis=0)
    write(tmp_path / "plain.mat", {"fea": X, "gnd": y})
    data = load(tmp_path / "plain.mat", scaling="none")
    np.testing.assert_allclose(data.X, X, rtol=1e-6)
    assert data.y is not None and data.y.tolist() == [2] * 4 + [0] * 4 + [1] * 4
    images = load(tmp_path / "plain.mat", scaling="none", image_shape=(2, 3))
    np.testing.assert_allclose(images.samples, X.reshape(12, 3, 2).transpose(0, 2, 1), rtol=1e-6)
    write(tmp_path / "cube.mat", {"X": X.reshape(12, 2, 3).transpose(1, 2, 0), "y": y})
    np.testing.assert_allclose(load(tmp_path / "cube.mat", scaling="none").samples, X.reshape(12, 2, 3), rtol=1e-6)


def test_a_missing_file_and_a_foreign_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no file 'none.npz'"):
        load(tmp_path / "none.npz")
    with pytest.raises(DataError, match=r"must end in one of .npz, .npy, .csv, .* Got 'data.pkl'"):
        load(tmp_path / "data.pkl")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(DataError, match="There is no file"):
        load(tmp_path / "folder.npz")


# --- further columns of labels ---------------------------------------------------------------------------------------

TURN = np.arange(40) // 5 % 4
COLOUR = np.array(["red", "green"])[np.arange(40) % 2]


def with_columns(path: Path, columns: dict[str, Any], y: Any = None) -> Path:
    """A file whose first feature is `TURN`, with further columns of labels."""
    import pandas as pd

    X = np.column_stack([TURN, np.random.default_rng(0).normal(size=(40, 3))])
    if path.suffix in (".csv", ".parquet"):
        frame = pd.DataFrame(X, columns=list("abcd")).assign(**columns, **({} if y is None else {"label": y}))
        frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
        return path
    arrays = {"X": X} | {key: np.asarray(value) for key, value in columns.items()} | ({} if y is None else {"y": y})
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        (hdf5 if ".v73" in path.suffixes else v5)(path, arrays)
    return path


@pytest.mark.parametrize("form", ["npz", "csv", "parquet", "mat", "v73.mat"])
@pytest.mark.parametrize("y", [None, np.arange(40) % 3])
def test_label_columns_are_read_from_every_format_and_change_nothing_else(form: str, y: Any, tmp_path: Path) -> None:
    columns: dict[str, Any] = {"label_turn": TURN * 10, "labels_one": np.ones(40)}
    if form in ("npz", "csv", "parquet"):
        columns["label_colour of it"] = COLOUR
    data = load(with_columns(tmp_path / f"columns.{form}", columns, y))
    assert {name: a.classes for name, a in data.attributes.items()} == {
        "turn": ("0", "10", "20", "30"),
        "one": ("1",),
        **({"colour of it": ("green", "red")} if len(columns) == 3 else {}),
    }
    turn = data.attributes["turn"].y
    assert turn.dtype == np.int64 and turn.tolist() == TURN.tolist()
    assert data.n_classes == (None if y is None else 3)
    bare = load(with_columns(tmp_path / f"bare.{form}", {}, y))
    assert not bare.attributes and data.fingerprint == bare.fingerprint and digest(data) == digest(bare)


def test_label_columns_follow_their_samples_into_every_part(tmp_path: Path) -> None:
    named = {"label_turn": TURN, "classes_turn": np.array(["N", "E", "S", "W"])}
    path = with_columns(tmp_path / "columns.npz", named, np.arange(40) // 20)
    data = load(path, n_test=9, per_class=8, scaling="none")
    assert data.test is not None
    for part in (data, data.test):
        assert part.attributes["turn"].y.tolist() == part.X[:, 0].tolist(), "one number in both parts"
        assert part.attributes["turn"].classes == ("N", "E", "S", "W")
    few = load(path, n_samples=4, seed=1, scaling="none")
    found, numbers = np.unique(few.X[:, 0], return_inverse=True)
    assert 1 < len(found) < 4, "the draw leaves out a value"
    assert few.attributes["turn"].y.tolist() == numbers.tolist()
    assert few.attributes["turn"].classes == tuple("NESW"[int(value)] for value in found)
    new = load_like(DataSpec(str(path), n_samples=9), DataSpec(str(path), scaling="none"))
    assert [float("NESW".index(new.attributes["turn"].classes[v])) for v in new.attributes["turn"].y] == new.X[:, 0].tolist()


def test_uploads_keep_their_label_columns(tmp_path: Path) -> None:
    path = with_columns(tmp_path / "mine.csv", {"label_<b>é.npy": COLOUR, "LABEL_turn": TURN * 10})
    stored = datasets.store_upload("mine.csv", path.read_bytes())
    for name, attribute in load(path).attributes.items():
        kept = load(stored.stem).attributes[name]
        assert kept.y.tolist() == attribute.y.tolist() and kept.classes == attribute.classes
    assert list(load(stored.stem).attributes) == ["<b>é.npy", "turn"]


@pytest.mark.parametrize("name", ["coil20", "coil40", "coil100"])
def test_the_poses_of_coil_come_from_the_order_of_the_views(name: str, real_data: Path) -> None:
    attribute = load(name).attributes["pose"]
    assert attribute.classes[:2] == ("0-40°", "45-85°") and attribute.classes[-1] == "315-355°"
    views = attribute.y.reshape(-1, 72)
    assert (views == np.repeat(np.arange(8), 9)).all() and list(datasets.entry(name).attributes) == ["pose"]


def test_views_in_another_order_have_no_pose(real_data: Path) -> None:
    data = load("coil20", n_classes=4, scaling="none")
    as_text = [int(text) for text in sorted(map(str, range(72)))]
    views, y = data.X.reshape(4, 72, -1), data.y

    def known(rows: Any, labels: Any = y) -> bool:
        return pose(RawData(views[:, rows].reshape(len(labels), -1), labels, None, ("a",) * 4)) is not None

    assert known(range(72)) and not known(as_text) and not known(np.random.default_rng(0).permutation(72))
    assert not known(range(72), np.arange(288) % 4) and not known(range(71), np.repeat(np.arange(4), 71))


# --- noise -----------------------------------------------------------------------------------------------------------


def test_noise_is_added_after_scaling_and_comes_from_the_seed() -> None:
    clean, noisy, again, other = (load("digits", n_test=300, noise=noise) for noise in (0, 0.5, 0.5, 0.25))
    assert clean.test is not None and noisy.test is not None and again.test is not None
    np.testing.assert_allclose(other.X - clean.X, (noisy.X - clean.X) / 2, atol=1e-6)
    added, added_to_test = noisy.X - clean.X, noisy.test.X - clean.test.X
    for noise in (added, added_to_test):
        assert abs(noise.mean()) < 0.01 and abs(noise.std() - 0.5) < 0.01
    assert noisy.X.dtype == np.float32 and noisy.X.min() < -1, "nothing is clipped"
    assert abs(np.corrcoef(added[:300].ravel(), added_to_test.ravel())[0, 1]) < 0.05, "each part has noise of its own"
    assert digest(noisy) == digest(again) and digest(noisy.test) == digest(again.test)
    assert noisy.fingerprint != clean.fingerprint and "with noise 0.5" in noisy.title
    assert (load("digits", noise=0.5, seed=1).X != load("digits", noise=0.5).X).mean() > 0.99


def test_without_noise_nothing_has_changed() -> None:
    data = load("digits", noise=0.0)
    assert data.fingerprint == "dcd51ef825291144", "runs and networks that are kept name it"
    assert data.title == "Digits (8 x 8)" and DataSpec.from_dict({"name": "digits", "n_test": 9}).noise == 0


def test_new_samples_have_the_noise_that_they_ask_for() -> None:
    model = DataSpec("digits", noise=2.0, scaling="standard")
    clean = load_like(DataSpec("digits"), model)
    np.testing.assert_array_equal(clean.X, load("digits", scaling="standard").X)
    noise = load_like(DataSpec("digits", noise=2.0), model).X - clean.X
    assert abs(noise.std() - 2) < 0.02
    assert abs(np.corrcoef(noise.ravel(), (load(model).X - clean.X).ravel())[0, 1]) < 0.01, "and it is new noise"


@pytest.mark.parametrize("noise", [-0.1, 5.1, float("nan"), float("inf"), "1", True, None])
def test_an_unusable_noise_is_refused(noise: Any) -> None:
    with pytest.raises(DataError, match=r"noise must be a number in \[0, 5\]. Got"):
        DataSpec("digits", noise=noise)


# --- uploads ---------------------------------------------------------------------------------------------------------


def test_upload_round_trip(toy: Path, app_home: Path) -> None:
    path = datasets.store_upload("My toy (1).csv", toy.read_bytes())
    assert path.parent == app_home / "data" / "uploads"
    assert path.stem.startswith("My-toy-1-") and path.suffix == ".npz"
    assert datasets.uploads() == [path]
    assert datasets.dataset_names()[path.stem]
    original, by_name, by_path = load(toy), load(path.stem), load(path)
    assert original.fingerprint == by_name.fingerprint == by_path.fingerprint
    assert by_name.classes == original.classes and by_name.name == path.stem == by_name.title
    assert load(DataSpec(path.stem, per_class=5)).n_samples == 15
    assert datasets.store_upload("My toy (1).csv", toy.read_bytes()) == path
    assert datasets.uploads() == [path]


def test_upload_of_images_keeps_bytes_and_shape(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (8, 5, 4), np.uint8)
    np.savez(tmp_path / "pictures.npz", images=images, labels=np.arange(8) // 2, extra=np.zeros(3))
    path = datasets.store_upload("pictures.npz", (tmp_path / "pictures.npz").read_bytes())
    with np.load(path) as stored:
        assert sorted(stored.files) == ["about_this_import", "classes", "images", "labels"]
        assert stored["images"].dtype == np.uint8
    assert load(path).fingerprint == load(tmp_path / "pictures.npz").fingerprint


def test_upload_with_an_image_shape(tmp_path: Path) -> None:
    np.savez(tmp_path / "flat.npz", X=np.random.default_rng(0).integers(0, 256, (8, 20), np.uint8))
    content = (tmp_path / "flat.npz").read_bytes()
    plain, images = (
        datasets.store_upload("flat.npz", content),
        datasets.store_upload("flat.npz", content, image_shape=(5, 4)),
    )
    assert plain != images
    assert load(plain).image_shape is None and load(images.stem).image_shape == (5, 4)


def test_upload_of_a_known_mat_file(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (8, 32, 32), np.uint8)
    v5(tmp_path / "ORL_32x32.mat", {"fea": images.transpose(0, 2, 1).reshape(8, -1), "gnd": np.arange(8)[:, None] // 2})
    path = datasets.store_upload("ORL_32x32.mat", (tmp_path / "ORL_32x32.mat").read_bytes())
    np.testing.assert_array_equal(load(path.stem, scaling="none").samples, images)


# --- habits ----------------------------------------------------------------------------------------------------------


def test_import_is_light() -> None:
    code = (
        "import sys, core.datasets; core.datasets.entries(); core.datasets.dataset_names();"
        "heavy = {'pandas', 'sklearn', 'scipy', 'h5py', 'pyarrow', 'torch', 'streamlit'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ---- samples held out for testing ------------------------------------------------------------------------------------


def test_held_out_samples_are_of_the_same_set_and_in_no_other_part() -> None:
    whole = load("digits")
    data = load("digits", n_test=500)
    assert data.test is not None and data.y is not None and data.test.y is not None
    assert (data.n_samples, data.test.n_samples) == (1297, 500) and data.test.test is None
    assert sorted(map(bytes, [*data.X, *data.test.X])) == sorted(map(bytes, whole.X))
    known = {bytes(x): int(label) for x, label in zip(whole.X, whole.y, strict=True)}  # type: ignore[arg-type]
    assert all(known[bytes(x)] == label for x, label in zip(data.test.X, data.test.y, strict=True))
    again, other = load("digits", n_test=500), load("digits", n_test=500, seed=1)
    np.testing.assert_array_equal(data.test.X, again.test.X)  # type: ignore[union-attr]
    assert not np.array_equal(data.test.X, other.test.X)  # type: ignore[union-attr]
    assert load("digits").test is None


def test_parts_are_taken_after_the_test_samples_are_out_and_classes_keep_their_numbers() -> None:
    data = load("digits", n_classes=4, n_test=100, per_class=30)
    assert data.test is not None and data.y is not None and data.test.y is not None
    assert np.bincount(data.y).tolist() == [30] * 4 and data.test.n_samples == 100
    assert data.classes == data.test.classes and set(data.test.y) <= {0, 1, 2, 3}
    assert not {bytes(x) for x in data.X} & {bytes(x) for x in data.test.X}
    few = load("digits", n_test=400, n_samples=6)
    assert few.test is not None and few.n_classes == 10 and few.n_samples == 6


def test_a_seed_takes_the_same_part_as_it_did_without_a_test() -> None:
    """Old runs must find their samples: the draw of the test samples has a stream of its own."""
    old = load("digits", n_samples=100, seed=5)
    rows = np.sort(np.random.default_rng(5).choice(1797, 100, replace=False))
    np.testing.assert_array_equal(old.X, load("digits").X[rows])


def test_test_samples_are_scaled_as_the_training_ones(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(5, 3, (60, 4))
    np.savez(tmp_path / "x.npz", X=X)
    data = load(tmp_path / "x.npz", n_test=20, scaling="standard")
    assert data.test is not None
    np.testing.assert_allclose(data.X.mean(axis=0), 0, atol=1e-6)
    assert abs(data.test.X.mean(axis=0)).max() > 1e-3
    plain = load(tmp_path / "x.npz", n_test=20, scaling="none")
    assert plain.test is not None
    mean, spread = plain.X.mean(axis=0, dtype=np.float64), plain.X.std(axis=0, dtype=np.float64)
    np.testing.assert_allclose(data.test.X, (plain.test.X - mean) / spread, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_test", [3, 0, -1, 2.5, True])
def test_an_unusable_number_of_test_samples_is_refused(n_test: Any) -> None:
    with pytest.raises(DataError, match="n_test must be an integer of at least 4"):
        DataSpec("digits", n_test=n_test)


def test_more_test_samples_than_there_are_is_refused() -> None:
    with pytest.raises(DataError, match=r"n_test must be at most 1793 for 'digits'\. Got 1794"):
        load("digits", n_test=1794)
    with pytest.raises(DataError, match="n_samples must be at most 1297"):
        load("digits", n_test=500, n_samples=1298)


@pytest.mark.journey
def test_the_published_test_part_is_never_trained_on(real_data: Path) -> None:
    whole, data = load("mnist"), load("mnist", n_test=300, n_samples=2000)
    assert data.test is not None
    published = {bytes(x) for x in whole.X[60_000:]}
    assert {bytes(x) for x in data.test.X} <= published and not {bytes(x) for x in data.X} & published
    np.testing.assert_array_equal(load("mnist", n_test=10_000).X, whole.X[:60_000])
    with pytest.raises(DataError, match="n_test must be at most 2007 for 'usps'"):
        load("usps", n_test=2008)


def slant(images: np.ndarray) -> float:
    """Mean over images of how far the ink leans to the left, by its second moments."""
    down, right = np.mgrid[:28, :28] - 13.5
    images = images.reshape(-1, 28, 28)
    return float(np.arctan2((images * down * right).sum((1, 2)), (images * down**2).sum((1, 2))).mean())


@pytest.mark.journey
def test_mnist2_holds_mnist_and_turned_copies(real_data: Path) -> None:
    whole, mnist = load("mnist2", n_test=20_000), load("mnist")
    assert whole.test is not None
    np.testing.assert_array_equal(whole.X[:60_000], mnist.X[:60_000])
    np.testing.assert_array_equal(whole.test.X[:10_000], mnist.X[60_000:])
    np.testing.assert_array_equal(whole.test.y[:10_000], whole.test.y[10_000:])  # type: ignore[index]
    copies = whole.test.X[10_000:]
    assert (copies == whole.test.X[:10_000]).all(axis=1).mean() < 0.01, "only an angle close to zero changes nothing"
    angle = whole.test.attributes["angle"]
    assert (angle.y[:10_000] == 0).all() and angle.classes[0] == "not turned" and len(angle.classes) == 7
    assert (np.bincount(angle.y[10_000:], minlength=7)[1:] > 1_500).all(), "angles are uniform"
    tilts = [slant(copies[angle.y[10_000:] == sector]) for sector in range(1, 7)]
    assert np.all(np.diff(tilts) > 0), "the ink turns with the angle"
    ink = copies.sum(axis=1) / whole.test.X[:10_000].sum(axis=1)
    assert np.percentile(ink, 1) > 0.9 and np.percentile(ink, 99) < 1.1, "a turn neither adds nor takes ink"


def test_images_are_turned_by_the_angle_that_was_asked_for() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 9, 9)).astype(np.uint8)
    for quarter, degrees in enumerate((0, 90, 180, 270)):
        np.testing.assert_array_equal(rotated(image, np.array([float(degrees)]))[0], np.rot90(image[0], quarter))

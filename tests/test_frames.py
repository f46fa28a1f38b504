"""The film of a run: what a frame holds, how frames are packed and thinned, and where samples lie by their affinity."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from core import affinity, datasets, evaluation, explore, runs
from core.common import StorageError, pack, unpacked
from core.common.packing import ALIGNMENT, KINDS
from core.datasets import DataSpec
from core.plots.sprite import sprite
from core.runs import RunStore, View, frame_files
from core.runs.budget import LookingBudget
from core.runs.frames import Film
from core.runs.painter import FollowingPlane, Painter, framed, on_circle, quantized, shown_samples
from core.training import Step

DIGITS = DataSpec("digits", per_class=12, n_classes=4)


# ---- packing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "made", [[], [("uint8", [3])], [(kind, [2, 3]) for kind in sorted(KINDS)], [("int32", [0]), ("int16", [5, 1, 2])]]
)
def test_what_is_packed_comes_out_again_one_record_after_the_other(made: list[tuple[str, list[int]]]) -> None:
    rng = np.random.default_rng(0)
    arrays = {f"a{i}": rng.integers(0, 100, shape).astype(kind) for i, (kind, shape) in enumerate(made)}
    content = pack({"place": 1, "words": "é→"}, arrays) + pack({}, {})
    (facts, found), (empty, nothing) = unpacked(content)
    assert facts == {"place": 1, "words": "é→"} and not empty and not nothing and len(content) % ALIGNMENT == 0
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype and found[name].shape == array.shape


@pytest.mark.parametrize("broken", ["cut", "magic", "header"])
def test_bytes_that_are_no_record_are_told(broken: str) -> None:
    content = pack({}, {"a": np.arange(9, dtype=np.int32)})
    spoilt = {"cut": content[:-8], "magic": b"PK" + content[2:], "header": content[:16] + b"[" + content[17:]}[broken]
    with pytest.raises(StorageError, match="no packed arrays"):
        list(unpacked(spoilt))


def test_an_array_that_a_browser_cannot_hold_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"'a' of float64"):
        pack({}, {"a": np.zeros(3)})


# ---- numbers and shares ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]])
@pytest.mark.parametrize("n_clusters", [5, 6, 8])
def test_clusters_take_the_numbers_of_the_classes_they_match_and_the_others_free_ones(
    order: list[int], n_clusters: int
) -> None:
    y = np.repeat(np.arange(5), 10)
    labels = np.array(order)[y]
    labels[::10] = np.arange(5) % n_clusters  # a few astray
    for extra in range(5, n_clusters):
        labels[extra] = extra
    numbers = evaluation.cluster_numbers(y, labels)
    assert len(set(numbers.tolist())) == len(numbers), "one number each"
    assert numbers.min() >= 0 and numbers[np.unique(labels)].max() < max(5, int(labels.max()) + 1)
    matched = evaluation.match_clusters(y, labels)
    renamed = numbers[labels]
    np.testing.assert_array_equal(renamed[matched >= 0], matched[matched >= 0])


def test_shares_are_what_a_loop_finds_dense_sparse_and_by_a_factor() -> None:
    rng = np.random.default_rng(3)
    B = rng.random((12, 4)) * (rng.random((12, 4)) > 0.4)
    A, labels = B @ B.T, rng.integers(0, 3, 12)
    A[5] = A[:, 5] = 0
    B[5] = 0
    wanted = np.zeros((12, 3))
    for i in range(12):
        others = [j for j in range(12) if j != i]
        total = sum(A[i, j] for j in others)
        for k in range(3):
            wanted[i, k] = sum(A[i, j] for j in others if labels[j] == k) / total if total else 1 / 3
    for found in (
        affinity.cluster_shares(A, labels, 3),
        affinity.cluster_shares(-A, labels, 3),
        affinity.cluster_shares(csr_array(A), labels, 3),
        affinity.factor_cluster_shares(B, labels, 3),
        affinity.factor_cluster_shares(csr_array(B), labels, 3),
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize(("n_clusters", "cluster"), [(2, 0), (2, 1), (7, 3), (40, 39)])
def test_a_sample_of_one_cluster_lies_on_its_place_and_one_of_all_in_the_middle(n_clusters: int, cluster: int) -> None:
    shares = np.stack([np.eye(n_clusters)[cluster % n_clusters], np.full(n_clusters, 1 / n_clusters)])
    there, middle = on_circle(shares)
    turn = 2 * np.pi * (cluster % n_clusters) / n_clusters
    np.testing.assert_allclose(there, [np.sin(turn), np.cos(turn)], atol=1e-6)
    np.testing.assert_allclose(middle, 0, atol=1e-6)


# ---- points that move ------------------------------------------------------------------------------------------------


def test_the_plane_is_that_of_the_principal_components_and_points_do_not_jump() -> None:
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((200, 30)) * np.linspace(5, 0.1, 30)
    plane = FollowingPlane()
    first = plane.project(Z)
    wanted = evaluation.pca(Z, 2)
    assert np.square(first).sum() > 0.98 * np.square(wanted).sum()
    turned = Z @ np.linalg.qr(rng.standard_normal((30, 30)))[0]  # the same codes, the axes of the network turned
    for _ in range(6):
        moved = plane.project(turned)
    assert np.abs(moved - first).max() < 0.15 * np.abs(first).max()


def test_codes_of_two_numbers_are_shown_as_they_are() -> None:
    Z = np.random.default_rng(1).standard_normal((20, 2))
    np.testing.assert_allclose(FollowingPlane().project(Z), Z - Z.mean(axis=0), atol=1e-6)
    assert FollowingPlane().project(Z[:, :1]).shape == (20, 2)


@pytest.mark.parametrize(("shift", "scale"), [(0, 1), (-1e5, 1e-1), (1e6, 1e6), (3, 1e-3)])
def test_framed_points_fill_the_picture_wherever_they_lay(shift: float, scale: float) -> None:
    points = np.random.default_rng(2).standard_normal((300, 2)) * scale + shift
    inside = framed(points)
    assert np.abs(inside).max() <= 1 and np.abs(inside).max() > 0.8
    assert np.abs(framed(np.zeros((5, 2)))).max() == 0
    assert np.abs(quantized(inside) / 32767 - inside).max() < 1e-4


# ---- frames ----------------------------------------------------------------------------------------------------------


def test_a_frame_holds_what_the_method_has() -> None:
    data = datasets.load(DIGITS)
    labels = (data.y + 1) % 4
    A = np.equal.outer(labels, labels) + 1e-3
    frame = Painter(data, 4).paint(View({"Z": data.X}, labels, A))
    np.testing.assert_array_equal(frame["labels"], data.y)  # under the numbers of the classes
    assert set(frame) == {"points", "labels", "blocks", "top", "circle", "sure"}
    assert frame["blocks"].shape == (48, 48) and frame["sure"].min() > 240
    order = np.argsort(data.y, kind="stable")
    same = np.equal.outer(data.y[order], data.y[order])
    assert frame["blocks"][same].min() > frame["blocks"][~same].max()
    assert set(Painter(data, 4).paint(View({"Z": data.X}))) == {"points"}, "before there are clusters"


def test_memberships_stand_in_for_an_affinity() -> None:
    data = datasets.load(DIGITS)
    P = np.eye(4)[(data.y + 1) % 4]
    frame = Painter(data, 4).paint(View({"P": P}, P.argmax(axis=1)))
    assert frame["sure"].min() == 255 and "blocks" not in frame
    np.testing.assert_array_equal(frame["labels"], data.y)


def test_without_classes_clusters_keep_the_numbers_of_the_picture_before() -> None:
    rng = np.random.default_rng(0)
    data = datasets.Dataset("t", rng.random((60, 5)).astype(np.float32), None, None, "t", (), "none")
    labels = rng.integers(0, 3, 60)
    painter = Painter(data, 3)
    first = painter.paint(View({}, labels))["labels"]
    for shift in (1, 2):
        np.testing.assert_array_equal(painter.paint(View({}, (labels + shift) % 3))["labels"], first)


def film(folder: Path, count: int, size: int = 10) -> Film:
    made = Film(folder)
    for place in range(1, count + 1):
        made.add(place, {"stage": "s"}, {"points": np.zeros((size, 2), dtype=np.int16)})
    return made


@pytest.mark.parametrize("count", [1, 80, 81, 300])
def test_a_film_is_thinned_evenly_and_keeps_its_first_and_last_frame(tmp_path: Path, count: int) -> None:
    film(tmp_path, count)
    places = [int(file.stem) for file in frame_files(tmp_path)]
    assert places[0] == 1 and places[-1] == count and len(places) <= 80
    assert len(places) == count if count <= 80 else len(places) > 40


def test_a_film_stays_below_its_share_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.runs.frames.MOST_BYTES", 50_000)
    film(tmp_path, 60, size=1000)
    assert sum(file.stat().st_size for file in frame_files(tmp_path)) <= 50_000 and not list(tmp_path.glob("**/*.tmp"))


def test_a_run_that_goes_on_from_a_checkpoint_forgets_later_frames(tmp_path: Path) -> None:
    film(tmp_path, 10).rewind(4)
    assert [int(file.stem) for file in frame_files(tmp_path)] == [1, 2, 3, 4]


def test_a_film_goes_on_at_half_the_pace_once_it_was_thinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.runs.frames.FIRST_GAP", 100.0)
    assert Film(tmp_path).due and not film(tmp_path, 1).due
    assert film(tmp_path / "long", 81)._gap == 200.0


@pytest.fixture
def trained(store: RunStore) -> Iterator[Any]:
    quick = {"pretrain_epochs": 6, "epochs": 30, "channels": (4,), "kernel_sizes": (3,)}
    spec = runs.make_spec("udll", DIGITS, overrides=quick, device="cpu")
    yield runs.execute(store, store.create(spec, owner=runs.this_process()).id)


def test_a_run_is_filmed_from_its_pretraining_to_its_end(store: RunStore, trained: Any) -> None:
    files = frame_files(store.files.folder(trained.id))
    frames = [record for file in files for record in unpacked(file.read_bytes())]
    stages = [facts["stage"] for facts, _ in frames]
    assert stages[0] == "pretrain" and "finetune" in stages and stages[-1] == "final" and len(frames) > 5
    assert [facts["place"] for facts, _ in frames] == sorted({facts["place"] for facts, _ in frames})
    facts, arrays = frames[-1]
    final = store.files.arrays(trained.id, "final", ("labels", "y"))
    assert facts["scores"]["acc"] == pytest.approx(np.mean(arrays["labels"] == final["y"]))
    assert all(np.isfinite(f["loss"]) for f, _ in frames if f.get("loss") is not None)
    assert sum(file.stat().st_size for file in files) < 20e6
    json.dumps([f for f, _ in frames], allow_nan=False)


def test_a_frame_that_cannot_be_kept_does_not_end_the_training(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Film, "add", full)
    spec = runs.make_spec("kmeans", DIGITS, device="cpu")
    done = runs.execute(store, store.create(spec, owner=runs.this_process()).id)
    assert done.status == runs.Status.DONE and "film" in " ".join(alarm["message"] for alarm in done.alarms)


def test_a_run_without_a_film_still_has_its_last_picture(store: RunStore, trained: Any) -> None:
    files = frame_files(store.files.folder(trained.id))
    _, wanted = next(unpacked(files[-1].read_bytes()))
    wanted = {name: array.copy() for name, array in wanted.items()}
    for file in files:
        file.unlink()
    found, facts = explore.still(store, run=trained.id)
    assert set(found) == set(wanted) and facts["scores"]["acc"] == trained.result["metrics"]["acc"]
    np.testing.assert_array_equal(found["labels"], wanted["labels"])
    assert np.abs(found["blocks"].astype(int) - wanted["blocks"]).max() <= 2


def test_a_preview_is_what_the_run_would_be_and_leaves_no_record(store: RunStore) -> None:
    spec = runs.make_spec("ridge", DIGITS, device="cpu")
    frame, facts = explore.preview(store, spec=json.loads(json.dumps(spec.to_dict())))
    assert not store.runs()
    run = runs.execute(store, store.create(spec, owner=runs.this_process()).id)
    assert facts["scores"]["acc"] == run.result["metrics"]["acc"] and facts["n_clusters"] == 4
    _, kept = next(unpacked(frame_files(store.files.folder(run.id))[-1].read_bytes()))
    np.testing.assert_array_equal(frame["labels"], kept["labels"])


# ---- what the browser is given ---------------------------------------------------------------------------------------


def test_a_scene_says_what_does_not_change(store: RunStore, trained: Any) -> None:
    data = datasets.load(DIGITS)
    pictures = sprite(data.images(range(48)))
    ((facts, arrays),) = unpacked(explore.run_scene(store, trained, data, pictures))
    assert (facts["n"], facts["groups"], facts["classes"], facts["affinity"]) == (48, 4, ["0", "1", "2", "3"], True)
    np.testing.assert_array_equal(arrays["y"], data.y)
    np.testing.assert_array_equal(arrays["shown"], np.arange(48))
    assert len(shown_samples(70_000)) == 2000


@pytest.mark.parametrize("shape", [(7, 5, 9), (7, 5, 9, 3), (1, 1, 1)])
def test_a_sprite_holds_every_image_where_it_says(shape: tuple[int, ...]) -> None:
    import io

    from PIL import Image

    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    made = sprite(images)
    sheet: NDArray = np.asarray(Image.open(io.BytesIO(made.png)))
    for i, image in enumerate(images):
        top, left = (i // made.columns) * made.height, (i % made.columns) * made.width
        np.testing.assert_array_equal(sheet[top : top + made.height, left : left + made.width], image)


def test_looks_at_a_short_stage_are_spread_over_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.runs.budget.FREE_SECONDS", 2.0)
    budget, taken = LookingBudget(0.0), []
    for number in range(1, 41):
        if budget.allows(Step("s", number, 40, {}, {}), trained=0.0):
            budget.charge("s", 0.4)
            taken.append(number)
    assert taken[0] == 1 and taken[-1] == 40 and max(np.diff(taken)) <= 16 and len(taken) == 5

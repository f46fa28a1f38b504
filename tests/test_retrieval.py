"""Closer looks at codes and graphs: neighbours against brute force, anchors against loops over the stored graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.neighbors import NearestNeighbors

from core import datasets, evaluation, explore, runs
from core.common import DataError
from core.datasets import DataSpec
from core.explore import tasks
from core.plots import figures
from core.plots.montage import FRAME, grey_levels, marked
from core.plots.palette import CORRECT, WRONG, rgb
from core.runs import RunStore, this_process

HELD = DataSpec("digits", per_class=12, n_classes=4, n_test=30)


@pytest.fixture
def trained(store: RunStore) -> Callable[..., str]:
    """A finished run on digits with held-out samples, by id."""

    def train(method: str = "grdnn", **overrides: Any) -> str:
        values = {"widths": (16, 8), "epochs": 2} if method != "kmeans" else {}
        values |= {"n_neighbors": 5} if method == "grdnn" else {}
        spec = runs.make_spec(method, HELD, preset="defaults", overrides=values | overrides, device="cpu")
        run = store.create(spec, owner=this_process())
        done = runs.execute(store, run.id)
        assert done.status == "done", done.error
        return run.id

    return train


def brute_force(Z: NDArray, y: NDArray, k: int) -> list[float]:
    """mAP@1..k by the definition, query by query."""
    total = np.zeros(k)
    for query in range(len(Z)):
        distances = np.square(Z - Z[query]).sum(axis=1)
        distances[query] = -1
        relevant = y[np.argsort(distances, kind="stable")[:k]] == y[query]
        for last in range(1, k + 1):
            precisions = [relevant[: i + 1].mean() for i in range(last) if relevant[i]]
            total[last - 1] += sum(precisions) / len(precisions)
    return list(total / len(Z))


@pytest.mark.parametrize("source", ["raw", "codes"])
@pytest.mark.parametrize("held_out", [False, True])
def test_neighbours_and_curve_agree_with_brute_force(
    store: RunStore, trained: Callable[..., str], source: str, held_out: bool
) -> None:
    run = trained()
    data = datasets.load(HELD)
    part = data.test if held_out and data.test is not None else data
    Z = part.X if source == "raw" else store.files.arrays(run, "final")["test_Z" if held_out else "Z"]
    found, _ = explore.retrieval(store, run=run, source=source, held_out=held_out)
    assert part.y is not None and found["nearest"].shape == (len(Z), 12)
    expected = NearestNeighbors(n_neighbors=12).fit(Z).kneighbors()[0]  # without the sample itself
    ours = np.linalg.norm(Z[:, None] - Z[found["nearest"]], axis=2)
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-4)
    assert not (found["nearest"] == np.arange(len(Z))[:, None]).any()
    atol = 5e-3 if source == "raw" else 1e-6  # pixels are whole numbers: which of two equally far ones is first is chance
    np.testing.assert_allclose(found["curve"], brute_force(Z.astype(np.float64), part.y, len(Z)), atol=atol)


def test_of_many_samples_a_draw_is_looked_up(
    store: RunStore, trained: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "MAX_QUERIES", 20)
    found, _ = explore.retrieval(store, run=trained("ddae"), source="codes")
    drawn = explore.random_rows(48, 20)
    assert found["nearest"].shape == (20, 12) and len(found["curve"]) == 20
    assert np.isin(found["nearest"], drawn).all() and not (found["nearest"] == drawn[:, None]).any()


def test_what_a_run_does_not_have_is_refused_in_words(store: RunStore, trained: Callable[..., str]) -> None:
    run = store.create(runs.make_spec("kmeans", DataSpec("digits", per_class=12)), owner=this_process())
    runs.execute(store, run.id)
    for source in ("raw", "codes"):
        with pytest.raises(DataError, match=run.id):
            explore.retrieval(store, run=run.id, source=source, held_out=True)
    with pytest.raises(DataError, match="no graph"):
        explore.anchors(store, run=run.id)


def test_a_code_of_two_numbers_is_its_own_picture(store: RunStore, trained: Callable[..., str]) -> None:
    def ask(run: str, source: str) -> NDArray:
        found, _ = explore.embedding(store, run=run, source=source, kind="code", n_components=2, options={}, random_state=0)
        return found["points"]

    run = trained("ddae", widths=(16, 2))
    for name in ("Z", "test_Z"):
        np.testing.assert_array_equal(ask(run, name), store.files.arrays(run, "final", [name])[name])
    with pytest.raises(DataError, match="8 numbers"):
        ask(trained("ddae"), "Z")


def stored_graph(store: RunStore, run: str) -> NDArray:
    parts = store.files.arrays(run, "final", [f"S.{part}" for part in ("row", "col", "val", "shape")])
    S = np.zeros(parts["S.shape"])
    S[parts["S.row"], parts["S.col"]] = parts["S.val"]
    return S


@pytest.mark.parametrize("graph", ["anchors", "neighbors"])
def test_ends_and_facts_are_those_of_the_stored_graph(store: RunStore, trained: Callable[..., str], graph: str) -> None:
    run = trained(graph=graph, n_anchors=12)
    found, facts = explore.anchors(store, run=run)
    S, data = stored_graph(store, run), datasets.load(HELD)
    assert data.y is not None
    for sample, row in enumerate(S):
        expected = np.sort(row[row > 0])[::-1]
        np.testing.assert_allclose(found["weights"][sample][: len(expected)], expected, rtol=1e-6)
        assert (found["ends"][sample][len(expected) :] == -1).all()
        np.testing.assert_allclose(row[found["ends"][sample][: len(expected)]], expected, rtol=1e-6)
    mass = np.array([[S[data.y == c, end].sum() for c in range(4)] for end in range(S.shape[1])])
    assert facts["n_ends"] == (12 if graph == "anchors" else 48) and facts["unused"] == (S.sum(axis=0) == 0).sum()
    assert facts["per_sample"] == pytest.approx((S > 0).sum() / 48)
    assert facts["mean_weight"] == pytest.approx(S[S > 0].mean(), rel=1e-5)
    assert facts["purity"] == pytest.approx(mass.max(axis=1).sum() / S.sum(), rel=1e-5)
    np.testing.assert_array_equal(found["group"], mass.argmax(axis=1))
    assert len(found["points"]) == len(found["shown"]) == 48
    assert ("order" in found) == (graph == "anchors")
    if graph == "anchors":
        assert sorted(found["order"]) == list(range(12)) and (np.diff(found["group"][found["order"]]) >= 0).all()


def test_the_most_used_anchors_are_shown_where_there_are_many(
    store: RunStore, trained: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "ANCHORS_SHOWN", 5)
    run = trained(graph="anchors", n_anchors=12)
    found, _ = explore.anchors(store, run=run)
    uses = (stored_graph(store, run) > 0).sum(axis=0)
    assert len(found["order"]) == 5 and uses[found["order"]].min() >= np.sort(uses)[-5]


def test_the_strongest_entries_of_rows_without_any_are_empty() -> None:
    S = csr_array(np.array([[0.0, 0.5, 0.9, 0.7], [0, 0, 0, 0], [0.2, 0, 0, 0]]))
    ends, weights = explore.strongest(S, 2)
    np.testing.assert_array_equal(ends, [[2, 3], [-1, -1], [0, -1]])
    np.testing.assert_allclose(weights, [[0.9, 0.7], [0, 0], [0.2, 0]])


@pytest.mark.parametrize("shape", [(8, 8), (40, 30, 3)])
def test_a_mark_frames_an_image_and_says_what_it_means_below(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    tiles = {hit: marked(image, hit) for hit in (True, False, None)}
    assert len({tile.shape for tile in tiles.values()}) == 1
    for hit, colour in ((True, CORRECT), (False, WRONG)):
        assert tuple(tiles[hit][0, 0]) == (*rgb(colour), 255)
    assert not tiles[None][0].any() and not tiles[None][-9:].any()
    checks, crosses = (tiles[hit][-12:, :, 3] > 0 for hit in (True, False))
    assert checks.any() and crosses.any() and (checks != crosses).any()
    inside = tiles[None][FRAME:, FRAME:, :3]
    np.testing.assert_array_equal(inside[0, 0], np.broadcast_to(image[0, 0], 3))


def test_grey_levels_cut_what_lies_outside() -> None:
    np.testing.assert_array_equal(grey_levels(np.array([-1.0, 0.0, 0.5, 1.0, 2.0]), 0.0, 1.0), [0, 0, 128, 255, 255])


def test_curves_of_retrieval_are_told_apart_without_colour() -> None:
    names = [f"run {i}" for i in range(7)]
    figure = figures.retrieval_curves({name: np.linspace(1, 0.5, 50) for name in names})
    looks = {(line.line.color, line.line.dash) for line in figure.data}
    assert len(looks) == 7 and [line.name for line in figure.data] == names and figure.layout.xaxis.type == "log"
    assert list(figure.data[0].x[:3]) == [1, 2, 3]


def test_the_score_of_a_run_lies_on_its_curve(store: RunStore, trained: Callable[..., str]) -> None:
    run = trained("ddae")
    found, _ = explore.retrieval(store, run=run, source="codes", held_out=True)
    assert found["curve"][9] == pytest.approx(store.get(run).result["metrics"]["test_map_10"])
    assert evaluation.RANKS[0] == 10


def precision(relevant: NDArray, k: int, divisor: float) -> float:
    return sum(relevant[: i + 1].mean() for i in range(k) if relevant[i]) / divisor if divisor else 0.0


def test_mean_average_precision_has_three_definitions() -> None:
    rng = np.random.default_rng(0)
    Z, y, k = rng.normal(size=(30, 3)), rng.integers(0, 3, 30), 12
    expected = dict.fromkeys(evaluation.MAP_DEFINITIONS, 0.0)
    for query in range(30):
        distances = np.square(Z - Z[query]).sum(axis=1)
        distances[query] = -1
        relevant = y[np.argsort(distances, kind="stable")] == y[query]
        expected[""] += precision(relevant, k, relevant[:k].sum()) / 30
        expected["_without_query"] += precision(relevant[1:], k, relevant[1 : k + 1].sum()) / 30
        expected["_over_relevant"] += precision(relevant, k, min(k, (y == y[query]).sum())) / 30
    found = evaluation.retrieval(Z, y)
    curves = evaluation.precision_curves(Z, y, k)
    assert {ending: curve[-1] for ending, curve in curves.items()} == pytest.approx(expected)
    assert len({round(value, 6) for value in expected.values()}) == 3 and set(found) >= {"map_10", "map_10_without_query"}
    np.testing.assert_allclose(curves[""], evaluation.average_precisions(Z, y, k))
    with pytest.raises(DataError, match="less than the number"):
        evaluation.precision_curves(Z, y, 30)


def test_no_definition_comes_to_the_pixels_of_gr_dnn_on_coil20_and_one_does_on_mnist(benchmark_data: Path) -> None:
    """What stands in the tables of papers beside these numbers."""
    coil = datasets.load("coil20", n_test=440)
    assert coil.test is not None and coil.test.y is not None
    found = {ending: curve[-1] for ending, curve in evaluation.precision_curves(coil.test.X, coil.test.y, 100).items()}
    assert found == pytest.approx({"": 0.780, "_without_query": 0.746, "_over_relevant": 0.666}, abs=0.012)
    assert min(abs(value - 0.7046) for value in found.values()) > 0.02

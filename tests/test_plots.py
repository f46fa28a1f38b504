"""Ordering, shrinking and colouring: what the figures are made of, and what they carry."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core.plots import figures, sweeps
from core.plots.blocks import block_mean, cluster_order
from core.plots.montage import montage
from core.plots.palette import colours, full_brightness, log_levels, normalized, scale_ticks
from core.plots.sweeps import Curve, curve, effects, heatmap, surface

RNG = np.random.default_rng(0)


def test_the_order_puts_clusters_together_and_names_their_borders() -> None:
    labels = RNG.integers(0, 5, 50)
    order, borders = cluster_order(labels)
    assert sorted(order) == list(range(50))
    assert (np.diff(labels[order]) >= 0).all()
    assert [len(part) for part in np.split(order, borders)] == np.bincount(labels).tolist()


@pytest.mark.parametrize("part", [slice(None), slice(5, 9)])
@pytest.mark.parametrize(("n", "pixels"), [(37, 10), (40, 8), (9, 20)])
def test_block_means_agree_with_a_loop_and_keep_the_mean(n: int, pixels: int, part: slice) -> None:
    A, order = RNG.random((n, n)), RNG.permutation(n)
    columns = RNG.permutation(n)[part]
    shown = block_mean(A, order, pixels, columns)
    B = A[np.ix_(order, columns)]
    down, across = (np.linspace(0, size, min(size, pixels) + 1).astype(int) for size in B.shape)
    assert shown.shape == (len(down) - 1, len(across) - 1)
    for i, j in np.ndindex(shown.shape):
        block = B[down[i] : down[i + 1], across[j] : across[j + 1]]
        assert shown[i, j] == pytest.approx(block.mean(), rel=1e-5)
    np.testing.assert_array_equal(block_mean(A, order, pixels), block_mean(A, order, pixels, order))


@pytest.mark.parametrize("n", [2, 10, 38, 100])
def test_every_group_has_a_colour_of_its_own(n: int) -> None:
    assert len(set(colours(n))) == n


def test_levels_rise_with_values_and_stay_in_range() -> None:
    values = np.sort(RNG.random((20, 20)).ravel()).reshape(20, 20)
    for log in (False, True):
        level = normalized(values, log=log)
        assert level.min() >= 0 and level.max() == 1
        assert (np.diff(level.ravel()) >= 0).all()
    assert not normalized(np.zeros((3, 3))).any()
    level, top = log_levels(-values)
    assert level.dtype == np.uint8 and level.max() == 255 and top == full_brightness(values, log=True) == values.max()
    np.testing.assert_allclose(10 ** (4 * (level / 255 - 1)) * top, np.maximum(values, top * 1e-4), rtol=0.02)


@pytest.mark.parametrize("log", [False, True])
def test_the_ticks_of_a_scale_are_the_values_at_their_levels(log: bool) -> None:
    values = RNG.random((30, 30)).astype(np.float32)
    for level, text in scale_ticks(values, log=log).items():
        value = float(text.lstrip("≤≥ "))
        beside = np.concatenate([values.ravel(), [value]])[None]  # one more value hardly moves the top
        assert normalized(beside, log=log)[0, -1] == pytest.approx(level, abs=0.02)


def test_a_montage_keeps_every_image_whole() -> None:
    images = RNG.integers(0, 255, (5, 8, 6), dtype=np.uint8)
    sheet = montage(images, 3, min_side=6)
    assert sheet.shape == (2 * 9 - 1, 3 * 7 - 1)
    np.testing.assert_array_equal(sheet[9:17, 7:13], images[4])


def test_points_carry_their_sample_index_in_every_trace() -> None:
    points, samples, groups = RNG.normal(size=(12, 2)), np.arange(100, 112), np.arange(12) % 3
    figure = figures.embedding(points, samples, groups, ["a", "b", "c"])
    carried = np.concatenate([trace.customdata for trace in figure.data])
    assert sorted(carried) == list(samples)
    for trace in figure.data:
        np.testing.assert_allclose(trace.x, points[np.asarray(trace.customdata) - 100, 0].astype(np.float32))


def test_the_heatmap_has_one_frame_per_block_and_small_numbers() -> None:
    values = RNG.random((30, 30)) ** 4
    figure = figures.blocks(values, np.array([10, 25]), 60, labels=["0", "1", "2"])
    assert figure.data[0].z.dtype == np.uint8
    assert [(shape.x0, shape.x1) for shape in figure.layout.shapes] == [(-0.5, 4.5), (4.5, 12), (12, 29.5)]


def test_both_scales_of_a_heatmap_are_there_and_one_is_shown() -> None:
    values = RNG.random((30, 30)) ** 4
    figure = figures.blocks(values, np.array([10]), 30)
    for trace, log in zip(figure.data, (True, False), strict=True):
        np.testing.assert_array_equal(trace.z, np.rint(255 * normalized(values, log=log)))
    for button, shown in zip(figure.layout.updatemenus[0].buttons, ("Log", "Linear"), strict=True):
        assert button.label == shown and button.args[0]["visible"] == [shown == "Log", shown == "Linear"]
    assert [trace.visible for trace in figure.data] == [True, False]


def test_codes_of_all_layers_share_one_scale_and_tell_their_zeros() -> None:
    codes = {"Z1": np.array([0.0, 0.5, 0.0, 0.0]), "A": np.array([0.0, -4.0, 0.0, 1.0])}
    figure = figures.code_bars(codes)
    assert [title.text for title in figure.layout.annotations] == ["Z1: 75% zeros", "A: 50% zeros"]
    for trace, code in zip(figure.data, codes.values(), strict=True):
        np.testing.assert_array_equal(trace.y, code.astype(np.float32))
    first, last = figure.layout.yaxis.range, figure.layout.yaxis2.range
    assert first == last and first[0] < -4 and first[1] > 4
    assert figures.code_bars({"A": np.zeros(3)}).layout.yaxis.range[1] > 0


def test_only_the_chosen_cluster_is_coloured() -> None:
    bars = figures.memberships(np.array([0.1, 0.7, 0.2]), ["0", "1", "2"], 1).data[0]
    assert bars.x == ("0", "1", "2") and bars.marker.color[0] == bars.marker.color[2] != bars.marker.color[1]


def test_shares_count_the_entries_that_are_not_zero() -> None:
    bars = figures.nonzero_shares({"Z1": np.eye(4), "A": np.ones((4, 3))}).data[0]
    assert bars.x == (0.25, 1.0) and bars.y == ("Z1", "A") and bars.text == ("25.0%", "100.0%")


def test_zero_is_in_the_middle_of_the_colours_of_atoms() -> None:
    heat = figures.atom_values(np.array([[1.0, -3.0], [0.5, 2.0]])).data[0]
    assert (heat.zmin, heat.zmax) == (-3, 3)


def test_a_curve_of_a_sweep_has_its_band_its_runs_its_base_and_its_failures() -> None:
    data = Curve(
        labels=["1", "10", "100"], means=[0.5, None, 0.7], stds=[0.1, None, None], failed=[0, 2, 1],
        points=[(0, 0.4, "a"), (0, 0.6, "b"), (2, 0.7, "c")], base=2, recommended=(0, 1),
    )  # fmt: skip
    options = curve(data, "alpha", "ACC")
    series = {each["name"]: each for each in options["series"]}
    assert series["below"]["data"] == [0.4, None, 0.7] and series["band"]["data"] == [0.2, None, 0.0]
    assert [point["value"] for point in series["runs"]["data"]] == [[0, 0.4], [0, 0.6], [2, 0.7]]
    assert series["failed"]["data"] == [[1, 0.4], [2, 0.4]], "marks, at the foot of the picture"
    assert series["mean"]["markLine"]["data"][0]["xAxis"] == 2
    assert [end["xAxis"] for end in series["mean"]["markArea"]["data"][0]] == [0, 1]
    assert json.dumps(options)


def test_what_matters_is_drawn_in_points_beside_the_seeds_and_names_its_evaluator() -> None:
    options = effects(["alpha", "beta"], [(0.1, 0.05, 0.2), (0, 0, 0.01)], 0.02, score="ACC", evaluator="forests; 20 runs")
    bars, *whiskers = options["series"]
    assert bars["data"] == [10, 0] and bars["markLine"]["data"][0]["xAxis"] == 2
    assert [each["data"] for each in whiskers] == [[[5, 0], [20, 0]], [[0, 1], [1, 1]]]
    assert options["title"]["subtext"] == "forests; 20 runs" and "ACC" in options["title"]["text"]
    assert "markLine" not in effects(["a"], [(0.1, 0, 1)], None, score="ACC", evaluator="e")["series"][0]


def test_a_heatmap_of_one_value_has_a_scale_and_its_failures() -> None:
    options = heatmap(["1", "2"], ["a"], [(0, 0, 0.5)], [(1, 0)], x="x", y="y", title="ACC")
    assert options["visualMap"]["min"] < options["visualMap"]["max"]
    assert options["series"][1]["data"] == [[1, 0]] and options["series"][0]["data"][0]["value"] == [0, 0, 0.5]
    cells = [(0, 0, 0.1), (1, 0, 0.9)]
    options = heatmap(["1", "2"], ["a"], cells, [], x="x", y="y", title="ACC", base=(1, 0))
    labels = [cell["label"] for cell in options["series"][0]["data"]]
    assert [label["formatter"] for label in labels] == ["0.100", "0.900"] and labels[0]["color"] != labels[1]["color"]
    assert options["series"][2]["data"] == [[1, 0]] and all(label["show"] for label in labels)
    many = heatmap(list("123456789"), ["a"], cells, [], x="x", y="y", title="ACC")["series"]
    assert not many[0]["data"][0]["label"]["show"] and many[2]["data"] == [], "numbers that do not fit are left out"


def test_a_surface_has_a_hole_where_nothing_is_known() -> None:
    figure = surface(["1", "2"], ["a", "b", "c"], [(1, 2, 0.9), (0, 0, 0.1)], x="x", y="y", title="ACC")
    Z = np.asarray(figure.data[0].z, dtype=float)
    assert Z.shape == (3, 2) and Z[2, 1] == 0.9 and Z[0, 0] == 0.1 and np.isnan(Z).sum() == 4
    assert list(figure.layout.scene.yaxis.ticktext) == ["a", "b", "c"]


def test_the_deviation_over_seeds_is_seen_beside_effects_of_nothing() -> None:
    options = effects(["a"], [(0.0, 0.0, 0.001)], 0.06, score="ACC", evaluator="forests")
    assert options["xAxis"]["max"] > 6.0 == pytest.approx(options["series"][0]["markLine"]["data"][0]["xAxis"])


def test_a_long_name_of_a_score_begins_at_the_left_of_its_chart() -> None:
    """Centred above the axis, "unexplained share" would be read as "explained share"."""
    drawn = sweeps.scatter([(0.0, 1.0, "a run")], x="alpha", y="unexplained share")
    assert drawn["yAxis"]["nameTextStyle"]["align"] == "left"

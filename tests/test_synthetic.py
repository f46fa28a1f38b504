"""Data with a known truth: the angles are those that were asked for, seeds repeat, knobs are checked and travel with a spec."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from streamlit.testing.v1 import AppTest

from core import datasets
from core.common import DataError
from core.datasets import MAKERS, DataSpec, load, principal_angles, subspace_bases
from core.evaluation import block_diagonality
from core.explore import by_all_but_seed, differences
from core.runs import RunStore, as_command, execute, make_spec, this_process
from tests.conftest import ROOT, last_json


@pytest.mark.parametrize(
    ("n", "dim", "more", "angle"), [(2, 1, 0, 0.5), (2, 3, 0, 30), (3, 2, 4, 60), (5, 4, 5, 89.5), (4, 1, 1, 90)]
)
def test_every_principal_angle_is_the_one_asked_for(n: int, dim: int, more: int, angle: float) -> None:
    bases = subspace_bases(n, dim, n * dim + more, angle, np.random.default_rng(0))
    for s in range(n):
        np.testing.assert_allclose(bases[s].T @ bases[s], np.eye(dim), atol=1e-9)
        for t in range(s):
            np.testing.assert_allclose(principal_angles(bases[s], bases[t]), angle, atol=1e-5)


@pytest.mark.parametrize("seed", range(30))
def test_principal_angles_are_those_of_scipy(seed: int) -> None:
    random = np.random.default_rng(seed)
    m, p, q = random.integers(2, 9), random.integers(1, 9), random.integers(1, 9)
    U, V = (np.linalg.qr(random.standard_normal((m, min(size, m))))[0] for size in (p, q))
    np.testing.assert_allclose(principal_angles(U, V), np.rad2deg(subspace_angles(U, V))[::-1], atol=1e-6)


def test_small_angles_are_told_as_well_as_large_ones() -> None:
    U = np.array([[1.0], [0.0]])
    for degrees in (1e-7, 1e-3, 45.0, 89.9999999):
        V = np.array([[np.cos(np.deg2rad(degrees))], [np.sin(np.deg2rad(degrees))]])
        np.testing.assert_allclose(principal_angles(U, V), degrees, rtol=1e-6)


def test_points_lie_on_their_subspaces_but_for_noise_and_outliers() -> None:
    clean = load("subspaces", make={"noise": 0, "n_points": 40})
    for label in range(3):
        assert np.linalg.matrix_rank(clean.X[clean.y == label], tol=1e-4) == 2
    assert np.linalg.matrix_rank(clean.X, tol=1e-4) == 6 and not clean.attributes
    np.testing.assert_allclose(np.linalg.norm(clean.X, axis=1), 1, rtol=1e-5)
    spoilt = load("subspaces", make={"noise": 0, "n_points": 40, "outliers": 0.1})
    assert spoilt.attributes["outlier"].y.sum() == 12
    inside = spoilt.X[(spoilt.attributes["outlier"].y == 0) & (spoilt.y == 1)]
    assert np.linalg.matrix_rank(inside, tol=1e-4) == 2 and np.linalg.matrix_rank(spoilt.X[spoilt.y == 1], tol=1e-4) > 2
    noisy = load("subspaces", make={"noise": 0.1, "n_points": 40})
    assert abs(float((noisy.X - clean.X).std()) - 0.1) < 0.01


def test_values_that_are_not_known_are_zero_and_the_others_stay() -> None:
    known, some = load("subspaces"), load("subspaces", make={"missing": 0.3})
    gone = some.X == 0
    assert 0.25 < gone.mean() < 0.35
    np.testing.assert_array_equal(some.X[~gone], known.X[~gone])


def test_planes_lie_as_far_from_the_origin_as_is_said() -> None:
    planes = load("planes", make={"noise": 0, "offset": 0.7, "n_planes": 4})
    for label in range(4):
        points = planes.X[planes.y == label].astype(np.float64)
        *_, normal = np.linalg.svd(points - points.mean(0))[2]
        np.testing.assert_allclose(np.abs(points @ normal), 0.7, atol=1e-5)
    through = load("planes", make={"noise": 0, "offset": 0})
    assert np.linalg.matrix_rank(through.X[through.y == 0], tol=1e-4) == 2


def test_parts_of_the_roll_follow_each_other_and_the_hole_is_empty() -> None:
    whole, holed = (load("swiss_roll", make={"holes": holes, "n_points": 3000}) for holes in (0, 1))
    for roll in (whole, holed):
        radius = np.hypot(roll.X[:, 0], roll.X[:, 2])  # of the roll at t it is t
        ends = [(radius[roll.y == part].min(), radius[roll.y == part].max()) for part in range(4)]
        assert all(before[1] <= after[0] + 1e-3 for before, after in pairwise(ends))
        assert set(np.bincount(roll.y)) == {len(roll.y) // 4}

    def inside(roll: datasets.Dataset) -> int:
        radius = np.hypot(roll.X[:, 0], roll.X[:, 2])
        middle = (abs(roll.X[:, 1] - 10.5) < 3) & (abs(radius - 3 * np.pi) < 1.2)
        return int(middle.sum())

    assert inside(holed) == 0 < 50 < inside(whole)


def test_coordinates_are_not_moved_by_the_scaling() -> None:
    as_made, unit = load("subspaces", scaling="none"), load("subspaces")
    assert as_made.X.min() < 0
    np.testing.assert_array_equal(as_made.X, unit.X)
    assert any("used as they are" in note for note in unit.notes)


@pytest.mark.parametrize("name", list(MAKERS))
def test_a_seed_repeats_and_another_differs(name: str) -> None:
    first, again, other = load(name), load(name), load(name, seed=2**40)
    assert first.fingerprint == again.fingerprint != other.fingerprint
    entry = datasets.entry(name)
    assert (first.n_samples, first.n_classes, (first.X.shape[1],)) == (entry.n, entry.n_classes, entry.shape)
    assert first.n_classes and np.bincount(first.y).min() > 0.8 * first.n_samples / first.n_classes  # type: ignore[arg-type]


@pytest.mark.parametrize("name", list(MAKERS))
def test_every_knob_matters(name: str) -> None:
    plain = load(name)
    for knob, param in MAKERS[name].knobs.items():
        assert param.soft is not None
        value = param.soft[1] if param.soft[1] != param.default else param.soft[0]
        make = {knob: value} | ({"ambient": 60} if name == "subspaces" and knob != "ambient" else {})
        assert load(name, make=make).fingerprint != plain.fingerprint, knob
        assert load(name, make=make).fingerprint != load(name, make={**make, knob: param.default}).fingerprint, knob


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("digits", {"noise": 1}, "Only data sets that are made on the fly have knobs: subspaces.*'digits'"),
        ("moons", {"angle": 3}, "'moons' has no knob 'angle'. It has n_points, noise"),
        ("moons", {"noise": -1}, r"'noise' parameter of the data set moons must be a number in \[0, 10\]. Got -1"),
        ("moons", {"n_points": "many"}, "must be an integer in"),
        ("moons", [1], "make must be a mapping"),
    ],
)
def test_wrong_knobs_are_refused(name: str, make: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        DataSpec(name, make=make)


def test_subspaces_need_room() -> None:
    with pytest.raises(DataError, match=r"need an ambient dimension of at least 6\. Got ambient=5"):
        load("subspaces", make={"ambient": 5})


def test_specs_without_knobs_stay_what_they_were() -> None:
    assert DataSpec("subspaces", make={"angle": 60.0, "dim": "2"}) == DataSpec("subspaces")
    turned = DataSpec("subspaces", make={"angle": "30"})
    assert turned != DataSpec("subspaces") and turned.knobs["angle"] == 30.0 and turned.label == "subspaces (angle 30)"
    assert DataSpec.from_dict(turned.to_dict()) == turned and len({turned, DataSpec.from_dict(turned.to_dict())}) == 1
    old = DataSpec("digits").to_dict()
    del old["make"]
    assert DataSpec.from_dict(old) == DataSpec("digits") and DataSpec("digits").knobs == {}


def test_runs_are_told_apart_by_their_knobs(store: RunStore) -> None:
    specs = [make_spec("kmeans", DataSpec("blobs", make={"spread": spread}), device="cpu") for spread in (1, 3)]
    assert differences(specs) == {"make.spread": [1.0, 3.0]}
    made = [execute(store, store.create(spec, owner=this_process()).id) for spec in specs]
    assert len(by_all_but_seed(made)) == 2
    assert made[0].result["metrics"]["acc"] > made[1].result["metrics"]["acc"]
    assert store.get(made[1].id).spec == specs[1]


def test_the_command_line_makes_data_and_repeats_them(command: Callable) -> None:
    knobs = "n_subspaces=4,dim=2,ambient=12,angle=80,noise=.01"
    done = command("run", "ridge", "--dataset", "subspaces", "--make", knobs, "--json")
    found = last_json(done.stdout)
    assert done.returncode == 0 and found["params"]["n_clusters"] == 4
    assert found["data"]["make"] == {"n_subspaces": 4, "ambient": 12, "angle": 80.0, "noise": 0.01}
    spec = make_spec("ridge", DataSpec.from_dict(found["data"]), device="cpu")
    assert "--make n_subspaces=4,ambient=12,angle=80.0,noise=0.01" in as_command(spec)
    wrong = command("run", "ridge", "--dataset", "subspaces", "--make", "angle")
    assert wrong.returncode == 2 and "KEY=VALUE,KEY=VALUE. Got 'angle'" in wrong.stderr


def test_wide_angles_give_blocks_and_narrow_ones_do_not(store: RunStore) -> None:
    """What the theory says of self-expression, and what the picture beside the knob shows."""
    inside = {}
    for angle in (5, 80):
        data = DataSpec("subspaces", make={"angle": angle, "noise": 0.05})
        run = execute(store, store.create(make_spec("ridge", data, device="cpu"), owner=this_process()).id)
        C = store.files.arrays(run.id, "final", ["C"])["C"]
        inside[angle] = block_diagonality(np.abs(C), load(data).y)
    assert inside[80] > 0.75 > 0.5 > inside[5], inside


def test_new_samples_may_come_from_the_same_draw() -> None:
    spec = DataSpec("subspaces", make={"angle": 20}, seed=3)
    again = datasets.load_like(DataSpec("subspaces", n_samples=50, seed=1), spec)
    known = set(map(bytes, load(spec).X))
    assert all(bytes(x) in known for x in again.X)


def test_the_data_page_has_knobs_for_such_sets_alone(inline_queue: None) -> None:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run().switch_page("pages/data.py").run()
    assert not [slider for slider in page.slider if ":make:" in str(slider.key)]
    page.selectbox(key="data_name").set_value("subspaces").run()
    assert not page.exception and page.slider(key="subspaces:make:angle").value == 60.0
    page.slider(key="subspaces:make:n_subspaces").set_value(4).run()
    assert page.metric[2].value == "4" and page.session_state["data"]["make"] == {"n_subspaces": 4}
    page.slider(key="subspaces:make:n_subspaces").set_value(8).run()
    assert "ambient dimension of at least 16" in page.error[0].value

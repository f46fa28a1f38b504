"""Scores without labels that can be compared over runs, and what choosing by them costs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from core import explore, runs, sweeps
from core.common import InvalidInput
from core.datasets import DataSpec
from core.evaluation import has_tiny_clusters, pooled_silhouettes, relative_eigengap, scores_of_a_cut, stability
from core.jobs import JobQueue
from core.runs import RunStore
from core.sweeps import Sweep, parse_axis
from core.sweeps.cuts import question
from tests.conftest import last_json
from tests.test_cli import ask

DATA = DataSpec("digits", per_class=12, n_classes=4)


def blobs(n: int = 90, distance: float = 6.0) -> tuple[np.ndarray, np.ndarray]:
    rng, y = np.random.default_rng(0), np.arange(n) % 3
    return np.eye(3)[y] * distance + rng.standard_normal((n, 3)), y


def test_a_pooled_silhouette_is_the_mean_over_the_codes_of_all_runs() -> None:
    Z, y = blobs()
    other, rough = np.random.default_rng(1).standard_normal((90, 7)), np.where(np.arange(90) < 80, y, 5)
    told: list[tuple[int, int]] = []
    found = pooled_silhouettes([Z, other], [y, rough, np.zeros(90)], lambda done, of: told.append((done, of)))
    expected = [np.mean([silhouette_score(codes, labels) for codes in (Z, other)]) for labels in (y, rough)]
    assert found[:2] == pytest.approx(expected, abs=1e-5) and np.isnan(found[2]) and told == [(1, 2), (2, 2)]
    lonely = np.where(np.arange(90) == 0, 9, y)
    assert pooled_silhouettes([Z], [lonely])[0] == pytest.approx(silhouette_score(Z, lonely), abs=1e-5)


def test_codes_that_collapse_win_by_their_own_measure_and_not_by_that_of_all() -> None:
    Z, y = blobs(distance=4.0)
    wrong = np.random.default_rng(2).integers(0, 3, 90)
    collapsed = np.eye(3)[wrong] + 0.01 * Z
    own = silhouette_score(collapsed, wrong), silhouette_score(Z, y)
    right = pooled_silhouettes([Z, Z + 0.1, collapsed], [y, wrong])
    assert own[0] > own[1] and right[0] > right[1]


def test_stability_is_of_clusters_that_every_part_tells() -> None:
    def by_kmeans(Z: np.ndarray) -> Callable[[np.ndarray, int], np.ndarray]:
        return lambda rows, seed: KMeans(3, n_init=1, random_state=seed).fit_predict(Z[rows])

    clear, noise = blobs()[0], np.random.default_rng(0).standard_normal((90, 3))
    assert stability(by_kmeans(clear), 90) == pytest.approx(1.0) and stability(by_kmeans(noise), 90) < 0.7
    sizes: list[int] = []
    stability(lambda rows, seed: sizes.append(len(set(rows.tolist()))) or rows % 2, 50)
    assert sizes == [40] * 5


def test_the_eigengap_tells_pieces_and_says_nothing_where_it_would_mislead() -> None:
    y = np.arange(60) % 3
    blocks = (y[:, None] == y).astype(float)
    assert relative_eigengap(blocks, y) == pytest.approx(1.0)
    joined = [relative_eigengap(blocks + bridge, y) for bridge in (0.05, 0.3)]
    assert 1 > joined[0] > joined[1] > 0  # type: ignore[operator]
    other = np.random.default_rng(0).random((60, 60)) * blocks
    assert relative_eigengap(blocks, y % 2) is None and relative_eigengap(other + other.T, y % 2) is None, (
        "three pieces, not two"
    )
    tiny = np.where(np.arange(60) == 0, 3, y)
    assert relative_eigengap(blocks + 0.05, tiny) is None and relative_eigengap(blocks, np.zeros(60)) is None


def test_what_has_collapsed_is_seen_by_its_clusters() -> None:
    even = np.arange(100) % 5
    assert not has_tiny_clusters(even, 5) and has_tiny_clusters(even, 6), "one is empty"
    assert has_tiny_clusters(np.where(np.arange(100) == 0, 5, even), 6) and not has_tiny_clusters(np.arange(6), 6)


def test_runs_of_a_sweep_are_judged_by_all_and_choose(capsys: pytest.CaptureFixture[str], store: RunStore) -> None:
    base, queue = runs.make_spec("ridge", DATA, preset="defaults", device="cpu"), JobQueue(store, immediate=True)
    sweep = Sweep(base=base, axes=(parse_axis("ridge", "strength=0.001,10"), parse_axis("ridge", "power=1,4")))
    record = sweeps.start(store, sweep, queue)
    told: list[int] = []
    facts = explore.unlabelled(store, runs=record.runs, progress=lambda done, _: told.append(done))[1]
    assert (
        facts["n_samples"] == 48
        and facts["left_out"] == 0
        and told == list(range(1, 9))
        and set(facts["scores"]) == set(record.runs)
    )
    own = {"pooled_silhouette", "stability"}
    assert all(own <= set(scores) and all(-1 <= value <= 1 for value in scores.values()) for scores in facts["scores"].values())
    code, out, _ = ask(capsys, "sweeps", "choose", record.id, "--json")
    choices = {choice["by"]: choice for choice in last_json(out)}
    assert code == 0 and choices["acc"]["cost"] == 0 and {"silhouette", *own} <= set(choices)
    best = max(record.runs, key=lambda run: facts["scores"][run]["stability"])
    assert choices["stability"]["run"] == best and all(choice["cost"] >= 0 for choice in choices.values())
    other = sweeps.start(store, Sweep(base=base, axes=(parse_axis("ridge", "data.noise=0,1"),)), queue)
    with pytest.raises(InvalidInput, match="same data"):
        explore.unlabelled(store, runs=other.runs)
    assert sweeps.can_judge(record) and not sweeps.can_judge(other)
    code, out, _ = ask(capsys, "sweeps", "choose", other.id, "--json")  # by the scores that each has for itself
    assert code == 0 and {choice["by"] for choice in last_json(out)} == {"acc", "silhouette", "block_diagonality"}


def test_cuts_of_one_affinity_are_judged_by_one_measure(capsys: pytest.CaptureFixture[str], store: RunStore) -> None:
    base, queue = runs.make_spec("ridge", DATA, preset="defaults", device="cpu"), JobQueue(store, immediate=True)
    record = sweeps.start(store, Sweep(base=base, axes=(parse_axis("ridge", "power=1,2,8"),)), queue)
    sweeps.recut(store, record, partial(sweeps.cut_here, store))
    Z = store.files.arrays(record.runs[0], "final", ["Z"])["Z"]
    for cell, row in zip(record.cells, sweeps.table(store, record), strict=True):
        asked = {**question(store.get(cell.run or ""), cell), "judged": False}
        arrays, facts = explore.recluster(store, **asked)
        assert "silhouette" not in facts["scores"] and row.scores["acc"] == facts["scores"]["acc"]
        expected = silhouette_score(Z, arrays["labels"])
        assert row.scores["silhouette"] == pytest.approx(expected, abs=1e-5)
    code, out, _ = ask(capsys, "sweeps", "choose", record.id, "--json")
    choices = {choice["by"]: choice for choice in last_json(out)}
    assert code == 0 and {"acc", "silhouette", "block_diagonality"} <= set(choices)


def test_a_cut_into_tiny_clusters_is_not_judged() -> None:
    y = np.arange(60) % 3
    blocks, Z = (y[:, None] == y) + 0.05, np.eye(3)[y] + 0.01 * np.random.default_rng(0).normal(size=(60, 3))
    found = scores_of_a_cut(blocks, y, Z, 3)
    assert found["silhouette"] > 0.9 and found["relative_eigengap"] == pytest.approx(relative_eigengap(blocks, y))
    assert scores_of_a_cut(csr_array(blocks), y, Z, 3) == pytest.approx(found)
    assert scores_of_a_cut(blocks, np.where(np.arange(60) == 0, 3, y), Z, 4) == {}
    assert scores_of_a_cut(blocks, y, Z, 4) == {}, "one of the four is empty"


def test_a_method_without_an_affinity_is_judged_by_its_codes(store: RunStore) -> None:
    spec = runs.make_spec("kmeans", DATA, device="cpu")
    run = JobQueue(store, immediate=True).submit(spec, references=False)
    (scores,) = explore.unlabelled(store, runs=[run.id])[1]["scores"].values()
    assert "relative_eigengap" not in scores
    final = store.files.arrays(run.id, "final")
    store.files.save_arrays(run.id, "final", final | {"labels": np.zeros_like(final["labels"])})
    facts = explore.unlabelled(store, runs=[run.id])[1]
    assert facts["scores"] == {} and facts["left_out"] == 1

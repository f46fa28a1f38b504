"""Sweeps: what can be varied, which runs that makes, what is taken from the store, and what came out."""

from __future__ import annotations

import dataclasses
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core import explore, runs, sweeps
from core.bench import many
from core.common import InvalidInput, StorageError, UnknownName
from core.datasets import DataSpec
from core.explore import by_all_but_seed
from core.jobs import JobQueue
from core.runs import Owner, RunHandle, RunSpec, RunStore, Status, claim_for_this_process, this_process
from core.sweeps import Axis, Row, Sweep, SweepStore, parse_axis
from core.sweeps.importance import importance

DATA = DataSpec("digits", per_class=12, n_classes=4)


def base(method: str = "ridge", **overrides: Any) -> RunSpec:
    return runs.make_spec(method, DATA, preset="defaults", overrides=overrides, device="cpu")


def a_sweep(*axes: str, method: str = "ridge", **facts: Any) -> Sweep:
    return Sweep(base=base(method), axes=tuple(parse_axis(method, axis) for axis in axes), **facts)


@pytest.fixture
def queue(store: RunStore) -> JobQueue:
    return JobQueue(store, immediate=True)


# ---- what can be varied -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "values", "between"),
    [
        ("strength=0.1, 1,1, 10", (0.1, 1.0, 10.0), None),
        ("strength=0.01:100:5:log", (0.01, 0.1, 1.0, 10.0, 100.0), (0.01, 100.0)),
        ("power=1:5:3:linear", (1.0, 3.0, 5.0), (1.0, 5.0)),
        ("dim=1:3:9", (1, 2, 3), (1, 3)),
        ("unit_diagonal=true,false", (True, False), None),
        ("symmetrize=signed,absolute", ("signed", "absolute"), None),
        ("data.noise=0,0.2", (0.0, 0.2), None),
        ("data.n_classes=2,4,none", (2, 4, None), None),
        ("seed=3,1", (3, 1), None),
    ],
)
def test_an_axis_is_read_in_the_type_of_what_it_varies(written: str, values: tuple, between: tuple | None) -> None:
    method = "ridge"
    name = written.partition("=")[0]
    assert name in sweeps.sweepable(method)
    axis = parse_axis(method, written)
    assert axis.values == values and [type(v) for v in axis.values] == [type(v) for v in values]
    assert axis.between == between and Axis.from_dict(dataclasses.asdict(axis)) == axis


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("strenght=1", "Did you mean 'strength'"),
        ("random_state=1", "no axis"),
        ("strength=-1,1", "Got '-1'"),
        ("dim=1.5", "an integer"),
        ("symmetrize=0:1", "list its values"),
        ("unit_diagonal=0:1:2", "list its values"),
        ("strength=10:1:3", "goes up"),
        ("strength=1:2:3:4", "written LOW:HIGH"),
        ("power=0.1:1:0", "2 to 1000 values"),
        ("data.noise=0:1:3:log", "above 0"),
        ("data.noise=9", "Got '9'"),
        ("strength", "NAME=V1"),
        ("data.n_classes=none:4", "goes up"),
    ],
)
def test_what_cannot_be_varied_is_refused_by_name(written: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        parse_axis("ridge", written)


def test_every_proposal_is_an_axis(queue: JobQueue) -> None:
    for method in ("ridge", "udll", "grdnn", "tagnet"):
        for name, param in sweeps.sweepable(method).items():
            text = sweeps.proposed(param, sweeps.value_of(base(method), name))
            assert not text or parse_axis(method, f"{name}={text}").values
    K = sweeps.sweepable("ridge")["n_clusters"]
    assert sweeps.proposed(K, None, 10) == sweeps.proposed(K, 10, 40) == "5,8,10,15,20" and sweeps.proposed(K, 2) == "2,3,4"


# ---- which runs ---------------------------------------------------------------------------------------------------------


def test_an_axis_that_a_paper_has_drawn_is_offered_as_there() -> None:
    assert sweeps.axis_of_paper("grdnn", "eta") == ("0.01,0.1,0.5,1,10,100", (0.5, 10))
    assert sweeps.axis_of_paper("rgrl", "gamma") == ("0.1,1,10,100", None)
    assert sweeps.axis_of_paper("udll", "gamma") is None and sweeps.axis_of_paper("rgrl", "eta") is None


def test_designs_make_the_settings_that_they_promise() -> None:
    two = ("strength=1,10,100", "power=2,5")
    assert len(sweeps.settings(a_sweep(*two, design="grid"))) == 6
    alone = sweeps.settings(a_sweep(*two, design="one"))
    start = {"strength": base().params["strength"], "power": base().params["power"]}
    assert alone[0] == start and len(alone) == 1 + len({1.0, 10.0, 100.0} - {start["strength"]}) + len(
        {2.0, 5.0} - {start["power"]}
    )
    assert all(sum(setting[name] != start[name] for name in start) <= 1 for setting in alone)
    for design in ("random", "sobol"):
        sweep = a_sweep("strength=0.01:100:3:log", "dim=1:6", "symmetrize=signed,absolute", design=design, points=20)
        drawn = sweeps.settings(sweep)
        assert drawn == sweeps.settings(sweep) != sweeps.settings(dataclasses.replace(sweep, drawn_from=1))
        values = np.array([setting["strength"] for setting in drawn])
        assert len(drawn) == 20 and (values >= 0.01).all() and (values <= 100).all()
        assert 6 <= (values < 1).sum() <= 14, "by powers of ten, half of them lie below the middle"
        assert {setting["dim"] for setting in drawn} <= set(range(1, 7)) and {s["symmetrize"] for s in drawn} == {
            "signed",
            "absolute",
        }
    sobol = [s["strength"] for s in sweeps.settings(a_sweep("strength=0.01:100:3:log", design="sobol", points=8))]
    assert len({int(np.floor(2 * np.log10(value))) for value in sobol}) == 8, "one point in each eighth"
    assert len(sweeps.settings(a_sweep(design="grid"))) == 1


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"design": "spiral"}, "one, grid, random, sobol"),
        ({"seeds": ()}, "at least one"),
        ({"seeds": (1, 1)}, "different"),
        ({"seeds": tuple(range(600))}, r"Got 1,200"),
        ({"points": 0, "design": "random"}, "1 to 1000"),
        ({"axes": (Axis("strength", (1.0,)), Axis("strength", (2.0,)))}, "each once"),
        ({"axes": (Axis("seed", (1, 2)),), "seeds": (0, 1)}, "axis already"),
    ],
)
def test_a_sweep_that_contradicts_itself_or_is_too_large_is_refused(facts: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        sweeps.settings(dataclasses.replace(a_sweep("strength=1,10"), **facts))


def test_a_sweep_is_checked_whole_before_anything_is_kept(store: RunStore, queue: JobQueue) -> None:
    with pytest.raises(InvalidInput, match=r"data\.n_classes = 11: n_classes must be at most 10"):
        sweeps.start(store, a_sweep("data.n_classes=2,4,11"), queue)
    with pytest.raises(InvalidInput, match=r"n_clusters = 900: The 'n_clusters' parameter"):
        sweeps.start(store, a_sweep("n_clusters=4,900"), queue)
    assert store.runs() == [] and SweepStore(store.home).ids() == []


@pytest.mark.journey
def test_the_figures_of_the_papers_are_sweeps_that_can_be_started(benchmark_data: Path) -> None:
    assert {name.partition("-")[0] for name in sweeps.figures()} == {"grdnn", "rgrl", "dscdan", "tagnet"}
    for name, figure in sweeps.figures().items():
        sweep = sweeps.figure(name).sweep()
        cells = sweeps.plan(sweep)
        assert 4 <= len(cells) <= 24 and sweep.name == figure.title and figure.note
        assert figure.score == "acc" or sweep.base.data.n_test
    assert sweeps.figure("grdnn-5a").sweep().axes[0].recommended == (0.5, 10)
    with pytest.raises(UnknownName, match="grdnn-5a"):
        sweeps.figure("grdnn-5d")


# ---- runs and the store -------------------------------------------------------------------------------------------------


def test_a_sweep_runs_all_and_takes_what_is_there(store: RunStore, queue: JobQueue) -> None:
    sweep = a_sweep("strength=1,10", "data.noise=0,0.3", seeds=(0, 1))
    known = queue.submit(runs.make_spec("ridge", DATA, preset="defaults", overrides={"strength": 10.0}, seed=1, device="cpu"))
    references = {run.id for run in store.runs() if run.reference}
    assert len(sweeps.missing(store, sweep, sweeps.plan(sweep))) == 7
    record = sweeps.start(store, sweep, queue)
    assert record == SweepStore(store.home).get(record.id) and len(record.runs) == 8 and known.id in record.runs
    assert {run.id for run in store.runs() if run.reference} == references, "no references for every cell"
    rows = sweeps.table(store, record)
    assert [row.status for row in rows] == ["done"] * 8
    for row in rows:
        run = store.get(row.run or "")
        assert run.spec.seed == row.seed and run.spec.data.noise == row.setting["data.noise"]
        assert run.spec.params["strength"] == row.setting["strength"] and row.scores["acc"] == run.result["metrics"]["acc"]
        assert row.scores["seconds"] == run.result["seconds"]["total"]
        assert row.scores["loss.residual"] == store.history(run.id)[0].scalars["residual"]
    again = sweeps.start(store, sweep, queue)
    assert again.runs == record.runs and len(store.runs(references=False)) == 8, "nothing is trained twice"
    assert [known.id for known in SweepStore(store.home).all()] == sorted([again.id, record.id], reverse=True)
    more = sweeps.go_on(store, sweeps.extended(store, record, [2]), queue)
    assert more.id == record.id and len(more.runs) == 12 and set(record.runs) < set(more.runs)


def test_settings_of_the_affinity_alone_are_read_off_one_stored_c(store: RunStore, queue: JobQueue) -> None:
    def cut(**question: Any) -> Any:
        assert question["random_state"] == store.get(question["run"]).spec.seed
        return {**explore.recluster(store, **question)[1], "seconds": 0.1}

    start = base().params
    axes = (f"power={start['power']},2", f"threshold={start['threshold']},1", "assign_labels=kmeans,discretize")
    record = sweeps.start(store, a_sweep(*axes, seeds=(0, 1)), queue)
    assert record.cut and len(record.runs) == 2 and len(record.cells) == 16
    assert sweeps.statuses(sweeps.table(store, record)) == {sweeps.UNCUT: 16}
    assert sweeps.recut(store, record, cut, most=3) == 13 and sweeps.recut(store, record, lambda **_: None) == 13
    assert sweeps.recut(store, SweepStore(store.home).get(record.id), cut) == 0
    rows = sweeps.table(store, record)
    assert {row.status for row in rows} == {"done"} and len({row.scores["acc"] for row in rows}) > 2
    same = [row for row in rows if all(row.setting[name] == start[name] for name in row.setting)]
    assert [row.scores["acc"] for row in same] == [store.get(row.run or "").result["metrics"]["acc"] for row in same] != []
    other = sweeps.start(store, a_sweep("power=3", "strength=1"), queue)
    assert not other.cut and not sweeps.start(store, a_sweep("n_init=2", method="kmeans"), queue).cut
    lost = sweeps.start(store, a_sweep("power=4"), queue)
    sweeps.recut(store, lost, lambda **_: {"error": "C is sparse"})
    (row,) = sweeps.table(store, lost)
    assert (row.status, row.error, row.scores) == ("failed", "C is sparse", {})


def test_changed_data_are_trained_on_again(store: RunStore, queue: JobQueue, tmp_path: Path) -> None:
    file = tmp_path / "own.npz"
    rng = np.random.default_rng(0)
    write: Callable[[float], None] = lambda shift: np.savez(file, X=rng.random((40, 5)) + shift, y=np.arange(40) % 2)  # noqa: E731
    write(0)
    sweep = Sweep(base=runs.make_spec("kmeans", DataSpec(str(file)), device="cpu"))
    first = sweeps.start(store, sweep, queue)
    write(1)
    assert sweeps.start(store, sweep, queue).runs != first.runs


def test_going_on_repeats_only_what_has_no_result(store: RunStore, queue: JobQueue) -> None:
    record = sweeps.start(store, a_sweep("strength=1,2,3,4,5"), queue)
    done, gone, stopped, failed, lost = record.runs
    store.delete(gone)
    specs = [cell.spec(record.sweep.base) for cell in record.cells]
    stopped = store.create(specs[2], owner=this_process()).id
    store.finish(stopped, Status.STOPPED, {})
    failed = store.create(specs[3], owner=this_process()).id
    store.finish(failed, Status.FAILED, {}, {"message": "No space left on device", "bad_input": False})
    lost = store.create(specs[4], owner=Owner(2**22 + 1, 0.0, "")).id
    store.mark_lost(lost)
    for run in record.runs[2:]:
        store.delete(run)
    cells = [dataclasses.replace(c, run=r) for c, r in zip(record.cells, (done, gone, stopped, failed, lost), strict=True)]
    record = dataclasses.replace(record, cells=tuple(cells))
    assert [row.status for row in sweeps.table(store, record)] == ["done", "missing", "stopped", "failed", "lost"]
    assert sweeps.table(store, record)[3].error == "No space left on device"
    record = sweeps.go_on(store, record, queue)
    assert [row.status for row in sweeps.table(store, record)] == ["done", "done", "done", "failed", "done"]
    assert record.runs[0] == done and record.runs[4] == lost and not {gone, stopped} & set(record.runs)
    record = sweeps.go_on(store, record, queue, failed=True)
    assert sweeps.statuses(sweeps.table(store, record)) == {"done": 5} and record.runs[3] == failed


def test_a_pause_and_a_stop_reach_every_run_that_waits(store: RunStore) -> None:
    class Waiting:
        submit = staticmethod(lambda spec, tags="", references=True: store.create(spec, tags=tags))
        resume = staticmethod(store.requeue)

    record = sweeps.start(store, a_sweep("strength=1,2,3"), Waiting())
    assert sweeps.statuses(sweeps.table(store, record)) == {"queued": 3}
    assert {run.tags for run in store.runs()} == {f"sweep {record.id}"}
    sweeps.pause(store, record)
    assert sweeps.statuses(sweeps.table(store, record)) == {"paused": 3}
    assert JobQueue(store, immediate=True)._next([]) is None, "no queue starts what is held back"
    away = record.runs[0]
    claim_for_this_process(store, away)
    RunHandle.open(store, away).report({"cluster": "tcp://host:1"})
    assert sweeps.statuses(sweeps.table(store, record)) == {"paused": 3}, "elsewhere, too"
    store.mark_lost(away)
    store.requeue(away)
    sweeps.go_on(store, record, Waiting())
    assert sweeps.statuses(sweeps.table(store, record)) == {"queued": 3} and len(store.runs()) == 3
    sweeps.stop(store, record)
    assert sweeps.statuses(sweeps.table(store, record)) == {"stopped": 3}


def test_sweeps_are_found_by_id_and_broken_files_named(store: RunStore, queue: JobQueue) -> None:
    kept = SweepStore(store.home)
    for name in ("nothing", "../runs", ""):
        with pytest.raises(UnknownName, match="no sweep"):
            kept.get(name)
    record = sweeps.start(store, a_sweep("strength=1"), queue)
    (path,) = (store.home / "sweeps").glob("*.json")
    path.write_text(path.read_text()[:50])
    with pytest.raises(StorageError, match=record.id):
        kept.get(record.id)


# ---- what came out ------------------------------------------------------------------------------------------------------


def row(setting: dict[str, Any], seed: int, **scores: float) -> Row:
    status = "done" if scores else "failed"
    return Row(run=f"r{setting}{seed}", setting=setting, seed=seed, status=status, scores=scores, error="" if scores else "NaN")


def test_the_table_is_written_as_csv_and_parquet(store: RunStore, queue: JobQueue, tmp_path: Path) -> None:
    record = sweeps.start(store, a_sweep("strength=1,10", "data.n_classes=2,none"), queue)
    rows = [*sweeps.table(store, record), row({"strength": 5.0, "data.n_classes": None}, 0)]
    for suffix, read in ((".csv", pd.read_csv), (".parquet", pd.read_parquet)):
        sweeps.export_table(rows, tmp_path / f"table{suffix}")
        frame = read(tmp_path / f"table{suffix}")
        assert len(frame) == 5 and list(frame["strength"]) == [1, 1, 10, 10, 5] and list(frame["status"])[-1] == "failed"
        assert frame["acc"][0] == pytest.approx(rows[0].scores["acc"]) and np.isnan(frame["acc"][4])
    mixed = [row({"widths": (8, 4)}, 0, acc=0.5), row({"widths": 3}, 0, acc=0.5)]
    assert list(pd.read_parquet(io.BytesIO(sweeps.table_bytes(mixed, ".parquet")))["widths"]) == ["8-4", "3"]
    with pytest.raises(InvalidInput, match=r"csv or \.parquet"):
        sweeps.export_table(rows, tmp_path / "table.xlsx")


def test_levels_tell_the_seeds_from_what_else_varies() -> None:
    rows = [row({"a": a, "b": b}, s, acc=0.1 * a + 0.01 * s + b) for a in (3, 1, 2) for b in (0.0, 0.5) for s in (0, 1)]
    rows[0] = row({"a": 3, "b": 0.0}, 0)
    found = sweeps.levels(rows, ["a"], "acc")
    assert [level.at for level in found] == [(1,), (2,), (3,)] and [level.failed for level in found] == [0, 0, 1]
    assert found[0].mean == pytest.approx(0.1 + 0.005 + 0.25)
    assert found[0].std == pytest.approx(np.std([0, 0.01], ddof=1)), "over seeds only, not over b"
    cells = sweeps.levels(rows, ["a", "b"], "acc")
    assert len(cells) == 6 and cells[-2].std is None and len(cells[-2].points) == 1
    alone = sweeps.around(rows, "a", {"a": 1, "b": 0.5})
    assert len(alone) == 6 and {r.setting["b"] for r in alone} == {0.5}


def test_what_labels_buy_is_the_gap_between_two_choices() -> None:
    rows = [
        row({"a": a}, s, acc=acc + 0.02 * s, silhouette=free) for a, acc, free in ((1, 0.9, 0.1), (2, 0.7, 0.6)) for s in (0, 1)
    ]
    best, free = sweeps.choices([*rows, row({"a": 3}, 0), row({"a": 4}, 0, silhouette=0.9)])
    assert (best.by, best.setting, best.cost) == ("acc", {"a": 1}, 0.0)
    assert (free.by, free.setting) == ("silhouette", {"a": 2}) and free.cost == pytest.approx(0.2)
    assert free.reached == pytest.approx(0.71)


def test_without_labels_each_score_chooses_and_nobody_knows_the_price() -> None:
    rows = [row({"a": a}, s, silhouette=free, stability=-free) for a, free in ((1, 0.1), (2, 0.6)) for s in (0, 1)]
    by_stability, by_silhouette = sweeps.choices(rows)
    assert (by_silhouette.by, by_silhouette.setting) == ("silhouette", {"a": 2})
    assert (by_stability.by, by_stability.setting) == ("stability", {"a": 1})
    assert {by_silhouette.cost, by_silhouette.reached, by_stability.cost, by_stability.reached} == {None}
    assert sweeps.choices([row({"a": 1}, 0)]) == []


def test_what_choices_cost_is_known_from_the_sweeps_that_come_with_the_app() -> None:
    costs = sweeps.known_costs()
    assert set(costs) <= set(sweeps.LABEL_FREE) and all(0 <= cost <= 1 for known in costs.values() for cost in known)
    rows = sweeps.prepared_sweep("gamma")[1]
    by = next(choice for choice in sweeps.choices(rows) if choice.by == "silhouette")
    assert by.cost in costs["silhouette"] and len(costs["silhouette"]) > 5
    assert set(sweeps.LABEL_FREE) == set(costs) and len(costs["pooled_silhouette"]) > 5
    assert "pooled silhouette" in sweeps.advice()


def test_how_far_the_settings_go_is_told_beside_what_the_seed_does() -> None:
    rows = [row({"a": a}, s, acc=acc + 0.02 * s) for a, acc in ((1, 0.9), (2, 0.7), (3, 0.8)) for s in (0, 1)]
    found = sweeps.reach([*rows, row({"a": 4}, 0)], "acc")
    assert found is not None and (found.lowest, found.highest) == ({"a": 2}, {"a": 1})
    assert (found.low, found.high) == pytest.approx((0.71, 0.91)) and found.seed_spread == pytest.approx(0.02 / np.sqrt(2))
    assert sweeps.reach(rows[:2], "acc") is None


def function(f: Callable[[float, float], float], noise: float) -> list[Row]:
    rng = np.random.default_rng(1)
    grid = np.linspace(0, 1, 6)
    return [
        row({"a": float(a), "b": float(b)}, s, acc=f(a, b) + noise * rng.standard_normal())
        for a in grid for b in grid for s in range(3)
    ]  # fmt: skip


AXES = (Axis("a", ()), Axis("b", ()))


def test_importance_is_the_deviation_that_an_axis_causes_and_nothing_matters_can_be_seen() -> None:
    deviation = np.std(np.linspace(0, 1, 6))
    found = importance(function(lambda a, b: 0.3 * a, 0.01), AXES, "acc")
    first, second = found.effects
    assert first.effect == pytest.approx(0.3 * deviation, rel=0.2) and first.low < first.effect < first.high
    assert second.effect < 0.01 and found.seed_spread == pytest.approx(0.01, rel=0.25) and found.n_runs == 108
    together = importance(function(lambda a, b: a * b, 0.01), AXES, "acc").effects
    assert all(effect.effect > 0.15 for effect in together), "neither acts alone, both matter"
    nothing = importance(function(lambda a, b: 0.5, 0.05), AXES, "acc")
    assert all(effect.effect < nothing.seed_spread / 2 for effect in nothing.effects)  # type: ignore[operator]
    with pytest.raises(InvalidInput, match="at least 8 runs"):
        importance([row({"a": 1.0}, s, acc=0.5) for s in range(5)], AXES[:1], "acc")


def test_the_store_of_the_benchmark_is_one_that_pages_can_show(store: RunStore) -> None:
    record = SweepStore(store.home).get(many.furnish(store, 12))
    rows = sweeps.table(store, record)
    assert sweeps.statuses(rows) == {"done": 12} and len({row.scores["acc"] for row in rows}) == 12
    assert len(by_all_but_seed(store.runs())) == 6, "no two are the same"


def test_a_table_of_500_runs_is_read_in_half_a_second(store: RunStore) -> None:
    sweep = a_sweep("strength=0.01:100:250:log", seeds=(0, 1))
    cells = [sweeps.Cell(setting, seed) for setting in sweeps.settings(sweep) for seed in sweep.seeds]
    result = {"metrics": dict.fromkeys(("acc", "nmi_max", "silhouette"), 0.5), "seconds": {"total": 1.0}, "fingerprint": "x"}
    made = []
    for cell in cells[:100]:
        run = store.create(cell.spec(sweep.base), owner=this_process())
        store.finish(run.id, Status.DONE, result)
        made.append(dataclasses.replace(cell, run=run.id))
    record = SweepStore(store.home).create(sweep, made * 5)
    began = time.perf_counter()
    rows = sweeps.table(store, SweepStore(store.home).get(record.id))
    assert len(rows) == 500 and len(sweeps.levels(rows, ["strength"], "acc")) == 50
    assert time.perf_counter() - began < 0.5

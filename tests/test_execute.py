"""The one way to train: how a run ends, what it leaves behind, and how it obeys."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core import cli, evaluation, methods, runs
from core.common import DataError, DeviceError, InvalidInput, ParameterError, UnknownName, choice, integer, real
from core.datasets import DataSpec
from core.methods import Clusterer, register, registry
from core.methods.contract import Labeller
from core.runs import (
    Run,
    RunSpec,
    RunStore,
    Status,
    claim_for_this_process,
    estimate,
    execution,
    looks,
    make_spec,
    prepare,
    resolve_device,
    retrieved,
)
from core.runs.budget import LookingBudget
from core.runs.looks import View, alarms
from core.runs.memory import gpu_facts, peak_rss_mb
from core.training import Stages, Step
from tests.conftest import ROOT, wait_until

pytestmark = pytest.mark.journey

DIGITS = DataSpec("digits", per_class=8)
TINY = {"pretrain_epochs": 4, "epochs": 6, "channels": "4-3", "kernel_sizes": "3-3"}


@pytest.fixture(autouse=True)
def test_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    """Methods that misbehave on purpose, known for one test only."""
    methods.registered()
    monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))

    @register
    class Diverging(Clusterer):
        name = "t_diverging"
        at: int = integer(3, symbol="t", low=1, high=9, soft=(1, 9), help="Where.")
        value: str = choice("nan", symbol="v", choices=("nan", "inf", "-inf"), help="What.")

        def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
            for step in range(1, 10):
                bad = float(self.value) if step >= self.at else 0.5
                yield Step("finetune", step, 9, {"good": 1.0, "bad": torch.tensor(bad), "worse": bad})

    @register
    class Spoilt(Clusterer):
        name = "t_spoilt"

        def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
            for step in range(1, 10):
                yield Step("finetune", step, 9, {"loss": 1.0}, {"Z": np.full((len(X), 2), np.nan if step > 4 else step)})

        def labeller(self, arrays: Any, affinity: NDArray | None) -> Labeller:
            return lambda seed: np.arange(len(arrays["Z"])) % (self.n_clusters or 1)

    @register
    class Collapsing(Clusterer):
        name = "t_collapsing"
        how: str = choice("identity", symbol="h", choices=("identity", "empty", "zero", "constant", "none"), help="How.")

        def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
            Z = X.reshape(len(X), -1)
            Z = {"zero": np.zeros_like(Z), "constant": np.ones_like(Z)}.get(self.how, Z)
            C = np.eye(len(Z)) if self.how == "identity" else (np.ones((len(Z), len(Z))) - np.eye(len(Z))) / len(Z)
            for step in range(1, 4):
                yield Step("finetune", step, 3, {"loss": 1.0 / step}, {"Z": Z, "C": C})
            yield self.conclude({"Z": Z, "C": C})

        def labeller(self, arrays: Any, affinity: NDArray | None) -> Labeller:
            return lambda seed: np.arange(len(arrays["Z"])) % (2 if self.how == "empty" else self.n_clusters or 1)

    @register
    class Patient(Clusterer):
        name = "t_patient"
        pause: float = real(0.01, symbol="p", low=0, high=1, soft=(0, 1), help="Seconds a step.")
        epochs: int = integer(3000, symbol="T", low=1, high=10_000, soft=(1, 9000), help="Steps.")

        def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
            Z = X.reshape(len(X), -1)

            def body(step: int) -> tuple[dict, dict]:
                time.sleep(self.pause)
                return {"loss": 1.0 / (step + 1)}, {}

            yield from (stages or Stages()).run("finetune", self.epochs, {}, body)
            yield self.conclude({"Z": Z})

        def labeller(self, arrays: Any, affinity: NDArray | None) -> Labeller:
            return lambda seed: np.arange(len(arrays["Z"])) % (self.n_clusters or 1)

    @register
    class Broken(Clusterer):
        name = "t_broken"

        def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
            yield Step("finetune", 1, 2, {"loss": 1.0})
            raise IndexError("a bug of the method")


def started(store: RunStore, spec: RunSpec) -> str:
    run_id = store.create(spec).id
    claim_for_this_process(store, run_id)
    return run_id


def run(store: RunStore, method: str, data: DataSpec = DIGITS, *, seed: int = 0, snapshots: int = 12, **params: Any) -> Run:
    spec = make_spec(method, data, preset="defaults", overrides=params, seed=seed, snapshots=snapshots, device="cpu")
    return runs.execute(store, started(store, spec))


def write_csv(path: Path, X: NDArray, y: NDArray | None = None) -> str:
    header = [f"x{i}" for i in range(X.shape[1])] + (["label"] if y is not None else [])
    table = [[*row, *([y[i]] if y is not None else [])] for i, row in enumerate(X.tolist())]
    path.write_text("\n".join([",".join(header), *(",".join(map(str, row)) for row in table)]))
    return str(path)


# ---- how a run ends --------------------------------------------------------------------------------------------------


def test_a_finished_run_holds_what_other_programs_rely_on(store: RunStore) -> None:
    done = run(store, "udll", **TINY)
    assert done.status == Status.DONE and done.error is None, done.error
    result = json.loads(json.dumps(done.result))
    scores = {"acc", "nmi_geometric", "nmi_arithmetic", "nmi_max", "ari", "purity"}
    assert {*scores, "silhouette", "diagonal_mass", "block_diagonality"} <= set(result["metrics"])
    assert {"load", "pretrain", "finetune", "spectral", "total"} <= set(result["seconds"])
    assert (result["device"], result["n_samples"], result["n_clusters"]) == ("cpu", 80, 10)
    assert result["peak_rss_mb"] > 50 and len(result["fingerprint"]) == 16
    assert result["params"]["epochs"] == 6 and result["params"]["random_state"] == 0
    arrays = store.files.arrays(done.id, "final")
    assert {"labels", "y", "indices", "Z", "C", "X_hat", "Z_pretrained", "prior.row", "prior.col", "prior.val"} <= set(arrays)
    assert arrays["labels"].shape == (80,) and arrays["C"].shape == (80, 80) and arrays["C"].any()
    assert set(store.files.arrays(done.id, "live")) == {"originals", "reconstructions"}
    assert (store.files.folder(done.id) / "weights.safetensors").stat().st_size > 100
    assert not (store.files.folder(done.id) / "checkpoint.pt").exists()
    history = store.history(done.id)
    assert [row.seq for row in history] == list(range(1, len(history) + 1))
    assert [row.stage for row in history] == ["pretrain"] * 4 + ["graph"] + ["finetune"] * 6 + ["spectral"]
    assert all(math.isfinite(value) for row in history for value in row.scalars.values())


def test_the_spread_is_over_ten_repetitions_and_surrounds_the_headline(store: RunStore) -> None:
    done = run(store, "kmeans", n_init=1)
    for name, spread in done.result["spread"].items():
        assert spread["n"] == 10 and spread["min"] <= spread["mean"] <= spread["max"]
        assert spread["min"] <= done.result["metrics"][name] <= spread["max"], "that of the run is one of the ten"
    assert done.result["spread"]["acc"]["std"] > 0, "one start of k-means depends on its seed"
    accuracies = [run(store, "kmeans", n_init=1, seed=seed).result["metrics"]["acc"] for seed in range(10)]
    spread = done.result["spread"]["acc"]
    error = float(np.std(accuracies)) / np.sqrt(10)  # of either mean
    assert spread["mean"] == pytest.approx(np.mean(accuracies), abs=3 * np.sqrt(2) * error)
    assert 0.4 < spread["std"] / np.std(accuracies) < 2.5


def test_the_best_over_the_run_is_the_best_that_was_seen_and_says_how_it_was_chosen(store: RunStore) -> None:
    done = run(store, "udll", **TINY)
    best = done.result["best"]
    assert best["chosen_with_labels"] is True
    seen = {(row.stage, row.step): row.scalars["acc"] for row in store.history(done.id) if "acc" in row.scalars}
    seen[("final", 1)] = done.result["metrics"]["acc"]
    assert best["acc"] == max(seen.values()) == seen[(best["stage"], best["step"])]
    assert best["acc"] >= done.result["metrics"]["acc"]


def test_map_of_samples_that_no_method_has_changed_is_worked_out_once(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    work_out = evaluation.retrieval
    monkeypatch.setattr(retrieved, "_known", {})
    monkeypatch.setattr(evaluation, "retrieval", lambda Z, y: asked.append(len(Z)) or work_out(Z, y))
    few, more = DataSpec("digits", per_class=6), DataSpec("digits", per_class=7)
    specs = [make_spec("ridge", few, overrides={"strength": strength}, device="cpu") for strength in (1, 2)]
    specs.append(make_spec("ridge", more, device="cpu"))
    specs += [make_spec("ridge", DataSpec("digits", per_class=6, n_test=30), device="cpu", seed=seed) for seed in (0, 1)]
    specs.append(make_spec("ae_kmeans", few, overrides={"pretrain_epochs": 1}, device="cpu"))
    scores = [runs.execute(store, store.create(spec, owner=runs.this_process()).id).result["metrics"] for spec in specs]
    assert asked == [60, 70, 30, 60], "of a data set and of what it holds out once, of codes each time"
    first, again, other, *_, trained = [{name: each[name] for name in each if name.startswith("map")} for each in scores]
    assert first and first == again and first != other and first != trained


def test_data_without_labels_gets_no_score_that_needs_them(store: RunStore, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = write_csv(tmp_path / "free.csv", rng.normal(size=(40, 5)) + np.repeat(np.eye(2, 5) * 9, 20, axis=0))
    done = run(store, "kmeans", DataSpec(path), n_clusters=2)
    assert done.status == Status.DONE, done.error
    assert set(done.result["metrics"]) == {"silhouette"} and done.result["metrics"]["silhouette"] > 0.5
    assert done.result["spread"] == {} and done.result["best"] == {}
    assert "y" not in store.files.arrays(done.id, "final")


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_loss_that_is_not_finite_ends_the_run_and_names_term_and_epoch(store: RunStore, value: str) -> None:
    failed = run(store, "t_diverging", at=4, value=value)
    assert failed.status == Status.FAILED and failed.error is not None
    assert (failed.error["term"], failed.error["stage"], failed.error["step"]) == ("bad", "finetune", 4)
    assert "'bad'" in failed.error["message"] and "epoch 4" in failed.error["message"] and value in failed.error["message"]
    assert failed.error["bad_input"] is False
    assert [row.step for row in store.history(failed.id)] == [1, 2, 3]
    assert failed.result["n_samples"] == 80 and "metrics" not in failed.result
    json.dumps(failed.result)


def test_codes_that_are_not_finite_end_the_run_even_if_the_loss_was(store: RunStore) -> None:
    failed = run(store, "t_spoilt")
    assert failed.status == Status.FAILED and failed.error is not None
    assert (failed.error.get("term"), failed.error.get("stage"), failed.error.get("step")) == ("Z", "finetune", 5)
    assert failed.error["bad_input"] is False, "it is not the user's data that is wrong"


def test_a_bug_in_a_method_ends_in_the_record_with_its_traceback(store: RunStore) -> None:
    failed = run(store, "t_broken")
    assert failed.status == Status.FAILED and failed.error is not None
    assert failed.error["message"] == "IndexError: a bug of the method" and failed.error["bad_input"] is False
    assert "Traceback" in failed.error["traceback"] and "in iter_fit" in failed.error["traceback"]


def test_an_interrupt_is_recorded_as_a_stop_and_passed_on(store: RunStore) -> None:
    run_id = started(store, make_spec("t_patient", DIGITS))

    def interrupt(step: Step, _: Any) -> None:
        if step.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.execute(store, run_id, on_step=interrupt)
    stopped = store.get(run_id)
    assert stopped.status == Status.STOPPED and stopped.result["n_samples"] == 80 and stopped.error is None


def test_the_clock_charges_every_stage_and_the_total_covers_them(store: RunStore) -> None:
    spec = make_spec("t_patient", DIGITS, overrides={"pause": 0.02, "epochs": 10})
    prepared = prepare(spec)
    assert prepared.cpu_seconds > 0
    prepared = dataclasses.replace(prepared, cpu_seconds=7.0)
    done = runs.execute(store, started(store, spec), prepared=prepared)
    seconds = done.result["seconds"]
    assert 7 < seconds["cpu"] < 7 + seconds["total"], "what was prepared before took the processor, too"
    assert seconds["load"] == prepared.seconds > 0 and seconds["import"] >= prepared.import_seconds > 0
    assert seconds["finetune"] >= 0.2 and seconds["pretrain"] == 0
    assert seconds["total"] >= sum(value for stage, value in seconds.items() if stage not in ("total", "cpu"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can begin anew")
def test_the_peak_of_one_run_is_not_that_of_the_next() -> None:
    np.ones(40_000_000)
    high = peak_rss_mb()
    runs.forget_peak()
    assert peak_rss_mb() < high - 100


def test_the_peak_of_a_gpu_is_told_and_forgotten_with_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a card that is only pretended, since most machines have none."""
    held = [3 * 2**20]
    for name, answer in {
        "is_initialized": lambda: True,
        "max_memory_allocated": lambda: held[0],
        "get_device_name": lambda: "a GPU",
        "reset_peak_memory_stats": lambda: held.__setitem__(0, 0),
    }.items():
        monkeypatch.setattr(torch.cuda, name, answer)
    assert gpu_facts() == {"gpu": f"a GPU, torch {torch.__version__}", "peak_gpu_mb": 3.0}
    runs.forget_peak()
    assert gpu_facts()["peak_gpu_mb"] == 0.0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a process from that of its parent")
def test_a_process_is_not_as_large_as_the_one_that_started_it() -> None:
    held = np.ones(40_000_000)
    code = "from core.runs.memory import peak_rss_mb; print(peak_rss_mb())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert 5 < float(told.stdout) < held.nbytes / 2**20


def test_a_run_begins_with_the_same_random_state_in_any_process(store: RunStore) -> None:
    drawn: list[tuple[float, ...]] = []

    class Drawing(Clusterer):
        name = "t_drawing"

        def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
            drawn.append((random.random(), np.random.random(), torch.rand(1).item(), torch.is_grad_enabled()))
            torch.set_grad_enabled(False)
            yield Step("finetune", 1, 1, {"loss": 1.0})

    register(Drawing)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    for seed in (1, 1, 2):
        runs.execute(store, started(store, RunSpec(method="t_drawing", data=DIGITS, params={}, seed=seed)))
        assert torch.is_grad_enabled()
    assert drawn[0] == drawn[1] and drawn[0][-1] and not set(drawn[0][:3]) & set(drawn[2][:3])
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert before == after, "whoever calls it keeps his own"


def test_a_stage_is_scored_as_often_as_the_spec_says(store: RunStore) -> None:
    few = run(store, "ae_kmeans", snapshots=2, pretrain_epochs=20, channels="4-3", kernel_sizes="3-3")
    scored = [row.step for row in store.history(few.id) if "acc" in row.scalars]
    assert scored == [1, 10, 20]


@pytest.mark.parametrize(("share", "expected"), [(0.2, [1, 9, 13, 17, 20]), (0.0, [1, 20]), (1.0, list(range(1, 21)))])
def test_looks_keep_to_their_share_of_the_time(monkeypatch: pytest.MonkeyPatch, share: float, expected: list[int]) -> None:
    """A step takes 10 s and so does a look: in the end a fifth of the time went into looking, but for the last one."""
    monkeypatch.setattr("core.runs.budget.FREE_SECONDS", 0.0)
    budget = LookingBudget(share)
    taken = []
    for number in range(1, 21):
        if budget.allows(Step("finetune", number, 20, {}, {}), trained=10.0 * number):
            budget.charge("finetune", 10.0)
            taken.append(number)
    assert taken == expected
    assert budget.allows(Step("other", 1, 20, {}, {}), trained=0.0), "every stage has a budget of its own"


def test_a_slow_look_is_taken_at_the_first_and_the_last_step_only(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    look = looks.look
    monkeypatch.setattr(looks, "look", lambda *given, **named: time.sleep(0.6) or look(*given, **named))
    few = run(store, "ae_kmeans", snapshots=10, pretrain_epochs=20, channels="4-3", kernel_sizes="3-3")
    scored = [row.step for row in store.history(few.id) if "acc" in row.scalars]
    assert scored[0] == 1 and scored[-1] == 20 and len(scored) <= 4


def test_an_estimate_scales_each_stage_of_the_latest_run_on_as_many_samples(store: RunStore) -> None:
    spec = make_spec("udll", DIGITS, preset="defaults", overrides=TINY, device="cpu")
    unknown = estimate(store, spec, (80, 8, 8))
    assert unknown.seconds is None and unknown.measured_on is None and unknown.cost.parameters > 80**2
    done = runs.execute(store, started(store, spec))
    seconds = done.result["seconds"]
    warm = seconds["total"] - seconds["import"]
    same = estimate(store, spec, (80, 8, 8))
    assert same.measured_on == done.id and same.seconds == pytest.approx(warm)
    longer = make_spec("udll", DIGITS, preset="defaults", overrides=TINY | {"epochs": 60, "pretrain_epochs": 0}, device="cpu")
    expected = warm + 9 * seconds["finetune"] - seconds["pretrain"]
    assert estimate(store, longer, (80, 8, 8)).seconds == pytest.approx(expected)
    assert estimate(store, spec, (81, 8, 8)).seconds is None, "time does not scale with samples"


# ---- alarms ----------------------------------------------------------------------------------------------------------

GOOD_Z = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
GOOD_C = (np.ones((30, 30)) - np.eye(30)) / 30
GOOD_LABELS = np.arange(30) % 3


@pytest.mark.parametrize(
    ("kind", "view"),
    [
        (None, View({"Z": GOOD_Z, "C": GOOD_C}, GOOD_LABELS)),
        (None, View({})),
        (None, View({"Z": GOOD_Z + 1e4}, GOOD_LABELS)),
        (None, View({"C": GOOD_C + 0.5 * np.eye(30)})),
        ("identity", View({"C": np.eye(30)})),
        ("identity", View({"C": GOOD_C - 2 * np.eye(30)}, GOOD_LABELS)),
        ("zero codes", View({"Z": np.zeros((30, 4))})),
        ("constant codes", View({"Z": np.tile([[3.0, -1.0]], (30, 1))})),
        ("constant codes", View({"Z": np.tile([[1e-20, 0.0]], (30, 1))})),
        ("empty clusters", View({"Z": GOOD_Z}, GOOD_LABELS % 2)),
        ("empty clusters", View({"Z": GOOD_Z}, np.zeros(30, dtype=np.int64))),
        (None, View({"P": np.eye(3)[GOOD_LABELS]}, GOOD_LABELS)),
        ("few clusters", View({"P": np.tile([[0.96, 0.03, 0.01]], (30, 1))}, GOOD_LABELS)),
    ],
)
def test_collapsed_solutions_raise_the_alarm_that_fits(kind: str | None, view: View) -> None:
    found = alarms(view, 3, "finetune", 7)
    assert [alarm.kind for alarm in found] == ([] if kind is None else [kind])
    for alarm in found:
        assert (alarm.stage, alarm.step) == ("finetune", 7)
        assert alarm.message.endswith(".") and json.dumps(alarm.to_dict())


@pytest.mark.parametrize(
    ("how", "kind"),
    [("identity", "identity"), ("empty", "empty clusters"), ("zero", "zero codes"), ("constant", "constant codes")],
)
def test_a_collapse_is_recorded_with_the_step_at_which_it_began(store: RunStore, how: str, kind: str) -> None:
    done = run(store, "t_collapsing", how=how)
    assert done.status == Status.DONE, done.error
    found = {alarm["kind"]: alarm for alarm in done.alarms}
    assert kind in found
    first = (found[kind]["stage"], found[kind]["step"])
    assert first == (("finetune", 1) if how != "zero" else first)
    assert run(store, "t_collapsing", how="none").alarms == []


def test_a_learning_rate_that_kills_the_network_is_noticed(store: RunStore) -> None:
    done = run(store, "udll", **TINY | {"pretrain_epochs": 40, "pretrain_learning_rate": 1.0, "pixel_range": 1e4})
    assert done.status == Status.DONE, done.error
    assert "zero codes" in {alarm["kind"] for alarm in done.alarms}
    assert not store.files.arrays(done.id, "final")["Z"].any()


def test_a_look_at_nothing_gives_no_labels_and_no_scores(store: RunStore) -> None:
    ready = prepare(make_spec("udll", DIGITS, preset="defaults", overrides=TINY))
    view = looks.look(ready.method, ready.data, {"C": np.zeros((80, 80)), "Z": np.ones((80, 3))})
    assert view.labels is None and view.affinity is None and view.scores == {}


# ---- obedience -------------------------------------------------------------------------------------------------------


@pytest.fixture
def in_a_thread(store: RunStore) -> Iterator[Callable[[RunSpec], str]]:
    """Execute a spec beside the test; it is stopped and joined at the end."""
    threads: list[tuple[str, threading.Thread]] = []

    def begin(spec: RunSpec) -> str:
        run_id = started(store, spec)
        thread = threading.Thread(target=runs.execute, args=(store, run_id))
        threads.append((run_id, thread))
        thread.start()
        return run_id

    yield begin
    for run_id, thread in threads:
        if not store.get(run_id).over:
            store.request(run_id, "stop")
        thread.join(30)
        assert not thread.is_alive()


def seq(store: RunStore, run_id: str) -> int:
    history = store.history(run_id)
    return history[-1].seq if history else 0


def test_pause_step_resume_and_stop(store: RunStore, in_a_thread: Callable[[RunSpec], str]) -> None:
    run_id = in_a_thread(make_spec("t_patient", DIGITS))
    wait_until(lambda: store.get(run_id).status == Status.RUNNING and seq(store, run_id) > 0)

    store.request(run_id, "pause")
    wait_until(lambda: store.get(run_id).status == Status.PAUSED)
    held = seq(store, run_id)
    time.sleep(0.3)
    assert seq(store, run_id) == held > 0, "a paused run stands still"
    assert store.get(run_id).progress["seq"] == held

    for n in (1, 2):
        store.request(run_id, "step")
        wait_until(lambda n=n: store.get(run_id).status == Status.PAUSED and seq(store, run_id) >= held + n)
        time.sleep(0.2)
        assert seq(store, run_id) == held + n, "one step is one step"

    store.request(run_id, None)
    wait_until(lambda: seq(store, run_id) > held + 5)
    assert store.get(run_id).status == Status.RUNNING

    store.request(run_id, "stop")
    stopped = wait_until(lambda: store.get(run_id) if store.get(run_id).over else None)
    assert stopped.status == Status.STOPPED and stopped.request is None
    labels = store.files.arrays(run_id, "final")["labels"]
    assert labels.shape == (80,) and "acc" in stopped.result["metrics"]
    assert seq(store, run_id) < 3000


def test_a_paused_run_can_be_stopped(store: RunStore, in_a_thread: Callable[[RunSpec], str]) -> None:
    run_id = in_a_thread(make_spec("t_patient", DIGITS))
    store.request(run_id, "pause")
    wait_until(lambda: store.get(run_id).status == Status.PAUSED)
    store.request(run_id, "stop")
    wait_until(lambda: store.get(run_id).status == Status.STOPPED)
    assert "labels" in store.files.arrays(run_id, "final")


def test_a_stop_in_the_middle_keeps_codes_and_c_as_they_were_reached(store: RunStore) -> None:
    run_id = started(store, make_spec("udll", DIGITS, preset="defaults", overrides=TINY | {"epochs": 100_000}, device="cpu"))

    def stop(step: Step, _: Any) -> None:
        if step.stage == "finetune" and step.step == 5:
            store.request(run_id, "stop")

    stopped = runs.execute(store, run_id, on_step=stop)
    assert stopped.status == Status.STOPPED and stopped.error is None
    arrays = store.files.arrays(run_id, "final")
    assert arrays["labels"].shape == (80,) and np.abs(arrays["C"]).max() > 0
    assert 0 <= stopped.result["metrics"]["acc"] <= 1
    assert max(row.step for row in store.history(run_id) if row.stage == "finetune") < 10_000


def test_a_stop_before_there_is_anything_to_cut_ends_without_labels(store: RunStore) -> None:
    run_id = started(
        store, make_spec("udll", DIGITS, preset="defaults", overrides=TINY | {"pretrain_epochs": 100_000}, device="cpu")
    )
    stopped = runs.execute(store, run_id, on_step=lambda step, _: store.request(run_id, "stop") if step.step == 2 else None)
    assert stopped.status == Status.STOPPED and stopped.error is None
    assert stopped.result["metrics"] == {} and "labels" not in store.files.arrays(run_id, "final")


class PowerCut(BaseException):
    """Nothing catches it, as nothing catches a kill."""


@pytest.mark.parametrize("at", [("pretrain", 3), ("finetune", 4)])
def test_a_lost_run_goes_on_from_its_checkpoint_and_ends_the_same(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, at: tuple[str, int]
) -> None:
    whole = run(store, "udll", **TINY)
    shutil.rmtree(store.home / "pretrained")  # the second run has to pretrain too
    monkeypatch.setattr(execution, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(execution, "CHECKPOINT_PAUSE", 0.0)
    run_id = started(store, make_spec("udll", DIGITS, preset="defaults", overrides=TINY, device="cpu"))
    calls: list[tuple[str, int]] = []

    def cut(step: Step, _: Any) -> None:
        calls.append((step.stage, step.step))
        if (step.stage, step.step) == at:
            raise PowerCut

    with pytest.raises(PowerCut):
        runs.execute(store, run_id, on_step=cut)
    assert store.get(run_id).status == Status.RUNNING and (store.files.folder(run_id) / "checkpoint.pt").exists()
    store.mark_lost(run_id)
    store.requeue(run_id)
    claim_for_this_process(store, run_id)
    calls.clear()
    resumed = runs.execute(store, run_id, on_step=lambda step, _: calls.append((step.stage, step.step)))
    assert resumed.status == Status.DONE, resumed.error
    trained = [call for call in calls if call[0] == at[0]]
    assert trained[0] == at, "it starts with the step that was lost, not from the beginning"

    ours, theirs = store.files.arrays(run_id, "final"), store.files.arrays(whole.id, "final")
    for name in theirs:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    assert resumed.result["metrics"] == whole.result["metrics"]

    def losses(of: str) -> list[Any]:
        known = set(methods.method_class("udll").symbols)
        rows = store.history(of)
        return [(r.stage, r.step, {k: v for k, v in r.scalars.items() if k in known}) for r in rows if r.stage != "graph"]

    assert losses(run_id) == losses(whole.id)


# ---- refused before anything is stored -------------------------------------------------------------------------------


def unusable(tmp_path: Path) -> dict[str, tuple[list[str], str]]:
    """Arguments of a run that cannot be, and a word that the message must hold."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 4)), np.arange(20) % 2
    broken = X.copy()
    broken[3, 1] = np.nan
    constant = write_csv(tmp_path / "constant.csv", np.full((20, 4), 2.5), y)
    holes = write_csv(tmp_path / "holes.csv", broken, y)
    few = write_csv(tmp_path / "few.csv", X[:6], y[:6])
    free = write_csv(tmp_path / "free.csv", X)
    return {
        "constant": (["kmeans", "--dataset", constant], "constant"),
        "nan": (["kmeans", "--dataset", holes], "holes"),
        "few samples": (["kmeans", "--dataset", few, "--set", "n_clusters=6"], "n_clusters"),
        "no clusters": (["kmeans", "--dataset", free], "n_clusters"),
        "neighbours": (["udll", "--dataset", few, "--set", "n_neighbors=5"], "n_neighbors"),
        "kernels": (["udll", "--dataset", "digits", "--set", "channels=4-3-2", "--set", "kernel_sizes=3-3"], "kernel_sizes"),
    }


@pytest.mark.parametrize("case", ["constant", "nan", "few samples", "no clusters", "neighbours", "kernels"])
def test_what_cannot_be_trained_on_is_refused_and_leaves_no_trace(
    store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    arguments, word = unusable(tmp_path)[case]
    assert cli.main(["run", *arguments, "--json"]) == cli.EXIT_BAD_INPUT
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("error:") and word in captured.err
    assert store.runs() == [] and list((store.home / "runs").iterdir()) == []


def test_the_same_in_a_worker_is_a_failure_that_names_the_input(store: RunStore) -> None:
    failed = run(store, "kmeans", n_clusters=500)
    assert failed.status == Status.FAILED and failed.error is not None
    assert failed.error["bad_input"] is True and "n_clusters" in failed.error["message"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("method", ["udll", "kmeans"])
def test_a_gpu_that_is_not_there_is_refused(method: str) -> None:
    spec = make_spec(method, DIGITS, device="cuda")
    with pytest.raises(DeviceError, match="cuda"):
        prepare(spec)
    assert resolve_device("auto", methods.method_class(method)) == "cpu" == resolve_device("cpu", methods.method_class(method))


def test_the_first_run_on_a_gpu_tells_the_app_before_it_trains(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue on a new home took the first runs for work of the processor, and started as many as it has cores."""
    seen, told = list[bool](), list[RunStore]()

    def announce(store: RunStore) -> None:
        told.append(store)
        store.notices.post("machine", {"cuda": True})

    def facts() -> dict[str, Any]:
        seen.append(runs.gpu_seen(store))
        return {"gpu": "a GPU, torch 2", "peak_gpu_mb": 12.0}

    monkeypatch.setattr("core.runs.execution.resolve_device", lambda device, cls: "cuda")
    monkeypatch.setattr("core.runs.execution.announce_machine", announce)
    monkeypatch.setattr("core.runs.execution.gpu_facts", facts)
    done = [run(store, "t_collapsing", how="empty") for _ in range(2)]
    assert told == [store] and seen == [True, True]
    assert [(one.result["gpu"], one.result["peak_gpu_mb"]) for one in done] == [("a GPU, torch 2", 12.0)] * 2


# ---- specs -----------------------------------------------------------------------------------------------------------


def test_a_spec_takes_defaults_then_the_preset_then_what_was_set() -> None:
    cls = methods.method_class("ridge")
    spec = make_spec("ridge", DIGITS, overrides={"power": "2"})
    assert spec.preset == "digits" and spec.modified and spec.params["power"] == 2.0
    assert not make_spec("ridge", DIGITS, overrides={"n_clusters": 3, "power": 6}).modified
    assert spec.params["strength"] == cls.presets["digits"].params["strength"]
    assert set(spec.params) == set(cls.declared()) - {"random_state"}
    plain = make_spec("ridge", DIGITS, preset="defaults")
    assert plain.params == {name: param.default for name, param in cls.declared().items() if name != "random_state"}


@pytest.mark.parametrize(
    ("changes", "error", "word"),
    [
        ({"method": "udl"}, UnknownName, "udll"),
        ({"preset": "nothing"}, UnknownName, "nothing"),
        ({"overrides": {"alhpa": 1}}, UnknownName, "alpha"),
        ({"overrides": {"alpha": -1}}, ParameterError, "alpha"),
        ({"overrides": {"random_state": 1}}, UnknownName, "random_state"),
        ({"device": "tpu"}, DeviceError, "tpu"),
        ({"seed": -1}, InvalidInput, "seed"),
        ({"seed": 2**31}, InvalidInput, "seed"),
        ({"seed": 0.5}, InvalidInput, "seed"),
        ({"snapshots": 0}, InvalidInput, "snapshots"),
        ({"looking": 1.5}, InvalidInput, "looking"),
        ({"looking": "much"}, InvalidInput, "looking"),
    ],
)
def test_a_spec_that_cannot_be_is_refused_by_name(changes: dict, error: type[Exception], word: str) -> None:
    given: dict[str, Any] = {"method": "udll", "data": DIGITS} | changes
    with pytest.raises(error, match=word):
        make_spec(given.pop("method"), given.pop("data"), **given)


def test_data_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'digits'"):
        prepare(make_spec("kmeans", DataSpec("digit")))
    with pytest.raises(DataError):
        prepare(make_spec("kmeans", DataSpec("/nowhere/at/all.npz")))

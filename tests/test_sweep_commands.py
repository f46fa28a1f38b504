"""Sweeps and seeds from the command line, with real workers, killed in the middle."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from core.bench import load_results
from core.runs import RunStore, Status, settle_lost
from core.sweeps import Figure, SweepStore
from tests.conftest import ROOT, last_json, wait_until
from tests.test_cli import SMALL, ask

pytestmark = pytest.mark.journey


def test_seeds_are_whole_runs_with_mean_and_deviation_and_are_taken_again(command: Callable, store: RunStore) -> None:
    done = command("run", "kmeans", *SMALL, "--seed", 3, "--seeds", 2, "--set", "n_init=1", "--json")
    assert done.returncode == 0, done.stderr
    result = last_json(done.stdout)
    runs = {run.spec.seed: run for run in store.runs()}
    assert set(runs) == {3, 4} and result["run_id"] == runs[3].id and result["runs"] == [runs[3].id, runs[4].id]
    values = [runs[seed].result["metrics"]["acc"] for seed in (3, 4)]
    told = result["over_seeds"]["acc"]
    assert told["values"] == values and told["mean"] == np.mean(values) and told["std"] == np.std(values)
    assert "seconds" not in result["over_seeds"] and "silhouette" in result["over_seeds"]
    more = command("run", "kmeans", *SMALL, "--seed", 3, "--seeds", 3, "--set", "n_init=1")
    assert more.returncode == 0 and len(store.runs()) == 3 and "over 3 seeds" in more.stdout


def test_a_sweep_is_trained_listed_shown_and_exported(
    command: Callable, capsys: pytest.CaptureFixture[str], store: RunStore, tmp_path: Path
) -> None:
    done = command("sweep", "ridge", *SMALL, "--over", "strength=1,100", "--over", "data.noise=0,0.5", "--seeds", 2,
                   "--workers", 2, "--name", "two by two", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = last_json(done.stdout)
    assert len(result["runs"]) == 8 and {run["status"] for run in result["runs"]} == {"done"}
    first = result["runs"][0]
    assert first["params"] == {"strength": 1.0, "data.noise": 0.0} and first["seed"] == 0 and first["seconds"] > 0
    assert first["metrics"] == store.get(first["run_id"]).result["metrics"]
    sweep = result["sweep_id"]
    code, shown, _ = ask(capsys, "sweeps", "show", sweep, "--json")
    assert code == 0 and last_json(shown) == result
    (listed,) = last_json(ask(capsys, "sweeps", "list", "--json")[1])
    assert (listed["sweep_id"], listed["title"], listed["statuses"]) == (sweep, "two by two", {"done": 8})
    target = tmp_path / "table.csv"
    assert ask(capsys, "sweeps", "export", sweep, target)[0] == 0
    with target.open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["acc"]) for row in rows] == [run["metrics"]["acc"] for run in result["runs"]]


def test_a_figure_of_a_paper_is_swept_by_its_name(
    capsys: pytest.CaptureFixture[str], store: RunStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    quick = Figure(title="A figure", method="kmeans", preset="defaults", data={"name": "digits", "per_class": 8},
                   over=("data.noise=0,1",), seeds=1, score="acc", note="Quick.", shape="As printed.")  # fmt: skip
    monkeypatch.setattr("core.cli.sweeps.figure", {"quick-1": quick}.__getitem__)
    monkeypatch.setattr("core.bench.swept.keep_figure.__defaults__", (tmp_path, tmp_path))
    code, out, _ = ask(capsys, "sweeps", "figure", "quick-1", "--json", "--write")
    clean, noisy = last_json(out)["runs"]
    assert code == 0 and clean["metrics"]["acc"] > noisy["metrics"]["acc"]
    kept = load_results(tmp_path / "figure-quick-1.json")
    assert [row.scores["acc"].mean for row in kept.rows] == [round(run["metrics"]["acc"], 4) for run in (clean, noisy)]
    assert kept.commands == ("python -m core sweeps figure quick-1 --write",) and kept.notes == ("As printed.",)
    assert (tmp_path / kept.figure).read_text().startswith("<?xml")
    (record,) = SweepStore(store.home).all()
    assert record.title == "A figure"
    shown = ask(capsys, "sweeps", "show", record.id)[1]
    assert f"acc {noisy['metrics']['acc']:.3f}   " in shown and "(1 seed)" in shown and "±" not in shown


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["sweep", "ridge", *SMALL, "--over", "lamb=1"], "lamb"),
        (["sweep", "ridge", *SMALL, "--over", "strength=-1,1"], "-1"),
        (["sweep", "ridge", *SMALL, "--over", "symmetrize=0:1"], "list its values"),
        (["sweep", "ridge", *SMALL, "--over", "strength=1:2:999", "--seeds", "2"], "1,998"),
        (["sweep", "ridge", *SMALL, "--over", "data.n_classes=2,11"], "n_classes must be at most 10"),
        (["sweep", "ridge", *SMALL, "--over", "strength=1", "--workers", "99"], "99"),
        (["sweep", "ridge", *SMALL, "--over", "strength=1", "--design", "spiral"], "spiral"),
        (["sweep", "ridge", *SMALL], "--over"),
        (["run", "ridge", *SMALL, "--seeds", "0"], "at least one"),
        (["sweeps", "show"], "id of a sweep"),
        (["sweeps", "figure", "grdnn-5d"], "grdnn-5a"),
        (["sweeps", "figure"], "takes the name of one: grdnn-5a"),
        (["sweeps", "show", "nothing"], "nothing"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else "",
)
def test_bad_sweeps_end_with_2_before_anything_is_stored(
    capsys: pytest.CaptureFixture[str], store: RunStore, arguments: list[str], word: str
) -> None:
    code, out, err = ask(capsys, *arguments)
    assert code == 2 and out == "" and word in err, err
    assert store.runs() == [] and SweepStore(store.home).ids() == []


def test_what_was_killed_goes_on_where_it_was(store: RunStore, worker_env: Callable, command: Callable) -> None:
    """First a worker dies, whose run is trained by another; then all die, and only what had no end is repeated."""
    arguments = ["sweep", "ae_kmeans", *SMALL, "--device", "cpu", "--set", "channels=4", "--set", "kernel_sizes=3",
                 "--over", "pretrain_epochs=20,30,500", "--workers", "1"]  # fmt: skip
    child = subprocess.Popen([sys.executable, "-m", "core", *arguments], cwd=ROOT, env=worker_env(), stderr=subprocess.PIPE)
    try:
        first = wait_until(lambda: [run for run in store.runs() if run.progress.get("step", 0) > 1])[0]
        psutil.Process(first.pid).kill()
        wait_until(lambda: store.get(first.id).status == Status.DONE)
        wait_until(
            lambda: [r for r in store.runs() if r.spec.params["pretrain_epochs"] == 500 and r.progress.get("step", 0) > 1]
        )
        child.send_signal(signal.SIGKILL)
        child.wait()
    finally:
        child.kill()
        child.wait()
    done = {run.id: run.finished for run in store.runs() if run.status == Status.DONE}
    assert len(done) == 2
    (record,) = SweepStore(store.home).all()
    resumed = command("sweeps", "resume", record.id, "--workers", 1, "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert {run["run_id"] for run in last_json(resumed.stdout)["runs"]} == set(record.runs) == {r.id for r in store.runs()}
    assert {run_id: store.get(run_id).finished for run_id in done} == done


def test_an_interrupt_stops_the_runs_ends_with_130_and_says_how_to_go_on(store: RunStore, worker_env: Callable) -> None:
    arguments = ["sweep", "ae_kmeans", *SMALL, "--device", "cpu", "--set", "pretrain_epochs=100000", "--seeds", "3",
                 "--over", "pretrain_learning_rate=0.001,0.002", "--workers", "1"]  # fmt: skip
    child = subprocess.Popen(
        [sys.executable, "-m", "core", *arguments], cwd=ROOT, env=worker_env(), stderr=subprocess.PIPE, text=True
    )
    try:
        wait_until(lambda: [run for run in store.runs() if run.progress.get("step", 0) > 1])
        child.send_signal(signal.SIGTERM)
        _, told = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    (sweep,) = SweepStore(store.home).ids()
    assert child.returncode == 130 and f"sweeps resume {sweep}" in told and "Traceback" not in told
    settle_lost(store)
    assert {run.status for run in store.runs()} == {Status.STOPPED} and len(store.runs()) == 6

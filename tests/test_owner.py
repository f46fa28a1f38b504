"""Whose a run is: a process is known by its start since boot, and only it may write to the record."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from core import cli, runs
from core.common import RunTaken
from core.datasets import DataSpec
from core.runs import HistoryRow, Owner, RunHandle, RunSpec, RunStore, Status, has_worker, owner, settle_lost, this_process
from core.training import Step

SPEC = RunSpec(method="kmeans", data=DataSpec("digits", per_class=8), params={})
OTHER = Owner(os.getpid(), 1.0, this_process().boot)  # had the number of this process before


def change(store: RunStore, run_id: str, **columns: object) -> None:
    with sqlite3.connect(store.home / "runs.sqlite") as db:
        for column, value in columns.items():
            db.execute(f"UPDATE runs SET {column} = ? WHERE id = ?", (value, run_id))
    db.close()


def give_away(store: RunStore, run_id: str, to: Owner = OTHER) -> None:
    change(store, run_id, pid=to.pid, pid_started=to.started, boot=to.boot)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system notes start times down once")
@pytest.mark.parametrize("step", [-86_400.0, -2.0, 2.0, 3600.0])
def test_a_step_of_the_clock_takes_no_run_from_its_worker(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    run = store.create(SPEC, owner=this_process())
    boot_time = psutil.boot_time() + step  # the kernel counts it back from the clock
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot_time)
    assert has_worker(store.get(run.id)) and settle_lost(store) == []


def test_a_process_is_known_by_its_number_start_and_boot(store: RunStore) -> None:
    mine = this_process()
    changes: list[dict[str, Any]] = [{"started": mine.started + 1}, {"boot": "another"}, {"pid": 1}]
    assert bool(mine.boot) == (sys.platform == "linux")
    changes += [{"boot": ""}] if mine.boot else []  # as in records of an earlier version
    others = [mine._replace(**change) for change in changes]
    assert has_worker(store.create(SPEC, owner=mine))
    assert not any(has_worker(store.create(SPEC, owner=other)) for other in others)


def test_a_zombie_is_no_process() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    try:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has counted it yet
        assert psutil.pid_exists(child.pid) and owner.process(child.pid) is None
    finally:
        child.wait()
    assert owner.process(child.pid) is None


def test_a_process_is_found_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(owner, "PROC", tmp_path)
    mine = this_process()
    assert mine == owner.process(os.getpid()) and mine.started == psutil.Process().create_time()
    assert owner.process(2**22 + 1) is None


def test_a_record_of_an_earlier_version_is_read_and_its_worker_is_gone(lab_home: Path) -> None:
    store = RunStore(lab_home)
    run_id = store.create(SPEC, owner=this_process()).id
    with sqlite3.connect(lab_home / "runs.sqlite") as db:  # as version 1 had it
        db.execute("ALTER TABLE runs DROP COLUMN boot")
        db.execute("ALTER TABLE runs DROP COLUMN deleted")
        db.execute("UPDATE runs SET pid_started = ?", (psutil.Process().create_time(),))
        db.execute("PRAGMA user_version = 1")
    db.close()
    store = RunStore(lab_home)
    assert store.get(run_id).status == Status.STARTING and not has_worker(store.get(run_id))
    assert settle_lost(store) == [run_id]
    store.requeue(run_id)
    store.claim(run_id, this_process())
    assert has_worker(store.get(run_id))


WRITES: dict[str, Callable[[RunHandle], object]] = {
    "status": lambda run: run.set_status(Status.PAUSED),
    "progress": lambda run: run.report({"step": 1}),
    "history": lambda run: run.report({}, [HistoryRow(1, "finetune", 1, 0.1, {})]),
    "rewind": lambda run: run.rewind(0),
    "arrays": lambda run: run.save_arrays("final", {"a": np.zeros(3)}),
    "weights": lambda run: run.writing("weights.safetensors").__enter__(),
    "end": lambda run: run.finish(Status.DONE, {}),
    "request": lambda run: run.asked(),
}


@pytest.mark.parametrize("how", ["taken", "settled", "deleted"])
@pytest.mark.parametrize("write", WRITES)
def test_a_worker_that_lost_its_run_writes_nothing_to_it(store: RunStore, write: str, how: str) -> None:
    run_id = store.create(SPEC, owner=this_process()).id
    store.set_status(run_id, Status.RUNNING)
    run = RunHandle.open(store, run_id)
    run.report({"step": 7}, [HistoryRow(1, "finetune", 1, 0.5, {"loss": 1.0})])
    if how == "taken":
        give_away(store, run_id)
    else:
        store.mark_lost(run_id)
    if how == "deleted":
        store.delete(run_id)
    known = how != "deleted"
    before = (store.get(run_id), store.history(run_id)) if known else None
    with pytest.raises(RunTaken, match=str(os.getpid())):
        WRITES[write](run)
    assert not known or (store.get(run_id), store.history(run_id)) == before
    assert not list(store.files.folder(run_id).glob("*"))


def test_words_of_one_worker_do_not_change_what_another_was_asked(store: RunStore) -> None:
    run_id = store.create(SPEC, owner=this_process()).id
    store.set_status(run_id, Status.PAUSED)
    run = RunHandle.open(store, run_id)
    give_away(store, run_id)
    store.request(run_id, "step")
    run.grant_step()
    assert store.requests.asked(run_id) == "step"
    store.request(run_id, "stop")
    run.accept_stop()
    assert store.requests.asked(run_id) == "stop"


def test_a_file_that_is_being_written_when_the_run_is_taken_does_not_appear(store: RunStore) -> None:
    run_id = store.create(SPEC, owner=this_process()).id
    run = RunHandle.open(store, run_id)
    with pytest.raises(RunTaken), run.writing("final.npz") as file:
        file.write(b"half of it")
        give_away(store, run_id)
    assert not list(store.files.folder(run_id).iterdir())


def test_a_run_is_settled_only_for_the_process_that_was_looked_at(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the word it may have been settled, queued and claimed again."""
    run_id = store.create(SPEC, owner=OTHER).id
    look = runs.processes.has_worker

    def slow(run: Any) -> bool:
        alive = look(run)
        give_away(store, run_id, this_process())
        return alive

    monkeypatch.setattr("core.runs.processes.has_worker", slow)
    assert settle_lost(store) == [] and store.get(run_id).status == Status.STARTING


@pytest.mark.journey
def test_training_ends_at_once_when_the_run_is_taken_and_says_so_by_its_exit_code(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps: list[Step] = []

    def take(step: Step, _: object) -> None:
        steps.append(step)
        give_away(store, store.runs()[0].id)

    monkeypatch.setattr("core.cli.training._Progress.__call__", lambda _, step, scalars: take(step, scalars))
    assert cli.main(["run", "kmeans", "--dataset", "digits", "--per-class", "8"]) == cli.exits.EXIT_TAKEN == 3
    run = store.runs()[0]
    assert len(steps) == 1 and run.status == Status.RUNNING and run.owner == OTHER and not run.result and run.error is None
    assert "no longer" in capsys.readouterr().err

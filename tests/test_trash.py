"""What is deleted can be had back for a while, and an app for looking only refuses to change anything."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import cli, datasets
from core.common import ReadOnlyError, RunConflict, UnknownName, read_only
from core.datasets import DataSpec
from core.jobs import JobQueue
from core.runs import HistoryRow, PretrainedStore, RunHandle, RunSpec, RunStore, Status, settle_lost, sweep, this_process
from core.runs.trash import UNDO_SECONDS

SPEC = RunSpec(method="kmeans", data=DataSpec("digits", per_class=8), params={})


def finished(store: RunStore) -> str:
    run_id = store.create(SPEC, owner=this_process(), tags="mine").id
    run = RunHandle.open(store, run_id)
    run.report({"step": 1}, [HistoryRow(1, "fit", 1, 0.1, {"loss": 1.0})])
    run.save_arrays("final", {"labels": np.arange(3), "indices": np.arange(3)})
    run.finish(Status.DONE, {"metrics": {"acc": 0.5}})
    return run_id


def everything(store: RunStore, run_id: str) -> tuple[Any, ...]:
    arrays = {name: value.tolist() for name, value in store.files.arrays(run_id, "final").items()}
    return store.get(run_id), store.history(run_id), arrays


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.time()
    monkeypatch.setattr("core.runs.trash.time.time", lambda: now + seconds)


def test_a_deleted_run_is_gone_for_all_and_comes_back_as_it_was(store: RunStore) -> None:
    run, other = finished(store), finished(store)
    before = everything(store, run)
    store.delete(run)
    assert [each.id for each in store.runs()] == [other] and not store.files.folder(run).exists()
    for ask in (store.get, store.delete, store.requeue, lambda id: store.annotate(id, tags="x")):
        with pytest.raises(UnknownName):
            ask(run)
    sweep(store)
    again = RunStore(store.home)
    assert again.trash.all() == [run]
    again.undelete(run)
    assert everything(store, run) == before and again.trash.all() == []
    with pytest.raises(UnknownName, match="deleted run"):
        store.undelete(run)


@pytest.mark.parametrize("moved", ["record only", "folder back"])
def test_a_kill_in_the_middle_of_deleting_costs_nothing(store: RunStore, monkeypatch: pytest.MonkeyPatch, moved: str) -> None:
    run = finished(store)
    before = everything(store, run)
    if moved == "record only":
        monkeypatch.setattr("core.runs.trash.Trash._move", lambda *_: None)
        store.delete(run)
        monkeypatch.undo()
    else:
        store.delete(run)
        store.trash._move(store.home / "trash" / run, store.files.folder(run))
    store.undelete(run)
    assert everything(store, run) == before
    store.delete(run)
    assert store.trash.sweep(0.0) == [run] and not list(store.home.rglob("final.npz"))


def test_what_was_deleted_is_gone_for_good_after_ten_minutes_or_with_the_app(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, kept = finished(store), finished(store)
    store.delete(run)
    later(monkeypatch, UNDO_SECONDS - 5)
    store.delete(kept)
    assert sweep(store) == [] and store.trash.all() == [run, kept]
    later(monkeypatch, 10)
    assert sweep(store) == [run] and store.trash.all() == [kept]
    assert [path.name for path in (store.home / "trash").iterdir()] == [kept] and store.history(run) == []
    with pytest.raises(UnknownName):
        store.undelete(run)
    queue = JobQueue(store, immediate=True)
    queue._forget_deleted()
    assert store.trash.all() == [kept]
    later(monkeypatch, UNDO_SECONDS)
    queue._forget_deleted()
    assert store.trash.all() == [kept], "once a minute is often enough"
    queue._next_sweep = 0.0
    queue._forget_deleted()
    assert store.trash.all() == []
    store.delete(finished(store))
    queue.close()
    assert store.trash.all() == [] and not list((store.home / "trash").iterdir())


def test_a_deleted_run_that_waited_waits_again_when_it_is_back(store: RunStore) -> None:
    run = store.create(SPEC).id
    store.delete(run)
    with pytest.raises(UnknownName):
        store.claim(run, this_process())
    assert store.runs(status=[Status.QUEUED]) == []
    store.undelete(run)
    store.claim(run, this_process())
    with pytest.raises(RunConflict):
        store.delete(run)


def test_the_command_line_brings_a_run_back(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    run = finished(store)
    assert cli.main(["delete", run]) == 0 and "undelete" in capsys.readouterr().out
    assert cli.main(["show", run]) == cli.exits.EXIT_BAD_INPUT
    assert cli.main(["undelete", run]) == 0 and cli.main(["show", run]) == 0
    assert cli.main(["undelete", run]) == cli.exits.EXIT_BAD_INPUT


# ---- for looking only ------------------------------------------------------------------------------------------------


CHANGES: dict[str, Callable[[RunStore, str], object]] = {
    "create": lambda store, run: store.create(SPEC),
    "tag": lambda store, run: store.annotate(run, tags="other"),
    "delete": lambda store, run: store.delete(run),
    "undelete": lambda store, run: store.undelete(run),
    "resume": lambda store, run: store.requeue(run),
    "claim": lambda store, run: store.claim(run, this_process()),
    "stop": lambda store, run: store.request(run, "stop"),
    "submit": lambda store, run: JobQueue(store).submit(SPEC),
    "submit inline": lambda store, run: JobQueue(store, immediate=True).submit(SPEC),
    "workers": lambda store, run: JobQueue(store).capacity.choose(1),
    "network": lambda store, run: PretrainedStore(store.home).delete("0123456789abcdef"),
    "upload": lambda store, run: datasets.store_upload("x.csv", b"1,2\n3,4\n"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_where_looking_is_all_nothing_is_changed(store: RunStore, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    run = finished(store)
    before = everything(store, run)
    monkeypatch.setenv("AFFINITY_LAB_READONLY", "1")
    with pytest.raises(ReadOnlyError, match="AFFINITY_LAB_READONLY is set"):
        CHANGES[change](store, run)
    assert everything(store, run) == before and [each.id for each in store.runs()] == [run]


def test_a_queue_for_looking_leaves_those_who_work_alone(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = store.create(SPEC, owner=this_process()._replace(started=1.0)).id
    deleted = finished(store)
    store.delete(deleted)
    monkeypatch.setenv("AFFINITY_LAB_READONLY", "1")
    queue = JobQueue(store)
    queue.close()
    assert store.get(gone).status == Status.STARTING and store.trash.all() == [deleted]
    assert store.notices.read("queue") is None and queue.position(gone) == 0
    monkeypatch.setenv("AFFINITY_LAB_READONLY", "0")
    assert not read_only() and settle_lost(store) == [gone]


@pytest.mark.parametrize(
    "words", [("delete", "RUN"), ("undelete", "RUN"), ("resume", "RUN"), ("run", "kmeans", "--dataset", "digits")]
)
def test_the_command_line_refuses_in_a_sentence_with_a_code_of_its_own(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], tmp_path: Path
) -> None:
    run = finished(store)
    monkeypatch.setenv("AFFINITY_LAB_READONLY", "1")
    assert cli.main([run if word == "RUN" else word for word in words]) == cli.exits.EXIT_READ_ONLY == 4
    said = capsys.readouterr().err
    assert said.startswith("error: AFFINITY_LAB_READONLY is set") and said.count("\n") == 1
    for look in (["list"], ["show", run], ["export", run, str(tmp_path / "run.zip")]):
        assert cli.main(look) == 0

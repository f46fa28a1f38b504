"""Checkpoints that cannot be written or read: the run goes on, or goes on from the one before, and says so."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import cli, runs
from core.common import StorageError, atomic_write
from core.datasets import DataSpec
from core.runs import Run, RunHandle, RunStore, Status, claim_for_this_process, execution, make_spec, this_process
from core.runs.checkpoints import load_checkpoint
from core.runs.spec import CHECKPOINT, PREVIOUS
from core.training import Step

pytestmark = pytest.mark.journey
FULL = Path("/dev/full")
TINY = {"pretrain_epochs": 4, "epochs": 6, "channels": "4-3", "kernel_sizes": "3-3"}
SPEC = make_spec("udll", DataSpec("digits", per_class=8), preset="defaults", overrides=TINY, device="cpu")


class PowerCut(BaseException):
    """Nothing catches it, as nothing catches a kill."""


@pytest.fixture(autouse=True)
def a_checkpoint_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(execution, "CHECKPOINT_PAUSE", 0.0)


def train(store: RunStore, at: tuple[str, int] = ("", 0), do: Callable[[], Any] = lambda: None) -> Run:
    """Train a new run, and do something at a step of a stage."""
    run_id = store.create(SPEC, owner=this_process()).id

    def look(step: Step, _: object) -> None:
        if (step.stage, step.step) == at:
            do()

    return runs.execute(store, run_id, on_step=look)


def cut() -> None:
    raise PowerCut


def interrupted(store: RunStore, at: tuple[str, int] = ("finetune", 4)) -> str:
    """A run whose process was killed at a step."""
    with pytest.raises(PowerCut):
        train(store, at=at, do=cut)
    run_id = store.runs()[0].id
    store.mark_lost(run_id)
    return run_id


def resumed(store: RunStore, run_id: str) -> tuple[Run, list[tuple[str, int]]]:
    """The run trained to its end, and the steps that this took."""
    store.requeue(run_id)
    claim_for_this_process(store, run_id)
    steps: list[tuple[str, int]] = []
    return runs.execute(store, run_id, on_step=lambda step, _: steps.append((step.stage, step.step))), steps


def told(run: Run) -> dict[str, str]:
    return {alarm["kind"]: alarm["message"] for alarm in run.alarms}


def same_result(store: RunStore, one: Run, other: Run) -> None:
    ours, theirs = (store.files.arrays(run.id, "final") for run in (one, other))
    assert set(ours) == set(theirs) and one.result["metrics"] == other.result["metrics"]
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


# ---- that cannot be written ------------------------------------------------------------------------------------------


@contextmanager
def full_disk(path: Path) -> Iterator[Any]:
    """A file as `atomic_write` gives, on a disk that has no room: every write says so."""
    with FULL.open("wb") as file:
        yield file
        file.flush()


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("names", [("checkpoint.pt",), ("checkpoint.pt", "live.npz")])
def test_a_full_disk_costs_checkpoints_but_not_the_run(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    whole = train(store)
    kept: list[bytes] = []

    def write(path: Path) -> Any:
        return full_disk(path) if path.name in names and kept else atomic_write(path)

    monkeypatch.setattr("core.runs.handle.atomic_write", write)

    def fill() -> None:
        folder = store.files.folder(store.runs()[0].id)
        kept.append((folder / CHECKPOINT).read_bytes())

    def look() -> None:
        run = RunHandle.open(store, store.runs()[0].id)
        assert (run.folder / CHECKPOINT).read_bytes() == kept[0] and load_checkpoint(run).saved is not None
        assert "No space left" in told(run.record())["checkpoint"]

    def both(step: Step, _: object) -> None:
        {("finetune", 2): fill, ("finetune", 5): look}.get((step.stage, step.step), lambda: None)()

    run = runs.execute(store, store.create(SPEC, owner=this_process()).id, on_step=both)
    assert run.status == Status.DONE, run.error
    assert kept and "No space left" in told(run)["checkpoint"] and "goes on" in told(run)["checkpoint"]
    assert ("picture" in told(run)) == ("live.npz" in names)
    same_result(store, run, whole)


def test_a_record_that_cannot_be_written_for_a_while_is_whole_in_the_end(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, failed = RunHandle.report, []

    def report(run: RunHandle, progress: Any, rows: Any = (), alarms: Any = None) -> None:
        if progress.get("stage") == "finetune" and progress["step"] < 6:
            failed.append(progress["step"])
            raise StorageError("database or disk is full")
        write(run, progress, rows, alarms)

    monkeypatch.setattr(RunHandle, "report", report)
    run = train(store)
    assert failed and run.status == Status.DONE and "disk is full" in told(run)["record"]
    assert [row.step for row in store.history(run.id) if row.stage == "finetune"] == list(range(1, 7))


def test_a_network_that_cannot_be_kept_is_lost_for_others_only(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("core.runs.networks.PretrainedStore.put", refuse)
    run = train(store)
    assert run.status == Status.DONE and "No space left" in told(run)["shelf"] and not run.result["pretrained"]


def test_a_run_that_failed_goes_on_from_where_it_was(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, write = train(store), RunHandle.save_arrays

    def refuse(run: RunHandle, name: str, arrays: Any, shared: Any = ()) -> None:
        if name == "final":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(run, name, arrays, shared)

    monkeypatch.setattr(RunHandle, "save_arrays", refuse)
    failed = train(store)
    assert failed.status == Status.FAILED and failed.error is not None and "No space left" in failed.error["message"]
    assert failed.resumable and (store.files.folder(failed.id) / CHECKPOINT).exists()
    monkeypatch.setattr(RunHandle, "save_arrays", write)
    assert cli.main(["resume", failed.id]) == 0
    run = store.get(failed.id)
    assert run.status == Status.DONE and run.error is None
    assert not {CHECKPOINT, PREVIOUS} & {path.name for path in store.files.folder(run.id).iterdir()}
    same_result(store, run, whole)


# ---- that cannot be read ---------------------------------------------------------------------------------------------


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


BREAKS: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "all but the end": lambda content: content[:-1],
    "zeros": lambda content: bytes(len(content)),
    "words": lambda content: b"no checkpoint at all\n" * 50,
    "one bit": lambda content: flipped(content, len(content) // 2),
    "a broken list of contents": lambda content: content[:-300] + bytes(300),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_a_broken_checkpoint_costs_the_steps_since_the_one_before(store: RunStore, kind: str) -> None:
    whole = train(store)
    run_id = interrupted(store)
    last = store.files.folder(run_id) / CHECKPOINT
    last.write_bytes(BREAKS[kind](last.read_bytes()))
    run, steps = resumed(store, run_id)
    assert run.status == Status.DONE, run.error
    assert [step for stage, step in steps if stage == "finetune"] == [3, 4, 5, 6], "the one before is of the step before"
    assert "pretrain" not in dict(steps)
    assert "the one before" in told(run)["unreadable"] and str(last) in told(run)["unreadable"]
    same_result(store, run, whole)


@pytest.mark.parametrize("kind", ["half", "zeros"])
def test_a_run_without_a_checkpoint_that_can_be_read_starts_over(store: RunStore, kind: str) -> None:
    whole = train(store)
    run_id = interrupted(store)
    for name in (CHECKPOINT, PREVIOUS):
        path = store.files.folder(run_id) / name
        path.write_bytes(BREAKS[kind](path.read_bytes()))
    run, _ = resumed(store, run_id)
    assert run.status == Status.DONE and "starts over" in told(run)["unreadable"]
    numbers = [row.seq for row in store.history(run_id)]
    assert numbers == list(range(1, len(numbers) + 1))
    same_result(store, run, whole)


def test_a_kill_between_the_names_of_two_checkpoints_costs_the_newer_one(store: RunStore) -> None:
    run_id = interrupted(store)
    os.replace(store.files.folder(run_id) / CHECKPOINT, store.files.folder(run_id) / PREVIOUS)
    run, steps = resumed(store, run_id)
    assert run.status == Status.DONE and "pretrain" not in dict(steps) and "unreadable" not in told(run)


def test_a_checkpoint_of_an_earlier_version_is_told(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = interrupted(store)
    monkeypatch.setattr("core.runs.checkpoints.CHECKPOINT_VERSION", 3)
    run, _ = resumed(store, run_id)
    assert run.status == Status.DONE and "earlier version" in told(run)["unreadable"]

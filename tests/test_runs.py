"""The run store: what may happen to a record, by whom, and what a reader can see meanwhile."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import methods
from core.common import RunConflict, UnknownName, atomic_write
from core.datasets import DataSpec
from core.runs import (
    ACTIVE,
    OVER,
    HistoryRow,
    Owner,
    RunHandle,
    RunSpec,
    RunStore,
    Status,
    claim_for_this_process,
    export_run,
    export_runs,
    has_worker,
    settle_lost,
    this_process,
)
from core.runs.spec import CHECKPOINT, PREVIOUS, STOPPING

ROOT = Path(__file__).resolve().parent.parent
HOSTILE = """'); DROP TABLE runs; --<script>alert(1)</script>\n"quoted", =cmd|' /C calc'!A0 \u202e \U0001f600 {{x}} $y$ %s"""


def spec(**changes: Any) -> RunSpec:
    return RunSpec(**{"method": "kmeans", "data": DataSpec("digits", per_class=10), "params": {"n_init": 3}} | changes)


def rows(first: int, last: int) -> list[HistoryRow]:
    return [HistoryRow(i, "pretrain", i, 0.1 * i, {"loss": 1.0 / i}) for i in range(first, last + 1)]


def bring(store: RunStore, status: Status) -> str:
    """A new run in the given status."""
    run_id = store.create(spec()).id
    if status != Status.QUEUED:
        claim_for_this_process(store, run_id)
    if status in (Status.RUNNING, Status.PAUSED):
        store.set_status(run_id, status)
    elif status in OVER:
        store.files.save_arrays(run_id, "final", {"labels": np.arange(3), "indices": np.arange(3)})
        store.finish(run_id, status, {"metrics": {"acc": 0.5}})
    elif status == Status.LOST:
        store.mark_lost(run_id)
    assert store.get(run_id).status == status
    return run_id


# ---- records ---------------------------------------------------------------------------------------------------------


def test_a_record_comes_back_as_it_was_made(store: RunStore) -> None:
    given = spec(params={"rate": 0.1, "layers": [3, 5], "k": None, "on": True}, preset="p", seed=7, device="cpu", snapshots=3)
    before = time.time()
    made = store.create(given, tags="a b", reference=True)
    again = RunStore(store.home).get(made.id)
    assert again == made and again.spec == given and again.status == Status.QUEUED
    assert before <= again.created <= time.time() and again.tags == "a b" and again.reference
    assert store.files.folder(made.id).is_dir()
    assert json.loads(json.dumps(given.to_dict())) == given.to_dict() and RunSpec.from_dict(given.to_dict()) == given


def test_the_life_of_a_run(store: RunStore) -> None:
    run_id = store.create(spec()).id
    claim_for_this_process(store, run_id)
    claimed = store.get(run_id)
    assert claimed.status == Status.STARTING and claimed.pid == os.getpid() and has_worker(claimed)
    assert claimed.started is not None and claimed.finished is None and claimed.active and not claimed.over
    for status in (Status.RUNNING, Status.PAUSED, Status.RUNNING):
        store.set_status(run_id, status)
    RunHandle.open(store, run_id).report({"step": 3, "total": 9}, rows(1, 3), [{"kind": "identity"}])
    store.finish(run_id, Status.DONE, {"metrics": {"acc": 0.9}})
    done = store.get(run_id)
    assert done.status == Status.DONE and done.over and not done.active
    assert done.result == {"metrics": {"acc": 0.9}} and done.error is None
    assert done.progress == {"step": 3, "total": 9} and done.alarms == [{"kind": "identity"}]
    assert done.finished is not None and done.started is not None and done.finished >= done.started >= done.created


@pytest.mark.parametrize("name", ["", "260101-000000-kmeans-digits-0000", "../../etc", "x' OR '1'='1"])
def test_a_run_that_does_not_exist_is_refused_by_name(store: RunStore, name: str) -> None:
    known = store.create(spec()).id
    for ask in (store.get, store.delete, store.mark_lost, store.requeue):
        with pytest.raises(UnknownName) as caught:
            ask(name)
        assert repr(name) in str(caught.value) and known in str(caught.value)
    with pytest.raises(UnknownName):
        store.annotate(name, tags="x")
    with pytest.raises(UnknownName):
        store.request(name, "stop")
    assert [run.id for run in store.runs()] == [known]


ALLOWED: dict[str, set[Status]] = {
    "claim": {Status.QUEUED},
    "set_status": set(ACTIVE),
    "finish": {*ACTIVE, Status.QUEUED},
    "mark_lost": set(ACTIVE),
    "requeue": {Status.LOST, Status.FAILED},
    "pause": {*ACTIVE, Status.QUEUED},
    "go on": {*ACTIVE, Status.QUEUED},
    "stop": {*ACTIVE, Status.QUEUED},
    "delete": {Status.QUEUED, Status.LOST, *OVER},
}
MOVES: dict[str, Callable[[RunStore, str], None]] = {
    "claim": claim_for_this_process,
    "set_status": lambda store, run: store.set_status(run, Status.RUNNING),
    "finish": lambda store, run: store.finish(run, Status.FAILED, {}, {"message": "no"}),
    "mark_lost": lambda store, run: store.mark_lost(run),
    "requeue": lambda store, run: store.requeue(run),
    "pause": lambda store, run: store.request(run, "pause"),
    "go on": lambda store, run: store.request(run, None),
    "stop": lambda store, run: store.request(run, "stop"),
    "delete": lambda store, run: store.delete(run),
}


@pytest.mark.parametrize("status", [status for status in Status if status != Status.BROKEN])
@pytest.mark.parametrize("move", MOVES)
def test_only_the_moves_of_a_life_are_allowed(store: RunStore, move: str, status: Status) -> None:
    run_id = bring(store, status)
    before = store.get(run_id)
    if status in ALLOWED[move]:
        MOVES[move](store, run_id)
        return
    with pytest.raises(RunConflict) as caught:
        MOVES[move](store, run_id)
    assert run_id in str(caught.value) and str(status) in str(caught.value)
    assert store.get(run_id) == before


@pytest.mark.parametrize("status", OVER)
def test_what_is_over_does_not_change_but_for_tags_and_notes(store: RunStore, status: Status) -> None:
    run_id = bring(store, Status.RUNNING)
    RunHandle.open(store, run_id).report({"step": 2}, rows(1, 2), [{"kind": "identity"}])
    store.finish(run_id, status, {"metrics": {"acc": 0.5}})
    before = store.get(run_id), store.history(run_id)
    changes: list[Callable[[], None]] = [
        lambda: RunHandle.open(store, run_id).report({"step": 99}, rows(3, 5), []),
        lambda: RunHandle.open(store, run_id).rewind(0),
        lambda: store.finish(run_id, Status.DONE, {"metrics": {"acc": 1.0}}),
    ]
    for change in changes:
        with pytest.raises(RunConflict):
            change()
    assert (store.get(run_id), store.history(run_id)) == before
    store.annotate(run_id, tags="kept", notes="why")
    assert (store.get(run_id).tags, store.get(run_id).notes, store.get(run_id).result) == ("kept", "why", before[0].result)


@pytest.mark.parametrize("status", [Status.QUEUED, Status.LOST, Status.RUNNING, Status.PAUSED, Status.STARTING])
def test_a_run_ends_only_in_an_end(store: RunStore, status: Status) -> None:
    run_id = bring(store, Status.RUNNING)
    with pytest.raises(ValueError):
        store.finish(run_id, status, {})
    for over in (*OVER, Status.LOST, Status.QUEUED):
        with pytest.raises(ValueError):
            store.set_status(run_id, over)
    assert store.get(run_id).status == Status.RUNNING


def test_requests_reach_the_worker_and_unknown_ones_do_not(store: RunStore) -> None:
    run_id = bring(store, Status.RUNNING)
    with pytest.raises(RunConflict, match="not paused yet"):
        store.request(run_id, "step")
    store.set_status(run_id, Status.PAUSED)
    for what in ("pause", "step", None, "stop"):
        store.request(run_id, what)
        assert store.requests.asked(run_id) == store.get(run_id).request == what
    with pytest.raises(RunConflict, match="pause, step, stop"):
        store.request(run_id, "explode")
    assert store.requests.asked(run_id) == "stop" and store.requests.asked("nobody") is None


def test_a_queued_run_that_is_stopped_never_starts(store: RunStore) -> None:
    run_id = bring(store, Status.QUEUED)
    store.request(run_id, "stop")
    assert store.get(run_id).status == Status.STOPPED
    with pytest.raises(RunConflict):
        claim_for_this_process(store, run_id)


def test_a_lost_run_can_be_queued_again_and_forgets_its_process_and_request(store: RunStore) -> None:
    run_id = bring(store, Status.RUNNING)
    store.request(run_id, "pause")
    store.mark_lost(run_id)
    assert store.get(run_id).request is None
    store.requeue(run_id)
    run = store.get(run_id)
    assert (run.status, run.pid, run.pid_started, run.request) == (Status.QUEUED, None, None, None)


def test_runs_whose_process_is_gone_are_settled_and_the_others_left_alone(store: RunStore) -> None:
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    mine, queued = bring(store, Status.RUNNING), bring(store, Status.QUEUED)
    now = this_process()
    owners = [Owner(gone.pid, now.started, now.boot)] * 2 + [now._replace(started=1.0)]  # the last id is another's by now
    lost, stopping, reused = (store.create(spec(), owner=owner).id for owner in owners)
    store.request(stopping, "stop")
    assert sorted(settle_lost(store)) == sorted([lost, stopping, reused])
    found = {run.id: run.status for run in store.runs()}
    assert found == {mine: "running", queued: "queued", lost: "lost", stopping: "stopped", reused: "lost"}
    assert settle_lost(store) == []


def test_a_worker_that_dies_while_it_stops_leaves_a_stopped_run(store: RunStore) -> None:
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    run_id = store.create(spec(), owner=Owner(gone.pid, this_process().started, this_process().boot)).id
    store.request(run_id, "stop")
    store.requests.accept_stop(run_id)
    assert settle_lost(store) == [run_id] and store.get(run_id).status == Status.STOPPED


def test_who_waits_comes_in_order_those_of_a_sweep_last_and_nobody_who_is_held_back(store: RunStore) -> None:
    tags = ["sweep one", "", "sweep two", "mine", ""]
    ids = [store.create(spec(), tags=tag).id for tag in tags]
    store.create(spec(), reference=True)
    store.request(ids[4], "pause")
    assert [run.id for run in store.waiting()] == [ids[1], ids[3], ids[0], ids[2]]
    store.request(ids[4], None)
    store.delete(ids[0])
    assert [run.id for run in store.waiting()] == [ids[1], ids[3], ids[4], ids[2]]


@pytest.mark.parametrize(("asked", "then"), [("stop", STOPPING), ("pause", "pause"), ("step", "step"), (None, None)])
def test_only_a_stop_is_accepted_as_one(store: RunStore, asked: str | None, then: str | None) -> None:
    mine, other = bring(store, Status.PAUSED), bring(store, Status.RUNNING)
    store.request(mine, asked)
    store.request(other, "stop")
    store.requests.accept_stop(mine)
    assert (store.requests.asked(mine), store.requests.asked(other)) == (then, "stop")


@pytest.mark.parametrize(("asked", "then"), [("step", "pause"), ("stop", "stop"), ("pause", "pause")])
def test_one_step_is_granted_once(store: RunStore, asked: str, then: str) -> None:
    run_id = bring(store, Status.PAUSED)
    store.request(run_id, asked)
    store.requests.grant_step(run_id)
    assert store.requests.asked(run_id) == then


@pytest.mark.parametrize(("status", "kept"), [(Status.DONE, False), (Status.STOPPED, False), (Status.FAILED, True)])
def test_a_run_that_is_over_keeps_no_request_and_checkpoints_only_if_it_failed(
    store: RunStore, status: Status, kept: bool
) -> None:
    run_id = bring(store, Status.RUNNING)
    store.request(run_id, "pause")
    checkpoints = [store.files.folder(run_id) / name for name in (CHECKPOINT, PREVIOUS)]
    for checkpoint in checkpoints:
        checkpoint.write_bytes(b"half a fit")
    store.finish(run_id, status, {})
    assert [checkpoint.exists() for checkpoint in checkpoints] == [kept, kept] and store.get(run_id).request is None


# ---- records of earlier versions -------------------------------------------------------------------------------------


def test_hyperparameters_of_an_earlier_version_are_read_under_their_names_of_today(store: RunStore) -> None:
    old = {"tagnet": {"entropy": 0.3, "sureness": 0.9, "alpha": 5.0}, "kssc": {"n_candidates": 7, "power": 3.0}}
    new = {"tagnet": {"nu": 0.3, "confidence": 0.9, "alpha": 5.0}, "kssc": {"power": 3.0}}
    for method, params in old.items():
        run = store.create(spec(method=method, params=params))
        assert dict(run.spec.params) == dict(store.get(run.id).spec.params) == new[method]
        methods.build(method, **run.spec.params)
    run = store.create(spec(method="a method that is gone", params={"entropy": 1}))
    assert dict(run.spec.params) == {"entropy": 1}


@pytest.mark.parametrize("method", [name for name, cls in methods.registered().items() if cls.renamed])
def test_what_was_renamed_has_a_name_of_today_and_no_other(method: str) -> None:
    declared, renamed = methods.method_class(method).declared(), methods.method_class(method).renamed
    assert not set(renamed) & set(declared) and {new for new in renamed.values() if new} <= set(declared)


# ---- lists, notes, history -------------------------------------------------------------------------------------------


def test_runs_are_listed_newest_first_and_by_status(store: RunStore) -> None:
    made = [bring(store, status) for status in (Status.DONE, Status.QUEUED, Status.RUNNING, Status.DONE)]
    reference = store.create(spec(), reference=True).id
    assert [run.id for run in store.runs()] == [reference, *made[::-1]]
    assert [run.id for run in store.runs(references=False)] == made[::-1]
    assert [run.id for run in store.runs(status=[Status.DONE])] == [made[3], made[0]]
    assert store.runs(status=[]) == []
    method = store.get(reference).spec.method
    assert store.runs(method=method) == store.runs() and store.runs(method="none of them") == []
    assert [run.id for run in store.runs(status=[Status.DONE], references=False, method=method)] == [made[3], made[0]]
    assert list(store.some([made[1], "gone"])) == [made[1]] and store.some([]) == {}


@pytest.mark.parametrize("text", [HOSTILE, "", " \n\t", "\x00", "x" * 2000])
def test_any_text_can_be_a_note(store: RunStore, text: str) -> None:
    run_id = bring(store, Status.DONE)
    other = bring(store, Status.DONE)
    store.annotate(run_id, notes=text)
    store.annotate(run_id, tags=text[:100])
    assert (store.get(run_id).notes, store.get(run_id).tags) == (text, text[:100])
    assert store.get(other).notes == ""
    exported = io.BytesIO()
    export_run(store, run_id, exported)
    assert json.loads(zipfile.ZipFile(exported).read("run.json"))["notes"] == text


def test_several_runs_are_one_file_with_a_folder_for_each(store: RunStore) -> None:
    ids = [bring(store, Status.DONE) for _ in range(2)]
    store.annotate(ids[1], notes="the second")
    together = io.BytesIO()
    export_runs(store, ids, together)
    archive = zipfile.ZipFile(together)
    assert archive.testzip() is None and {name.split("/")[0] for name in archive.namelist()} == set(ids)
    assert [json.loads(archive.read(f"{run_id}/run.json"))["notes"] for run_id in ids] == ["", "the second"]


def test_a_note_has_a_longest_length_and_leaves_the_tags_alone(store: RunStore) -> None:
    run_id = store.create(spec(), tags="mine").id
    store.annotate(run_id, notes="y" * 100_000)
    assert store.get(run_id).notes == "y" * 2000 and store.get(run_id).tags == "mine"


@pytest.mark.parametrize("name", ["../../../tmp/evil.npz", HOSTILE, "a/b", "x" * 400, "", "."])
def test_names_of_data_sets_cannot_lead_out_of_the_home(store: RunStore, name: str) -> None:
    run = store.create(spec(data=DataSpec(name or "digits"), method=HOSTILE))
    folder = store.files.folder(run.id)
    assert folder.parent == store.home / "runs" and folder.is_dir() and store.get(run.id).spec.method == HOSTILE
    assert set(run.id) <= {*"-", *(c for c in run.id if c.isalnum())}


def test_history_is_read_from_where_the_reader_is(store: RunStore) -> None:
    run_id, other = bring(store, Status.RUNNING), bring(store, Status.RUNNING)
    RunHandle.open(store, run_id).report({"step": 3}, rows(1, 3))
    RunHandle.open(store, other).report({"step": 1}, rows(1, 1))
    RunHandle.open(store, run_id).report({"step": 5}, rows(4, 5))
    assert store.history(run_id) == rows(1, 5)
    assert store.history(run_id, after=3) == rows(4, 5)
    assert store.history(run_id, after=5) == []


def test_history_after_a_checkpoint_is_forgotten_and_written_again(store: RunStore) -> None:
    run_id, other = bring(store, Status.RUNNING), bring(store, Status.RUNNING)
    for run in (run_id, other):
        RunHandle.open(store, run).report({}, rows(1, 9))
    RunHandle.open(store, run_id).rewind(4)
    assert store.history(run_id) == rows(1, 4) and store.history(other) == rows(1, 9)
    again = [HistoryRow(5, "finetune", 1, 9.0, {"loss": 7.0})]
    RunHandle.open(store, run_id).report({}, again)
    assert store.history(run_id) == rows(1, 4) + again


def test_runs_made_in_the_same_second_do_not_share_a_name(store: RunStore) -> None:
    random = [store.create(spec()).id.rpartition("-")[2] for _ in range(20)]
    assert len(set(random)) == 20
    assert min(map(len, random)) >= 8, "with 16 bits, 300 runs in a second would clash every other time"


def test_hundreds_of_runs_are_listed_without_a_wait(store: RunStore) -> None:
    made = [store.create(spec()).id for _ in range(300)]
    started = time.perf_counter()
    listed = store.runs()
    assert time.perf_counter() - started < 2, "a page lists all runs every second"
    assert [run.id for run in listed] == made[::-1] and len(set(made)) == 300


# ---- several processes -----------------------------------------------------------------------------------------------


@pytest.mark.journey
def test_of_several_processes_that_claim_a_run_one_gets_it(store: RunStore, worker_env: Callable[..., dict[str, str]]) -> None:
    made = [store.create(spec()).id for _ in range(15)]
    code = (
        "import sys\nfrom core.common.errors import RunConflict\nfrom core.runs.processes import claim_for_this_process\n"
        "from core.runs import RunStore\nstore = RunStore()\nprint('ready', flush=True)\nsys.stdin.readline()\n"
        "for run in sys.argv[1:]:\n"
        "    try:\n        claim_for_this_process(store, run)\n        print(run)\n"
        "    except RunConflict:\n        pass\n"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, *made], cwd=ROOT, env=worker_env(), text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(4)
    ]  # fmt: skip
    for child in children:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    claimed: list[str] = []
    for child in children:
        out, err = child.communicate(timeout=60)
        assert child.returncode == 0, err
        claimed += out.split()
        assert {store.get(run).pid for run in out.split()} <= {child.pid}
    assert sorted(claimed) == sorted(made), "each run was claimed exactly once"


def test_a_reader_never_sees_half_of_an_array(store: RunStore) -> None:
    run_id = bring(store, Status.RUNNING)
    store.files.save_arrays(run_id, "live", {"a": np.zeros(20_000), "b": np.zeros(20_000)})
    stop, broken, seen = threading.Event(), [], set()

    def read() -> None:
        while not stop.is_set():
            try:
                found = store.files.arrays(run_id, "live")
                values = {*found["a"].tolist(), *found["b"].tolist()}
                if len(values) != 1:
                    broken.append(values)
                seen.update(values)
            except Exception as error:  # whatever it is, the page would have seen it
                broken.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for value in range(60):
        store.files.save_arrays(run_id, "live", {"a": np.full(20_000, value), "b": np.full(20_000, value)})
    stop.set()
    reader.join(30)
    assert not broken, broken[0]
    assert len(seen) > 1
    assert [path.name for path in store.files.folder(run_id).iterdir()] == ["live.npz"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.bin"
    with atomic_write(path) as file:
        file.write(b"old")
    with pytest.raises(RuntimeError), atomic_write(path) as file:
        file.write(b"half of the n")
        raise RuntimeError("power cut")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_arrays_are_read_whole_or_in_part_and_missing_files_are_empty(store: RunStore) -> None:
    run_id = bring(store, Status.RUNNING)
    assert store.files.arrays(run_id, "final") == {} and store.files.array_names(run_id, "final") == []
    store.files.save_arrays(run_id, "final", {"Z": np.arange(6.0).reshape(2, 3), "labels": np.array([1, 0])})
    assert store.files.array_names(run_id, "final") == ["Z", "labels"]
    assert set(store.files.arrays(run_id, "final", ["labels", "absent"])) == {"labels"}
    np.testing.assert_array_equal(store.files.arrays(run_id, "final")["Z"], [[0, 1, 2], [3, 4, 5]])


def test_notices_pass_between_stores_on_one_home(store: RunStore) -> None:
    assert store.notices.read("machine") is None
    store.notices.post("machine", {"cuda": False})
    store.notices.post("machine", {"cuda": True, "gpu": "x"})
    assert RunStore(store.home).notices.read("machine") == {"cuda": True, "gpu": "x"}


# ---- leaving ---------------------------------------------------------------------------------------------------------


def finished_with_files(store: RunStore) -> str:
    run_id = bring(store, Status.RUNNING)
    RunHandle.open(store, run_id).report({"step": 2}, [*rows(1, 2), HistoryRow(3, "finetune", 1, 1.0, {"acc": 0.5})])
    arrays = {"labels": np.array([0, 1, 1]), "y": np.array([1, 0, 0]), "indices": np.arange(3), "Z": np.eye(3)}
    store.files.save_arrays(run_id, "final", arrays)
    (store.files.folder(run_id) / "weights.safetensors").write_bytes(b"weights")
    (store.files.folder(run_id) / "log.txt").write_text("said")
    store.finish(run_id, Status.DONE, {"metrics": {"acc": 0.5}})
    return run_id


def test_an_export_holds_everything_that_is_known_about_a_run(store: RunStore, tmp_path: Path) -> None:
    run_id = finished_with_files(store)
    target = tmp_path / "run.zip"
    export_run(store, run_id, target)
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        names = {"spec.json", "run.json", "history.csv", "labels.csv", "arrays.npz", "weights.safetensors", "log.txt"}
        assert set(archive.namelist()) == names
        assert RunSpec.from_dict(json.loads(archive.read("spec.json"))) == store.get(run_id).spec
        record = json.loads(archive.read("run.json"))
        assert (record["id"], record["status"], record["result"]) == (run_id, "done", {"metrics": {"acc": 0.5}})
        history = list(csv.DictReader(io.StringIO(archive.read("history.csv").decode())))
        assert [(row["seq"], row["stage"], row["loss"], row["acc"]) for row in history] == [
            ("1", "pretrain", "1.0", ""),
            ("2", "pretrain", "0.5", ""),
            ("3", "finetune", "", "0.5"),
        ]
        labels = list(csv.DictReader(io.StringIO(archive.read("labels.csv").decode())))
        assert [(row["sample"], row["cluster"], row["class"], row["shown_as"]) for row in labels] == [
            ("0", "0", "1", "1"),
            ("1", "1", "0", "0"),
            ("2", "1", "0", "0"),
        ], "a cluster is shown under the number of its class"
        np.testing.assert_array_equal(np.load(io.BytesIO(archive.read("arrays.npz")))["Z"], np.eye(3))
        assert archive.read("weights.safetensors") == b"weights" and archive.read("log.txt") == b"said"
    buffer = io.BytesIO()
    export_run(store, run_id, buffer)
    assert set(zipfile.ZipFile(buffer).namelist()) == names


def test_an_export_that_fails_leaves_nothing(store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = finished_with_files(store)
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(UnknownName):
        export_run(store, "nobody", folder / "nobody.zip")
    (folder / "old.zip").write_bytes(b"old")
    monkeypatch.setattr(RunStore, "history", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_run(store, run_id, folder / "old.zip")
    assert [(path.name, path.read_bytes()) for path in folder.iterdir()] == [("old.zip", b"old")]


def test_a_deleted_run_is_gone_with_all_its_files_and_no_other(store: RunStore) -> None:
    gone, stays = finished_with_files(store), finished_with_files(store)
    store.delete(gone)
    assert not store.files.folder(gone).exists() and store.history(gone) == [] and store.files.arrays(gone, "final") == {}
    with pytest.raises(UnknownName):
        store.get(gone)
    assert [run.id for run in store.runs()] == [stays] and store.files.arrays(stays, "final") and store.history(stays)
    with pytest.raises(UnknownName):
        RunHandle.open(store, gone).report({"step": 1}, rows(1, 1))


def test_the_last_scalars_of_runs_are_those_of_the_last_step_that_has_any(store: RunStore) -> None:
    run = bring(store, Status.RUNNING)
    RunHandle.open(store, run).report({}, [*rows(1, 3), HistoryRow(4, "spectral", 1, 0.1, {})])
    other = bring(store, Status.RUNNING)
    assert store.last_scalars([run, other, "none"]) == {run: dict(rows(1, 3)[-1].scalars)}

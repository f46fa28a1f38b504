"""The queue, its worker processes and the analyst: real processes, started, watched, killed and found again."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest

from core import cli, datasets, explore, jobs, runs
from core.common import ParameterError, RunConflict
from core.datasets import DataSpec
from core.evaluation import clustering_accuracy
from core.explore.progress import Stopped
from core.jobs import Analyst, Capacity, JobQueue, analyst, batch, serve_analyst
from core.jobs.lastdata import LastData
from core.jobs.pool import Pool
from core.jobs.workers import stamp
from core.runs import (
    ACTIVE,
    SWEPT,
    Owner,
    Run,
    RunSpec,
    RunStore,
    Status,
    claim_for_this_process,
    has_worker,
    make_spec,
    settle_lost,
    this_process,
)
from tests.conftest import wait_until

pytestmark = pytest.mark.journey
ROOT = Path(__file__).resolve().parent.parent
DIGITS = DataSpec("digits", per_class=8)
TINY = {"pretrain_epochs": 5, "channels": "4-3", "kernel_sizes": "3-3"}
ENDLESS = make_spec("udll", DIGITS, preset="defaults", overrides=TINY | {"epochs": 100_000}, device="cpu")

METHODS = '''
"""One method with a bug, one that hears nothing, and one that leaves everything it can touch in disorder."""

import random
import time

import numpy as np

from core.methods import Clusterer
from core.training import Step
from core.methods import register


@register
class Buggy(Clusterer):
    name = "t_buggy"

    def iter_fit(self, X, stages=None):
        yield Step("finetune", 1, 2, {"loss": 1.0})
        raise IndexError("a bug of the method")


@register
class Deaf(Clusterer):
    name = "t_deaf"

    def iter_fit(self, X, stages=None):
        yield Step("finetune", 1, 2, {"loss": 1.0})
        time.sleep(600)


@register
class Untidy(Clusterer):
    name = "t_untidy"
    uses_gpu = True

    def iter_fit(self, X, stages=None):
        import torch

        draws = [X.mean(), random.random(), np.random.rand(), torch.rand(1).item(), float(torch.is_grad_enabled())]
        torch.set_grad_enabled(False)
        X[:] = 0
        yield self.conclude({"Z": np.tile(draws, (len(X), 1))})

    def labeller(self, arrays, affinity):
        return lambda seed: np.arange(len(arrays["Z"])) % self.n_clusters
'''

UNTIDY = RunSpec(method="t_untidy", data=DIGITS, params={"n_clusters": 4}, seed=3)


def test_who_waits_for_many_runs_leaves_the_cores_to_those_that_train(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at hundreds of records takes a while; the time between two looks grows with it."""
    queue = JobQueue(store, immediate=True)
    run = store.create(make_spec("kmeans", DIGITS)).id
    now, rests, some = [0.0], list[float](), store.some

    def slow(ids: Any) -> dict[str, Run]:
        now[0] += 0.15
        return some(ids)

    def rest(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 3:
            store.request(run, "stop")

    monkeypatch.setattr(store, "some", slow)
    monkeypatch.setattr(batch, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=rest))
    told: list[str] = []
    batch.see_through(queue, [run], lambda over: told.append(over.id))
    assert told == [run] and all(0.15 / (0.15 + seconds) <= 0.0501 for seconds in rests)


@pytest.fixture
def make_queue(store: RunStore) -> Iterator[Callable[..., JobQueue]]:
    """Queues on the store of the test; all are closed at its end, with the processes that they own."""
    made: list[JobQueue] = []

    def make(**options: Any) -> JobQueue:
        made.append(JobQueue(store, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()
    assert not own_workers(), "a closed queue leaves no process behind"


def test_what_was_launched_alone_does_not_wait_for_a_sweep(store: RunStore, make_queue: Callable[..., JobQueue]) -> None:
    queue = make_queue(cpu_jobs=1)
    queue.pool.close()  # nothing starts: only the order is looked at

    spec = RunSpec(method="t_deaf", data=DIGITS, params={"n_clusters": 4})
    swept = [store.create(spec, tags=f"{SWEPT}a").id for _ in range(3)]
    alone = [store.create(spec, tags=tag).id for tag in ("", "my sweep 2")]
    assert [queue.position(run) for run in (*alone, *swept)] == [0, 1, 2, 3, 4]


def test_nothing_is_started_by_a_queue_that_closes(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    closing: list[bool] = []
    monkeypatch.setattr(JobQueue, "_tick", lambda queue: closing.append(queue._closing.is_set()))
    queue = JobQueue(store)
    wait_until(lambda: len(closing) > 1)
    queue.close()
    assert not any(closing)


def test_runs_of_a_status_are_counted_without_those_that_were_deleted(store: RunStore) -> None:
    runs = [store.create(make_spec("kmeans", DIGITS)).id for _ in range(3)]
    assert (store.count([Status.QUEUED]), store.count(ACTIVE), store.count([Status.QUEUED, *ACTIVE])) == (3, 0, 3)
    store.claim(runs[0], this_process())
    store.delete(runs[1])
    assert (store.count([Status.QUEUED]), store.count(ACTIVE)) == (1, 1)
    assert [store.count([Status.QUEUED, *ACTIVE], among=some) for some in (runs, runs[:1], runs[1:2], [])] == [2, 1, 0, 0]


@pytest.fixture
def no_references(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what a submitted run asks for besides, where it is not what the test is about."""
    monkeypatch.setattr(Analyst, "ask", lambda *_, **__: explore.Answer(pending=True))


def said(*words: str) -> queue.Queue[str]:
    """What a process has heard of the app."""
    heard: queue.Queue[str] = queue.Queue()
    for word in words:
        heard.put(word)
    return heard


def own_workers() -> list[psutil.Process]:
    """Living worker processes that this process has started."""
    found = []
    for child in psutil.Process().children():
        try:
            if child.status() != psutil.STATUS_ZOMBIE and "worker" in child.cmdline():
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def becomes(store: RunStore, run_id: str, *status: Status, timeout: float = 60) -> Run:
    def look() -> Run | None:
        run = store.get(run_id)
        assert run.status in status or not run.over, (run.status, run.error)
        return run if run.status in status else None

    return wait_until(look, timeout)


def training(store: RunStore, run_id: str, stage: str = "finetune", step: int = 2) -> Run:
    """The run once it has made some steps of a stage."""

    def look() -> Run | None:
        run = store.get(run_id)
        assert not run.over, (run.status, run.error)
        return run if run.progress.get("stage") == stage and run.progress["step"] >= step else None

    return wait_until(look)


# ---- the queue -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_references")
def test_runs_train_one_after_another_can_be_watched_and_stopped_and_survive_a_new_queue(
    store: RunStore, make_queue: Callable[..., JobQueue], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_queue(cpu_jobs=1)
    run, second, third = (first.submit(spec).id for spec in (ENDLESS, make_spec("kmeans", DIGITS), make_spec("kmeans", DIGITS)))
    assert [first.position(r) for r in (run, second, third)][1:] in ([1, 2], [0, 1])

    seen = training(store, run)
    assert seen.status == Status.RUNNING and seen.pid != os.getpid() and has_worker(seen)
    assert [first.position(r) for r in (second, third)] == [0, 1]
    before = store.get(run).progress["seq"]
    wait_until(lambda: store.get(run).progress["seq"] > before + 20)
    assert store.history(run, after=before) and store.files.arrays(run, "live")
    assert {store.get(r).status for r in (second, third)} == {Status.QUEUED}, "one CPU job at a time"

    again = make_queue(cpu_jobs=1)  # a page reloads the modules: a new queue on the same store
    time.sleep(3 * jobs.TICK_SECONDS)
    assert store.get(run).pid == seen.pid and has_worker(store.get(run)), "it finds the worker that runs, and leaves it alone"
    with pytest.raises(RunConflict):
        store.delete(run)
    store.request(run, "stop")
    stopped = becomes(store, run, Status.STOPPED)
    labels = store.files.arrays(run, "final")["labels"]
    assert labels.shape == (80,) and "acc" in stopped.result["metrics"] and stopped.result["device"] == "cpu"

    done = [becomes(store, r, Status.DONE) for r in (second, third)]
    starts = [stopped.started, *(r.started for r in done)]
    assert starts == sorted(starts)
    assert stopped.pid != done[0].pid == done[1].pid, "the new queue has a worker of its own, which takes one after the other"
    assert done[1].started >= done[0].finished >= done[0].started >= stopped.finished
    assert [len(store.history(r.id)) for r in done] == [1, 1], "each was started once"
    wait_until(lambda: not first._thread.is_alive(), 10)
    assert again._thread.is_alive()
    wait_until(lambda: len(own_workers()) <= 1, 20)  # one stands by for the next run
    monkeypatch.setattr("core.jobs.pool.IDLE_SECONDS", 0.0)
    wait_until(lambda: done[0].pid not in [worker.pid for worker in own_workers()], 10)


@pytest.mark.usefixtures("no_references")
def test_a_worker_killed_in_its_second_run_loses_only_that_and_it_goes_on_where_it_was(
    store: RunStore, make_queue: Callable[..., JobQueue]
) -> None:
    spec = make_spec("udll", DIGITS, preset="defaults", overrides=TINY | {"epochs": 400}, seed=2, device="cpu")
    whole = store.create(spec)
    claim_for_this_process(store, whole.id)
    assert runs.execute(store, whole.id).status == Status.DONE

    queue = make_queue(cpu_jobs=1)
    before, run, after = (queue.submit(each).id for each in (make_spec("kmeans", DIGITS), spec, make_spec("kmeans", DIGITS)))
    training(store, run)
    store.request(run, "pause")  # a pause writes a checkpoint
    paused = becomes(store, run, Status.PAUSED)
    reached = paused.progress["step"]
    assert paused.progress["stage"] == "finetune" and paused.pid is not None and 1 < reached < 400
    os.kill(paused.pid, signal.SIGKILL)
    lost = becomes(store, run, Status.LOST)
    assert lost.request is None and not lost.over
    with pytest.raises(RunConflict):
        store.request(run, "stop")
    finished = [becomes(store, each, Status.DONE) for each in (before, after)]
    assert finished[0].pid == paused.pid != finished[1].pid

    queue.resume(run)
    done = becomes(store, run, Status.DONE)
    assert done.pid == finished[1].pid
    steps = [row.step for row in store.history(run) if row.stage == "finetune"]
    assert steps == list(range(1, 401)), "no step is missing, none was made twice"
    ours, theirs = store.files.arrays(run, "final"), store.files.arrays(whole.id, "final")
    np.testing.assert_array_equal(ours["labels"], theirs["labels"])
    np.testing.assert_array_equal(ours["C"], theirs["C"])
    assert done.result["metrics"] == store.get(whole.id).result["metrics"]


@pytest.mark.usefixtures("no_references")
def test_a_closed_queue_ends_its_workers(store: RunStore, make_queue: Callable[..., JobQueue]) -> None:
    queue = make_queue()
    run = queue.submit(ENDLESS).id
    pid = training(store, run).pid
    queue.close()
    assert pid is not None and not psutil.pid_exists(pid) and not own_workers()
    assert settle_lost(store) == [run] and store.get(run).status == Status.LOST


def test_a_pool_that_was_closed_keeps_no_worker_that_is_started_after(store: RunStore) -> None:
    """A slow look of the supervision may still be under way when the queue is closed."""
    pool = Pool(store)
    pool.close()
    pool.start()
    assert not own_workers() and not pool.ready()


def test_no_worker_outlives_the_process_that_owns_the_queue(store: RunStore, worker_env: Callable[..., dict[str, str]]) -> None:
    code = """
        import sys, time
        from core.datasets import DataSpec
        from core.runs.execution import make_spec
        from core.jobs import JobQueue
        from core.runs import RunStore
        queue = JobQueue(RunStore())
        spec = make_spec("ae_kmeans", DataSpec("digits", per_class=8), overrides={"pretrain_epochs": 100_000}, device="cpu")
        print(queue.submit(spec).id, flush=True)
        time.sleep(600)
    """
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, env=worker_env(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert owner.stdout is not None
        run = owner.stdout.readline().strip()
        training(store, run, "pretrain")
        workers = [child for child in psutil.Process(owner.pid).children() if "worker" in child.cmdline()]
        assert store.get(run).pid in [worker.pid for worker in workers]
        assert any("--analyst" in worker.cmdline() for worker in workers)
    finally:
        owner.kill()
        owner.wait()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive
    assert run in settle_lost(store)


@pytest.mark.usefixtures("no_references")
def test_what_goes_wrong_in_a_worker_is_in_the_record_and_leaves_no_trace_in_its_next_run(
    store: RunStore, make_queue: Callable[..., JobQueue], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "methods"
    folder.mkdir()
    (folder / "t_bad.py").write_text(METHODS)
    monkeypatch.setenv("AFFINITY_LAB_METHODS", str(folder))  # for the workers; this process does not know them
    monkeypatch.setattr("core.jobs.queue.STOP_GRACE_SECONDS", 0.5)
    queue = make_queue(cpu_jobs=2)
    specs = [RunSpec(method=name, data=DIGITS, params={}) for name in ("t_deaf", "no_such_method", "t_buggy")]
    deaf, unknown, buggy, *untidy = (queue.submit(spec).id for spec in [*specs, UNTIDY, UNTIDY])

    failed = becomes(store, unknown, Status.FAILED)
    assert failed.error is not None and failed.error["bad_input"] and "no_such_method" in failed.error["message"]
    failed = becomes(store, buggy, Status.FAILED)
    assert failed.error is not None and failed.error["message"] == "IndexError: a bug of the method"
    assert "Traceback" in failed.error["traceback"] and "t_bad.py" in failed.error["traceback"]
    for run in untidy:
        assert becomes(store, run, Status.DONE).pid == failed.pid, "what fails, or leaves disorder, costs no worker"
    first, second = (store.files.arrays(run, "final")["Z"] for run in untidy)
    np.testing.assert_array_equal(first, second)
    assert first[0, 0] > 0 and first[0, -1] == 1

    busy = training(store, deaf, "finetune", 1)
    assert busy.pid != failed.pid, "two trained at once"
    store.request(deaf, "stop")
    stopped = becomes(store, deaf, Status.STOPPED, timeout=20)
    assert stopped.error is None and stopped.result["n_samples"] == 80, "the worker itself had the last word"
    wait_until(lambda: [worker.pid for worker in own_workers()] == [failed.pid], 10)


@pytest.mark.usefixtures("no_references")
def test_a_worker_that_lost_its_run_ends_itself_and_another_takes_its_place(
    store: RunStore, make_queue: Callable[..., JobQueue]
) -> None:
    queue = make_queue(cpu_jobs=1)
    run = queue.submit(ENDLESS).id
    pid = training(store, run).pid
    (worker,) = [each.process for each in queue.pool._workers if each.process.pid == pid]
    store.mark_lost(run)  # somebody who cannot see the worker, in another container say, has settled the run
    before = store.get(run), store.history(run)
    wait_until(lambda: not worker.alive, 20)
    assert worker._process.returncode == cli.exits.EXIT_TAKEN and (store.get(run), store.history(run)) == before
    assert "Traceback" not in (store.home / "logs" / "standby.txt").read_text()
    queue.resume(run)
    again = becomes(store, run, Status.RUNNING)
    assert again.pid != pid
    store.request(run, "stop")
    becomes(store, run, Status.STOPPED)


# ---- inline ----------------------------------------------------------------------------------------------------------


def test_references_are_run_once_for_all_runs_on_the_same_data(store: RunStore, make_queue: Callable[..., JobQueue]) -> None:
    queue = make_queue(immediate=True)
    mine = [queue.submit(make_spec("kmeans", DIGITS, seed=seed), tags="mine") for seed in (0, 1)]
    assert all(run.status == Status.DONE and run.tags == "mine" and not run.reference for run in mine)
    references = [run for run in store.runs() if run.reference]
    assert sorted(run.spec.method for run in references) == sorted({*explore.REFERENCES} - {"kmeans"}), "none of its own kind"
    assert all(run.status == Status.DONE and run.spec.data == DIGITS for run in references)
    assert {run.id for run in store.runs(references=False)} == {run.id for run in mine}
    found = [explore.reference_runs(store, run) for run in mine]
    assert {name: run.id for name, run in found[0].items()} == {name: run.id for name, run in found[1].items()}

    queue.submit(make_spec("kmeans", DIGITS, overrides={"n_clusters": 4}))
    queue.submit(make_spec("kmeans", DataSpec("digits", per_class=8, seed=1)))
    assert len([run for run in store.runs() if run.reference]) == 3 * (len(explore.REFERENCES) - 1)


def test_a_lost_run_is_resumed_inline_too(store: RunStore, make_queue: Callable[..., JobQueue]) -> None:
    run = store.create(make_spec("kmeans", DIGITS), owner=Owner(2**22 + 1, 1.0, ""))
    queue = make_queue(immediate=True)  # on its start it finds that the process is gone
    assert store.get(run.id).status == Status.LOST
    queue.resume(run.id)
    assert store.get(run.id).status == Status.DONE


# ---- who trains, and how many ------------------------------------------------------------------------------------------


class _Child:
    """A worker process that is none."""

    def __init__(self, *_: object, **__: object) -> None:
        self.pid, self.alive, self.rss_mb, self.stamp, self.sent = 1, True, 100.0, "now", []
        self.send = self.sent.append

    def dismiss(self) -> None:
        self.alive = False

    close = dismiss


@pytest.fixture
def pool(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> Pool:
    """A pool of such children."""
    monkeypatch.setattr("core.jobs.pool.WorkerProcess", _Child)
    monkeypatch.setattr("core.jobs.pool.stamp", lambda home: "now")
    return Pool(store)


def trained(pool: Pool, run: str = "a run") -> Any:
    """A worker of the pool that has trained one run."""
    pool.start()
    child: Any = pool.take()
    pool.assign(child, run)
    assert pool.busy == {run: child} and child.sent == [run] and not pool.ready()
    pool.refresh({run})
    assert pool.busy and pool.take() is None, "it is busy as long as its record is open"
    pool.refresh(())
    assert not pool.busy and pool.take() is child
    return child


def test_a_worker_goes_when_it_has_been_idle_after_a_run(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    used = trained(pool)
    pool.refresh(())
    assert used.alive and pool.take() is used
    monkeypatch.setattr("core.jobs.pool.IDLE_SECONDS", 0.0)
    pool.refresh(())
    assert not used.alive and not pool.ready()
    pool.start()
    pool.refresh(())
    assert pool.ready(), "a fresh one stands by for as long as it takes"


def test_spare_workers_go_sooner_and_the_warm_one_goes_on(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    children: list[Any] = []
    for run in ("first", "second"):
        pool.start()
        children.append(pool.take())
        pool.assign(children[-1], run)
    for active in ({"second"}, set[str]()):  # the second ends last
        pool.refresh(active)
    monkeypatch.setattr("core.jobs.pool.SPARE_SECONDS", 0.0)
    pool.refresh(())
    assert [child.alive for child in children] == [False, True] and pool.take() is children[1]


def test_a_worker_goes_when_it_has_grown_or_is_of_another_state_of_the_code(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown = trained(pool)
    grown.rss_mb = 1e6
    pool.refresh(())
    assert pool.take() is None and pool.ready() and grown.alive, "what it held may be given back within a moment"
    monkeypatch.setattr("core.jobs.pool.SETTLE_SECONDS", 0.0)
    pool.refresh(())
    assert not grown.alive

    old = trained(pool)
    monkeypatch.setattr("core.jobs.pool.stamp", lambda home: "later")
    assert pool.take() is None and not old.alive


def test_what_cuda_brings_along_does_not_make_a_worker_grown(pool: Pool, store: RunStore) -> None:
    worker = trained(pool)
    worker.rss_mb = 1600.0  # measured after small runs on a GPU; a run of the processor leaves 800 to 950
    assert pool.take() is None, "too much where there is no GPU"
    store.notices.post("machine", {"cuda": True})
    assert pool.take() is worker
    worker.rss_mb = 2600.0
    assert pool.take() is None


def test_a_worker_that_dies_is_forgotten(pool: Pool) -> None:
    dead = trained(pool)
    pool.assign(dead, "another")
    dead.alive = False
    pool.refresh({"another"})
    assert not pool.busy and not pool.ready()


@pytest.mark.parametrize(("status", "free"), [(Status.LOST, False), (Status.DONE, True)])
def test_a_worker_whose_run_was_taken_gets_no_other(pool: Pool, store: RunStore, status: Status, free: bool) -> None:
    run = store.create(make_spec("kmeans", DIGITS), owner=this_process()).id
    worker = trained(pool)
    pool.assign(worker, run)
    store.mark_lost(run) if status == Status.LOST else store.finish(run, status, {})
    pool.refresh(())
    assert worker.alive and (pool.take() is worker) == free and not pool.busy


def test_the_stamp_changes_with_the_code(store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stamp(store.home)
    assert stamp(store.home) == before != stamp(tmp_path)
    (tmp_path / "mine.py").write_text("")
    monkeypatch.setenv("AFFINITY_LAB_METHODS", str(tmp_path))
    assert stamp(store.home) != before


def cores(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    monkeypatch.setattr("core.runs.threads.available_cores", lambda: n)
    monkeypatch.setattr("core.jobs.capacity.available_cores", lambda: n)


@pytest.mark.parametrize(("n", "threads"), [(1, 1), (2, 1), (4, 2), (7, 3), (8, 4), (16, 4), (64, 4)])
def test_the_cores_are_shared_out_among_the_runs(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, n: int, threads: int
) -> None:
    cores(monkeypatch, n)
    monkeypatch.setenv("AFFINITY_LAB_THREADS", "")
    capacity = Capacity(store)
    assert runs.training_threads() == threads and capacity.now * threads <= n < (capacity.now + 1) * threads
    for fewer in range(1, capacity.most + 1):
        capacity.choose(fewer)
        assert Capacity(store).now == fewer and runs.training_threads() == threads, "labels depend on the threads"
    monkeypatch.setenv("AFFINITY_LAB_THREADS", "3")
    assert runs.training_threads() == 3 and Capacity(store).most == max(1, n // 3)
    for nonsense in ("0", "-2", "many", "²"):
        monkeypatch.setenv("AFFINITY_LAB_THREADS", nonsense)
        assert runs.training_threads() == threads


def test_how_many_runs_train_at_once_is_checked(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    cores(monkeypatch, 4)
    capacity = Capacity(store)
    assert capacity.now == capacity.most == 4 and not capacity.fixed, "one thread each here"
    for nonsense in (0, 5, 1.5):
        with pytest.raises(ParameterError, match=r"\[1, 4\]"):
            capacity.choose(nonsense)
    capacity.choose(3)
    cores(monkeypatch, 2)
    assert Capacity(store).now == 2, "what was chosen on a larger machine"
    for text in ("0", "3", "-1", "1.5", "many", "²"):
        monkeypatch.setenv("AFFINITY_LAB_WORKERS", text)
        with pytest.raises(ParameterError, match=r"AFFINITY_LAB_WORKERS .* \[1, 2\].*" + text):
            JobQueue(store)
    monkeypatch.setenv("AFFINITY_LAB_WORKERS", " 1 ")
    fixed = Capacity(store)
    assert fixed.now == 1 and fixed.fixed
    with pytest.raises(ParameterError, match="AFFINITY_LAB_WORKERS"):
        fixed.choose(2)


def test_cores_are_those_that_the_control_group_grants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.runs.threads.CONTROL_GROUP", tmp_path / "cpu.max")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(6)), raising=False)
    for text, n in (("max 100000", 6), ("250000 100000", 2), ("50000 100000", 1), ("900000 100000", 6), ("?", 6)):
        (tmp_path / "cpu.max").write_text(text + "\n")
        assert runs.available_cores() == n


def test_the_data_of_the_last_run_are_kept_unless_they_changed(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads, original = [], datasets.load
    monkeypatch.setattr("core.datasets.load", lambda spec: (loads.append(spec), original(spec))[1])
    path = tmp_path / "own.npz"
    np.savez(path, X=np.random.default_rng(0).random((40, 5)), y=np.arange(40) % 4)
    own, kept = DataSpec(str(path), n_test=10), LastData()
    data = kept.load(own)
    again = kept.load(own)
    assert loads == [own] and again is not data and again.fingerprint == data.fingerprint
    assert again.test is not None
    again.test.X[:] = 0  # its fingerprint was taken before
    assert kept.load(own).test.fingerprint == data.test.fingerprint, "what a method wrote is not kept"
    os.utime(path, (1, 1))
    kept.load(own)
    assert loads == [own] * 3, "the file is another"
    kept.load(DIGITS)
    kept.load(own)
    assert loads[3:] == [DIGITS, own], "one is kept"
    monkeypatch.setattr("core.jobs.lastdata.MAX_MB", 0.0)
    kept.load(own)
    kept.load(own)
    assert loads[5:] == [own], "it was kept before, and is too large now"


# ---- the analyst -----------------------------------------------------------------------------------------------------


def test_the_analyst_answers_once_and_keeps_the_answers(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.explore.questions.ERROR_SECONDS", 600.0)  # on a busy machine the test itself takes longer
    spec = make_spec("udll", DIGITS, preset="defaults", overrides=TINY | {"epochs": 40}, device="cpu")
    run = store.create(spec).id
    claim_for_this_process(store, run)
    assert runs.execute(store, run).status == Status.DONE
    final = store.files.arrays(run, "final")
    names = ("threshold", "dim", "power", "unit_diagonal", "symmetrize", "unit_rows")
    constants = {name: spec.params[name] for name in names}
    questions: dict[str, dict[str, Any]] = {
        "recluster": {
            "run": run, "n_clusters": 10, "assign_labels": "discretize", "random_state": 0, "pixels": 40, **constants,
        },
        "matrix": {"run": run, "which": "C", "order": "class", "pixels": 500},
        "embedding": {
            "run": run, "source": "Z", "kind": "pca", "n_components": 2, "options": {}, "random_state": 0,
        },
        "nonsense": {"run": run},
    }  # fmt: skip
    analyst = Analyst(store)
    try:
        waiting = {task: analyst.ask(task, **arguments) for task, arguments in questions.items()}
        assert all(answer.pending and not answer.error for answer in waiting.values())
        # slow projections have a process of their own beside the one for matrices
        assert len([worker for worker in own_workers() if "--analyst" in worker.cmdline()]) == 2

        def ask(task: str) -> explore.Answer | None:
            answer = analyst.ask(task, **questions[task])
            return None if answer.pending else answer

        answers = {task: wait_until(lambda task=task: ask(task)) for task in questions}
    finally:
        analyst.close()
    assert not own_workers()

    again = answers["recluster"]
    assert clustering_accuracy(final["labels"], again.arrays["labels"]) == 1, "the constants of the run give its clusters"
    assert again.facts["scores"]["acc"] == pytest.approx(store.get(run).result["metrics"]["acc"])
    assert again.arrays["blocks"].shape == (40, 40)

    order = answers["matrix"].arrays["order"]
    np.testing.assert_array_equal(final["y"][order], np.sort(final["y"]))
    np.testing.assert_allclose(answers["matrix"].arrays["blocks"], np.abs(final["C"])[np.ix_(order, order)])

    points = answers["embedding"].arrays["points"]
    Z = final["Z"] - final["Z"].mean(axis=0)
    assert points.shape == (80, 2) and np.array_equal(answers["embedding"].arrays["shown"], np.arange(80))
    np.testing.assert_allclose(np.linalg.norm(points, axis=0), np.linalg.svd(Z, compute_uv=False)[:2], rtol=1e-3)

    assert answers["nonsense"].error and "nonsense" in answers["nonsense"].error

    restarted = Analyst(store)
    kept = {task: restarted.ask(task, **arguments) for task, arguments in questions.items()}
    assert not own_workers(), "what was answered before needs no process"
    for task, answer in kept.items():
        assert not answer.pending and answer.facts == answers[task].facts
        assert all(np.array_equal(answer.arrays[name], value) for name, value in answers[task].arrays.items())


def test_an_analyst_ends_when_nobody_asks_and_compiles_umap_while_nobody_waits(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = explore.Question("matrix", {"run": "nobody"})
    compiled: list[bool] = []
    monkeypatch.setattr("core.jobs.analyst.lines", lambda: said(question.to_json()))
    monkeypatch.setattr("core.jobs.analyst.LOOK_SECONDS", 0.01)
    monkeypatch.setattr("core.jobs.analyst.USUAL_IDLE_SECONDS", 0.2)
    monkeypatch.setitem(analyst.IDLE_SECONDS, "embeddings", 0.2)
    monkeypatch.setattr("core.evaluation.warm_up", lambda kind: compiled.append(kind == "umap"))
    monkeypatch.setattr("os.nice", lambda _: None)
    waiting = store.create(make_spec("kmeans", DIGITS))
    for lane in ("matrices", "embeddings"):
        serve_analyst(store, lane)
        assert explore.read_answer(store, question).error and not compiled, "a run waits"
    store.request(waiting.id, "stop")
    serve_analyst(store, "matrices")
    assert not compiled
    serve_analyst(store, "embeddings")
    wait_until(lambda: compiled == [True], 5)


def test_long_work_tells_how_far_it_is_and_ends_when_nobody_wants_it(store: RunStore) -> None:
    spec = make_spec("kmeans", DataSpec("digits"))
    run = store.create(spec).id
    claim_for_this_process(store, run)
    runs.execute(store, run)
    question: dict[str, Any] = {
        "run": run, "source": "raw", "kind": "tsne", "n_components": 3, "options": {}, "random_state": 0,
        "most": explore.MOST_POINTS,
    }  # fmt: skip
    quick = question | {"kind": "pca", "most": explore.MAX_POINTS}
    analyst = Analyst(store)
    watch = explore.Watch(store, explore.Question("embedding", question).key)

    def ask(arguments: dict[str, Any]) -> explore.Answer:
        return analyst.ask("embedding", **arguments)

    try:
        watch.stop()  # of a process that died before it heard
        first = wait_until(lambda: ask(question).progress)
        assert 0 < first.done < first.total
        wait_until(lambda: (now := ask(question).progress) and now.done > first.done)
        wait_until(lambda: not ask(quick).pending)  # which need not wait for what takes long
        assert ask(question).pending
        analyst.stop("embedding", **question)
        wait_until(lambda: watch.read() is None)
        assert explore.read_answer(store, explore.Question("embedding", question)) is None
        assert all(worker.is_running() for worker in own_workers())

        wait_until(lambda: ask(question).progress)  # asked again, it begins anew
        analyst.stop("embedding", **question)
        answer = wait_until(lambda: None if (now := ask(question)).pending else now)  # somebody else wants it after all
        assert len(answer.arrays["points"]) == 1797 and answer.facts["projecting"] > 0
        wait_until(lambda: watch.read() is None, 5)  # withdrawn after the answer is there
    finally:
        analyst.close()


def test_a_wish_to_stop_is_of_one_question_and_not_kept(store: RunStore) -> None:
    mine, other = (explore.Watch(store, key) for key in ("mine", "other"))
    mine.stop()
    other.tell(1, 2)
    assert other.read() == explore.Progress(1, 2) and mine.read() is None
    with pytest.raises(Stopped):
        mine.tell(1, 2)
    mine.clear()
    mine.check()
    other.tell(2, 2)
    assert other.read() == explore.Progress(1, 2), "told at most every half second"


def test_questions_that_have_no_answer_are_answered_in_words(store: RunStore) -> None:
    run = store.create(make_spec("kmeans", DIGITS)).id
    claim_for_this_process(store, run)
    runs.execute(store, run)
    analyst = Analyst(store, immediate=True)
    codes = {"source": "Z_pretrained", "kind": "pca", "n_components": 2, "options": {}, "random_state": 0}
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("matrix", {"run": run, "which": "C", "order": "cluster", "pixels": 9}, "self-expression"),
        ("matrix", {"run": run, "which": "prior", "order": "cluster", "pixels": 9}, "prior"),
        ("matrix", {"run": run, "which": "affinity", "order": "cluster", "pixels": 9}, "affinity"),
        ("embedding", {"run": run, **codes}, "Z_pretrained"),
        ("references", {"run": "nobody"}, "nobody"),
        ("matrix", {"run": run}, "TypeError"),
    ]
    for task, arguments, word in cases:
        answer = analyst.ask(task, **arguments)
        assert not answer.pending and answer.error is not None and word in answer.error

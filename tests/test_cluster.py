"""Sweeps on a Dask scheduler: a real one with two worker processes, one of them killed, and what can go wrong around it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from core import datasets, jobs, runs, sweeps
from core.common import ClusterError, ClusterLost, StorageError
from core.datasets import DataSpec
from core.jobs import JobQueue, Place, see_through
from core.jobs.away import ATTEMPTS, Away
from core.jobs.cluster import DaskCluster
from core.jobs.parcel import Order, Parcel, code_here, train_away, unpack
from core.runs import SWEPT, RunHandle, RunSpec, RunStore, Status, claim_for_this_process
from core.sweeps import Sweep, parse_axis
from tests.conftest import ROOT, wait_until
from tests.test_cli import SMALL, ask

pytestmark = pytest.mark.journey
DIGITS = DataSpec("digits", per_class=8)
SLOW = '''
"""A method that tells where it trains, and takes its time; with seed 0 it waits for a word."""

import os
import time
from pathlib import Path

from core.methods import Clusterer, register
from core.training import Step


@register
class Slow(Clusterer):
    name = "t_slow"

    def iter_fit(self, X, stages=None):
        marks = Path(os.environ["MARKS"])
        (marks / f"{self.random_state}-{os.getpid()}-{time.time_ns()}").touch()
        while self.random_state == 0 and not marks.with_name("go").exists():
            time.sleep(0.02)
        for step in range(1, 41):
            time.sleep(0.02 if self.random_state < 10 else 0.5)
            yield Step("wait", step, 40, {"loss": 1.0 / step})
            if stages is not None and stages.stopping:
                break
        yield self.conclude({"Z": X.reshape(len(X), -1)})

    def labeller(self, arrays, affinity):
        return lambda seed: (arrays["Z"].sum(1) > arrays["Z"].sum(1).mean()).astype(int)
'''


def slow(seed: int) -> RunSpec:
    return RunSpec(method="t_slow", data=DIGITS, params={"n_clusters": 2}, seed=seed, device="cpu")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address of a scheduler with two worker processes on this machine, and where the slow method leaves its marks."""
    folder = tmp_path_factory.mktemp("cluster")
    for name in ("marks", "plugins", "work"):
        (folder / name).mkdir()
    (folder / "plugins" / "slow.py").write_text(SLOW)
    own = {"PYTHONPATH": str(ROOT), "MARKS": str(folder / "marks"), "AFFINITY_LAB_METHODS": str(folder / "plugins")}
    env = {**os.environ, **own, "OMP_NUM_THREADS": "1", "AFFINITY_LAB_THREADS": "1", "AFFINITY_LAB_HOME": str(folder / "none")}
    dask, found = [sys.executable, "-m", "dask"], folder / "scheduler.json"
    commands = [[*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(found)]]
    worker = ["worker", "--scheduler-file", str(found), "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    commands += [[*dask, *worker, "--local-directory", str(folder / "work")]] * 2
    log = (folder / "log.txt").open("w")
    children = [subprocess.Popen(command, env=env, cwd=folder, stderr=log, stdout=log) for command in commands]
    try:
        wait_until(lambda: found.exists() and found.read_text().endswith("}"))  # it is there before it is written
        yield json.loads(found.read_text())["address"], folder / "marks"
    finally:
        for child in children:
            child.kill()
            child.wait()
        log.close()


@pytest.fixture
def away(store: RunStore, cluster: tuple[str, Path]) -> Iterator[JobQueue]:
    queue = JobQueue(store, scheduler=cluster[0])
    yield queue
    queue.close()


def test_the_same_sweep_here_and_there_has_the_same_table(away: JobQueue, store: RunStore, tmp_path: Path) -> None:
    base = runs.make_spec("ridge", DIGITS, preset="defaults", device="cpu")
    sweep, told = Sweep(base=base, axes=(parse_axis("ridge", "data.noise=0,0.5"),), seeds=(0, 1)), []
    record = sweeps.start(store, sweep, away)
    see_through(away, record.runs, told.append)
    here = RunStore(tmp_path / "here")
    local = sweeps.start(here, sweep, JobQueue(here, immediate=True))
    rows, expected = sweeps.table(store, record), sweeps.table(here, local)
    timeless = [{name: value for name, value in row.scores.items() if name != sweeps.SECONDS} for row in rows]
    assert [row.status for row in rows] == ["done"] * 4 and len({row.scores["acc"] for row in rows}) > 1
    assert timeless == [{name: value for name, value in row.scores.items() if name != sweeps.SECONDS} for row in expected]
    one, other = store.get(record.runs[0]), here.get(local.runs[0])
    names = [sorted(path.name for path in s.files.folder(run.id).rglob("*")) for s, run in ((store, one), (here, other))]
    assert set(names[1]) - {"log.txt"} <= set(names[0]) and {run.id for run in told} == set(record.runs)
    assert [row.seq for row in store.history(one.id)] == [row.seq for row in here.history(other.id)]
    assert store.files.arrays(one.id, "final").keys() == here.files.arrays(other.id, "final").keys()


def test_a_killed_worker_costs_its_run_alone_and_a_stop_reaches_the_others(
    away: JobQueue, store: RunStore, cluster: tuple[str, Path]
) -> None:
    marks = cluster[1]
    begun: Callable[[], list[list[str]]] = lambda: [path.name.split("-") for path in marks.iterdir()]  # noqa: E731
    ids = [away.submit(slow(seed), tags=f"{SWEPT}x", references=False).id for seed in range(4)]
    wait_until(lambda: len({pid for _, pid, _ in begun()}) == 2)
    before = wait_until(lambda: [run for run in store.some(ids).values() if run.status == Status.DONE])
    victim = wait_until(lambda: [pid for seed, pid, _ in begun() if seed == "0"])[0]
    os.kill(int(victim), 9)
    marks.with_name("go").touch()
    see_through(away, ids, lambda run: None)
    assert {run.status for run in store.some(ids).values()} == {Status.DONE}
    times = {number: sum(mark[0] == str(number) for mark in begun()) for number in range(4)}
    assert times == {0: 2, 1: 1, 2: 1, 3: 1}, "only what had no end is repeated"
    assert [store.get(run.id).finished for run in before] == [run.finished for run in before]
    record = away.submit(slow(10), tags=f"{SWEPT}y", references=False)
    wait_until(lambda: [mark for mark in begun() if mark[0] == "10"])
    assert store.get(record.id).away and store.get(record.id).status == Status.RUNNING
    store.request(record.id, "stop")
    wait_until(lambda: store.get(record.id).over, timeout=20)
    assert store.get(record.id).status == Status.STOPPED and store.history(record.id), "what it reached came back"


def test_data_travel_once_and_workers_of_other_code_are_refused(
    cluster: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = DaskCluster(cluster[0])
    try:
        data = datasets.load(DIGITS)
        again = datasets.load(DIGITS)
        assert reached._sent(data) is reached._sent(again) is not reached._sent(datasets.load(DataSpec("digits", per_class=9)))
        assert reached.alive and reached.slots >= 2
    finally:
        reached.close()
    code_here.cache_clear()
    monkeypatch.setattr("core.jobs.parcel.ROOT", Path("/nowhere"))
    with pytest.raises(ClusterError, match="another state of its code"):
        DaskCluster(cluster[0])
    code_here.cache_clear()


# ---- what can go wrong, without Dask ----------------------------------------------------------------------------------------


class Fake:
    """A cluster of one thread, or of whatever a future ends with."""

    slots = 2

    def __init__(self, outcome: Callable[[Future], Any] | None = None, room: Path | None = None) -> None:
        self.alive, self.told, self._outcome, self._room = True, [], outcome, room
        self._executor = ThreadPoolExecutor(1)
        self.orders: list[Order] = []

    def submit(self, order: Order, data: Any) -> Future[Parcel]:
        self.orders.append(order)
        if self._outcome is None:
            return self._executor.submit(train_away, order, data, lambda: None, self._room)
        future: Future[Parcel] = Future()
        self._outcome(future)
        return future

    def ask(self, run_id: str, what: str | None) -> None:
        self.told.append((run_id, what))

    def close(self) -> None:
        self.alive = False


def sent_by(store: RunStore, cluster: Fake, address: str | None = "tcp://fake:1") -> Away:
    waiting = lambda: store.runs(status=[Status.QUEUED])[::-1]  # noqa: E731
    return Away(store, Place(store, address), waiting, connect=lambda _: cluster)


def ticks(away: Away, store: RunStore) -> None:
    deadline = time.monotonic() + 30
    away.tick()
    while away.busy and time.monotonic() < deadline:
        time.sleep(0.02)
        away.tick()


def test_a_run_whose_data_went_with_the_workers_is_sent_again_but_not_for_ever(store: RunStore) -> None:
    def gone(future: Future) -> None:
        future.cancel()
        future.set_running_or_notify_cancel()

    cluster = Fake(gone)
    run = store.create(slow(0))
    ticks(sent_by(store, cluster), store)
    assert len(cluster.orders) == ATTEMPTS and store.get(run.id).status == Status.LOST


def test_what_a_cluster_gives_up_has_failed_in_words_and_what_comes_back_stays_in_its_folder(
    store: RunStore, tmp_path: Path
) -> None:
    cluster = Fake(lambda future: future.set_exception(MemoryError("worker killed")))
    run = store.create(slow(0))
    ticks(sent_by(store, cluster), store)
    assert store.get(run.id).status == Status.FAILED and "worker killed" in (store.get(run.id).error or {})["message"]
    other = store.create(slow(1))
    claim_for_this_process(store, other.id)
    parcel = Parcel(Status.DONE, {}, None, {}, [], [], {"../../runs.sqlite": b""})
    with pytest.raises(StorageError, match="outside its folder"):
        unpack(RunHandle.open(store, other.id), parcel)
    with pytest.raises(StorageError, match="another state of the code"):
        train_away(Order("x", slow(0), 1, "0" * 16), datasets.load(DIGITS), lambda: None, tmp_path)


def test_an_executor_of_any_kind_will_do_and_data_are_not_written_to(store: RunStore, tmp_path: Path) -> None:
    spec = runs.make_spec("kmeans", DIGITS, device="cpu")
    first, second = store.create(spec), store.create(spec)
    store.request(second.id, "pause")
    cluster = Fake(room=tmp_path)
    away = sent_by(store, cluster)
    away.waiting = store.waiting
    ticks(away, store)
    done = store.get(first.id)
    assert done.status == Status.DONE and done.result["metrics"]["acc"] > 0.3 and store.history(first.id)
    assert store.get(second.id).status == Status.QUEUED and threading.active_count() < 50
    away.place = Place(store)
    away.tick()
    assert not cluster.alive, "nobody keeps a connection that is not used"


def test_what_is_away_is_told_and_lost_when_the_app_ends(store: RunStore) -> None:
    cluster = Fake(lambda future: None)
    stopped, lost = store.create(slow(0)), store.create(slow(1))
    away = sent_by(store, cluster)
    away.tick()
    store.request(stopped.id, "stop")
    away.tick()
    assert cluster.told == [(stopped.id, "stop")]
    away.close()
    assert (stopped.id, "stop") in cluster.told[1:] and (lost.id, "stop") in cluster.told and not cluster.alive
    assert [store.get(run.id).status for run in (stopped, lost)] == [Status.STOPPED, Status.LOST]


def test_the_setting_is_of_whoever_starts_the_app(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(store)
    with pytest.raises(ClusterError, match="AFFINITY_LAB_SCHEDULER"):
        place.choose(True)
    monkeypatch.setenv("AFFINITY_LAB_SCHEDULER", "tcp://host:1")
    assert (place.offered, place.address) == ("tcp://host:1", None)
    place.choose(True)
    assert place.address == "tcp://host:1" and Place(store).address == "tcp://host:1"
    place.choose(False)
    assert place.address is None and Place(store, "tcp://given:2").address == "tcp://given:2"


def test_a_scheduler_that_is_not_there_is_refused_before_anything_is_kept(
    capsys: pytest.CaptureFixture[str], store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.jobs.cluster.CONNECT_SECONDS", 0.3)
    sweep = ("sweep", "ridge", *SMALL, "--over", "strength=1", "--scheduler")
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        code, out, err = ask(capsys, *sweep, address)
        assert code == 2 and out == "" and f"answers at '{address}'" in err
    code, _, err = ask(capsys, *sweep, "tcp://127.0.0.1:9", "--workers", "1")
    assert code == 2 and "not both" in err
    monkeypatch.setitem(sys.modules, "distributed", None)
    code, _, err = ask(capsys, *sweep, "tcp://127.0.0.1:9")
    assert code == 2 and "requirements-cluster.txt" in err
    assert store.runs() == [] and sweeps.SweepStore(store.home).ids() == []
    monkeypatch.setenv("AFFINITY_LAB_READONLY", "1")
    assert ask(capsys, *sweep, "tcp://127.0.0.1:9")[0] == 4


def test_a_scheduler_that_goes_ends_the_wait(store: RunStore) -> None:
    def unreachable(_: str) -> Fake:
        raise ClusterError("No Dask scheduler answers.")

    queue = JobQueue(store, immediate=True, scheduler="tcp://fake:1")
    queue.away.connect = unreachable
    run = store.create(slow(0), tags=f"{SWEPT}x")
    queue.away.tick()
    with pytest.raises(ClusterLost, match="answers"):
        see_through(queue, [run.id], lambda _: None)
    assert store.get(run.id).status == Status.QUEUED
    assert jobs.checked_scheduler(None) is None

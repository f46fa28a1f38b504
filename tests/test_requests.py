"""Clicks: none is lost, none counts twice, however they fall together with what the worker does."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from core import runs
from core.common import RunConflict
from core.datasets import DataSpec
from core.methods import Clusterer, register, registered, registry
from core.runs import ACTIVE, RunSpec, RunStore, Status, claim_for_this_process, execution, this_process
from core.training import Stages, Step
from tests.conftest import wait_until

TIMES = 50
ENDLESS = RunSpec(method="t_endless", data=DataSpec("digits", per_class=2), params={}, device="cpu")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method whose steps take a millisecond, looked at after each."""
    registered()
    monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))
    monkeypatch.setattr(execution, "REQUEST_SECONDS", 0.0)
    monkeypatch.setattr(execution, "HOLD_SECONDS", 0.004)
    monkeypatch.setattr("core.runs.checkpoints.save_checkpoint", lambda *_: None)
    monkeypatch.setattr("core.runs.outcome.conclude", lambda *_: {})

    @register
    class Endless(Clusterer):
        name = "t_endless"

        def iter_fit(self, X: object, stages: Stages | None = None) -> Iterator[Step]:
            def body(step: int) -> tuple[dict, dict]:
                time.sleep(0.001)
                return {"loss": 1.0}, {}

            yield from (stages or Stages()).run("finetune", 100_000, {}, body)


class Worker:
    """A run that trains in a thread of this process."""

    def __init__(self, store: RunStore) -> None:
        self.store, self.steps, self.again = store, 0, False
        self.run = store.create(ENDLESS, owner=this_process()).id
        self._thread = threading.Thread(target=runs.execute, args=(store, self.run), kwargs={"on_step": self._count})
        self._thread.start()

    def _count(self, *_: object) -> None:
        self.steps += 1
        if self.again:  # the click on One step arrives once more while the step is made
            click(self.store, self.run, "step")

    def becomes(self, *status: Status) -> None:
        wait_until(lambda: self.store.get(self.run).status in status, 20, every=0.002)

    def joined(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive(), "the stop was lost"


@pytest.fixture
def worker(store: RunStore) -> Iterator[Worker]:
    made = Worker(store)
    made.becomes(Status.RUNNING)
    yield made
    if store.get(made.run).active:
        store.request(made.run, "stop")
    made.joined()


def click(store: RunStore, run: str, what: str | None) -> None:
    """As a page asks: what comes too late is told, and no more."""
    try:
        store.request(run, what)
    except RunConflict:
        pass


def test_fifty_clicks_on_one_step_are_fifty_steps_though_each_arrives_twice(store: RunStore, worker: Worker) -> None:
    store.request(worker.run, "pause")
    worker.becomes(Status.PAUSED)
    worker.again = True
    for _ in range(TIMES):
        before = worker.steps
        store.request(worker.run, "step")
        wait_until(lambda before=before: worker.steps > before, 20, every=0.0005)
        worker.becomes(Status.PAUSED)
        assert store.requests.asked(worker.run) == "pause"
        time.sleep(0.01)  # longer than the worker sleeps between two looks
        assert worker.steps == before + 1


def test_a_step_that_is_asked_for_while_one_is_made_is_refused(store: RunStore) -> None:
    run = store.create(ENDLESS, owner=this_process()).id
    store.set_status(run, Status.PAUSED)
    store.request(run, "pause")
    store.request(run, "step")
    store.request(run, "step")
    store.set_status(run, Status.RUNNING)  # what the worker does now
    store.requests.grant_step(run)
    with pytest.raises(RunConflict, match="not paused yet"):
        store.request(run, "step")
    assert store.requests.asked(run) == "pause"


@pytest.mark.parametrize("clicks", [(None, "stop"), ("stop", None), ("stop", "pause"), ("step", "stop", None)])
def test_of_clicks_that_arrive_together_a_stop_counts_whatever_their_order(
    store: RunStore, clicks: tuple[str | None, ...]
) -> None:
    run = store.create(ENDLESS, owner=this_process()).id
    store.set_status(run, Status.PAUSED)
    store.request(run, "pause")
    for what in clicks:
        click(store, run, what)
    assert store.requests.asked(run) == "stop"
    store.requests.accept_stop(run)
    for what in (None, "pause", "step", "stop"):
        click(store, run, what)
    store.mark_lost(run)


def test_fifty_stops_just_after_resume_stop_fifty_runs(store: RunStore) -> None:
    rng = random.Random(1)
    workers = [Worker(store) for _ in range(4)]
    for number in range(TIMES):
        worker = workers[number % len(workers)]
        click(store, worker.run, "pause")
        worker.becomes(Status.PAUSED)
        together = [threading.Thread(target=click, args=(store, worker.run, what)) for what in (None, "stop")]
        for thread in rng.sample(together, 2):
            thread.start()
            time.sleep(rng.choice((0, 0.001, 0.005)))
        for thread in together:
            thread.join()
        worker.becomes(Status.STOPPED)
        worker.joined()
        workers[number % len(workers)] = Worker(store)
    for worker in workers:
        store.request(worker.run, "stop")
        worker.joined()


@pytest.mark.parametrize("moment", ["before", "at"])
def test_a_stop_of_a_run_that_waits_reaches_the_worker_that_claims_it_meanwhile(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The page saw a run that waits; when the click is written, it is another's, which must hear of it."""
    run = store.create(ENDLESS, owner=this_process()).id
    store.mark_lost(run)
    store.requeue(run)
    look: Callable[[str], runs.Run] = store.get

    def claimed_after(run_id: str) -> runs.Run:
        seen = look(run_id)
        if seen.status == Status.QUEUED:
            claim_for_this_process(store, run_id)
        return seen

    if moment == "at":
        monkeypatch.setattr(store, "get", claimed_after)
    else:
        claim_for_this_process(store, run)
    store.request(run, "stop")
    now = look(run)
    assert now.status == Status.STOPPED or (now.status in ACTIVE and now.request == "stop")
    assert now.status != Status.STOPPED or now.owner is None, "its worker would end without a word"

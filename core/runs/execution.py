"""The one way to train: run a recorded spec to its end, observing every step.

The command line, the queue's workers and the tests all come through `execute`.
"""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core import datasets, methods
from core.common import AffinityLabError, DeviceError, Diverged, InvalidInput, RunTaken, StorageError, check_all
from core.datasets import Dataset, DataSpec
from core.methods import Clusterer
from core.runs import checkpoints, heldout, looks, moments, outcome
from core.runs.arithmetic import ARITHMETICS, FLOAT32, multiplying, products
from core.runs.budget import LookingBudget
from core.runs.filming import Filming
from core.runs.handle import RunHandle
from core.runs.imports import import_for
from core.runs.isolation import isolated
from core.runs.machine import announce_machine, gpu_seen
from core.runs.memory import gpu_facts
from core.runs.networks import PretrainedStore, RunShelf
from core.runs.recorder import Recorder
from core.runs.spec import LOOKS, Run, RunSpec, Status
from core.runs.store import RunStore
from core.runs.threads import threads_of_a_run
from core.training import Arrays, Stages, Step, to_host

CHECKPOINT_SECONDS = 10.0
CHECKPOINT_PAUSE = 20.0  # at least so many times as long as the last checkpoint took to write
REQUEST_SECONDS = 0.1
HOLD_SECONDS = 0.05  # between two looks of a run that has paused
MAX_SEED = 2**31 - 1
MAX_SNAPSHOTS = 100
DEVICES = ("auto", "cpu", "cuda")

OnStep = Callable[[Step, Mapping[str, float]], None]
Load = Callable[[DataSpec], Dataset]


def make_spec(
    method: str,
    data: DataSpec,
    *,
    preset: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str = "auto",
    snapshots: int = LOOKS,
    looking: float = 0.2,
    arithmetic: str = "auto",
    load: Load | None = None,
    facts: methods.Facts | None = None,
) -> RunSpec:
    """Complete a request to a spec: defaults, then the preset or the rules, then what the user set; everything checked.

    Where no preset is named and none is made for the data, the rules of the method look at these (`load` spares loading them
    again for a caller that keeps data, `facts` loading them at all).

    Raises
    ------
    InvalidInput
        If a name is unknown or a value out of bounds.
    """
    cls = methods.method_class(method)
    declared = {name: param for name, param in cls.declared().items() if name != "random_state"}
    preset_name, chosen = methods.preset_for(method, data.name, preset)
    values = {name: param.default for name, param in declared.items()} | dict(chosen.params if chosen else {})
    own = check_all(declared, overrides or {}, method)  # defaults and presets were checked when they were declared
    if preset_name == methods.RULE:
        seen = facts or facts_of((load or datasets.load)(data), own.get("n_clusters"))
        values |= cls.by_rule(seen).values
    modified = any(values[name] != value for name, value in own.items() if name != "n_clusters")
    values |= own
    if device not in DEVICES:
        raise DeviceError(f"device must be one of {', '.join(DEVICES)}. Got {device!r} instead.")
    for name, value, low, high in (("seed", seed, 0, MAX_SEED), ("snapshots", snapshots, 1, MAX_SNAPSHOTS)):
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InvalidInput(f"{name} must be an integer in [{low}, {high}]. Got {value!r} instead.")
    if isinstance(looking, bool) or not isinstance(looking, int | float) or not 0 <= looking <= 1:
        raise InvalidInput(f"looking must be a share of the time in [0, 1]. Got {looking!r} instead.")
    if arithmetic not in ARITHMETICS:
        raise InvalidInput(f"arithmetic must be one of {', '.join(ARITHMETICS)}. Got {arithmetic!r} instead.")
    return RunSpec(
        method=method, data=data, params=values, preset=preset_name, modified=modified, seed=seed, device=device,
        snapshots=snapshots, looking=float(looking),
        arithmetic=arithmetic if cls.uses_gpu else "exact",  # the others multiply by numpy, which knows no other
    )  # fmt: skip


def facts_of(data: Dataset, n_clusters: int | None = None) -> methods.Facts:
    """What the rules of methods may know of data: nothing of their labels but how many clusters are wanted."""
    return methods.Facts.of(data.samples, n_clusters or data.n_classes)


def resolve_device(device: str, cls: type[Clusterer]) -> str:
    """The device to use; "auto" takes the GPU if there is one and the method can use it.

    Raises
    ------
    DeviceError
        If "cuda" was asked for and this machine has none.
    """
    if device == "cpu" or (device == "auto" and not cls.uses_gpu):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda" if cls.uses_gpu else "cpu"
    if device == "cuda":
        raise DeviceError("device 'cuda' was asked for, but PyTorch sees no CUDA GPU on this machine. Use 'cpu' or 'auto'.")
    return "cpu"


@dataclass(frozen=True)
class Prepared:
    """Data and method of a spec; the seconds it took to get them, to import what they need, and of the CPU for both."""

    data: Dataset
    method: Clusterer
    seconds: float
    import_seconds: float
    cpu_seconds: float


def prepare(spec: RunSpec, load: Load | None = None) -> Prepared:
    """Load the data and build the method; every bad input surfaces here, before anything is recorded."""
    cpu = time.process_time()
    with threads_of_a_run():  # some libraries take note of their threads when they are loaded
        importing = import_for(methods.method_class(spec.method))
    started = time.perf_counter()
    data = (load or datasets.load)(spec.data)
    method = check(spec, data)
    return Prepared(data, method, time.perf_counter() - started, importing, time.process_time() - cpu)


def check(spec: RunSpec, data: Dataset) -> Clusterer:
    """The method of a spec, set for its data, which are loaded already.

    Raises
    ------
    InvalidInput
        If method and data do not fit each other.
    """
    cls = methods.method_class(spec.method)
    params = dict(spec.params)
    if params.get("n_clusters") is None:
        params["n_clusters"] = data.n_classes
    columns = [len(attribute.classes) for attribute in data.attributes.values()]
    params |= cls.by_columns(params, columns, data.n_classes)
    method = methods.build(spec.method, **params, random_state=spec.seed, device=resolve_device(spec.device, cls))
    method.clusters(data.X)
    if method.uses_labels(data.n_samples):
        if data.partly_labelled:
            raise InvalidInput(
                f"{spec.method}, set like this, draws equally many samples of each class, so each needs a label. "
                f"{data.n_labelled} of {data.n_samples} have one."
            )
        method.true_labels = data.y
    method.check_data(data.samples)
    if data.test is not None:
        heldout.check(method, data.test)
    return method


def execute(
    store: RunStore, run_id: str, *, prepared: Prepared | None = None, on_step: OnStep | None = None, load: Load | None = None
) -> Run:
    """Run a claimed record to its end, on as many threads as any run gets, and as if it were the first of its process.

    `prepared` saves loading the data again for a caller that has checked the spec by preparing it, `load` for one that
    keeps data.

    Whatever happens ends in the record: done, stopped on request, or failed with the reason. Only an interrupt from
    outside (Ctrl-C, SIGTERM) is passed on, after it was recorded as a stop.

    Raises
    ------
    RunTaken
        If the run came to be of another process meanwhile; nothing more is written to it.
    """
    run = RunHandle.open(store, run_id)
    execution = _Execution(run, prepared, on_step, load)
    try:
        with threads_of_a_run():
            execution.load_libraries()
            if resolve_device(run.spec.device, methods.method_class(run.spec.method)) == "cuda" and not gpu_seen(store):
                announce_machine(store)  # before others start: they would be counted as work of the processor
            with isolated(run.spec.seed):
                result = execution.train()
        run.finish(Status.STOPPED if execution.stages.stopping else Status.DONE, result)
    except RunTaken:
        raise
    except KeyboardInterrupt:
        execution.record.flush()
        run.finish(Status.STOPPED, execution.facts())
        raise
    except Exception as error:  # a worker's last words belong into the record, whatever they are
        execution.record.flush()  # the steps just before are the ones that explain it
        run.finish(Status.FAILED, execution.facts(), _describe(error))
    return run.record()


def _describe(error: Exception) -> dict[str, Any]:
    expected = isinstance(error, AffinityLabError)
    record: dict[str, Any] = {
        "message": str(error) if expected else f"{type(error).__name__}: {error}",
        "bad_input": isinstance(error, InvalidInput),
        "traceback": traceback.format_exc(),
    }
    if isinstance(error, Diverged):
        record |= {"term": error.term, "stage": error.stage, "step": error.step}
    return record


def _demand_finite(arrays: Arrays, step: Step) -> None:
    for name, value in arrays.items():
        values = value.data if hasattr(value, "tocoo") else value
        if not np.isfinite(values).all():
            raise Diverged(name, step.stage, step.step, math.nan)


class _Execution:
    """One pass of the training loop."""

    def __init__(self, run: RunHandle, prepared: Prepared | None, on_step: OnStep | None, load: Load | None) -> None:
        self.run, self.prepared, self.on_step, self.load = run, prepared, on_step, load
        self.stages = Stages()
        self.record = Recorder(run)
        self.shelf: RunShelf | None = None
        self.data: Dataset | None = None
        self.method: Clusterer | None = None
        self.next_checkpoint = time.monotonic() + CHECKPOINT_SECONDS
        self.next_look = 0.0
        self.budget = LookingBudget(run.spec.looking)
        self.rounded_to = FLOAT32

    def load_libraries(self) -> None:
        """Import what the method needs, so that no other stage is charged for it."""
        self.record.charge("import", import_for(methods.method_class(self.run.spec.method)))

    def train(self) -> dict[str, Any]:
        """The whole run: load, every stage of the method, the last look."""
        self.record.announce("load")
        ready = self.prepared or prepare(self.run.spec, self.load)
        self.data, self.method = data, method = ready.data, ready.method
        self.record.charge("load", ready.seconds)
        self.record.charge("import", ready.import_seconds)
        if self.prepared:
            self.record.include(ready.seconds + ready.import_seconds, ready.cpu_seconds)
        self.rounded_to = products(self.run.spec.arithmetic, method.device)
        self.shelf = self._shelf_for(method, data)
        self.stages = self._restored(self.shelf)
        filming = Filming(self.run, data, method, self.record)
        arrays: dict[str, Any] = {}
        self.run.set_status(Status.RUNNING)
        with multiplying(self.rounded_to):
            for step in self._timed(method.iter_fit(data.samples, self.stages)):
                arrays.update(step.arrays)
                self._observe(method, data, filming, step)
                self._keep(step)
                self._obey()
        with self.record.clock("score"):
            self.record.announce("score")
            result = outcome.conclude(self.run, data, method, arrays, self.stages, self.record, filming)
        return {**result, **self.facts()}

    def facts(self) -> dict[str, Any]:
        """The part of the result that holds however the run ends."""
        return {
            "device": self.method.device if self.method else None,
            **(gpu_facts() if self.method and self.method.device.startswith("cuda") else {}),
            "products": self.rounded_to,
            "n_samples": self.data.n_samples if self.data else None,
            "n_test": self.data.test.n_samples if self.data and self.data.test else 0,
            "fingerprint": self.data.fingerprint if self.data else None,
            "used_labels": self.method is not None and self.method.true_labels is not None,
            "pretrained": self.shelf.used if self.shelf else {},
            "start": self.shelf.parts if self.shelf else {},
            **self.record.facts(),
        }

    def _shelf_for(self, method: Clusterer, data: Dataset) -> RunShelf:
        provenance = {
            "dataset": data.name,
            "data": self.run.spec.data.to_dict(),
            "fingerprint": data.fingerprint,
            "n_samples": data.n_samples,
            "method": method.name,
            "run": self.run.id,
            "device": method.device.split(":")[0] + ("" if self.rounded_to == FLOAT32 else f", {self.rounded_to}"),
        }
        return RunShelf(PretrainedStore(self.run.home), provenance, lenient=self.record.lenient)

    def _timed(self, steps: Iterator[Step]) -> Iterator[Step]:
        """Charge the time that each step took to its stage; the time spent watching is not the method's."""
        while True:
            started = time.perf_counter()
            step = next(steps, None)
            if step is None:
                return
            self.record.charge(step.stage, time.perf_counter() - started)
            yield step

    def _observe(self, method: Clusterer, data: Dataset, filming: Filming, step: Step) -> None:
        scalars = {name: float(value) for name, value in step.scalars.items()}
        for name, value in scalars.items():
            if not math.isfinite(value):
                raise Diverged(name, step.stage, step.step, value)
        trained, looked = self.record.seconds.get(step.stage, 0.0), self.record.seconds.get("watch", 0.0)
        if self._is_snapshot(step) and self.budget.allows(step, trained):
            with self.record.clock("watch"):
                arrays = to_host(step.arrays)
                _demand_finite(arrays, step)  # a step can spoil the weights after its own loss was still finite
                view = looks.look(method, data, arrays, last=step.step == step.total)
                self.record.note(step.stage, {**scalars, **view.scores})
                found = looks.alarms(view, method.clusters(data.X), step.stage, step.step)
                self.record.alarms([*found, *self.record.history_alarms(view.scores, step.stage, step.step)])
                self.record.consider(view.scores, step.stage, step.step)
                filming.look(view, step, scalars)
                scalars |= view.scores
            self.budget.charge(step.stage, self.record.seconds["watch"] - looked)
        else:
            self.record.note(step.stage, scalars)
            if filming.wants(step) and self.budget.allows_sketch(step, trained):
                with self.record.clock("watch"):
                    filming.sketch(step, scalars)
                self.budget.charge(step.stage, self.record.seconds["watch"] - looked, sketch=True)
        self.record.step(step, scalars)
        if self.on_step is not None:
            self.on_step(step, scalars)

    def _is_snapshot(self, step: Step) -> bool:
        every = -(-step.total // self.run.spec.snapshots)
        planned = step.step in (1, step.total) or step.step % every == 0
        return bool(step.arrays) and step.total > 1 and planned

    def _keep(self, step: Step) -> None:
        """A moment that a run can branch off from."""
        if moments.is_due(step):
            with self.record.clock("watch"), self.record.lenient("moment", "A moment to branch off from"):
                moments.keep_moment(self.run, self.stages, self.record, step, self.shelf)

    def _obey(self) -> None:
        """Do what was asked for since the last look: pause here, take one step, or stop."""
        now = time.monotonic()
        if now > self.next_checkpoint:
            self._checkpoint()
        if now < self.next_look:
            return
        self.next_look = now + REQUEST_SECONDS
        request = self.run.asked()
        if request == "pause":
            request = self._hold()
        if request == "step":  # granted once: look again right after it
            self.run.grant_step()
            self.next_look = 0.0
        elif request == "stop":
            self.run.accept_stop()
            self.stages.stop()

    def _hold(self) -> str | None:
        """Wait between two steps until something else than a pause is asked for."""
        self.record.flush()
        self._checkpoint()
        self.run.set_status(Status.PAUSED)
        held = time.monotonic()
        while (request := self.run.asked()) == "pause":
            time.sleep(HOLD_SECONDS)
        self.record.leave_out(time.monotonic() - held)
        self.run.set_status(Status.RUNNING)
        return request

    # ---- checkpoints ---------------------------------------------------------------------------------------------

    def _checkpoint(self) -> None:
        self.record.flush()
        started = time.monotonic()
        with self.record.lenient("checkpoint", "A checkpoint"):
            checkpoints.save_checkpoint(self.run, self.stages, self.record, self.shelf)
        ended = time.monotonic()  # a large C takes seconds to write: a small share of the time is enough
        self.next_checkpoint = ended + max(CHECKPOINT_SECONDS, CHECKPOINT_PAUSE * (ended - started))

    def _restored(self, shelf: RunShelf) -> Stages:
        found = checkpoints.load_checkpoint(self.run)
        saved = found.saved
        if found.words:
            how = "The run starts over." if saved is None else "The run goes on from the one before."
            self.record.trouble("unreadable", f"A checkpoint cannot be read. {how} {' '.join(found.words)}")
        if saved is None and self.run.spec.branch is not None:
            raise StorageError(" ".join(found.words) or f"The moment that {self.run.id} goes on from is gone.")
        if saved is None:
            self.run.rewind(0)
            return Stages(shelf=shelf)
        shelf.used, shelf.parts = dict(saved.get("pretrained", {})), dict(saved.get("start", {}))
        self.record.restore(saved["record"])
        self.run.rewind(self.record.seq)
        return Stages(saved["stages"], shelf)

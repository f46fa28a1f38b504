"""What a run will cost, before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from core import methods
from core.evaluation import SILHOUETTE_SAMPLES
from core.methods import Cost
from core.runs.costs import IMPORT, counter, expected_seconds
from core.runs.spec import Run, RunSpec, Status
from core.runs.store import RunStore

PROCESS = {False: 215 * 2**20, True: 510 * 2**20}
"""Bytes that a process holds beside what a method declares and what depends on the data: without and with what trains
networks. `core bench estimates` sets them against what was measured."""
CUDA = 740 * 2**20
"""What the libraries of a GPU add to that: 1,250 MB were the least that a run on one held."""
COPIES = 4
"""Samples in single precision, as often as any run holds them: as loaded, in double precision, and as they are written."""


@dataclass(frozen=True)
class Estimate:
    """Parameters and bytes from the declared shapes; seconds from a measured run of the same kind, or from the table.

    `measured_on` names that run. Without it the seconds are what the table of `core.runs.costs` says, within a factor of
    about two; they are None for a method that is not in the table, or on a machine whose pace is not known yet.

    `process` is what a run holds whatever the method does: its programs, copies of the samples, and what scores them.
    """

    cost: Cost
    process: int
    seconds: float | None = None
    measured_on: str | None = None

    @property
    def bytes(self) -> int:
        """What the process will hold at most."""
        return self.process + self.cost.bytes


def estimate(store: RunStore, spec: RunSpec, shape: tuple[int, ...]) -> Estimate:
    """Estimate a run on data of the given shape (n, ...).

    Time is scaled, stage by stage, from the latest finished run of the method on as many samples of the same data; without
    one, from the table of costs and the pace of this machine, which a worker measures.
    """
    cls = methods.method_class(spec.method)
    machine = store.notices.read("machine") or {}
    on_gpu = bool(cls.uses_gpu and machine.get("cuda") and spec.device != "cpu")
    cost, process = cls.cost(shape, spec.params), PROCESS[cls.uses_gpu] + CUDA * on_gpu + _of_any_run(shape)
    for run in store.runs(status=[Status.DONE]):
        same = run.spec.method == spec.method and run.spec.data.name == spec.data.name
        same = same and run.spec.params.get("recipe") == spec.params.get("recipe")  # other stages take other times
        if same and run.result["n_samples"] == shape[0]:
            return Estimate(cost, process, _scaled(run, spec), run.id)
    if "pace" not in machine:
        return Estimate(cost, process)
    return Estimate(cost, process, expected_seconds(spec.method, shape, spec.params, machine["pace"], on_gpu=on_gpu))


def _of_any_run(shape: tuple[int, ...]) -> int:
    """Bytes for samples (n, ...), whatever clusters them: copies, and the distances of the silhouette, twice in double."""
    return COPIES * 4 * prod(shape) + 2 * 8 * min(shape[0], SILHOUETTE_SAMPLES) ** 2


def _scaled(run: Run, spec: RunSpec) -> float:
    seconds: Mapping[str, float] = run.result["seconds"]
    total = seconds["total"] - seconds.get(IMPORT, 0.0)  # its worker may have been the first; that of another run is warm
    for stage, measured in seconds.items():
        counts = counter(stage)
        before, now = run.spec.params.get(counts or ""), spec.params.get(counts or "")
        if before and now is not None:
            total += measured * (now / before - 1)
    return float(total)

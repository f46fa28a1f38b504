"""What a run will cost, before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core import registry
from core.base import Cost
from core.runs import Run, RunSpec, RunStore, Status

_COUNTED = {"pretrain": "pretrain_epochs", "finetune": "epochs", "joint": "epochs"}


@dataclass(frozen=True)
class Estimate:
    """Memory and parameters from the declared shapes; seconds from a measured run of the same kind, if there is one."""

    cost: Cost
    seconds: float | None = None
    measured_on: str | None = None


def estimate(store: RunStore, spec: RunSpec, shape: tuple[int, ...]) -> Estimate:
    """Estimate a run on data of the given shape (n, ...).

    Time is scaled, stage by stage, from the latest finished run of the method on as many samples of the same data.
    """
    cost = registry.method(spec.method).cost(shape, spec.params)
    for run in store.runs(status=[Status.DONE]):
        if run.spec.method == spec.method and run.spec.data.name == spec.data.name and run.result["n_samples"] == shape[0]:
            return Estimate(cost, _scaled(run, spec), run.id)
    return Estimate(cost)


def _scaled(run: Run, spec: RunSpec) -> float:
    seconds: Mapping[str, float] = run.result["seconds"]
    total = seconds["total"]
    for stage, counter in _COUNTED.items():
        before, now = run.spec.params.get(counter), spec.params.get(counter)
        if before and now is not None:
            total += seconds.get(stage, 0.0) * (now / before - 1)
    return float(total)

"""What a run will cost, before it starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from core import methods
from core.methods import Cost
from core.runs.spec import Run, RunSpec, Status
from core.runs.store import RunStore

# pattern of a stage's name -> the hyperparameter that says how many steps it has
_COUNTED = {
    "pretrain": "pretrain_epochs",
    "finetune|joint": "epochs",
    "start": "start_epochs",
    "head": "head_epochs",
    r"\w+ layer \d+": "layer_epochs",
    r"\w+ path": "path_epochs",
}


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
    cost = methods.method_class(spec.method).cost(shape, spec.params)
    for run in store.runs(status=[Status.DONE]):
        same = run.spec.method == spec.method and run.spec.data.name == spec.data.name
        same = same and run.spec.params.get("recipe") == spec.params.get("recipe")  # other stages take other times
        if same and run.result["n_samples"] == shape[0]:
            return Estimate(cost, _scaled(run, spec), run.id)
    return Estimate(cost)


def _scaled(run: Run, spec: RunSpec) -> float:
    seconds: Mapping[str, float] = run.result["seconds"]
    total = seconds["total"]
    for stage, measured in seconds.items():
        counter = next((counter for pattern, counter in _COUNTED.items() if re.fullmatch(pattern, stage)), "")
        before, now = run.spec.params.get(counter), spec.params.get(counter)
        if before and now is not None:
            total += measured * (now / before - 1)
    return float(total)

"""What tells runs apart: which settings differ, which runs repeat others under another seed, and which samples moved."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import evaluation, methods
from core.runs import Run, RunSpec, summarize

SEED = "seed"
SPREAD_DIGITS = 12  # numbers that differ by rounding alone are the same


def settings_of(spec: RunSpec) -> dict[str, Any]:
    """Everything that decides what a run does, flat: method, data, hyperparameters, seed.

    A run of before a hyperparameter was there did what its default does. One that branched off another had other values
    before, so it is not a run of its own values.
    """
    data = {f"data.{name}": value for name, value in spec.data.to_dict().items() if name not in ("name", "make")}
    data |= {f"make.{knob}": value for knob, value in spec.data.knobs.items()}
    origin = {} if spec.branch is None else {"branch of": f"{spec.branch['run']} at {spec.branch['seq']}"}
    return {
        "method": spec.method,
        "data": spec.data.name,
        **data,
        **methods.completed(spec.method, spec.params),
        **origin,
        SEED: spec.seed,
    }


def same_settings(spec: RunSpec, *, but: Collection[str] = ()) -> Hashable:
    """Equal for specs that make the same run; numbers that differ by rounding alone are the same."""
    return frozenset((name, _plain(value)) for name, value in settings_of(spec).items() if name not in but)


def differences(specs: Sequence[RunSpec]) -> dict[str, list[Any]]:
    """Settings in which these differ, by name, with the value of each; None where a method has no such setting."""
    flat = [settings_of(spec) for spec in specs]
    names = list(dict.fromkeys(name for settings in flat for name in settings))
    values = {name: [settings.get(name) for settings in flat] for name in names}
    return {name: found for name, found in values.items() if len({_plain(value) for value in found}) > 1}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{SPREAD_DIGITS}g}")
    return tuple(value) if isinstance(value, list) else value


def by_all_but_seed(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that differ in their seed alone, together; in the order in which they first appear."""
    groups: dict[Hashable, list[Run]] = {}
    for run in runs:
        groups.setdefault(same_settings(run.spec, but=(SEED,)), []).append(run)
    return list(groups.values())


def over_seeds(group: Sequence[Run], score: str) -> dict[str, float] | None:
    """`summarize` of a score over runs that differ in their seed alone; None where none of them has it."""
    values = [run.result["metrics"][score] for run in group if score in run.result["metrics"]]
    return summarize(values) if values else None


@dataclass(frozen=True)
class Paired:
    """How much better one group of runs is than another on the seeds that both have."""

    mean: float
    std: float
    seeds: tuple[int, ...]


def paired(ours: Sequence[Run], theirs: Sequence[Run], score: str) -> Paired | None:
    """Mean and standard deviation over shared seeds of the difference of a score; None without a shared seed."""
    first, second = ({run.spec.seed: run.result["metrics"].get(score) for run in group} for group in (ours, theirs))
    gains: Mapping[int, float] = {
        seed: value - second[seed] for seed, value in first.items() if value is not None and second.get(seed) is not None
    }
    if not gains:
        return None
    values = np.array(list(gains.values()))
    return Paired(float(values.mean()), float(values.std()), tuple(sorted(gains)))


def moved(labels: Sequence[NDArray]) -> NDArray[np.int64]:
    """Samples that change cluster between clusterings of the same data, after each is matched to the first: (k, k) counts."""
    first = np.asarray(labels[0])
    matched = [first, *(evaluation.cluster_numbers(first, other)[other] for other in labels[1:])]
    return np.array([[int((a != b).sum()) for b in matched] for a in matched])

"""Names for runs that say how each differs from the others of its kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from time import localtime, strftime
from typing import Any

from core import methods
from core.explore import differences
from core.methods import Clusterer
from core.runs import Run

MOST_TOLD = 4


def told_apart(runs: Sequence[Run], *, score: bool = True) -> dict[str, str]:
    """By id: "RGRL on ORL, gamma 0, seed 1 · ACC 0.816"; runs that do not differ are told apart by when they began."""
    kinds: dict[tuple[str, str], list[Run]] = {}
    known = methods.registered()
    for run in runs:
        kinds.setdefault((run.spec.method, run.spec.data.name), []).append(run)
    names: dict[str, str] = {}
    for alike in kinds.values():
        apart = differences([run.spec for run in alike])
        for place, run in enumerate(alike):
            told = [_setting(name, values[place]) for name, values in apart.items() if values[place] is not None]
            more = [f"{len(told) - MOST_TOLD} more"] if len(told) > MOST_TOLD else []
            names[run.id] = ", ".join([_kind(run, known), *told[:MOST_TOLD], *more])
    names = _by_arithmetic(names, runs)
    names = _unlike(names, {run.id: _when(run) for run in runs})
    names = _unlike(names, {run.id: f" ({run.id[-4:]})" for run in runs})
    return {run.id: names[run.id] + (_score(run) if score else "") for run in runs}


def _unlike(names: dict[str, str], more: dict[str, str]) -> dict[str, str]:
    """Names with something more where several are the same."""
    count = Counter(names.values())
    return {run_id: name + (more[run_id] if count[name] > 1 else "") for run_id, name in names.items()}


def _by_arithmetic(names: dict[str, str], runs: Sequence[Run]) -> dict[str, str]:
    """Names that also say how matrices were multiplied, where runs differ in nothing else."""
    ways: dict[str, set[str]] = {}
    for run in runs:
        ways.setdefault(names[run.id], set()).add(run.spec.arithmetic)
    more = {run.id: f", {run.spec.arithmetic} arithmetic" for run in runs}
    return {run_id: name + (more[run_id] if len(ways[name]) > 1 else "") for run_id, name in names.items()}


def _kind(run: Run, known: Mapping[str, type[Clusterer]]) -> str:
    cls = known.get(run.spec.method)
    return f"{cls.title if cls else run.spec.method} on {run.spec.data.label}{', reference' if run.reference else ''}"


def _setting(name: str, value: Any) -> str:
    shown = (
        f"{value:g}" if isinstance(value, float) else "-".join(map(str, value)) if isinstance(value, list | tuple) else value
    )
    return f"{name.removeprefix('data.').removeprefix('make.').replace('_', ' ')} {shown}"


def _when(run: Run) -> str:
    return f" · {strftime('%d %b %H:%M:%S', localtime(run.created))}"


def _score(run: Run) -> str:
    """Of a run that goes on only that: a list of names stands on the page while the run goes from waiting to its end."""
    accuracy = run.result.get("metrics", {}).get("acc")
    return f" · ACC {accuracy:.3f}" if accuracy is not None else "" if run.over else " · not finished"

"""A run as others can repeat it: a command line and a short script that end in the same labels."""

from __future__ import annotations

import pprint
import shlex
from collections.abc import Mapping
from typing import Any

from core import methods
from core.datasets import DataSpec
from core.runs.spec import RunSpec

_DATA_OPTIONS = ("n_samples", "per_class", "n_classes", "n_test", "noise")
_WIDTH = 120


def changes(spec: RunSpec) -> dict[str, Any]:
    """The hyperparameters in which a run differs from its preset."""
    cls = methods.method_class(spec.method)
    preset = cls.presets.get(spec.preset)
    start = {name: param.default for name, param in cls.declared().items()} | dict(preset.params if preset else {})
    return {name: value for name, value in spec.params.items() if _listed(start.get(name)) != _listed(value)}


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def as_command(spec: RunSpec) -> str:
    """``python -m core run ...`` that does the same."""
    if spec.branch is not None:
        origin = spec.branch
        sets = [part for name, value in origin["changed"].items() for part in ("--set", f"{name}={_text(value)}")]
        return shlex.join(["python", "-m", "core", "branch", origin["run"], "--at", str(origin["seq"]), *sets])
    parts = ["python", "-m", "core", "run", spec.method, "--dataset", spec.data.name]
    for name in _DATA_OPTIONS:
        value = getattr(spec.data, name)
        if value not in (None, 0, 0.0):
            parts += [f"--{name.replace('_', '-')}", _text(value)]
    if spec.data.make:
        parts += ["--make", ",".join(f"{knob}={_text(value)}" for knob, value in spec.data.make.items())]
    if spec.data.seed:
        parts += ["--data-seed", str(spec.data.seed)]
    if spec.data.scaling != "unit":
        parts += ["--scaling", spec.data.scaling]
    parts += ["--preset", spec.preset]
    for name, value in changes(spec).items():
        parts += ["--set", f"{name}={_text(value)}"]
    return shlex.join([*parts, "--seed", str(spec.seed), "--device", spec.device, "--arithmetic", spec.arithmetic])


def _text(value: Any) -> str:
    """A value as `Param.parse` reads it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return "-".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def as_script(spec: RunSpec) -> str:
    """A Python script of less than 30 lines that does the same and prints the scores."""
    if spec.branch is not None:
        return _branch_script(spec, spec.branch)
    plain = spec.data.to_dict()
    default = DataSpec(spec.data.name).to_dict()
    data = _call("DataSpec", [repr(spec.data.name)], {k: v for k, v in plain.items() if v != default[k]})
    given = {
        "preset": spec.preset,
        "overrides": changes(spec),
        "seed": spec.seed,
        "device": spec.device,
        "arithmetic": spec.arithmetic,
    }
    return f'''"""{methods.method_class(spec.method).title} on {spec.data.label}, seed {spec.seed}."""

import tempfile

from core.datasets import DataSpec
from core.runs import RunStore, execute, make_spec, this_process

data = {data}
spec = {_call("make_spec", [repr(spec.method), "data"], given)}

with tempfile.TemporaryDirectory() as home:
    store = RunStore(home)
    run = execute(store, store.create(spec, owner=this_process()).id)
    labels = store.files.arrays(run.id, "final")["labels"]

print(run.result["metrics"])
print(labels)
'''


def _branch_script(spec: RunSpec, origin: Mapping[str, Any]) -> str:
    title = f"{methods.method_class(spec.method).title} on {spec.data.label}, from a moment of a run that is kept here."
    return f'''"""{title}"""

from core.runs import RunStore, branch, claim_for_this_process, execute

changed = {pprint.pformat(origin["changed"], width=_WIDTH, compact=True)}

store = RunStore()
run = branch(store, {origin["run"]!r}, {origin["seq"]}, changed)
claim_for_this_process(store, run.id)
run = execute(store, run.id)

print(run.result["metrics"])
print(store.files.arrays(run.id, "final")["labels"])
'''


def _call(name: str, values: list[str], named: Mapping[str, Any]) -> str:
    told = [f"{key}={pprint.pformat(value, width=_WIDTH, compact=True)}" for key, value in named.items()]
    return f"{name}({', '.join([*values, *told])})"

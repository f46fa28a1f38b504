"""A run that goes on from a moment of another one with other weights, rates or noise."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core import methods
from core.common import Param, ParameterError, UnknownName
from core.runs.frames import FOLDER as FRAMES
from core.runs.frames import frame_files
from core.runs.moments import Moment, kept_moments, moment_at
from core.runs.spec import CHECKPOINT, Run
from core.runs.store import RunStore

IN_THE_COURSE = ("Objective", "Training", "Spectral head", "Gaussian code", "Layer-wise recipe", "Pretraining", "Method")
LENGTHS = ("epochs", "head_epochs", "path_epochs")
AT_THE_START = ("initial_c", "ridge_strength", "validation")  # what decides only where, or on what, training begins
PRETRAINED = "pretrain"


def branching_points(store: RunStore, run: Run) -> list[Moment]:
    """The kept moments of a run from which anything can still change."""
    return [moment for moment in kept_moments(store.files.folder(run.id)) if changeable(run.spec.method, moment)]


def changeable(method: str, moment: Moment) -> dict[str, Param]:
    """The hyperparameters that can be other ones from a moment on.

    Weights, rates and noise, which a step reads anew; how long stages take; and how labels are read off in the end. What has
    formed the networks, the graph or the start is part of the moment.
    """
    over = moment.stage != PRETRAINED or moment.step == moment.total
    declared = methods.method_class(method).declared()
    return {name: param for name, param in declared.items() if _changes(param, pretrained=over)}


def _changes(param: Param, *, pretrained: bool) -> bool:
    if param.group == "Affinity" or param.name in LENGTHS:
        return True
    if param.name in AT_THE_START or (pretrained and param.group == "Pretraining"):
        return False
    return param.kind == "real" and param.group in IN_THE_COURSE


def branch(store: RunStore, run_id: str, seq: int, overrides: Mapping[str, Any]) -> Run:
    """Queue a run that begins where another was after `seq` steps, and goes on with other hyperparameters.

    Its history and its film begin with those of the other run up to there.

    Raises
    ------
    UnknownName
        If there is no such run, moment or hyperparameter.
    ParameterError
        If a value is not allowed, cannot change any more at that moment, or if nothing changes.
    """
    parent = store.get(run_id)
    folder = store.files.folder(run_id)
    moment = moment_at(folder, run_id, seq)
    cls, allowed = methods.method_class(parent.spec.method), changeable(parent.spec.method, moment)
    for name in overrides:
        if name not in cls.declared():
            raise UnknownName(f"hyperparameter of {cls.name}", name, list(allowed))
        if name not in allowed:
            raise ParameterError(f"{name} cannot change after the {moment.label}: what it decides has been made. "
                                 f"What can: {', '.join(allowed)}.")  # fmt: skip
    changed = {name: allowed[name].check(value, cls.name) for name, value in overrides.items()}
    params = {**parent.spec.params, **changed}
    if params == dict(parent.spec.params):
        raise ParameterError("A branch differs from its run in at least one value. Got none that does.")
    origin = {"run": run_id, "seq": moment.seq, "stage": moment.stage, "step": moment.step, "changed": changed}
    spec = dataclasses.replace(parent.spec, params=params, modified=True, branch=origin)

    def inherit(own: Path) -> None:
        shutil.copyfile(moment.path(folder), own / CHECKPOINT)
        (own / FRAMES).mkdir()
        for frame in frame_files(folder):
            if int(frame.stem) <= moment.seq:
                shutil.copyfile(frame, own / FRAMES / frame.name)

    return store.create(spec, inherit=inherit, history=(run_id, moment.seq))

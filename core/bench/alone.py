"""Whole runs for a benchmark: each in a home of its own, so that nothing is taken over from another."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from tempfile import TemporaryDirectory

from core.common import RunConflict
from core.runs import Run, RunSpec, RunStore, execute, this_process


def run_here(spec: RunSpec) -> Run:
    """A run in this process."""
    with TemporaryDirectory() as home:
        store = RunStore(home)
        return execute(store, store.create(spec, owner=this_process()).id)


def run_apart(words: Sequence[str], variables: Mapping[str, str], seconds: float | None = None) -> Run | None:
    """A run by the command line, in a process that starts with these variables; None if it takes longer than `seconds`.

    Raises
    ------
    RunConflict
        If the command fails; the message has its last words.
    """
    command = [sys.executable, "-m", "core", "run", *words]
    with TemporaryDirectory() as home:
        environment = {**os.environ, **variables, "AFFINITY_LAB_HOME": home}
        try:
            done = subprocess.run(command, env=environment, timeout=seconds, capture_output=True, text=True, check=False)
        except subprocess.TimeoutExpired:
            return None
        if done.returncode:
            raise RunConflict(f"{shlex.join(command)} failed: {done.stderr.strip().splitlines()[-1]}")
        return next(iter(RunStore(home).runs(references=False)))

"""What the tests share: a home of their own, the benchmark files where they are, one thread, and waiting."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.config import set_option

from core.runs import RunStore

set_option("runner.postScriptGC", False)  # pages that run in this process; a server of a journey collects as it does for users
ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "AFFINITY_LAB_THREADS")
T = TypeVar("T")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """A shell starts what runs in the background deaf to SIGINT, and its children inherit that."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Sums of floats depend on the number of threads; with one, equal runs are equal to the last bit."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def packages_looked_through_once() -> Iterator[None]:
    """Each page that is opened looks for components in all installed packages: for a tenth of a second, always the same."""
    patched = pytest.MonkeyPatch()
    patched.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
    yield
    patched.undo()


@pytest.fixture(autouse=True)
def lab_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for every test, for this process and for those that it starts."""
    home = tmp_path / "home"
    monkeypatch.setenv("AFFINITY_LAB_HOME", str(home))
    for name in ("AFFINITY_LAB_METHODS", "AFFINITY_LAB_WORKERS"):
        monkeypatch.delenv(name, raising=False)
    if not os.environ.get("AFFINITY_LAB_DATA") and DATA.is_dir():
        monkeypatch.setenv("AFFINITY_LAB_DATA", str(DATA))
    for name in THREADS:
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(os, "fsync", lambda file: None)  # no test cuts the power
    return home


@pytest.fixture
def benchmark_data() -> Path:
    """The folder of the benchmark files; without it a test is skipped, but fails where CI runs it."""
    places = [Path(part) for part in os.environ.get("AFFINITY_LAB_DATA", "").split(os.pathsep) if part]
    folder = next((place for place in places if (place / "coil20.npz").is_file()), None)
    if folder is None:
        reason = "the benchmark files are not here: set AFFINITY_LAB_DATA to their folder"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture
def read_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read here and not in a process of their own: hundreds of small ones, whose content is what matters."""
    from core.datasets.choices import Choices
    from core.datasets.handover import write_clean
    from core.datasets.readers import read_here

    def store(path: Path, target: Path, choices: Choices | None = None) -> None:
        write_clean(read_here(path, choices), target)

    monkeypatch.setattr("core.datasets.read_file", read_here)
    monkeypatch.setattr(sys.modules["core.datasets.uploads"], "store_file", store)  # a function has the name of the module


@pytest.fixture
def store(lab_home: Path) -> RunStore:
    return RunStore(lab_home)


@pytest.fixture
def inline_queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Jobs of pages run in the page's own thread; the queue of one test is not seen by the next."""
    import streamlit as st

    from core.jobs import JobQueue

    st.cache_resource.clear()
    monkeypatch.setattr("pages.ui.state.JobQueue", partial(JobQueue, immediate=True))
    yield
    st.cache_resource.clear()


@pytest.fixture
def worker_env(lab_home: Path) -> Callable[..., dict[str, str]]:
    """The environment of a child process: this test's home and data, one thread, and what is added."""

    def environment(**added: str) -> dict[str, str]:
        return {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), **added}

    return environment


@pytest.fixture
def command(worker_env: Callable[..., dict[str, str]]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``python -m core ...`` to its end."""

    def run(*arguments: object, **added: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "core", *map(str, arguments)],
            cwd=ROOT, env=worker_env(**added), capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    return run


def last_json(stdout: str) -> Any:
    """The JSON value on the last line."""
    return json.loads(stdout.strip().splitlines()[-1])


def wait_until(condition: Callable[[], T], timeout: float = 60.0, every: float = 0.05) -> T:
    """Look again and again until `condition` gives something true, and return that."""
    deadline = time.monotonic() + timeout
    while not (seen := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"still {seen!r} after {timeout:g} s")
        time.sleep(every)
    return seen

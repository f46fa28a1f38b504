"""What killed processes leave behind: files that are swept, and children that end with the app at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from core.common import atomic_write, written_by_the_dead
from core.datasets import DataSpec
from core.jobs import JobQueue
from core.runs import PretrainedStore, RunSpec, RunStore, Status, process, sweep, this_process
from core.runs.spec import CHECKPOINT, PREVIOUS
from tests.conftest import ROOT, wait_until

SPEC = RunSpec(method="kmeans", data=DataSpec("digits", per_class=8), params={})


@pytest.fixture
def dead() -> int:
    """The id of a process that has gone."""
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    return child.pid


def test_half_written_files_of_the_dead_are_swept_and_those_of_the_living_stay(store: RunStore, dead: int) -> None:
    run = store.create(SPEC).id
    for folder in (store.home, store.files.folder(run), store.home / "cache", store.home / "data" / "uploads"):
        folder.mkdir(parents=True, exist_ok=True)
        for pid in (dead, os.getpid()):
            (folder / f".final.npz.{pid}.abc123.tmp").write_bytes(b"half")
        for name in ("final.npz", ".hidden", "notes.tmp", f".odd.{dead}.tmp.npz", ".tmp"):
            (folder / name).write_bytes(b"whole")
    assert len(sweep(store)) == 4
    assert not list(store.home.rglob(f".*.{dead}.*.tmp")) and len(list(store.home.rglob(f".*.{os.getpid()}.*.tmp"))) == 4
    assert len(list(store.home.rglob("final.npz"))) == len(list(store.home.rglob("notes.tmp"))) == 4
    assert sweep(store) == []


def test_what_a_killed_writer_leaves_is_known_by_its_name(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib\nfrom core.common import atomic_write\n"
        "with atomic_write(pathlib.Path(sys.argv[1])) as file:\n    file.write(b'half')\n    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "final.npz"], cwd=ROOT, check=False)
    (rest,) = tmp_path.iterdir()
    assert written_by_the_dead(rest)
    with atomic_write(tmp_path / "final.npz"):
        mine = [path for path in tmp_path.iterdir() if path != rest]
        assert len(mine) == 1 and not written_by_the_dead(mine[0])


@pytest.mark.parametrize(("status", "kept"), [("done", False), ("stopped", False), ("failed", True), ("running", True)])
def test_checkpoints_of_runs_that_have_ended_are_swept(store: RunStore, status: str, kept: bool) -> None:
    run = store.create(SPEC, owner=this_process()).id
    if status != "running":
        store.finish(run, Status(status), {})
    for name in (CHECKPOINT, PREVIOUS):  # a kill fell between the last word and their removal
        (store.files.folder(run) / name).write_bytes(b"half a fit")
    JobQueue(store, immediate=True)
    assert len(store.files.checkpoints(run)) == 2 * kept


@pytest.mark.parametrize("folder", ["pretrained", "starts"])
def test_half_kept_networks_are_swept(store: RunStore, dead: int, folder: str) -> None:
    root = PretrainedStore(store.home, folder).root
    for pid in (dead, os.getpid()):
        (root / f".draft.{pid}.abc123.tmp").mkdir(parents=True)
    sweep(store)
    assert [path.name for path in root.iterdir()] == [f".draft.{os.getpid()}.abc123.tmp"]


# ---- children --------------------------------------------------------------------------------------------------------

OWNER = """
    import sys, time
    from core.jobs.workers import WorkerProcess
    from core.runs import RunStore
    store = RunStore()
    child = WorkerProcess(store, *sys.argv[1:], threads=1)
    print(child.pid, flush=True)
    time.sleep(600)
"""
BUSY = '''
"""Holds the interpreter in one call of C for a minute, as a large decomposition does."""
from core.methods import Clusterer, register

sum(range(4_000_000_000))
'''


def child_of_a_killed_app(
    env: dict[str, str], *arguments: str, after: float, until: Callable[[psutil.Process], bool] = lambda _: True
) -> float:
    """Start a child in an app, kill the app, and return how many seconds the child lives on."""
    app = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OWNER), *arguments], cwd=ROOT, env=env, stdout=subprocess.PIPE
    )
    try:
        assert app.stdout is not None
        child = psutil.Process(int(app.stdout.readline()))
        wait_until(lambda: until(child))
        time.sleep(after)
        assert child.status() != psutil.STATUS_ZOMBIE, "it is there when the app is killed"
    finally:
        app.send_signal(signal.SIGKILL)
        app.wait()
    started = time.monotonic()
    wait_until(lambda: process(child.pid) is None, 60, every=0.01)  # whoever inherits it may count it late
    return time.monotonic() - started


@pytest.mark.journey
@pytest.mark.parametrize("after", [0.0, 0.05, 0.5])
def test_a_child_ends_with_the_app_while_it_still_imports(worker_env: Callable[..., dict[str, str]], after: float) -> None:
    assert child_of_a_killed_app(worker_env(), "--standby", after=after) < 3.0


@pytest.mark.journey
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a child waits for the end of the call")
def test_a_child_ends_with_the_app_though_a_long_call_holds_the_interpreter(
    worker_env: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    (tmp_path / "t_busy.py").write_text(BUSY)
    env = worker_env(AFFINITY_LAB_METHODS=str(tmp_path))

    def busy(child: psutil.Process) -> bool:
        return child.cpu_times().user > 3.0

    assert child_of_a_killed_app(env, "--standby", after=0.0, until=busy) < 3.0

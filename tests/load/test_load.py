"""A class at one server: many visitors for minutes beside two trainings."""

from __future__ import annotations

import os
import statistics
import threading
import time
from pathlib import Path

import psutil
import pytest

from core import runs
from core.datasets import DataSpec
from core.runs import RunStore, Status, this_process
from tests.browser.conftest import Server
from tests.conftest import wait_until
from tests.load.visitors import Visitor

VISITORS = int(os.environ.get("AFFINITY_LAB_VISITORS", "20"))
MINUTES = float(os.environ.get("AFFINITY_LAB_MINUTES", "10"))
SETTLED = 0.3  # of the time, after which the memory of the server must stay as it is
PLACES = ["", "lessons", "data", "train", "runs", "explore", "compare", "sweeps", "autoencoders", "results"]


def spec(seed: int, n: int = 300, epochs: int = 40) -> runs.RunSpec:
    return runs.make_spec("udll", DataSpec("digits", n_samples=n), overrides={"epochs": epochs}, seed=seed, device="cpu")


@pytest.mark.slow
@pytest.mark.timeout(60 * MINUTES + 240)
def test_a_class_at_one_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = RunStore(tmp_path / "home")
    done = [runs.execute(store, store.create(spec(seed), owner=this_process()).id).id for seed in range(2)]
    server = Server(store.home, tmp_path / "server.log")
    server.start()
    try:
        for seed in (10, 11):  # long enough to train all the time
            store.create(spec(seed, n=1200, epochs=10**5))
        pages = [(place, "") for place in PLACES]
        pages += [("explore", f"run={run}") for run in done] + [("compare", f"runs={','.join(done)}")]
        over, visitors = threading.Event(), [Visitor(server.url.removeprefix("http://"), pages, k) for k in range(VISITORS)]
        walking = [threading.Thread(target=visitor.walk, args=(over,)) for visitor in visitors]
        for thread in walking:
            thread.start()
        wait_until(lambda: len(store.runs(status=[Status.RUNNING], references=False)) == 2, 60)
        began, memory = time.monotonic(), []
        while (passed := time.monotonic() - began) < 60 * MINUTES:
            memory.append((passed, psutil.Process(server.pid).memory_info().rss / 2**20))
            time.sleep(2)
        assert len(store.runs(status=[Status.RUNNING], references=False)) == 2, "the trainings go on"
        over.set()
        for thread in walking:
            thread.join()
    finally:
        server.kill()
    faults = [fault for visitor in visitors for fault in visitor.faults]
    waits = [wait for visitor in visitors for wait in visitor.waits]
    settled = [mib for passed, mib in memory if passed > SETTLED * 60 * MINUTES]
    third = len(settled) // 3
    grown = statistics.median(settled[-third:]) - statistics.median(settled[:third])
    with capsys.disabled():
        slowest = statistics.quantiles(waits, n=20)[-1]
        print(f"\n{len(waits)} pages, median {statistics.median(waits):.2f} s, 19 of 20 within {slowest:.2f} s; server "
              f"{memory[0][1]:.0f} MiB, {settled[0]:.0f} settled, {memory[-1][1]:.0f} in the end ({grown:+.0f})")  # fmt: skip
    assert not faults, faults[:5]
    assert statistics.median(waits) < 3
    assert grown < 0.05 * settled[0]

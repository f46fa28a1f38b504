"""How much a user who clicks slows training down. Run with ``pytest -m slow tests/browser/test_slowdown.py -s``."""

from __future__ import annotations

import time
from itertools import pairwise
from statistics import median

import pytest
from playwright.sync_api import Page

from core import runs
from core.datasets import DataSpec
from core.runs import RunStore
from tests.browser.conftest import Server, settle

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROUNDS, PHASE_SECONDS = 3, 15.0


def test_clicking_slows_training_by_less_than_a_third(
    page: Page, server: Server, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.goto(f"{server.url}/runs")  # the first visit starts the queue
    settle(page)
    spec = runs.make_spec("udll", DataSpec("digits"), overrides={"epochs": 5000, "pretrain_epochs": 1}, snapshots=1)
    run = store.create(spec)
    while store.get(run.id).progress.get("stage") != "finetune":
        time.sleep(0.2)
    pace: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(ROUNDS):
        for clicking in (False, True):
            began = store.get(run.id).progress["seq"]
            until = time.monotonic() + PHASE_SECONDS
            while time.monotonic() < until:
                click_around(page, server) if clicking else time.sleep(0.5)
            times = [row.seconds for row in store.history(run.id, after=began)]
            pace[clicking] += [later - earlier for earlier, later in pairwise(times)]
    store.request(run.id, "stop")
    ratio = median(pace[True]) / median(pace[False])
    print(f"\nstep: {median(pace[False]):.3f} s alone, {median(pace[True]):.3f} s beside a user: {ratio:.2f} times")
    assert ratio < 1.3


def click_around(page: Page, server: Server) -> None:
    """What somebody does who looks around: one page after the other, a second on each."""
    for name in ("Data", "Train", "Runs"):
        page.get_by_role("link", name=name, exact=True).click()
        page.get_by_role("heading", name=name, exact=True).wait_for()
        time.sleep(1.0)

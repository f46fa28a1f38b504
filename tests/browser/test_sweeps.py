"""Sweeps as a user makes them: seeds by a click, two axes from the form to the run behind a cell, stop and resume."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from core import sweeps
from core.runs import ACTIVE, RunStore, Status
from core.sweeps import SweepRecord, SweepStore
from tests.browser.conftest import Server, settle
from tests.browser.test_journeys import choose_method, press
from tests.conftest import wait_until

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def no_sweeps_left(store: RunStore) -> Iterator[None]:
    yield
    for known in SweepStore(store.home).ids():
        (store.home / "sweeps" / f"{known}.json").unlink()


def newest(store: RunStore) -> SweepRecord:
    return SweepStore(store.home).all()[0]


def standing(store: RunStore) -> dict[str, int]:
    return dict(sweeps.statuses(sweeps.table(store, newest(store))))


def fill(page: Page, name: str, value: str) -> None:
    field = page.get_by_role("textbox", name=re.compile(name))
    field.fill(value)
    field.press("Enter")
    settle(page)


def new_sweep(page: Page, server: Server, method: str, axes: dict[str, str]) -> None:
    """The form, on the data of a first visit, up to its last click."""
    page.goto(f"{server.url}/sweeps")
    page.get_by_text("New sweep").click()
    settle(page)
    page.get_by_role("combobox", name="Method").click()
    page.keyboard.type(method)
    page.get_by_role("option", name=method, exact=True).click()
    settle(page)
    for axis, values in axes.items():
        page.get_by_role("combobox", name="Vary").click()
        page.keyboard.type(axis)  # the list shows its first options only
        page.get_by_role("option", name=axis, exact=True).click()
        page.keyboard.press("Escape")
        settle(page)
        fill(page, axis, values)


def test_seeds_by_a_click_to_a_mean_with_its_spread(page: Page, server: Server, store: RunStore) -> None:
    page.goto(f"{server.url}/train")
    choose_method(page, "k-means")
    page.get_by_text("3 seeds", exact=True).click()
    settle(page)
    page.get_by_role("button", name="Launch").click()
    wait_until(lambda: SweepStore(store.home).ids() and standing(store) == {"done": 3})
    page.get_by_role("link", name="Sweeps").click()
    values = sweeps.over_seeds(sweeps.table(store, newest(store)))["acc"]
    expect(page.get_by_test_id("stMetricValue")).to_have_text(f"{values.mean:.3f} ± {values.std:.3f}")


def test_two_axes_from_the_form_to_the_run_behind_a_cell(page: Page, server: Server, store: RunStore) -> None:
    new_sweep(page, server, "Ridge self-expression", {"strength": "1, 100", "data.noise": "0, 0.4"})
    expect(page.get_by_text("4 runs")).to_be_visible()
    page.get_by_role("button", name="Start").click()
    wait_until(lambda: SweepStore(store.home).ids() and standing(store) == {"done": 4})
    heat = page.get_by_role("img", name="ACC on two axes", exact=True)
    expect(page.get_by_text("4 done")).to_be_visible()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_hidden()  # the form makes room
    settle(page)
    heat.scroll_into_view_if_needed()
    box = heat.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + 0.3 * box["height"])  # the cell of the largest values
    page.get_by_role("button", name="Open in Explore").click()
    expect(page.get_by_role("heading", name="Explore", exact=True)).to_be_visible()
    (corner,) = [row.run for row in sweeps.table(store, newest(store)) if row.setting == {"strength": 100.0, "data.noise": 0.4}]
    page.wait_for_url(re.compile(f"run={corner}"))


def test_a_sweep_is_stopped_in_the_middle_and_resumed(page: Page, server: Server, store: RunStore) -> None:
    new_sweep(page, server, "AE + k-means", {"pretrain epochs": "3, 100000"})
    page.get_by_role("button", name="Start").click()
    wait_until(lambda: SweepStore(store.home).ids() and standing(store).get("done") == 1)
    wait_until(lambda: any(run.progress.get("step", 0) > 1 for run in store.runs(status=ACTIVE)))
    done = store.runs(status=[Status.DONE], references=False)
    press(page, "Stop", lambda: standing(store) == {"done": 1, "stopped": 1})
    press(page, "Resume", lambda: any(run.progress.get("step", 0) > 1 for run in store.runs(status=ACTIVE)))
    press(page, "Pause", lambda: standing(store) == {"done": 1, "paused": 1})
    assert store.get(done[0].id) == done[0], "what was done is not repeated"

"""Sweeps as a user makes them: seeds by a click, two axes from the form to the run behind a cell, stop and resume."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Page, TimeoutError, expect

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


def until(page: Page, act: Callable[[], None], took: Callable[[], bool]) -> None:
    """Do something until it takes: a list that is open is closed when the page is drawn again below it."""
    for _ in range(4):
        with suppress(TimeoutError):
            act()
            deadline = time.monotonic() + 6
            while time.monotonic() < deadline:
                if took():
                    settle(page)
                    return
                time.sleep(0.1)
        page.keyboard.press("Escape")
    raise AssertionError("tried four times, and nothing came of it")


def pick(page: Page, field: str, option: str, took: Callable[[], bool]) -> None:
    """Choose from a list by typing, as it shows its first options only."""

    def act() -> None:
        page.get_by_role("combobox", name=field).click(timeout=6_000)
        page.keyboard.type(option)
        page.get_by_role("option", name=option, exact=True).click(timeout=6_000)
        page.keyboard.press("Escape")

    until(page, act, took)


def new_sweep(page: Page, server: Server, method: str, axes: dict[str, str]) -> None:
    """The form, on the data of a first visit, up to its last click."""
    page.goto(f"{server.url}/sweeps")
    methods, start = page.get_by_role("combobox", name="Method"), page.get_by_role("button", name="Start", exact=True)
    until(page, lambda: page.get_by_text("New sweep").click(), start.is_visible)
    pick(page, "Method", method, lambda: methods.input_value() == method)
    for axis, values in axes.items():
        field = page.get_by_role("textbox", name=re.compile(axis))
        pick(page, "Vary", axis, field.is_visible)
        field.fill(values)
        field.press("Enter")
        settle(page)


def test_seeds_by_a_click_to_a_mean_with_its_spread(page: Page, server: Server, store: RunStore) -> None:
    page.goto(f"{server.url}/train")
    choose_method(page, "k-means")
    three = page.get_by_role("radio", name="3", exact=True, checked=True)
    until(page, lambda: page.get_by_role("radio", name="3", exact=True).click(), three.is_visible)
    press(page, "Launch", lambda: bool(SweepStore(store.home).ids()))
    wait_until(lambda: standing(store) == {"done": 3})
    heading = page.get_by_role("heading", name="Sweeps", exact=True)
    until(page, lambda: page.get_by_role("link", name="Sweeps").click(), heading.is_visible)
    values = sweeps.over_seeds(sweeps.table(store, newest(store)))["acc"]
    expect(page.get_by_test_id("stMetricValue")).to_have_text(f"{values.mean:.3f} ± {values.std:.3f}")


def test_two_axes_from_the_form_to_the_run_behind_a_cell(page: Page, server: Server, store: RunStore) -> None:
    new_sweep(page, server, "Ridge self-expression", {"strength": "1, 100", "data.noise": "0, 0.4"})
    expect(page.get_by_text("4 runs")).to_be_visible()
    press(page, "Start", lambda: bool(SweepStore(store.home).ids()))
    wait_until(lambda: standing(store) == {"done": 4})
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
    press(page, "Start", lambda: bool(SweepStore(store.home).ids()))
    wait_until(lambda: standing(store).get("done") == 1)
    wait_until(lambda: any(run.progress.get("step", 0) > 1 for run in store.runs(status=ACTIVE)))
    done = store.runs(status=[Status.DONE], references=False)
    press(page, "Stop", lambda: standing(store) == {"done": 1, "stopped": 1})
    press(page, "Resume", lambda: any(run.progress.get("step", 0) > 1 for run in store.runs(status=ACTIVE)))
    press(page, "Pause", lambda: standing(store) == {"done": 1, "paused": 1})
    assert store.get(done[0].id) == done[0], "what was done is not repeated"


def test_the_sweep_that_is_chosen_is_in_the_link_and_back_leads_to_the_one_before(page: Page, server: Server) -> None:
    """Those that come with the app: nothing has to be trained."""
    page.goto(f"{server.url}/sweeps?sweep=prepared-eta")
    known = page.get_by_role("combobox", name="Sweep")
    expect(known).to_have_value(re.compile("weight of the graph"))
    title = "Anchors: a graph needs few, GR-DNN · comes with the app"
    pick(page, "Sweep", title, lambda: known.input_value() == title)
    expect(page).to_have_url(re.compile("sweep=prepared-anchors"))
    page.reload()
    expect(known).to_have_value(title)
    page.go_back()
    expect(known).to_have_value(re.compile("weight of the graph"))

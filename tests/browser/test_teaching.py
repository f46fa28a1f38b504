"""The first page is alive, its pictures open at once, a lesson asks and answers, and a first run forms within seconds."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Locator, Page, expect

from core.runs import RunStore, Status
from tests.browser.conftest import Server, settle
from tests.conftest import wait_until

pytestmark = pytest.mark.browser


def shown(lab: Locator) -> str:
    """The frame that is seen."""
    return lab.get_attribute("data-frame") or ""


def test_the_first_page_moves_and_opens_a_run_with_one_click(page: Page, server: Server, store: RunStore) -> None:
    living = page.locator(".lab.living")
    first = living.first
    page.goto(server.url)
    expect(first).to_have_attribute("data-frame", re.compile(".+"))
    settle(page)
    still = shown(first)
    page.wait_for_timeout(1000)
    assert shown(first) == still, "this browser asks that nothing moves"

    page.emulate_media(reduced_motion="no-preference")
    page.reload()
    expect(living).to_have_count(6)
    expect(first).to_have_attribute("data-ready", re.compile(".+"))
    wait_until(lambda: first.get_attribute("data-frame"))
    seen = {shown(first)}
    wait_until(lambda: (seen.add(shown(first)), len(seen) > 4)[1], timeout=20)
    assert "at=" not in page.url and not store.runs()
    settle(page)
    page.get_by_role("button", name="Explore", exact=True).first.click()
    expect(page.get_by_role("heading", name="Explore", exact=True)).to_be_visible()
    expect(page.locator(".lab")).to_have_attribute("data-ready", "prepared-udll-digits")
    assert store.has("prepared-udll-digits")


def test_a_lesson_asks_then_its_knob_answers_at_once(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/lessons?lesson=neighbours&step=2")
    lab = page.locator(".lab")
    expect(lab).to_have_attribute("data-ready", "lesson:neighbours:2")
    expect(page.get_by_text("ACC 1.00", exact=False).first).to_be_visible()
    slider = page.get_by_role("slider").first
    expect(slider).to_be_disabled()
    page.get_by_text("Both are bad, for opposite reasons.").click()
    expect(page.get_by_text("pieces are cut at random")).to_be_visible()
    settle(page)
    slider.focus()
    waits = []
    for _ in range(3):
        drawn, began = int(lab.get_attribute("data-drawn") or 0), time.perf_counter()
        page.keyboard.press("ArrowRight")
        wait_until(lambda drawn=drawn: int(lab.get_attribute("data-drawn") or 0) > drawn, every=0.01)  # type: ignore[misc]
        waits.append(time.perf_counter() - began)
        settle(page)
    expect(page.get_by_text("ACC 0.84").first).to_be_visible()
    assert sorted(waits)[1] < 1, f"answers took {waits}"
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("Step 3 of 4")).to_be_visible()
    assert "step=3" in page.url and "at=" not in page.url


def test_a_first_run_is_two_clicks_and_seconds_away(page: Page, server: Server, store: RunStore) -> None:
    page.goto(server.url)
    settle(page)
    page.get_by_test_id("stSidebar").get_by_role("link", name="Train").click()
    launch = page.get_by_role("button", name="Launch")
    expect(launch).to_be_enabled()
    settle(page)
    began = time.monotonic()
    launch.click()
    run = wait_until(lambda: next(iter(store.runs(references=False)), None))
    wait_until(lambda: store.get(run.id).status == Status.DONE)
    took = time.monotonic() - began
    done = store.get(run.id)
    assert done.spec.preset == "digits-cold" and done.result["metrics"]["acc"] > 0.84
    assert took < 30, f"{took:.1f} s"  # 10 s on two idle cores; tests share theirs


def test_points_are_painted_and_clustered(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/data")
    settle(page)
    page.get_by_text("Paint points with the mouse").click()
    field = page.locator(".paint canvas")
    expect(page.get_by_role("button", name="Cluster these points")).to_be_disabled()
    for colour, height in (("Points of class 1", 0.2), ("Points of class 2", 0.8)):
        page.get_by_role("radio", name=colour).click()
        box = field.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + height * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + height * box["height"], steps=30)
        page.mouse.up()
    page.get_by_role("button", name="Cluster these points").click()
    expect(page.get_by_role("heading", name="Train", exact=True)).to_be_visible()
    expect(page.get_by_text(re.compile(r"painted.*: \d+ samples, 2 classes"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"as it is set\s+·\s+ACC\s+1\.000"))).to_be_visible()
    expect(page.locator(".lab")).to_have_attribute("data-layout", "points")
    page.go_back()
    expect(page.get_by_text(re.compile(r"\d+ points, of at most 2000; 2 colours"))).to_be_visible()

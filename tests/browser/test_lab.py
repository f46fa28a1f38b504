"""The lab in a real browser: one selection in every view, play-back, links that restore what was seen, live knobs."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from core import runs
from core.datasets import DataSpec
from core.runs import RunStore, Status, this_process
from tests.browser.conftest import Server, settle, stranger
from tests.browser.test_journeys import choose_method, lab_of, lasso, own_run, watch_a_long_run
from tests.conftest import wait_until

pytestmark = pytest.mark.browser
QUICK = {"epochs": 60, "pretrain_epochs": 10}


@pytest.fixture
def trained(store: RunStore) -> str:
    """A run of UDLL that was filmed."""
    spec = runs.make_spec("udll", DataSpec("digits", per_class=20), overrides=QUICK, device="cpu")
    return runs.execute(store, store.create(spec, owner=this_process()).id).id


def explore(page: Page, server: Server, run: str, more: str = "") -> Locator:
    page.goto(f"{server.url}/explore?run={run}{more}")
    lab = lab_of(page)
    expect(lab).to_have_attribute("data-ready", run)
    settle(page)
    return lab


def chosen(lab: Locator) -> int:
    return int(lab.get_attribute("data-chosen") or 0)


def pixels(lab: Locator, name: str) -> Any:
    """What a canvas shows, as one number that changes with it."""
    return lab.get_by_role("img", name=name).first.evaluate(
        "c => c.toDataURL().split('').reduce((h, x) => (h * 31 + x.charCodeAt(0)) | 0, 0)"
    )


def test_one_selection_goes_through_all_views(page: Page, server: Server, trained: str) -> None:
    lab = explore(page, server, trained)
    plain = {name: pixels(lab, name) for name in ("Embedding", "Affinity")}

    lasso(page, within=1.0)
    assert chosen(lab) == 200 and {name: pixels(lab, name) for name in plain} != plain
    page.keyboard.press("Escape")
    expect(lab).to_have_attribute("data-chosen", "0")

    # a box on the matrix chooses the samples of its rows and columns, and they are marked in the embedding
    before = pixels(lab, "Embedding")
    box = lab.get_by_role("img", name="Affinity").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.1)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.3, steps=5)
    page.mouse.up()
    assert 5 < chosen(lab) < 150
    wait_until(lambda: pixels(lab, "Embedding") != before, 10)

    # a cell of the confusion chooses its samples; their pictures and their table show them
    confusion = lab.get_by_role("img", name="Confusion").first
    confusion.scroll_into_view_if_needed()
    confusion.click(position={"x": 64 + 20, "y": 24 + 10})
    expect(lab.locator(".pictures p")).to_have_text(re.compile(r"^\d+ chosen, 0 in another cluster"))
    count = chosen(lab)
    assert lab.locator(".sheet button").count() == count > 0
    expect(page.get_by_text(f"Chosen samples: {count}")).to_be_visible()

    # a rule
    lab.get_by_label("Choose samples by a rule").select_option("wrong")
    wrong = chosen(lab)
    assert wrong == round(200 * (1 - RunStore(server.home).get(trained).result["metrics"]["acc"]))


def test_pointing_at_a_sample_shows_its_picture(page: Page, server: Server, trained: str) -> None:
    lab = explore(page, server, trained)
    box = lab.get_by_role("img", name="Affinity").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5)
    card = lab.locator('[data-part="card"]')
    expect(card).to_be_visible()
    expect(card).to_have_text(re.compile(r"sample \d+ · class \d"))
    assert card.locator("canvas").count() >= 1


def test_play_back_moves_everything_and_asks_the_server_for_nothing(page: Page, server: Server, trained: str) -> None:
    lab = explore(page, server, trained)
    expect(page.get_by_text("Working out")).to_have_count(0)  # what the server works on since before may come when it is done
    settle(page)
    lab.get_by_label("Speed").select_option("1.0")
    names = ("Embedding", "Affinity", "Confusion")
    end = {name: pixels(lab, name) for name in names}
    asked: list[str] = []
    page.on("request", lambda request: None if "/static/" in request.url else asked.append(request.url))
    lab.get_by_role("button", name="Play").click()
    expect(lab.get_by_role("button", name="Pause")).to_be_visible()
    seen: dict[str, set[int]] = {name: set() for name in names}
    drawn, began = int(lab.get_attribute("data-drawn") or 0), time.monotonic()
    while lab.get_by_role("button", name="Pause").count():
        for name in names:
            seen[name].add(pixels(lab, name))
        assert time.monotonic() - began < 30
    assert all(len(shown) > 3 for shown in seen.values()), {name: len(shown) for name, shown in seen.items()}
    assert int(lab.get_attribute("data-drawn") or 0) - drawn > 20 and not asked
    wait_until(lambda: {name: pixels(lab, name) for name in names} == end, 10)
    lab.press("ArrowLeft")
    assert "at=" in page.url
    lab.press("End")
    assert "at=" not in page.url


def test_a_link_shows_somebody_else_the_same(page: Page, server: Server, trained: str) -> None:
    lab = explore(page, server, trained)
    lab.get_by_label("Colour").select_option("class")
    lab.get_by_label("Embedding").first.select_option("points")
    lab.get_by_label("Choose samples by a rule").select_option("cluster:3")
    for _ in range(3):
        lab.press("ArrowLeft")
    page.get_by_test_id("stButtonGroup").get_by_text("Curves", exact=True).click()
    settle(page)
    told = ("data-ready", "data-frame", "data-layout", "data-colour", "data-chosen")
    wanted = {name: lab.get_attribute(name) for name in told}
    assert wanted["data-layout"] == "points" and wanted["data-colour"] == "class" and wanted["data-chosen"] != "0"

    other = stranger(page)
    other.goto(page.url)
    there = lab_of(other)
    for name, value in wanted.items():
        expect(there).to_have_attribute(name, value or "")
    expect(other.get_by_test_id("stButtonGroup").get_by_role("radio", name="Curves", exact=True)).to_be_checked()
    other.close()

    page.reload()
    again = lab_of(page)
    for name, value in wanted.items():
        expect(again).to_have_attribute(name, value or "")


def test_the_address_always_names_what_is_shown(page: Page, server: Server, store: RunStore, trained: str) -> None:
    """Whoever comes without a link, too, can hand one on."""
    spec = runs.make_spec("ridge", DataSpec("digits", per_class=20), device="cpu")
    other = runs.execute(store, store.create(spec, owner=this_process()).id).id
    page.goto(f"{server.url}/explore")
    expect(lab_of(page)).to_have_attribute("data-ready", other)
    page.wait_for_url(f"**run={other}**")

    page.goto(f"{server.url}/compare?runs={trained},{other}")
    expect(lab_of(page)).to_have_attribute("data-ready", f"{trained} {other}")
    page.get_by_role("link", name="Compare", exact=True).click()  # the page without its link
    expect(lab_of(page)).to_have_attribute("data-ready", f"{trained} {other}")
    page.wait_for_url(re.compile(f"runs={trained}(,|%2C){other}"))
    there = stranger(page)
    there.goto(page.url)
    expect(lab_of(there)).to_have_attribute("data-ready", f"{trained} {other}")


def test_a_run_branches_off_from_a_moment_and_is_compared_with_it(
    page: Page, server: Server, store: RunStore, trained: str
) -> None:
    explore(page, server, trained, "&view=Branch")
    page.get_by_role("slider", name="alpha").press("ArrowRight")
    page.get_by_role("button", name="Branch off").click()
    page.wait_for_url("**/train?run=*")
    wait_until(lambda: len(own := store.runs(references=False)) == 2 and all(run.over for run in own), 60)
    child = next(run for run in store.runs(references=False) if run.id != trained)
    assert child.status == Status.DONE and child.spec.branch and child.spec.branch["run"] == trained
    parent = store.get(trained)
    assert child.spec.params["alpha"] > parent.spec.params["alpha"]

    explore(page, server, trained, "&view=Branch")
    page.get_by_role("link", name="Compare").last.click()
    expect(lab_of(page)).to_have_attribute("data-ready", f"{trained} {child.id}")
    moments = [row.scalars for row in store.history(child.id) if row.stage == "pretrain"]
    assert moments == [row.scalars for row in store.history(trained) if row.stage == "pretrain"]


def test_a_run_without_a_film_is_shown_as_it_ended(page: Page, server: Server, store: RunStore, trained: str) -> None:
    for file in runs.frame_files(store.files.folder(trained)):
        file.unlink()
    lab = explore(page, server, trained)
    expect(lab).to_have_attribute("data-layout", "circle")
    expect(lab.locator('[data-part="playback"]')).to_be_hidden()
    lab.get_by_label("Choose samples by a rule").select_option("cluster:3")
    assert chosen(lab) > 0


def test_an_instant_method_follows_its_knobs(page: Page, server: Server, store: RunStore) -> None:
    page.goto(f"{server.url}/train")
    settle(page)
    choose_method(page, "Ridge self-expression")
    lab = lab_of(page)
    where = lab.locator('[data-part="where"]')
    expect(page.get_by_text("Nothing of this is kept.")).to_be_visible()
    settle(page)
    shown = pixels(lab, "Affinity")
    knob = page.get_by_role("slider").first
    for _ in range(4):
        knob.press("ArrowLeft")
    wait_until(lambda: pixels(lab_of(page), "Affinity") != shown, 20)
    expect(where).to_have_text(re.compile("ACC"))
    assert not store.runs(references=False), "nothing is recorded"
    page.get_by_role("button", name="Launch").click()
    wait_until(lambda: bool(store.runs(references=False)) and own_run(store).over, 60)
    assert own_run(store).status == Status.DONE
    expect(page.get_by_role("button", name="Explore this run")).to_be_visible()


def test_the_film_is_shown_while_it_is_made(page: Page, server: Server, store: RunStore) -> None:
    watch_a_long_run(page, server, store, epochs=100_000)  # more than any machine gets through here
    lab = lab_of(page)
    frames: set[str] = set()

    def moved() -> bool:
        frames.add(lab.get_attribute("data-frame") or "")
        return len(frames) > 3

    wait_until(moved, 60)
    store.request(own_run(store).id, "stop")
    wait_until(lambda: own_run(store).over, 60)


def test_a_block_is_seen_in_full_detail_by_a_double_click(page: Page, server: Server, trained: str) -> None:
    lab = explore(page, server, trained)
    lab.locator('[data-part="rule"]').select_option("wrong")
    wrong = chosen(lab)
    matrix = lab.get_by_role("img", name="Affinity").first
    before = pixels(lab, "Affinity")
    box = matrix.bounding_box()
    assert box is not None
    place = {"x": box["width"] * 0.35, "y": box["height"] * 0.6}  # where two blocks meet
    matrix.dblclick(position=place)
    expect(lab).to_have_attribute("data-span", re.compile(r"^(\d+-){3}\d+$"))
    assert f"span={lab.get_attribute('data-span')}" in page.url
    top, bottom, left, right = map(int, (lab.get_attribute("data-span") or "").split("-"))
    assert not range(max(top, left), min(bottom, right)), "rows of one cluster and columns of another"
    wait_until(lambda: pixels(lab, "Affinity") != before, 20)
    assert chosen(lab) == wrong > 0, "a double-click chooses nothing"
    matrix.dblclick(position=place)
    expect(lab).to_have_attribute("data-span", "")
    wait_until(lambda: pixels(lab, "Affinity") == before, 20)


def test_small_steps_of_wheel_and_mouse_add_up_and_no_double_click_loses_the_choice(
    page: Page, server: Server, trained: str
) -> None:
    lab = explore(page, server, trained)
    lab.locator('[data-part="rule"]').select_option("wrong")
    wrong = str(chosen(lab))
    matrix = lab.get_by_role("img", name="Affinity").first
    box = matrix.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.4
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -500)
    for _ in range(6):
        page.mouse.wheel(0, -120)
    expect(lab).to_have_attribute("data-span", re.compile(r"^(\d+-){3}\d+$"))
    near = lab.get_attribute("data-span") or ""
    for _ in range(40):
        page.mouse.wheel(0, 3)  # a pinch: each too little for one more row
    page.keyboard.up("Control")
    expect(lab).not_to_have_attribute("data-span", near)

    near = lab.get_attribute("data-span") or ""
    page.keyboard.down("Alt")
    page.mouse.down()
    page.mouse.move(x - 90, y, steps=90)
    page.mouse.up()
    expect(lab).not_to_have_attribute("data-span", near)
    page.mouse.dblclick(x, y)
    page.keyboard.up("Alt")
    expect(lab).to_have_attribute("data-span", "")
    expect(lab).to_have_attribute("data-chosen", wrong)
    page.mouse.click(x, y, click_count=3)
    expect(lab).to_have_attribute("data-chosen", wrong)


def test_a_link_to_a_part_that_there_is_not_shows_all(page: Page, server: Server, trained: str) -> None:
    lab = explore(page, server, trained, "&span=0-900-0-900&near=-100,100,-100,100")
    expect(lab).to_have_attribute("data-span", "")
    expect(lab).to_have_attribute("data-near", "")
    explore(page, server, trained, "&span=50-20-0-10&near=5,6,5,6")
    expect(lab).to_have_attribute("data-span", "")
    page.wait_for_url("**near=0.000%2C1.000%2C0.000%2C1.000*")


def test_ctrl_and_the_wheel_look_closer_at_both_pictures_and_a_reload_keeps_it(
    page: Page, server: Server, trained: str
) -> None:
    lab = explore(page, server, trained)
    # The best simple reference makes the line of scores longer, which takes room of the pictures.
    expect(page.get_by_text("best simple reference")).to_be_visible()
    settle(page)
    before = {name: pixels(lab, name) for name in ("Affinity", "Embedding")}
    page.keyboard.down("Control")
    for name in before:
        lab.get_by_role("img", name=name).first.hover(position={"x": 150, "y": 150})
        page.mouse.wheel(0, -300)
        wait_until(lambda name=name: pixels(lab, name) != before[name], 20)  # type: ignore[misc]
    page.keyboard.up("Control")
    expect(lab).to_have_attribute("data-near", "true")
    expect(lab.get_by_role("img", name="Embedding").first).to_have_attribute("data-foot", re.compile(r"^\d\.\d times closer"))
    expect(lab).to_have_attribute("data-span", re.compile(r"^(\d+-){3}\d+$"))
    span = lab.get_attribute("data-span") or ""
    page.wait_for_url(f"**span={span}*near=*")
    page.reload()
    again = lab_of(page)
    expect(again).to_have_attribute("data-span", span)
    expect(again).to_have_attribute("data-near", "true")
    settle(page)
    for _ in before:
        again.press("Escape")
    for name in before:
        wait_until(lambda name=name: pixels(again, name) == before[name], 20)  # type: ignore[misc]


def test_a_projector_shows_pictures_alone(page: Page, server: Server, trained: str) -> None:
    lab = explore(page, server, trained, "&present=1")
    expect(page.get_by_test_id("stSidebar")).to_have_count(0)
    size = lab.evaluate("e => getComputedStyle(e).fontSize")
    assert float(size.removesuffix("px")) >= 16

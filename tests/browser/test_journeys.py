"""Whole journeys, from a click to a block-diagonal heatmap, as a user makes them."""

from __future__ import annotations

import base64
import http.client
import re
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect
from streamlit.proto.BackMsg_pb2 import BackMsg

from core import runs
from core.datasets import DataSpec
from core.runs import Run, RunStore, Status, this_process
from tests.browser.conftest import Server, settle
from tests.conftest import wait_until

pytestmark = pytest.mark.browser


WATCH_PLACE = """() => {
    const stop = [...document.querySelectorAll("button")].find(button => /Stop$/.test(button.innerText));
    const where = () => stop.getBoundingClientRect().x, place = where();
    window.moved = false;
    const look = () => {
        window.moved ||= stop.isConnected && where() !== place;
        requestAnimationFrame(look);
    };
    look();
}"""


def own_run(store: RunStore) -> Run:
    return store.runs(references=False)[0]


def launch(page: Page, server: Server, *, per_class: int) -> None:
    """Choose a part of digits and launch the method that is chosen at first, UDLL."""
    page.goto(f"{server.url}/data")
    page.get_by_text("Take a part, or rescale").click()
    field = page.get_by_role("spinbutton", name="Samples per class")
    field.fill(str(per_class))
    field.press("Enter")
    expect(page.get_by_test_id("stMetricValue").first).to_have_text(f"{10 * per_class:,}")
    settle(page)
    page.get_by_role("button", name="Train on this data").click()
    expect(page.get_by_role("heading", name="Train", exact=True)).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Launch").click()


def test_from_a_click_to_a_block_diagonal_heatmap(page: Page, server: Server, store: RunStore, tmp_path: Path) -> None:
    launch(page, server, per_class=100)

    # watch progress move, survive a refresh
    wait_until(lambda: bool(store.runs(references=False)) and own_run(store).progress.get("seq", 0) > 3, 60)
    expect(page.get_by_text(re.compile("Stage"))).to_be_visible()
    page.reload()
    expect(page.get_by_role("combobox", name="Run")).to_have_value(re.compile("UDLL on digits"))
    first = own_run(store).progress["seq"]
    wait_until(lambda: own_run(store).progress["seq"] > first or own_run(store).over, 60)
    wait_until(lambda: own_run(store).over, 180)
    assert own_run(store).status == Status.DONE
    expect(page.get_by_role("button", name="Explore this run")).to_be_visible()
    expect(lab_of(page)).to_have_attribute("data-ready", own_run(store).id)

    # explore: lasso some points and see them
    page.get_by_role("button", name="Explore this run").click()
    expect(page.get_by_role("heading", name="Explore", exact=True)).to_be_visible()
    settle(page)
    references = page.get_by_role("table", name="Score comparison")
    expect(references).to_be_visible()
    lasso(page)
    expect(lab_of(page).locator(".sheet button").first).to_be_visible()

    # re-cluster the stored C without training
    page.get_by_text("Workbench", exact=True).click()
    expect(page.get_by_text("Worked out in")).to_be_visible()
    clusters = page.get_by_role("spinbutton", name=re.compile("clusters")).last
    clusters.fill("5")
    clusters.press("Enter")
    wait_until(lambda: len(list((server.home / "cache").glob("recluster-*.npz"))) == 2, 60)
    expect(page.get_by_text("Worked out in")).to_be_visible()

    # the matrices
    page.get_by_text("Matrices", exact=True).click()
    expect(page.get_by_test_id("stPlotlyChart").last).to_be_visible()

    # download from the table of runs
    page.get_by_role("link", name="Runs").click()
    expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
    settle(page)
    tick_first(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download .zip").click()
    saved = tmp_path / "run.zip"
    download.value.save_as(saved)
    with zipfile.ZipFile(saved) as archive:
        assert {"spec.json", "run.json", "history.csv", "arrays.npz", "labels.csv", "weights.safetensors"} <= set(
            archive.namelist()
        )
        assert len(archive.read("labels.csv").splitlines()) == 1001


def lab_of(page: Page) -> Locator:
    """The lab, once it has drawn."""
    found = page.locator(".lab[data-drawn]").first
    expect(found).to_be_visible()
    return found


def lasso(page: Page, *, within: float = 1.0) -> None:
    """Draw a loop around the middle of the embedding, or with `within` around all of it."""
    box = lab_of(page).get_by_role("img", name="Embedding").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    reach = within * min(box["width"], box["height"]) / 2 - 3
    page.mouse.move(x - reach, y - reach)
    page.mouse.down()
    for dx, dy in ((1, -1), (1, 1), (-1, 1), (-1, -1)):
        page.mouse.move(x + dx * reach, y + dy * reach, steps=6)
    page.mouse.up()
    expect(lab_of(page)).not_to_have_attribute("data-chosen", "0")


def test_label_new_samples_compare_and_start_again_from_the_network(
    page: Page, server: Server, store: RunStore, tmp_path: Path
) -> None:
    launch(page, server, per_class=12)
    wait_until(lambda: bool(store.runs(references=False)) and own_run(store).over, 120)
    first = own_run(store)
    assert first.status == Status.DONE and first.result["pretrained"]["reused"] is False

    # label all digits by the run, and take the labels along
    page.goto(f"{server.url}/explore?run={first.id}&view=New+samples")
    expect(page.get_by_test_id("stMetricValue").filter(has_text="1,797")).to_be_visible()
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Labels as .csv").click()
    download.value.save_as(tmp_path / "labels.csv")
    assert len((tmp_path / "labels.csv").read_text().splitlines()) == 1798

    # beside other methods
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("heading", name="Compare", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Run what is missing of the ladder")).to_be_visible()
    expect(lab_of(page)).to_have_attribute("data-ready", re.compile(f"{first.id} .+"))

    # another method from the same network
    page.get_by_role("link", name="Auto-encoders").click()
    expect(page.get_by_role("heading", name="Auto-encoders", exact=True)).to_be_visible()
    settle(page)
    tick_first(page)
    expect(page.get_by_alt_text("Originals and reconstructions").first).to_be_visible()
    method = page.get_by_role("combobox", name="Method")
    method.click()
    page.get_by_role("option", name="AE + EDSC").click()
    settle(page)
    page.get_by_role("button", name="Train from this network").click()
    expect(page.get_by_role("combobox", name="Method")).to_have_value(re.compile("^AE . EDSC ·"))
    settle(page)
    page.get_by_role("button", name="Launch").click()
    wait_until(lambda: own_run(store).id != first.id and own_run(store).over, 60)
    assert own_run(store).result["pretrained"]["reused"] is True
    expect(page.get_by_text(re.compile("Pretrained network .* reused"))).to_be_visible()


def tick_first(page: Page) -> None:
    """Tick the first row of the only table."""
    box = page.get_by_test_id("stDataFrame").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 18, box["y"] + 52)


def watch_a_long_run(page: Page, server: Server, store: RunStore, epochs: int) -> None:
    """Queue a run of many short epochs, and look at it; the server's queue picks it up from the store."""
    page.goto(f"{server.url}/runs")  # the first visit wakes the queue
    settle(page)
    spec = runs.make_spec("udll", DataSpec("digits", per_class=40), overrides={"epochs": epochs}, snapshots=4)
    run = store.create(spec)
    page.goto(f"{server.url}/train?run={run.id}")
    wait_until(lambda: own_run(store).progress.get("seq", 0) > 2, 60)


def press(page: Page, name: str, took: Callable[[], bool], seconds: float = 30) -> None:
    """Click once, and wait until it took: a click that is lost is a fault."""
    page.get_by_role("button", name=name).click()
    wait_until(took, seconds, every=0.02)


def test_pause_one_step_stop_and_a_second_tab(page: Page, server: Server, store: RunStore) -> None:
    watch_a_long_run(page, server, store, epochs=100_000)  # more than any machine gets through here
    press(page, "Pause", lambda: own_run(store).status == Status.PAUSED)
    held = own_run(store).progress["seq"]

    other = page.context.new_page()  # somebody else looks at the same run and takes one step
    other.goto(f"{server.url}/train?run={own_run(store).id}")
    expect(other.get_by_role("button", name="One step")).to_be_enabled()
    press(other, "One step", lambda: own_run(store).progress["seq"] > held)
    wait_until(lambda: own_run(store).status == Status.PAUSED, 30)
    assert own_run(store).progress["seq"] == held + 1
    other.close()

    press(page, "Resume", lambda: own_run(store).progress["seq"] > held + 2)
    press(page, "Stop", lambda: own_run(store).over)
    wait_until(lambda: own_run(store).over, 60)
    assert own_run(store).status == Status.STOPPED


@pytest.mark.parametrize("rounds", [3, pytest.param(16, marks=pytest.mark.slow)])
def test_no_press_on_the_buttons_of_a_run_is_lost(page: Page, server: Server, store: RunStore, rounds: int) -> None:
    """Each counts, however soon it follows the one before, since no button moves under the pointer."""
    watch_a_long_run(page, server, store, epochs=100_000)
    stop = page.get_by_role("button", name="Stop")
    place = stop.bounding_box()
    for _ in range(rounds):
        press(page, "Pause", lambda: own_run(store).status == Status.PAUSED)
        held = own_run(store).progress["seq"]
        press(page, "One step", lambda held=held: own_run(store).progress["seq"] > held)
        wait_until(lambda: own_run(store).status == Status.PAUSED, every=0.02)
        page.evaluate(WATCH_PLACE)
        press(page, "Resume", lambda: own_run(store).status == Status.RUNNING)
    settle(page)
    assert page.evaluate("window.moved") is False and stop.bounding_box() == place
    press(page, "Pause", lambda: own_run(store).status == Status.PAUSED)
    page.get_by_role("button", name="Resume").click()
    press(page, "Stop", lambda: own_run(store).over)
    assert own_run(store).status == Status.STOPPED


class Echo:
    """Between page and server: a press goes first with a message of the clock, as happens by itself once in a hundred.

    A page sends a press a moment after it is made. A part that asks to be drawn again in that moment takes it along.
    """

    def __init__(self, page: Page) -> None:
        self._held: list[Callable[[], None]] = []
        page.route_web_socket(re.compile("_stcore/stream"), self._between)

    def release(self) -> None:
        """Send what the page sent for the press itself."""
        self._held.pop()()

    def _between(self, socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        socket.on_message(lambda content: self._pass(server, content))

    def _pass(self, server: WebSocketRoute, content: str | bytes) -> None:
        said = BackMsg.FromString(bytes(content, "latin1") if isinstance(content, str) else content)
        state = said.rerun_script
        if any(widget.trigger_value for widget in state.widget_states.widgets):
            self._held.append(partial(server.send, content))
            state.is_auto_rerun = True
            content = said.SerializeToString()
        server.send(content)


def test_a_press_that_the_page_sends_twice_counts_once(page: Page, server: Server, store: RunStore) -> None:
    echo = Echo(page)
    watch_a_long_run(page, server, store, epochs=100_000)
    page.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(3000)
    echo.release()
    page.wait_for_timeout(3000)  # it is sent while the page is listened to
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    assert own_run(store).status == Status.PAUSED


def test_a_killed_server_leaves_a_run_that_can_be_resumed(page: Page, server: Server, store: RunStore) -> None:
    watch_a_long_run(page, server, store, epochs=600)
    server.kill()
    server.start()
    page.goto(f"{server.url}/train?run={own_run(store).id}")
    expect(page.get_by_text("The process of this run is gone.")).to_be_visible()
    assert own_run(store).status == Status.LOST
    page.get_by_role("button", name="Resume from the last checkpoint").click()
    wait_until(lambda: own_run(store).status == Status.DONE, 180)
    assert own_run(store).result["metrics"]["acc"] > 0.3


def test_an_upload_with_hostile_names_is_what_is_trained_on(page: Page, server: Server, tmp_path: Path) -> None:
    names = np.array(["![x](http://example.invalid/a.png)", "<img src=x onerror=alert(1)>", r"$\frac12$ **b**"])
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "mine.npz", images=rng.random((60, 8, 8)), labels=np.repeat(names, 20))
    page.goto(f"{server.url}/data")
    settle(page)
    page.get_by_text("Bring your own data").click()
    with page.expect_response(lambda response: response.request.method == "PUT"):  # the name is there before the content is
        page.locator("input[type=file]").set_input_files(tmp_path / "mine.npz")
    expect(page.get_by_text("What was found in the file")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Read the file").click()
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("60")
    expect(page.get_by_text(re.compile(r"!\[x\]\(http.?://example.invalid")).first).to_be_visible()
    page.get_by_role("button", name="Train on this data").click()
    expect(page.get_by_text(re.compile("60 samples, 3 classes"))).to_be_visible()


def test_a_deep_link_is_the_first_visit(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/runs")
    expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Explore")).to_be_visible()


def test_back_and_forward_over_all_pages_keep_the_run_and_the_view(page: Page, server: Server, store: RunStore) -> None:
    specs = [runs.make_spec(method, DataSpec("digits", per_class=20), device="cpu") for method in ("ridge", "kmeans")]
    first, _ = (runs.execute(store, store.create(spec, owner=this_process()).id).id for spec in specs)
    page.goto(f"{server.url}/explore?run={first}")

    def explored(view: str) -> None:
        expect(page.get_by_role("heading", name="Explore", exact=True)).to_be_visible()
        settle(page)
        expect(page.get_by_text("Working out")).to_have_count(
            0
        )  # a page that is left while it starts anew may win over the next
        expect(page.get_by_test_id("stException")).to_have_count(0)
        expect(lab_of(page)).to_have_attribute("data-ready", first)
        expect(page.get_by_test_id("stButtonGroup").get_by_role("radio", name=view, exact=True)).to_be_checked()

    explored("Scores")
    for view in ("Scores", "Confusion"):
        if view != "Scores":
            page.get_by_test_id("stButtonGroup").get_by_text(view, exact=True).click()
            explored(view)
        for name in ("Data", "Train", "Auto-encoders", "Runs", "Results") if view == "Scores" else ("Compare", "Runs"):
            page.get_by_role("link", name=name, exact=True).click()
            expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
            settle(page)
            page.go_back()
            explored(view)
            page.go_forward()
            expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
            settle(page)
            page.go_back()
            explored(view)


def test_only_its_own_name_opens_the_app_and_nothing_is_looked_up_outside(page: Page, server: Server) -> None:
    """A page elsewhere that lets its name point to this machine (DNS rebinding) gets no session."""
    page.goto(f"{server.url}/results")
    settle(page)
    own = server.url.removeprefix("http://")
    assert handshake(own, host=own, origin=server.url) == 101
    assert handshake(own, host="rebound.example:8501", origin="http://rebound.example:8501") == 403
    assert handshake(own, host=own, origin="http://elsewhere.example") == 403
    assert "external IP" not in server.log()


def handshake(address: str, *, host: str, origin: str) -> int:
    """Ask for the websocket of the app, and return the status of the answer."""
    connection = http.client.HTTPConnection(address, timeout=20)
    connection.putrequest("GET", "/_stcore/stream", skip_host=True)
    key = base64.b64encode(bytes(16)).decode()
    upgrade = {"Host": host, "Origin": origin, "Upgrade": "websocket", "Connection": "Upgrade"}
    for name, value in {**upgrade, "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13"}.items():
        connection.putheader(name, value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def test_pages_fit_a_narrow_window(page: Page, server: Server) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    for path in (
        "",
        "lessons",
        "lessons?lesson=neighbours&step=3",
        "data",
        "train",
        "runs",
        "explore",
        "compare",
        "sweeps",
        "papers",
        "autoencoders",
        "results",
    ):
        page.goto(f"{server.url}/{path}")
        settle(page)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, (path, scheme)


def test_hold_samples_out_and_see_what_the_graph_does_to_their_neighbours(page: Page, server: Server, store: RunStore) -> None:
    page.goto(f"{server.url}/data")
    page.get_by_text("Take a part, or rescale").click()
    for label, value in (("Samples per class", "15"), ("Hold out for testing", "80")):
        field = page.get_by_role("spinbutton", name=label)
        field.fill(value)
        field.press("Enter")
        settle(page)
    expect(page.get_by_text("Held out", exact=True)).to_be_visible()
    page.get_by_role("button", name="Train on this data").click()
    expect(page.get_by_role("heading", name="Train", exact=True)).to_be_visible()
    settle(page)
    choose_method(page, "GR-DNN")
    page.get_by_role("button", name="Launch").click()
    wait_until(lambda: bool(store.runs(references=False)) and own_run(store).over, 120)
    run = own_run(store)
    assert run.status == Status.DONE, run.error
    assert run.spec.data.n_test == 80 and run.spec.preset == "digits-fast"
    base = runs.make_spec("ddae", run.spec.data, overrides={"epochs": 5})
    runs.execute(store, store.create(base, owner=this_process()).id)

    page.goto(f"{server.url}/explore?run={run.id}")
    expect(page.get_by_text("Held out: 80 samples")).to_be_visible()
    page.goto(f"{server.url}/explore?run={run.id}&view=Retrieval")
    for space in ("Pixels", "GR-DNN, digits-fast", "D-DAE, digits-fast"):
        expect(page.get_by_text(space).last).to_be_visible()
    expect(page.get_by_text(re.compile(r"precision at 12: \d+ / 12"))).to_have_count(3)
    expect(page.get_by_role("figure", name="mAP@k against k")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Another").click()
    expect(page.get_by_text("Sample 0 of class")).to_have_count(0)

    page.get_by_text("Anchors", exact=True).first.click()
    sample = page.get_by_role("spinbutton", name="Sample (or click one)")
    expect(sample).to_be_visible()
    sample.fill("7")
    sample.press("Enter")
    expect(page.get_by_text(re.compile("Sample 7 of class [0-9], and the 5 anchors"))).to_be_visible()


def choose_method(page: Page, title: str) -> None:
    """Search the list of methods, as a user does."""
    page.get_by_role("combobox", name="Method").click()
    page.keyboard.type(title)
    page.get_by_role("option", name=re.compile(f"^{re.escape(title)} ·")).click()
    expect(page.get_by_role("combobox", name="Method")).to_have_value(re.compile(f"^{re.escape(title)} ·"))
    page.wait_for_timeout(500)  # the page is still that of the method before, and looks settled
    settle(page)

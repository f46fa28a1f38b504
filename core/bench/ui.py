"""What a user waits for in the browser: a real server, a real Chromium, medians of several visits."""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core import runs
from core.common import DataError
from core.datasets import DataSpec
from core.runs import RunStore, this_process

ROOT = Path(__file__).parents[2]
VISITS = 5
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
AT_MOST = {
    "first heading": 2.0, "Explore painted after a deep link": 3.0, "another page": 0.7, "another page while training": 1.0,
    "another view": 0.3, "another colour": 0.3,
    "a selection marked in all views": 0.7, "layout shift": 0.1, "console errors": 0, "console warnings": 10,
    "requests to the outside": 0, "largest answer, MB": 3.0,
}  # fmt: skip
AT_LEAST = {"frames a second": 20.0}
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"


def bench_ui(visits: int = VISITS) -> Iterator[dict[str, Any]]:
    """Each measure with its bound, as soon as it is known: seconds unless its name says otherwise.

    Raises
    ------
    DataError
        If Chromium or Playwright is not there.
    """
    with tempfile.TemporaryDirectory() as place, chromium() as opened:
        run = _trained(RunStore(place))
        measured: dict[str, list[float]] = {}
        with served(Path(place)) as address:
            for _ in range(visits + 1):
                for name, value in _Visit(opened, address, run).measures().items():
                    measured.setdefault(name, []).append(value)
            with _training(RunStore(place)):
                measured["another page while training"] = [_turned(opened, address) for _ in range(visits + 1)]
    for name, values in measured.items():
        yield held(name, values[1:], at_least=AT_LEAST.get(name), at_most=AT_MOST.get(name))  # the first visit warms the server


@contextmanager
def _training(store: RunStore) -> Iterator[None]:
    """While a run trains that no machine finishes meanwhile."""
    spec = runs.make_spec("udll", DataSpec("digits"), overrides={"epochs": 50_000, "pretrain_epochs": 1}, device="cpu")
    run = store.create(spec)
    while store.get(run.id).progress.get("stage") != "finetune":
        time.sleep(0.1)
    yield
    store.request(run.id, "stop")


def _turned(browser: Any, address: str) -> float:
    """Seconds from a click on another page to its heading."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(f"{address}/data")
    page.locator("h1:has-text('Data')").first.wait_for(state="visible", timeout=60_000)
    page.wait_for_timeout(2000)
    taken = until(page, page.get_by_role("link", name="Results").click, "h1:has-text('Results')")
    context.close()
    return taken


def until(page: Any, act: Callable[[], Any], shown: str) -> float:
    """Seconds from an act to what it brings into sight."""
    began = time.perf_counter()
    act()
    page.locator(shown).first.wait_for(state="visible", timeout=120_000)
    return time.perf_counter() - began


def held(what: str, values: Sequence[float], *, at_least: float | None = None, at_most: float | None = None) -> dict[str, Any]:
    """The median of a measure beside its bounds, and whether these hold."""
    value = statistics.median(values)
    kept = (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
    return {"what": what, "value": value, "at_most": at_most, "at_least": at_least, "held": kept}


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser.

    Raises
    ------
    DataError
        If Chromium or Playwright is not there.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise DataError("Playwright is not installed; it is among the packages of requirements-dev.txt.") from error
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise DataError("There is no Chromium; install one, or name it in the environment variable CHROMIUM.")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        try:
            yield opened
        finally:
            opened.close()


def _trained(store: RunStore) -> str:
    spec = runs.make_spec("udll", DataSpec("digits"), device="cpu")
    return runs.execute(store, store.create(spec, owner=this_process()).id).id


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The app on a free port with a home of its own; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "streamlit", "run", "serve.py", "--server.port", str(port)]
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "AFFINITY_LAB_HOME": str(home)}, **quiet)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
                break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        server.kill()
        server.wait()


class _Visit:
    """One user with a fresh browser: opens pages, clicks, and takes the time."""

    def __init__(self, browser: Any, address: str, run: str) -> None:
        self._address, self._run = address, run
        self._context = browser.new_context(viewport={"width": 1280, "height": 800})
        self._page = self._context.new_page()
        self._logs: list[str] = []
        self._outside = 0
        self._largest = 0.0
        self._page.on("console", self._log)
        self._page.on("request", self._request)
        self._page.on("response", self._response)
        self._page.add_init_script(
            "window.shift = 0; new PerformanceObserver(l => l.getEntries().forEach(e => { if (!e.hadRecentInput) "
            "window.shift += e.value })).observe({type: 'layout-shift', buffered: true})"
        )

    def measures(self) -> dict[str, float]:
        page = self._page
        found = {
            "first heading": self._timed(lambda: page.goto(f"{self._address}/runs"), "h1"),
            "Explore painted after a deep link": self._timed(
                lambda: page.goto(f"{self._address}/explore?run={self._run}"), ".lab[data-drawn]"
            ),
        }
        page.wait_for_timeout(2500)
        found["another colour"] = self._drawn(lambda: page.locator('[data-part="colour"]').select_option("class"))
        found["a selection marked in all views"] = self._drawn(
            lambda: page.locator('[data-part="rule"]').select_option("wrong")
        )
        page.locator(IDLE).wait_for()  # pictures of what was selected come below, and move the row of views
        page.wait_for_timeout(500)
        found["another view"] = self._timed(
            lambda: page.get_by_test_id("stButtonGroup").get_by_text("Curves", exact=True).click(),
            "[role=radio][aria-checked=true]:has-text('Curves')",
        )
        found["frames a second"] = self._frames()
        found["layout shift"] = page.evaluate("window.shift")
        found["another page"] = self._timed(lambda: page.get_by_role("link", name="Results").click(), "h1:has-text('Results')")
        found |= {
            "console errors": float(sum(kind == "error" for kind in self._logs)),
            "console warnings": float(sum(kind == "warning" for kind in self._logs)),
            "requests to the outside": float(self._outside),
            "largest answer, MB": self._largest,
        }
        self._context.close()
        return found

    def _timed(self, act: Callable[[], Any], shown: str) -> float:
        return until(self._page, act, shown)

    def _count(self) -> int:
        return int(self._page.locator(".lab").first.get_attribute("data-drawn") or 0)

    def _drawn(self, act: Callable[[], Any]) -> float:
        before, began = self._count(), time.perf_counter()
        act()
        while self._count() == before:
            pass
        return time.perf_counter() - began

    def _frames(self) -> float:
        self._page.locator('[data-part="play"]').click()
        self._page.wait_for_timeout(500)
        before, began = self._count(), time.perf_counter()
        self._page.wait_for_timeout(2000)
        return (self._count() - before) / (time.perf_counter() - began)

    def _log(self, message: Any) -> None:
        if "/_stcore/" not in message.location.get("url", ""):  # Streamlit looks for its own base path, which is not found once
            self._logs.append(message.type)

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self._address, "data:", "blob:")):
            self._outside += 1

    def _response(self, response: Any) -> None:
        if "/media/" in response.url and response.ok:
            self._largest = max(self._largest, float(response.headers.get("content-length", 0)) / 1e6)

"""A real server and a real Chromium for journeys through the app."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, ViewportSize, expect, sync_playwright

from core.common import RunConflict
from core.runs import ACTIVE, RunStore, Status
from tests.conftest import ROOT, THREADS, wait_until

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
FAILED = pytest.StashKey[bool]()
WINDOW: ViewportSize = {"width": 1280, "height": 1000}
PATIENCE = 60_000  # milliseconds that a page may take on a slow machine
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; without one the journeys are skipped, but fail where CI runs them."""
    found = (
        os.environ.get("CHROMIUM")
        or shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if not found:
        reason = "no Chromium found; install one or name it in the environment variable CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def profile(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """One visitor's browser, which has the scripts of the app in its cache, and asks that nothing moves: drawing costs most."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=chromium,
            args=FLAGS,
            viewport=WINDOW,
            accept_downloads=True,
            reduced_motion="reduce",
        )
        yield opened
        opened.close()


class Server:
    """The app as a user starts it, on a free port and with a home of its own."""

    def __init__(self, home: Path, log: Path) -> None:
        self.home, self._log = home, log
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {**os.environ, **dict.fromkeys(THREADS, "1"), "AFFINITY_LAB_HOME": str(self.home)}
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", "serve.py", "--server.port", str(self._port)],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.1)
        raise TimeoutError(self._log.read_text())

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def log(self) -> str:
        return self._log.read_text()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all journeys, as one server meets all users; what it imported stays imported."""
    folder = tmp_path_factory.mktemp("browser")
    once = Server(folder / "home", folder / "server.txt")
    once.start()
    yield once
    once.kill()
    assert "Traceback" not in once.log(), once.log()


@pytest.fixture
def server(running: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server, without a run of another journey."""
    monkeypatch.setenv("AFFINITY_LAB_HOME", str(running.home))
    yield running
    kept = RunStore(running.home)
    going = [*ACTIVE, Status.QUEUED]
    for run in kept.runs(status=going):
        with suppress(RunConflict):  # it ended by itself meanwhile
            kept.request(run.id, "stop")
    wait_until(lambda: not kept.runs(status=going))
    for run in kept.runs():
        kept.delete(run.id)


@pytest.fixture
def store(server: Server) -> RunStore:
    return RunStore(server.home)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash.setdefault(FAILED, False)
    item.stash[FAILED] |= report.failed
    return report


@pytest.fixture
def page(profile: BrowserContext, server: Server, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that fails the test if the app asks for anything outside this machine.

    Of a journey that failed it says what the browser showed and complained of, which nobody can look at afterwards.
    """
    opened = profile.new_page()
    opened.set_default_timeout(PATIENCE)
    outside: list[str] = []
    complaints: list[str] = []
    opened.on("request", lambda request: None if is_local(request.url) else outside.append(request.url))
    opened.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    opened.on("pageerror", lambda error: complaints.append(f"thrown: {error.stack}"))
    yield opened
    if request.node.stash.get(FAILED, False):
        buttons = [button.inner_text() for button in opened.get_by_role("button").all()]
        seen = (opened.inner_text("body")[:1500], "buttons: " + ", ".join(filter(None, buttons))[:1500])
        print(f"at {opened.url}", *seen, *complaints[-20:], sep="\n")
    forget(opened)
    for left in profile.pages[1:]:  # a browser without a window would end
        left.close()
    assert not outside


def forget(page: Page) -> None:
    """Take from the browser what it keeps of a visitor, but for the scripts of the app."""
    page.evaluate("location.protocol == 'about:' || (localStorage.clear(), sessionStorage.clear())")
    page.context.clear_cookies()


def stranger(page: Page) -> Page:
    """The page of somebody else, whose browser knows nothing of this one's visit."""
    forget(page)
    return page.context.new_page()


def is_local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:"))


def settle(page: Page) -> None:
    """Wait until the script has run and nothing is being worked out."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_function("document.querySelectorAll('[data-testid=stSkeleton]').length === 0", timeout=PATIENCE)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")

"""``python -m tests.browser.screenshots``: every page and view in three widths, light and dark, into screenshots/."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from core import runs
from core.datasets import DataSpec
from core.runs import RunStore, this_process
from pages.ui.offers import VIEWS
from tests.browser.conftest import FLAGS, Server, settle
from tests.conftest import ROOT

FOLDER = ROOT / "screenshots"
SIZES = {"wide": (1920, 1080), "usual": (1280, 800), "narrow": (420, 900)}
PAGES = ("", "lessons", "data", "train", "sweeps", "papers", "compare", "autoencoders", "runs", "results")


def main() -> None:
    """Train two runs, open everything, and save what is seen; the whole page where it is longer than the window."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        server = Server(Path(place) / "home", Path(place) / "log.txt")
        run = _trained(RunStore(server.home))
        server.start()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            for scheme in ("light", "dark"):
                for size, (width, height) in SIZES.items():
                    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
                    _shoot(context.new_page(), server, run, FOLDER / f"{size}-{scheme}")
                    context.close()
        finally:
            browser.close()
            server.kill()
    print(f"{len(list(FOLDER.rglob('*.png')))} pictures in {FOLDER}", file=sys.stderr)


def _trained(store: RunStore) -> str:
    data = DataSpec("digits", per_class=60)
    made = [runs.make_spec(method, data, seed=0, device="cpu") for method in ("ridge", "grdnn", "udll")]
    return [runs.execute(store, store.create(spec, owner=this_process()).id).id for spec in made][-1]


def _shoot(page: Page, server: Server, run: str, folder: Path) -> None:
    for name in PAGES:
        _save(page, f"{server.url}/{name}", folder / f"{name or 'start'}.png")
    for view in VIEWS:
        _save(page, f"{server.url}/explore?run={run}&view={view.name.replace(' ', '+')}", folder / f"explore-{view.name}.png")
    _save(page, f"{server.url}/explore?run={run}&present=1", folder / "present.png")


def _save(page: Page, address: str, file: Path) -> None:
    page.goto(address)
    settle(page)
    page.wait_for_timeout(1200)
    file.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=file)
    inside = page.evaluate("document.querySelector('[data-testid=stMain]')?.scrollHeight ?? 0")
    window = page.viewport_size
    if window and inside > window["height"] + 40:
        page.set_viewport_size({"width": window["width"], "height": min(int(inside) + 20, 4000)})
        page.wait_for_timeout(700)
        page.screenshot(path=file.with_stem(f"{file.stem}-whole"))
        page.set_viewport_size(window)


if __name__ == "__main__":
    main()

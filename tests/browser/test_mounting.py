"""The components in the order in which Streamlit may call them: the end of one call can come after the next has begun."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from core.plots.palette import colours
from core.runs import film_of_prepared, prepared_runs
from pages.ui import painting
from pages.ui.lab import component
from pages.ui.lab.panel import given_to_browser
from pages.ui.mounting import script_of

pytestmark = pytest.mark.browser
CALLED_TWICE = """async ([html, css, script, first, second, overtaken]) => {
  document.body.innerHTML = `<style>${css}</style><div id="root" style="width: 900px">${html}</div>`
  const { default: call } = await import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })))
  const root = document.getElementById("root")
  const given = (data) => ({ data, parentElement: root, setStateValue() {}, setTriggerValue() {} })
  const ends = [first, second].map((data) => call(given(data)))
  ends[overtaken]()
  window.leave = () => { root.remove(); ends[1 - overtaken](); document.body.append(root) }
}"""
COUNTED = {"lab": ".run", "paint": ".swatch:not(.none)"}
WIDTH = "document.querySelector('canvas').width"


def widen(page: Page, pixels: int) -> None:
    page.evaluate("width => { document.getElementById('root').style.width = `${width}px` }", pixels)


def in_address(content: bytes) -> str:
    return f"data:application/octet-stream;base64,{base64.b64encode(content).decode()}"


def of_lab(runs: int) -> dict[str, Any]:
    scene, frames = film_of_prepared(next(iter(prepared_runs())))
    film = {"title": "", "renumbered": None, "codes": "Codes", "scene": in_address(scene), "frames": [in_address(frames)]}
    return given_to_browser([film] * runs, 10) | {"present": False, "brief": True, "start": {}, "layout": "circle"}


def of_painting(classes: int) -> dict[str, Any]:
    return {"palette": colours(classes), "least": 2, "most": 9, "height": 0.5}


@pytest.mark.parametrize("overtaken", [0, 1], ids=["comes first", "comes last"])
@pytest.mark.parametrize(
    ("folder", "page_name", "scripts", "data"),
    [(component.HERE, "lab", component.SCRIPTS, of_lab), (painting.HERE, "paint", painting.SCRIPTS, of_painting)],
    ids=["lab", "painting"],
)
def test_an_overtaken_call_ends_nothing_and_is_not_seen(
    page: Page, folder: Path, page_name: str, scripts: tuple[str, ...], data: Callable[[int], dict[str, Any]], overtaken: int
) -> None:
    html, css = ((folder / f"{page_name}.{kind}").read_text() for kind in ("html", "css"))
    sizes = [2, 1] if overtaken else [1, 2]
    page.evaluate(CALLED_TWICE, [html, css, script_of(folder, scripts), *map(data, sizes), overtaken])
    page.wait_for_function(f"{WIDTH} > 300", timeout=10_000)
    wide = page.evaluate(WIDTH)
    widen(page, 600)
    page.wait_for_function(f"{WIDTH} < {wide}", timeout=10_000)
    expect(page.locator(COUNTED[page_name])).to_have_count(2)

    page.evaluate("() => window.leave()")
    narrow = page.evaluate(WIDTH)
    widen(page, 900)
    page.wait_for_timeout(300)
    assert page.evaluate(WIDTH) == narrow

"""The components in the order in which Streamlit may call them: the end of one call can come after the next has begun."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from core.plots.palette import colours
from core.runs import film_of_prepared, prepared_runs
from pages.ui import painting
from pages.ui.lab import component
from pages.ui.lab.panel import given_to_browser
from pages.ui.mounting import script_of

pytestmark = pytest.mark.browser
OVERTAKEN = """async ([html, css, script, data]) => {
  document.body.innerHTML = `<style>${css}</style><div id="root" style="width: 900px">${html}</div>`
  const { default: call } = await import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })))
  const given = { data, parentElement: document.getElementById("root"), setStateValue() {}, setTriggerValue() {} }
  const ends = [call(given), call(given)]
  ends[0]()
  window.ended = ends[1]
}"""
NARROW = "() => { document.getElementById('root').style.width = '600px' }"
WIDTH = "document.querySelector('canvas').width"


def in_address(content: bytes) -> str:
    return f"data:application/octet-stream;base64,{base64.b64encode(content).decode()}"


def of_lab() -> dict[str, Any]:
    scene, frames = film_of_prepared(next(iter(prepared_runs())))
    film = {"title": "", "renumbered": None, "codes": "Codes", "scene": in_address(scene), "frames": [in_address(frames)]}
    return given_to_browser([film], 10) | {"present": False, "brief": True, "start": {}, "layout": "circle"}


def of_painting() -> dict[str, Any]:
    return {"palette": colours(3), "least": 2, "most": 9, "height": 0.5}


@pytest.mark.parametrize(
    ("folder", "page_name", "scripts", "data"),
    [
        (component.HERE, "lab", component.SCRIPTS, of_lab),
        (painting.HERE, "paint", painting.SCRIPTS, of_painting),
    ],
    ids=["lab", "painting"],
)
def test_the_end_of_an_overtaken_call_ends_nothing(
    page: Page, folder: Path, page_name: str, scripts: tuple[str, ...], data: Callable[[], dict[str, Any]]
) -> None:
    html, css = ((folder / f"{page_name}.{kind}").read_text() for kind in ("html", "css"))
    page.evaluate(OVERTAKEN, [html, css, script_of(folder, scripts), data()])
    page.wait_for_function("document.querySelector('canvas')?.width > 300", timeout=10_000)
    wide = page.evaluate(WIDTH)
    page.evaluate(NARROW)
    page.wait_for_function(f"{WIDTH} < {wide}", timeout=10_000)

    page.evaluate("() => window.ended()")
    narrow = page.evaluate(WIDTH)
    page.evaluate("() => { document.getElementById('root').style.width = '900px' }")
    page.wait_for_timeout(300)
    assert page.evaluate(WIDTH) == narrow

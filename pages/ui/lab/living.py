"""Small pictures that move by themselves: the film of a prepared run, over and over, without anything to press."""

from __future__ import annotations

from core.common import unpacked
from core.runs import Prepared, film_of_prepared
from pages.ui.lab.component import BINARY, address, component
from pages.ui.lab.panel import given_to_browser


def living(shown: Prepared) -> None:
    """Its embedding and its affinity. Its data are not read: the file of a prepared run has all that is drawn."""
    scene, frames = film_of_prepared(shown.name)
    groups = next(unpacked(scene))[0]["groups"]
    film = {
        "title": shown.title,
        "renumbered": None,
        "codes": "Codes",
        "scene": address(scene, BINARY, f"living:{shown.name}:scene"),
        "frames": [address(frames, BINARY, f"living:{shown.name}:frames")],
    }
    more = {"present": False, "brief": True, "autoplay": True, "start": dict(shown.look), "layout": "circle"}
    component()(key=f"living:{shown.name}", data=given_to_browser([film], groups) | more, height="content")

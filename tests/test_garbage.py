"""What is loaded is looked through for garbage once, not after every page."""

from __future__ import annotations

import gc
import sys

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui import garbage
from tests.conftest import ROOT


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many modules there were whenever they were taken out of sight, as in a server that has just started."""
    found: list[int] = []
    monkeypatch.setattr(garbage, "_seen", [0])
    monkeypatch.setattr(gc, "freeze", lambda: found.append(len(sys.modules)))
    return found


def test_libraries_are_spared_when_they_come_in_and_not_at_every_run(
    frozen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        garbage.spare_libraries()
    assert len(frozen) == 1
    monkeypatch.setattr(garbage, "_seen", [len(sys.modules) - garbage.GROWN])
    garbage.spare_libraries()
    assert len(frozen) == 2


@pytest.mark.journey
@pytest.mark.usefixtures("inline_queue")
def test_every_page_of_the_app_spares_them(frozen: list[int]) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not app.exception and len(frozen) == 1
